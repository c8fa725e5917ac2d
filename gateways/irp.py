"""The invoice registration portal: signed numbers for e-invoices (gst.md 6.3, 6.4).

How one authenticates with the portal itself, or with the service provider (GSP) in between, is not in the
reference and was not verified; nor were the paths. What is spoken here is what providers are known to
offer: plain JSON over TLS, `client_id` and `client_secret` as headers, tokens and encryption being theirs.
Another provider's envelope is another class behind `InvoicePortal`.

    Status 1                              the answer, as it came
    Status 0, ErrorDetails                PortalRefused with the portal's codes (2154 in `find`: None)
    400 401 403 404 …, a redirect         GatewayRefused: about us, not about the document
    408 425 429 5xx, no connection        GatewayUnavailable: repeating is harmless, 2150 stops a second one
    timeout, connection lost, unreadable  OutcomeUnknown from what changes something, else GatewayUnavailable
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import Any, Protocol

import httpx

from domain.e_invoice import CancelReason
from domain.errors import BahiError, GatewayRefused, GatewayUnavailable, OutcomeUnknown
from gateways.loopback import is_loopback

DUPLICATE = "2150"
NOT_FOUND = "2154"
ELSEWHERE = "2295"
"""Registered at another portal."""
TOO_OLD = "2305"

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 30.0
_CONNECTIONS = 8
_LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class PortalRefused(GatewayRefused):
    """The portal will not have this document, or this cancellation. `codes` are its own."""

    code = "portal_refused"

    def __init__(self, message: str, codes: tuple[str, ...]) -> None:
        super().__init__(message, status=HTTPStatus.OK, reason=codes[0] if codes else "")
        self.codes = codes


@dataclass(frozen=True)
class DocumentAtPortal:
    """What the portal knows a document by. `type_` is INV, CRN or DBN."""

    gstin: str
    type_: str
    number: str
    issued_on: date


class InvoicePortal(Protocol):
    """An IRP, or a service provider in front of it.

    Every method raises PortalRefused and GatewayRefused (final), GatewayUnavailable (repeating is
    harmless); those that change something OutcomeUnknown too.
    """

    async def register(self, gstin: str, request_json: str) -> str:
        """The signed answer to an INV-01 of the seller `gstin`, as JSON, unverified."""

    async def find(self, document: DocumentAtPortal) -> str | None:
        """What was answered when it was registered, with its present status; None if it was not."""

    async def cancel(self, gstin: str, irn: str, reason: CancelReason, remark: str) -> str:
        """When it was cancelled, as answered (Indian time)."""


class IrpGateway:
    """A portal over HTTP."""

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        *,
        answer_seconds: float = _ANSWER_SECONDS,
    ) -> None:
        self._answer_seconds = answer_seconds
        self._client = httpx.AsyncClient(
            base_url=base_url.rstrip("/"),
            headers={"client_id": client_id, "client_secret": client_secret},
            timeout=httpx.Timeout(answer_seconds, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=_CONNECTIONS),
            follow_redirects=False,
            trust_env=not is_loopback(base_url),
        )

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def register(self, gstin: str, request_json: str) -> str:
        """See InvoicePortal."""
        data = await self._ask("register an e-invoice", "POST", "/Invoice", gstin, content=request_json)
        return json.dumps(data)

    async def find(self, document: DocumentAtPortal) -> str | None:
        """See InvoicePortal."""
        details = {
            "doctype": document.type_,
            "docnum": document.number,
            "docdate": f"{document.issued_on:%d/%m/%Y}",
        }
        path = "/Invoice/irnbydocdetails"
        try:
            data = await self._ask("find an e-invoice", "GET", path, document.gstin, params=details)
        except PortalRefused as refusal:
            if NOT_FOUND in refusal.codes:
                return None
            raise
        return json.dumps(data)

    async def cancel(self, gstin: str, irn: str, reason: CancelReason, remark: str) -> str:
        """See InvoicePortal."""
        what = "cancel an e-invoice"
        asked = json.dumps({"Irn": irn, "CnlRsn": reason.value, "CnlRem": remark})
        data = await self._ask(what, "POST", "/Invoice/Cancel", gstin, content=asked)
        moment = data.get("CancelDate")
        if not isinstance(moment, str):
            raise OutcomeUnknown(f"{what}: the portal does not say when it was cancelled")
        return moment

    async def _ask(self, what: str, method: str, path: str, gstin: str, **sent: Any) -> dict[str, Any]:
        headers = {"Gstin": gstin, "content-type": "application/json"}
        changes = method != "GET"
        try:
            # A deadline over all: the client's own ones start anew with every byte.
            async with asyncio.timeout(self._answer_seconds):
                reply = await self._client.request(method, path, headers=headers, **sent)
        except _NEVER_SENT as error:
            raise GatewayUnavailable(
                f"{what}: the portal cannot be reached ({type(error).__name__}); trying again"
            ) from error
        except (httpx.HTTPError, TimeoutError) as error:
            raise _in_doubt(f"{what}: no answer of the portal ({type(error).__name__})", changes) from error
        _check_status(what, reply.status_code)
        return _data(what, reply.content, changes)


def _check_status(what: str, status: int) -> None:
    if 200 <= status < 300:
        return
    said = f"{what}: the portal answered {status}"
    if status >= 500 or status in _LATER:
        raise GatewayUnavailable(f"{said}; trying again")
    hint = "check BAHI_IRP_BASE_URL, BAHI_IRP_CLIENT_ID and BAHI_IRP_CLIENT_SECRET"
    raise GatewayRefused(f"{said}; {hint}", status=status)


def _data(what: str, body: bytes, changes: bool) -> dict[str, Any]:
    """The `Data` of an answer; providers send it as an object or as its text."""
    try:
        envelope = json.loads(body)
        if not _succeeded(envelope):
            raise _refusal(what, envelope)
        data = envelope["Data"]
        data = json.loads(data) if isinstance(data, str) else data
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _in_doubt(f"{what}: the portal's answer cannot be read", changes) from error
    if not isinstance(data, dict):
        raise _in_doubt(f"{what}: the portal's answer holds no data", changes)
    return data


def _succeeded(envelope: dict[str, Any]) -> bool:
    return str(envelope["Status"]) == "1"


def _refusal(what: str, envelope: dict[str, Any]) -> PortalRefused:
    details = envelope["ErrorDetails"]
    told = [(str(each["ErrorCode"]), str(each["ErrorMessage"])) for each in details]
    if not told:
        raise ValueError("no error is named")
    words = "; ".join(f"{code} {message}" for code, message in told)
    return PortalRefused(f"{what}: the portal refuses: {words}", tuple(code for code, _ in told))


def _in_doubt(message: str, changes: bool) -> BahiError:
    if changes:
        return OutcomeUnknown(f"{message}; look it up before trying again")
    return GatewayUnavailable(f"{message}; trying again")
