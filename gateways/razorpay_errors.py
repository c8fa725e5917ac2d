"""The one boundary where Razorpay's errors, its SDK's and `requests`' become ours.

By HTTP status first, since the SDK keeps nothing but a description (razorpay.md 4.2):

    400 401 403 404 409 …          GatewayRefused
    409 or 400 "in progress", 429  GatewayUnavailable: turned away before anything was done; of a debit,
                                   for which nobody's word is enough, OutcomeUnknown
    5xx, unreadable answer         GatewayUnavailable, or OutcomeUnknown if the call creates
    no connection                  GatewayUnavailable: the request never left
    timeout, connection lost       GatewayUnavailable, or OutcomeUnknown if the call creates
    a request that cannot be made  GatewayRefused
"""

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

from requests import exceptions as requests_errors
from urllib3 import exceptions as urllib3_errors

from domain.errors import BahiError, GatewayRefused, GatewayUnavailable, OutcomeUnknown

_IN_PROGRESS = "in progress"
_SAID = {
    "requested url was not found": (
        "have Subscriptions, or recurring payments, enabled for this account and mode in Razorpay's dashboard"
    ),
    "different request with the same idempotency key": (
        "this id was used for another sum, speed or reason: ask again under a new one"
    ),
    "enough balance": "add funds to this account's balance in Razorpay's dashboard",
    "invalid request sent": "if this is a refund, the account's balance may be empty: look in the dashboard",
}
"""What to do where Razorpay's words, in lower case, contain these (razorpay.md 1.0, 1.8)."""
_HINTS = {
    401: "check BAHI_RAZORPAY_KEY_ID and BAHI_RAZORPAY_KEY_SECRET",
    403: "check what this key may do in Razorpay's dashboard",
    404: "check BAHI_RAZORPAY_BASE_URL and the id",
}
_REDIRECT_HINT = "it redirects: check BAHI_RAZORPAY_BASE_URL"
_UNMAKEABLE = (
    requests_errors.InvalidURL,
    requests_errors.InvalidSchema,
    requests_errors.MissingSchema,
    requests_errors.InvalidHeader,
    requests_errors.InvalidJSONError,
    requests_errors.UnrewindableBodyError,
)


class Repeating(Enum):
    """What calling twice does."""

    HARMLESS = "harmless"
    """Reads, and commands that say what shall be (cancel, pause)."""
    CREATES = "creates"
    """A second object."""
    DEBITS = "debits"
    """A second debit: nothing but a request that never left is known to have done nothing."""


@dataclass(frozen=True)
class Reply:
    """What came back, kept beside the SDK, which throws it away."""

    status: int
    body: str

    @property
    def error(self) -> dict[str, Any]:
        """The error envelope; empty if there is none that can be read."""
        try:
            envelope = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        error = envelope.get("error") if isinstance(envelope, dict) else None
        return error if isinstance(error, dict) else {}


class Unreadable(ValueError):
    """An answer with a field missing or of a kind it must not be."""


def translate(error: Exception, reply: Reply | None, what: str, repeating: Repeating) -> BahiError:
    """Ours for `error`, raised while doing `what`. `reply` is what the server answered, if it did."""
    if reply is None:
        return _without_reply(error, what, repeating)
    if 200 <= reply.status < 300:
        return _in_doubt(f"{what}: Razorpay's answer cannot be read ({_brief(error)})", repeating)
    return _with_reply(reply, what, repeating)


def _with_reply(reply: Reply, what: str, repeating: Repeating) -> BahiError:
    said = _text(reply.error.get("description"))
    described = f"{what}: Razorpay answered {reply.status}" + (f", {said}" if said else "")
    if reply.status >= 500:
        return _in_doubt(described, repeating)
    if reply.status in (408, 425, 429) or _IN_PROGRESS in said.lower():
        if repeating is Repeating.DEBITS:
            return _in_doubt(described, repeating)
        return GatewayUnavailable(f"{described}; try again later")
    if 300 <= reply.status < 400:
        return GatewayRefused(f"{described}; {_REDIRECT_HINT}", status=reply.status)
    known = (todo for words, todo in _SAID.items() if words in said.lower())
    hint = next(known, _HINTS.get(reply.status, ""))
    reason = _text(reply.error.get("reason"))
    return GatewayRefused(
        f"{described}; {hint}" if hint else described,
        status=reply.status,
        reason="" if reason == "NA" else reason,
    )


def _without_reply(error: Exception, what: str, repeating: Repeating) -> BahiError:
    if isinstance(error, _UNMAKEABLE):
        return GatewayRefused(
            f"{what}: the request cannot be made ({_brief(error)}); check BAHI_RAZORPAY_BASE_URL"
        )
    if _never_left(error):
        return GatewayUnavailable(f"{what}: Razorpay cannot be reached ({_brief(error)}); try again")
    if isinstance(error, requests_errors.RequestException):
        return _in_doubt(f"{what}: the connection to Razorpay failed ({_brief(error)})", repeating)
    return _in_doubt(f"{what}: the call to Razorpay failed ({_brief(error)})", repeating)


def _never_left(error: Exception) -> bool:
    """No connection was made, so the server cannot have seen the request."""
    if isinstance(error, requests_errors.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, urllib3_errors.MaxRetryError) else cause
    return isinstance(error, requests_errors.ConnectionError) and isinstance(
        reason, urllib3_errors.NewConnectionError | urllib3_errors.NameResolutionError
    )


def _in_doubt(message: str, repeating: Repeating) -> BahiError:
    if repeating is Repeating.HARMLESS:
        return GatewayUnavailable(f"{message}; try again")
    return OutcomeUnknown(f"{message}; it may have been done: look it up before trying again")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _brief(error: Exception) -> str:
    """The kind of error; `requests` puts URLs and addresses into its texts, ours say what is wrong."""
    return str(error) if isinstance(error, Unreadable) else type(error).__name__
