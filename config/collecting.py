"""Ways to collect, and what PhonePe's webhooks are checked with."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import SecretStr, TypeAdapter, ValidationError

from domain.errors import Misconfigured
from domain.subscription import Collection


class CollectBy(StrEnum):
    """Ways to collect a subscription; the values are the API's."""

    RAZORPAY = "razorpay"
    """Razorpay Subscriptions: Razorpay owns the charge clock."""
    PHONEPE = "phonepe"
    """PhonePe UPI Autopay on our own clock, or its pay page each period."""
    RAZORPAY_TOKENS = "razorpay_tokens"
    """Razorpay tokens on our own clock."""


_WAYS = {
    CollectBy.RAZORPAY: ("razorpay", Collection.GATEWAY),
    CollectBy.PHONEPE: ("phonepe", Collection.ENGINE),
    CollectBy.RAZORPAY_TOKENS: ("razorpay", Collection.ENGINE),
}


def way_of(collect_by: CollectBy) -> tuple[str, Collection]:
    """The gateway, and whose clock charges."""
    return _WAYS[collect_by]


def collected_by(gateway: str, collection: str) -> CollectBy:
    """The other way round."""
    return {value: name for name, value in _WAYS.items()}[gateway, Collection(collection)]


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
        named = TypeAdapter(dict[str, str]).validate_json(value.get_secret_value())
    except ValidationError:
        raise Misconfigured(f'{setting} is no JSON such as {{"name": "secret"}}') from None
    if not all(name and secret for name, secret in named.items()):
        raise Misconfigured(f"{setting}: a name or a secret in it is empty")
    return named
