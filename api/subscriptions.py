"""Customers' subscriptions: asking for one, seeing it, steering it."""

from typing import Any

from fastapi import APIRouter, Response

from api import schemas, temporal, timeline, views
from api.auth import CustomerIdentity
from api.dependencies import CurrentCustomer, IdempotencyKey, Parts, Services, SubscriptionId
from api.idempotency import Made, Repeatable
from api.ids import new_id
from api.opening import ACTOR, subscribe
from api.problems import documented
from api.steering import accepted, steer
from db import api_reads
from db.api_reads import Subscribed
from domain.errors import NotFound
from domain.subscription import LIVE, Command, Status

router = APIRouter(tags=["subscriptions"])
_CREATE = "/v1/subscriptions"
_LOCATION = {"Location": {"description": "Where to ask.", "schema": {"type": "string"}}}
_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": schemas.SubscriptionPending,
        "description": "Taken, not finished within the deadline: ask at Location.",
        "headers": _LOCATION,
    }
}
_STEERED = {**_ACCEPTED, **documented(401, 404, 409)}


@router.post(
    _CREATE,
    operation_id="create_subscription",
    status_code=201,
    response_model=schemas.SubscriptionOut,
    responses={
        201: {"description": "A checkout is open; or the Free plan is in force.", "headers": _LOCATION},
        200: {"model": schemas.SubscriptionOut, "description": "It stood already: the same checkout."},
        **_ACCEPTED,
        **documented(401, 409),
    },
)
async def create_subscription(
    services: Parts, customer: CurrentCustomer, wanted: schemas.SubscribeIn, key: IdempotencyKey = None
) -> Response:
    """Ask for a plan. A paid one answers with `short_url`, where the customer pays; Free begins at once.

    One subscription at a time: while a checkout is open, asking again gives the same one, and asking for
    another plan replaces it. While one is in force the answer is 409 with what to do instead.
    """

    async def work(subscription_id: str) -> Made:
        opening = await subscribe(services, customer, wanted, subscription_id)
        return Made(opening.status, opening.body.model_dump_json().encode(), final=opening.status != 202)

    repeatable = Repeatable(
        services.database, f"customer/{customer.user_id}", f"POST {_CREATE}", key, wanted, services.clock
    )
    made = await repeatable.once(new_id("sub", services.now()), work)
    body = schemas.SubscriptionReference.model_validate_json(made.body)
    headers = {"Location": f"{_CREATE}/{body.subscription_id}"}
    if not made.final:
        headers["Retry-After"] = "2"
    return Response(made.body, made.status, headers, "application/json")


@router.get(_CREATE, operation_id="list_subscriptions", responses=documented(401))
async def list_subscriptions(services: Parts, customer: CurrentCustomer) -> schemas.SubscriptionList:
    """All of the customer's subscriptions."""
    now = services.now()
    rows = await _all_of(services, customer)
    return schemas.SubscriptionList(data=[views.subscription_out(row, now) for row in rows])


@router.get("/v1/subscriptions/me", operation_id="get_my_status", responses=documented(401))
async def get_my_status(services: Parts, customer: CurrentCustomer) -> schemas.StatusOut:
    """What is in force for the customer; `NONE` where there never was anything."""
    return views.status_out(await _all_of(services, customer), services.now())


@router.post(
    "/v1/subscriptions/cancel",
    operation_id="cancel_my_subscription",
    response_model=schemas.CommandOut,
    responses=_STEERED,
)
async def cancel_my_subscription(
    services: Parts, customer: CurrentCustomer, key: IdempotencyKey = None
) -> Response:
    """Stop renewing what is in force; access stays until the period's end. Can be taken back with `keep`."""
    row = await to_cancel(services, customer)
    return await steer(services, row, Command.CANCEL, actor=ACTOR, key=key)


@router.get(
    "/v1/subscriptions/{subscription_id:subscription}",
    operation_id="get_subscription",
    response_model=schemas.SubscriptionOut,
    responses={**_ACCEPTED, **documented(401, 404)},
)
async def get_subscription(
    services: Parts, customer: CurrentCustomer, subscription_id: SubscriptionId
) -> schemas.SubscriptionOut | Response:
    """One subscription; 202 while it is begun but not on record yet."""
    async with services.database.reading() as session:
        row = await api_reads.subscription(session, subscription_id, user_id=customer.user_id)
        if row is not None:
            return views.subscription_out(row, services.now())
        known = await api_reads.customer_of(session, customer.user_id)
    if known is not None and await temporal.customer_of_run(services.temporal, subscription_id) == known.id:
        return accepted(subscription_id)
    raise _no_such(subscription_id)


