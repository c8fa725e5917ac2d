"""The people of the local stack, and the tokens they call the API with."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt

from config import Settings
from local.home import LocalError

_VALID = timedelta(days=30)


@dataclass(frozen=True)
class DemoCustomer:
    """Somebody whose application signs their tokens with the customer secret."""

    user_id: str
    details: dict[str, Any]

    @property
    def introduction(self) -> str:
        """Name and place."""
        return f"{self.details['name']}, {self.details['city']}"


ASHA = DemoCustomer(
    "asha",
    {
        "name": "Asha Verma",
        "email": "asha@customer.example",
        "address_lines": ["12 Lake View Road"],
        "city": "Bengaluru",
        "state_code": "29",
        "pin": "560001",
    },
)
"""Of the seller's own State: CGST and SGST."""
RAVI = DemoCustomer(
    "ravi",
    {
        "name": "Ravi Deshmukh",
        "email": "ravi@customer.example",
        "address_lines": ["7 Carter Road"],
        "city": "Mumbai",
        "state_code": "27",
        "pin": "400050",
    },
)
"""Of another State: IGST. Left to whoever wants to pay at the checkout page by hand."""


MEERA = DemoCustomer(
    "meera",
    {
        "name": "Meera Nair",
        "email": "meera@customer.example",
        "address_lines": ["3 Marine Drive"],
        "city": "Kochi",
        "state_code": "32",
        "pin": "682001",
    },
)
"""Pays by UPI Autopay at PhonePe."""


def customer_token(settings: Settings, user_id: str) -> str:
    """As the application would sign it. Raises LocalError where only the application can."""
    if settings.customer_jwks_url or settings.customer_jwt_secret is None:
        raise LocalError("customers' tokens come from your application (BAHI_CUSTOMER_JWKS_URL is set)")
    claims = {"sub": user_id, "exp": datetime.now(UTC) + _VALID}
    if settings.customer_jwt_audience:
        claims["aud"] = settings.customer_jwt_audience
    if settings.customer_jwt_issuer:
        claims["iss"] = settings.customer_jwt_issuer
    return jwt.encode(claims, settings.customer_jwt_secret.get_secret_value(), algorithm="HS256")


def operator_token(settings: Settings) -> str:
    """Somebody of the finance team."""
    claims = {"sub": "local-operator", "role": "operator", "exp": datetime.now(UTC) + _VALID}
    return jwt.encode(claims, settings.operator_jwt_secret.get_secret_value(), algorithm="HS256")


def keep_token(folder: Path, name: str, token: str) -> Path:
    """Write it where only this user can read it."""
    file = folder / f"{name}.token"
    file.touch(mode=0o600)
    file.write_text(token + "\n")
    return file


def api_as(api_url: str, token: str) -> httpx.AsyncClient:
    """The API, called with this token; answers are raised when they are refusals."""

    async def refuse(answer: httpx.Response) -> None:
        if answer.is_error:
            await answer.aread()
            raise LocalError(f"{answer.request.method} {answer.request.url} answered {answer.text}")

    return httpx.AsyncClient(
        base_url=api_url,
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
        trust_env=False,
        event_hooks={"response": [refuse]},
    )
