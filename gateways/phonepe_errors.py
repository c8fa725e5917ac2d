"""The one boundary where PhonePe's errors and httpx's become ours (phonepe.md 1.2, 1.5, 3.5).

By HTTP status first, for bodies may be empty, HTML or a bare "R999"; the code then says more:

    5xx, or a code of theirs that means it; unreadable answer   in doubt (*)
    408 425 429                                                 GatewayUnavailable; in doubt from a debit
    any other 4xx, a redirect                                   GatewayRefused with their code as `reason`
    no connection was made                                      GatewayUnavailable: nothing left us
    timeout, connection lost                                    in doubt (*)

(*) OutcomeUnknown from what creates or debits, GatewayUnavailable from what may be repeated.
"""

import json
import re
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus

import httpx

from domain.errors import BahiError, GatewayRefused, GatewayUnavailable, OutcomeUnknown
from domain.orders import TurnedAway


class Unreadable(ValueError):
    """An answer with a field missing or of a kind it must not be."""


class Repeating(Enum):
    """What calling twice does."""

    HARMLESS = "harmless"
    CREATES = "creates"
    """Guarded by an id of ours, yet what became of the first call must be looked up."""
    DEBITS = "debits"
    """Moves money: even being turned away for now does not say that nothing moved (phonepe.md 0.2)."""


class Meaning(Enum):
    """What a code says, wherever it appears."""

    OURS = "the request is wrong"
    CREDENTIALS = "who we are"
    PERMISSION = "what we may do"
    DUPLICATE = "the id was used"
    UNKNOWN_ID = "no such thing, or, on creating, a duplicate"
    MANDATE = "the mandate is not active or not known"
    TOO_EARLY = "the waiting time is not over"
    THEIRS = "their fault or not settled: nothing is known"


CODES = {
    "BAD_REQUEST": Meaning.OURS,
    "TRANSACTION_LIMIT_EXCEEDED": Meaning.OURS,
    "INVALID_CLIENT": Meaning.CREDENTIALS,
    "OIM000": Meaning.CREDENTIALS,
    "AUTHORIZATION_FAILED": Meaning.CREDENTIALS,
    "401": Meaning.CREDENTIALS,
    "KEY_NOT_CONFIGURED": Meaning.CREDENTIALS,
    "PR004": Meaning.CREDENTIALS,
    "FORBIDDEN": Meaning.PERMISSION,
    "ORDER_ALREADY_EXISTS": Meaning.DUPLICATE,
    "DUPLICATE_REQUEST_ID": Meaning.DUPLICATE,
    "DUPLICATE_TXN_REQUEST": Meaning.DUPLICATE,
    # The reference's sources disagree about these two: a duplicate on creating, unknown on reading.
    "INVALID_TRANSACTION_ID": Meaning.UNKNOWN_ID,
    "INVALID_MERCHANT_ORDER_ID": Meaning.UNKNOWN_ID,
    "TRANSACTION_NOT_FOUND": Meaning.UNKNOWN_ID,
    "NOT_FOUND": Meaning.UNKNOWN_ID,
    "SUBSCRIPTION_NOT_FOUND": Meaning.MANDATE,
    "INVALID_SUBSCRIPTION_STATE": Meaning.MANDATE,
    "SUBSCRIPTION_DEBIT_EXECUTE_INTERVAL_NOT_STARTED": Meaning.TOO_EARLY,
    "INTERNAL_SERVER_ERROR": Meaning.THEIRS,
    "R999": Meaning.THEIRS,
    "TIMED_OUT": Meaning.THEIRS,
    "PAYMENT_PENDING": Meaning.THEIRS,
    # Said of a payment by the first API; as the answer to a request they mean that it was not taken.
    "PAYMENT_ERROR": Meaning.OURS,
    "PAYMENT_DECLINED": Meaning.OURS,
    "PAYMENT_CANCELLED": Meaning.OURS,
}
"""Every code of a refused request in the reference; one that is not here means what its status means."""

_HINTS = {
    Meaning.CREDENTIALS: "check the client id, its version and secret, and that they belong to this host",
    Meaning.PERMISSION: "have PhonePe enable this product for the merchant id: each needs its own permission",
    Meaning.DUPLICATE: "this id was used before: read what it stands for, or take another attempt's",
    Meaning.UNKNOWN_ID: "the id was used before, or it is unknown: check it, and whose credentials made it",
    Meaning.MANDATE: "read the mandate: it must be active",
    Meaning.TOO_EARLY: "wait until a day after the payer was told",
}
_BY_STATUS: dict[int, Meaning] = {
    HTTPStatus.UNAUTHORIZED: Meaning.CREDENTIALS,
    HTTPStatus.FORBIDDEN: Meaning.PERMISSION,
    HTTPStatus.CONFLICT: Meaning.DUPLICATE,
    HTTPStatus.EXPECTATION_FAILED: Meaning.DUPLICATE,
}
_LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_UNMAKEABLE = (httpx.UnsupportedProtocol, httpx.InvalidURL)
_STILL_RUNNING = "not in terminal state"
_UNKNOWN_ID = re.compile(r"INVALID_\w+_ID|(\w+_)?NOT_FOUND")
_LONGEST_WORDS = 200


