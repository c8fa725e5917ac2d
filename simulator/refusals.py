"""Refusals with the words Razorpay uses (razorpay.md, 1.0). A text marked `ours` is not in the reference."""

from collections.abc import Iterable
from typing import Any

NO_SUCH_ID = "The id provided does not exist"
NO_SUCH_URL = "The requested URL was not found on the server."


class Refusal(Exception):
    """An answer other than 2xx; raised anywhere below the HTTP edge, which turns it into a reply."""

    def __init__(
        self,
        description: str,
        *,
        status: int = 400,
        code: str = "BAD_REQUEST_ERROR",
        field: str | None = None,
        source: str = "business",
        step: str = "payment_initiation",
        reason: str = "input_validation_failed",
    ) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        error: dict[str, Any] = {"code": code, "description": description, "source": source}
        error |= {"step": step, "reason": reason, "metadata": {}}
        if field is not None:
            error["field"] = field
        self.body: dict[str, Any] = {"error": error}


class NoRoute(Refusal):
    """The gateway in front of the API knows no such route: a body without the usual envelope."""

    def __init__(self) -> None:
        super().__init__("no Route matched with those values", status=404)
        self.body = {"message": "no Route matched with those values"}


def missing(field: str) -> Refusal:
    """A required field was not sent."""
    return Refusal(f"The {field} field is required.", field=field)


def unexpected(fields: Iterable[str]) -> Refusal:
    """Fields that this call does not take."""
    names = list(fields)
    return Refusal(f"{', '.join(names)} is/are not required and should not be sent", field=names[0])


def bad_id(value: object) -> Refusal:
    """A value that cannot be an id of this kind."""
    return Refusal(f"{value} is not a valid id")


def no_such_id() -> Refusal:
    """A well-formed id of nothing we know; Razorpay answers 400 here, not 404."""
    return Refusal(NO_SUCH_ID)


def no_such_url() -> Refusal:
    """A URL that does not exist, or a feature that is not switched on for the account."""
    return Refusal(NO_SUCH_URL)


def unauthenticated(description: str) -> Refusal:
    """Wrong or missing credentials."""
    return Refusal(description, status=401, source="NA", step="NA", reason="NA")
