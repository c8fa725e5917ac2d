"""What routes ask for: the parts of the application, and who is calling."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Header, Path, Query, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from temporalio.client import Client

from api.auth import CustomerIdentity, Operator, Tokens
from api.ids import ID_CHARACTERS
from api.limits import RateLimiter
from api.observing import Metrics
from config import Settings
from db.session import Database
from domain.errors import Unauthorised
from gateways.storage import ObjectStore

OPERATOR_COOKIE = "bahi_operator"


@dataclass(frozen=True)
class Services:
    """The parts of one running application."""

    settings: Settings
    database: Database
    temporal: Client
    store: ObjectStore
    tokens: Tokens
    metrics: Metrics
    customer_limit: RateLimiter
    refusal_limit: RateLimiter
    payer_limit: RateLimiter
    clock: Callable[[], datetime]
    clock_offset: timedelta = timedelta(0)

    def now(self) -> datetime:
        """The subscriptions' time, which tests and demonstrations may move."""
        return self.clock() + self.clock_offset


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Parts = Annotated[Services, Depends(_services)]

_customer_scheme = HTTPBearer(
    auto_error=False,
    scheme_name="customer",
    bearerFormat="JWT",
    description="The application's own token; `sub` is the user.",
)
_operator_scheme = HTTPBearer(
    auto_error=False, scheme_name="operator", bearerFormat="JWT", description="A token with `role: operator`."
)
_operator_cookie = APIKeyCookie(
    auto_error=False, name=OPERATOR_COOKIE, scheme_name="operatorSession", description="Set by /admin/login."
)
_service_scheme = HTTPBearer(
    auto_error=False, scheme_name="service", description="The shared token of our own services."
)
Bearer = HTTPAuthorizationCredentials | None


def _refused(request: Request, services: Services, error: Unauthorised) -> Unauthorised:
    """Counts a failed sign-in against the client's address. Raises RequestRejected when there are many."""
    services.refusal_limit.take(request.client.host if request.client else "")
    return error


async def _customer(
    request: Request, services: Parts, credentials: Annotated[Bearer, Depends(_customer_scheme)]
) -> CustomerIdentity:
    try:
        if credentials is None:
            raise Unauthorised("Send the customer's token: Authorization: Bearer …")
        identity = await services.tokens.customer(credentials.credentials)
    except Unauthorised as error:
        raise _refused(request, services, error) from error
    services.customer_limit.take(identity.user_id)
    return identity


async def _operator(
    request: Request,
    services: Parts,
    credentials: Annotated[Bearer, Depends(_operator_scheme)],
    session: Annotated[str | None, Depends(_operator_cookie)],
) -> Operator:
    try:
        return signed_in_operator(request, services, credentials, session)
    except Unauthorised as error:
        raise _refused(request, services, error) from error


def signed_in_operator(
    request: Request, services: Services, credentials: Bearer, session: str | None
) -> Operator:
    """By token, or by the cookie of the login page. Raises Unauthorised."""
    if credentials is not None:
        return services.tokens.operator(credentials.credentials)
    if session is None:
        raise Unauthorised("Operators only: send an operator's token, or sign in at /admin/login.")
    if request.method not in ("GET", "HEAD") and not _from_our_pages(request, services.settings):
        raise Unauthorised("A session only counts for requests from our own pages; send a token.", known=True)
    return services.tokens.operator(session)


def _from_our_pages(request: Request, settings: Settings) -> bool:
    """A browser names the page's origin itself; another site cannot make one that we trust."""
    public = urlsplit(settings.public_url)
    ours = {f"{public.scheme}://{public.netloc}", *settings.allowed_origins}
    return request.headers.get("origin") in ours


async def _service(
    request: Request, services: Parts, credentials: Annotated[Bearer, Depends(_service_scheme)]
) -> None:
    if credentials is None or not services.tokens.is_service(credentials.credentials):
        raise _refused(request, services, Unauthorised("Services only: send the service token."))


async def _service_or_operator(
    request: Request,
    services: Parts,
    service: Annotated[Bearer, Depends(_service_scheme)],
    operator: Annotated[Bearer, Depends(_operator_scheme)],
) -> None:
    if service is not None and services.tokens.is_service(service.credentials):
        return
    await _operator(request, services, operator, None)


CurrentCustomer = Annotated[CustomerIdentity, Depends(_customer)]
CurrentOperator = Annotated[Operator, Depends(_operator)]
ServicesOnly = Depends(_service)
ServicesOrOperators = Depends(_service_or_operator)

SubscriptionId = Annotated[str, Path(pattern=f"^sub_{ID_CHARACTERS}$", examples=["sub_" + "0" * 26])]
InvoiceId = Annotated[str, Path(pattern="^inv_[0-9a-f]{32}$", examples=["inv_" + "0" * 32])]
DocumentId = Annotated[
    str, Path(pattern="^(inv|crn|pro|rcv|rfv)_[0-9a-f]{32}$", examples=["crn_" + "0" * 32])
]
RowId = Annotated[int, Path(ge=1, le=2**63 - 1)]
PageSize = Annotated[int, Query(ge=1, le=100, description="Entries on a page.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern="^[!-~]{1,255}$",
        description="Repeating a request with the same key does its work once.",
    ),
]