@dataclass(frozen=True)
class Said:
    """What an error body says; all empty if it says nothing that can be read."""

    code: str = ""
    message: str = ""


def read_error(body: bytes) -> Said:
    """OAuth errors name `errorCode` before a vaguer `code` (phonepe.md 1.5). Never raises."""
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return Said()
    if isinstance(envelope, str):
        return Said(code=envelope[:_LONGEST_WORDS])
    if not isinstance(envelope, dict):
        return Said()
    codes = (envelope.get(name) for name in ("errorCode", "code"))
    message = envelope.get("message")
    return Said(
        code=next((code[:_LONGEST_WORDS] for code in codes if isinstance(code, str) and code), ""),
        message=message[:_LONGEST_WORDS] if isinstance(message, str) else "",
    )


def from_reply(what: str, status: int, body: bytes, repeating: Repeating) -> BahiError:
    """Ours for an answer outside 2xx to `what`."""
    said = read_error(body)
    words = " ".join(part for part in (said.code, said.message) if part)
    described = f"{what}: PhonePe answered {status}" + (f", {words}" if words else "")
    meaning = CODES.get(said.code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or meaning is Meaning.THEIRS:
        return _in_doubt(described, repeating)
    if status in _LATER and repeating is Repeating.DEBITS:
        return _in_doubt(described, repeating)
    if status in _LATER:
        return GatewayUnavailable(f"{described}; try again later")
    if status < HTTPStatus.BAD_REQUEST:
        return GatewayRefused(f"{described}; it redirects: check the base URLs", status=status)
    hint = _HINTS.get(meaning or _BY_STATUS.get(status, Meaning.OURS), "")
    if not said.code and status == HTTPStatus.NOT_FOUND:
        hint = "check the base URLs"
    return GatewayRefused(f"{described}; {hint}" if hint else described, status=status, reason=said.code)


def from_failure(what: str, error: Exception, repeating: Repeating) -> BahiError:
    """Ours for a call that got no answer, or one that cannot be read."""
    kind = type(error).__name__  # httpx's texts hold addresses
    if isinstance(error, _NEVER_SENT):
        return GatewayUnavailable(f"{what}: PhonePe cannot be reached ({kind}); try again")
    if isinstance(error, _UNMAKEABLE):
        return GatewayRefused(f"{what}: the request cannot be made ({kind}); check the base URLs")
    if isinstance(error, Unreadable):
        return _in_doubt(f"{what}: PhonePe's answer cannot be read ({error})", repeating)
    return _in_doubt(f"{what}: no answer of PhonePe ({kind})", repeating)


def _in_doubt(message: str, repeating: Repeating) -> BahiError:
    if repeating is Repeating.HARMLESS:
        return GatewayUnavailable(f"{message}; try again")
    return OutcomeUnknown(f"{message}; it may have been done: look it up before trying again")


def may_be_duplicate(refusal: GatewayRefused) -> bool:
    """Whether a refusal to create may be about an id used before: then read what it stands for."""
    meaning = CODES.get(refusal.reason)
    return meaning in (Meaning.DUPLICATE, Meaning.UNKNOWN_ID) or refusal.status in (
        HTTPStatus.CONFLICT,
        HTTPStatus.EXPECTATION_FAILED,
    )


def is_unknown_id(refusal: GatewayRefused) -> bool:
    """Whether a refusal to read says that there is no such thing.

    By the parts of its code, for not all are documented. A bare 404 does not: a wrong base URL gives one too.
    """
    unnamed = refusal.status == HTTPStatus.NOT_FOUND and refusal.reason not in {"", *CODES}
    return bool(_UNKNOWN_ID.fullmatch(refusal.reason)) or unnamed


def why_turned_away(refusal: GatewayRefused) -> TurnedAway | None:
    """What a refusal to debit says; None if it is about us, not about the debit."""
    meaning = CODES.get(refusal.reason) or _BY_STATUS.get(refusal.status)
    if meaning in (Meaning.CREDENTIALS, Meaning.PERMISSION) or refusal.status < HTTPStatus.BAD_REQUEST:
        return None
    if _STILL_RUNNING in str(refusal).lower():
        return TurnedAway.IN_FLIGHT
    by_meaning = {
        Meaning.TOO_EARLY: TurnedAway.TOO_EARLY,
        Meaning.DUPLICATE: TurnedAway.GATEWAY_RETRIES,
        Meaning.MANDATE: TurnedAway.MANDATE,
    }
    return by_meaning.get(meaning, TurnedAway.OTHER) if meaning else TurnedAway.OTHER
