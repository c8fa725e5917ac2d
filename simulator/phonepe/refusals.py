"""How PhonePe says no: `{"code", "message"}` with a status (phonepe.md, 1.5)."""

from typing import Any


class Refusal(Exception):
    """A request that is not granted."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"code": code, "message": message} | more


def bad_request(message: str = "Please check the inputs you have provided.") -> Refusal:
    """400 BAD_REQUEST."""
    return Refusal(400, "BAD_REQUEST", message)


def unauthorized() -> Refusal:
    """401 for a missing, unknown or expired token, and for any scheme but O-Bearer."""
    text = "Authorization failed [message = Please check the authorization token and try again]"
    return Refusal(401, "AUTHORIZATION_FAILED", text)


def unknown_order(status: int) -> Refusal:
    """No order of that id."""
    return Refusal(status, "INVALID_MERCHANT_ORDER_ID", "No entry found for given merchant order id")


def unknown_subscription(status: int) -> Refusal:
    """No such mandate, or one that was never approved."""
    return Refusal(status, "SUBSCRIPTION_NOT_FOUND", "No entry found for given merchant subscription id")


def duplicate_order(how: str) -> Refusal:
    """A merchantOrderId that was used before; `how` is the switch's word."""
    status, code = how.split(" ")
    return Refusal(int(status), code, "Merchant order id has already been used")


def wrong_state() -> Refusal:
    """The mandate does not allow it now."""
    return Refusal(400, "INVALID_SUBSCRIPTION_STATE", "Subscription is not in a state that allows this")