@router.post(
    "/v1/subscriptions/{subscription_id:subscription}/cancel",
    operation_id="cancel_subscription",
    response_model=schemas.CommandOut,
    responses=_STEERED,
)
async def cancel_subscription(
    services: Parts, customer: CurrentCustomer, subscription_id: SubscriptionId, key: IdempotencyKey = None
) -> Response:
    """Stop renewing; access stays until the period's end."""
    return await _steer_mine(services, customer, subscription_id, Command.CANCEL, key)


@router.post(
    "/v1/subscriptions/{subscription_id:subscription}/cancel-now",
    operation_id="cancel_subscription_now",
    response_model=schemas.CommandOut,
    responses=_STEERED,
)
async def cancel_subscription_now(
    services: Parts, customer: CurrentCustomer, subscription_id: SubscriptionId, key: IdempotencyKey = None
) -> Response:
    """End it at once, and access with it."""
    return await _steer_mine(services, customer, subscription_id, Command.CANCEL_NOW, key)


@router.post(
    "/v1/subscriptions/{subscription_id:subscription}/keep",
    operation_id="keep_subscription",
    response_model=schemas.CommandOut,
    responses=_STEERED,
)
async def keep_subscription(
    services: Parts, customer: CurrentCustomer, subscription_id: SubscriptionId, key: IdempotencyKey = None
) -> Response:
    """Take a cancellation at the period's end back."""
    return await _steer_mine(services, customer, subscription_id, Command.KEEP, key)


@router.post(
    "/v1/subscriptions/{subscription_id:subscription}/pause",
    operation_id="pause_subscription",
    response_model=schemas.CommandOut,
    responses=_STEERED,
)
async def pause_subscription(
    services: Parts, customer: CurrentCustomer, subscription_id: SubscriptionId, key: IdempotencyKey = None
) -> Response:
    """No charges until it is resumed; access stays for the time that is paid."""
    return await _steer_mine(services, customer, subscription_id, Command.PAUSE, key)


@router.post(
    "/v1/subscriptions/{subscription_id:subscription}/resume",
    operation_id="resume_subscription",
    response_model=schemas.CommandOut,
    responses=_STEERED,
)
async def resume_subscription(
    services: Parts, customer: CurrentCustomer, subscription_id: SubscriptionId, key: IdempotencyKey = None
) -> Response:
    """Charge again after a pause."""
    return await _steer_mine(services, customer, subscription_id, Command.RESUME, key)


@router.get(
    "/v1/subscriptions/{subscription_id:subscription}/timeline",
    operation_id="get_subscription_timeline",
    responses=documented(401, 404),
)
async def get_subscription_timeline(
    services: Parts, customer: CurrentCustomer, subscription_id: SubscriptionId
) -> schemas.Timeline:
    """The subscription's story in order, with reasons."""
    row = await _mine(services, customer, subscription_id)
    return await timeline.tell(services.database, row.subscription.id, for_operators=False)


@router.get(
    "/v1/subscriptions/{subscription_id:subscription}/mandate",
    operation_id="get_subscription_mandate",
    responses=documented(401, 404),
)
async def get_subscription_mandate(
    services: Parts, customer: CurrentCustomer, subscription_id: SubscriptionId
) -> schemas.MandateOut:
    """The mandate it is collected by; 404 where the gateway charges, or each period is paid on a page."""
    row = await _mine(services, customer, subscription_id)
    async with services.database.reading() as session:
        mandate = await api_reads.mandate_of(session, row.subscription.id)
    if mandate is None:
        raise NotFound(f"{subscription_id} has no mandate of ours: none was given yet, or none is needed.")
    return views.mandate_out(row, mandate, services.settings.public_url)


async def _all_of(services: Services, customer: CustomerIdentity) -> list[Subscribed]:
    async with services.database.reading() as session:
        return await api_reads.subscriptions_of(session, customer.user_id)


async def to_cancel(services: Services, customer: CustomerIdentity) -> Subscribed:
    """The paid one before the Free one; where none is live, the latest, which says how it ended.

    Raises NotFound where there never was any.
    """
    rows = await _all_of(services, customer)
    if not rows:
        raise NotFound("There is no subscription to cancel.")
    live = [row for row in rows if Status(row.subscription.status) in LIVE]
    return min(live, key=lambda item: item.subscription.is_free) if live else rows[0]


async def _mine(services: Services, customer: CustomerIdentity, subscription_id: str) -> Subscribed:
    """Raises NotFound, for another customer's too."""
    async with services.database.reading() as session:
        row = await api_reads.subscription(session, subscription_id, user_id=customer.user_id)
    if row is None:
        raise _no_such(subscription_id)
    return row


async def _steer_mine(
    services: Services,
    customer: CustomerIdentity,
    subscription_id: str,
    command: Command,
    key: str | None,
) -> Response:
    row = await _mine(services, customer, subscription_id)
    return await steer(services, row, command, actor=ACTOR, key=key)


def _no_such(subscription_id: str) -> NotFound:
    return NotFound(f"There is no subscription {subscription_id}.")
