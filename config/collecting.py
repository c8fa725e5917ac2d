"""Ways to collect, and what PhonePe's webhooks are checked with."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import SecretStr, TypeAdapter, ValidationError

from domain.errors import Misconfigured


class CollectBy(StrEnum):
    """Ways to collect a subscription; the values are the API's."""

    RAZORPAY = "razorpay"
    """Razorpay Subscriptions: Razorpay owns the charge clock."""
    PHONEPE = "phonepe"
    """PhonePe UPI Autopay on our own clock, or its pay page each period."""
    RAZORPAY_TOKENS = "razorpay_tokens"
    """Razorpay tokens on our own clock."""


@dataclass(frozen=True)
class PhonePeCallers:
    """How PhonePe's webhooks are told from forged ones, in its three ways."""

    logins: tuple[tuple[str, str], ...]
    keys: Mapping[str, str]
    salts: Mapping[int, str]


def named_secrets(setting: str, value: SecretStr | None) -> dict[str, str]:
    """Secrets by name, from JSON. Raises Misconfigured."""
    if value is None:
        return {}
    try:
        return TypeAdapter(dict[str, str]).validate_json(value.get_secret_value())
    except ValidationError:
        raise Misconfigured(f'{setting} is no JSON such as {{"name": "secret"}}') from None
