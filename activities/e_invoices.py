"""Registering documents with the invoice registration portal, and taking a registration back."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime

from temporalio import activity

from db import e_invoices
from db.session import Database
from documents.einvoice import NotGenuine, ReplyRefused, accept, expected_irn, request, signed_invoices
from documents.einvoice.irn import document_type
from domain.document import TaxDocument
from domain.e_invoice import CancelReason, EInvoiceStatus
from domain.errors import GatewayRefused, GatewayUnavailable, InvalidInput, OutcomeUnknown
from domain.periods import IST
from gateways.irp import (
    DUPLICATE,
    ELSEWHERE,
    TOO_OLD,
    DocumentAtPortal,
    InvoicePortal,
    PortalRefused,
)
from workflows.ports import CancelEInvoice, EInvoiceStanding, RefuseEInvoice, RegisterEInvoice

_BY_HAND = "bahi einvoice-reply FILE"


class EInvoices:
    """Implements `register_e_invoice`, `refuse_e_invoice` and `cancel_e_invoice`."""

    def __init__(
        self,
        database: Database,
        portal: InvoicePortal | None,
        keys: Sequence[str],
        sinks: Sequence[str],
        clock: Callable[[], datetime],
    ) -> None:
        """Without a `portal` files are carried by hand. `keys`: PEMs that answers may be signed with.

        `clock` is the subscriptions' time: a try may come days after it was asked for.
        """
        self._database = database
        self._portal = portal
        self._keys = tuple(keys)
        self._sinks = sinks
        self._clock = clock

    @activity.defn(name="register_e_invoice")
    async def register_e_invoice(self, request: RegisterEInvoice) -> EInvoiceStanding:
        """Raises GatewayUnavailable as long as the portal says neither yes nor no."""
        document_id = request.document_id
        async with self._database.transaction() as session:
            status = await e_invoices.begin_attempt(session, document_id, self._clock())
            document = await e_invoices.document_of(session, document_id)
        if status is EInvoiceStatus.DUE:
            try:
                reply = await self._answer_for(document)
                registration = accept(document, reply, self._keys)
            except NotGenuine as error:
                raise GatewayUnavailable(f"{error} If its key changed, set BAHI_IRP_PUBLIC_KEYS.") from error
            except (InvalidInput, PortalRefused) as error:
                return await self._refuse(document_id, _in_words(error))
            signed = signed_invoices(reply).get(registration.irn)
            async with self._database.transaction() as session:
                now = self._clock()
                await e_invoices.register(session, document_id, registration, signed, now, self._sinks)
        return await self._standing(document_id)

    @activity.defn(name="refuse_e_invoice")
    async def refuse_e_invoice(self, request: RefuseEInvoice) -> EInvoiceStanding:
        """The document is drawn without a registration."""
        return await self._refuse(request.document_id, request.refusal)

    @activity.defn(name="cancel_e_invoice")
    async def cancel_e_invoice(self, request: CancelEInvoice) -> EInvoiceStanding:
        """Raises GatewayUnavailable or OutcomeUnknown; the next try looks first."""
        async with self._database.reading() as session:
            row = await e_invoices.standing(session, request.document_id)
            document = await e_invoices.document_of(session, request.document_id)
        if row is None or row.status != EInvoiceStatus.REGISTERED:
            return await self._standing(request.document_id)
        async with self._database.transaction() as session:
            why = await e_invoices.begin_cancelling(session, document.id, request.reason)
        if why is not None:
            return await self._standing(request.document_id, why)
        try:
            moment = await self._cancelled_at(document, request.reason, request.remark)
        except PortalRefused as refusal:
            async with self._database.transaction() as session:
                await e_invoices.give_up_cancelling(session, document.id)
            return await self._standing(request.document_id, str(refusal))
        async with self._database.transaction() as session:
            told = {"actor": request.actor, "remark": request.remark}
            sinks = self._sinks
            await e_invoices.cancel(session, document.id, request.reason, moment, sinks, **told)
        return await self._standing(request.document_id)

    async def _answer_for(self, document: TaxDocument) -> str:
        """The portal's answer, new or found. Raises PortalRefused, GatewayUnavailable, InvalidInput."""
        if self._portal is None:
            raise GatewayUnavailable(
                f"no portal is set (BAHI_IRP_BASE_URL): bring its reply in by {_BY_HAND}"
            )
        try:
            return await self._portal.register(document.seller.gstin, json.dumps(request(document)))
        except OutcomeUnknown as error:
            unclear: PortalRefused | OutcomeUnknown = error
        except PortalRefused as error:
            if not {DUPLICATE, TOO_OLD} & set(error.codes):
                raise
            unclear = error
        except GatewayRefused as error:
            raise _about_us(error) from error
        # It may be there already: from a try whose answer was lost, or under other content.
        found = await self._find(document)
        if found is not None:
            return found
        if isinstance(unclear, PortalRefused) and TOO_OLD in unclear.codes:
            raise unclear
        raise GatewayUnavailable(f"{unclear}; the portal does not show it yet") from unclear

    async def _find(self, document: TaxDocument) -> str | None:
        assert self._portal is not None
        try:
            return await self._portal.find(_named(document))
        except GatewayRefused as error:
            raise _about_us(error) from error

    async def _cancelled_at(self, document: TaxDocument, reason: CancelReason, remark: str) -> datetime:
        if self._portal is None:
            raise PortalRefused("no portal is set: cancel it where it was registered", ())
        found = json.loads(await self._find(document) or "{}")
        if found.get("Status") == "CNL":
            return _moment(found.get("CancelDate"), self._clock())
        try:
            moment = await self._portal.cancel(document.seller.gstin, expected_irn(document), reason, remark)
        except PortalRefused:
            raise
        except GatewayRefused as error:
            raise _about_us(error) from error
        return _moment(moment, self._clock())

    async def _refuse(self, document_id: str, refusal: str) -> EInvoiceStanding:
        async with self._database.transaction() as session:
            await e_invoices.refuse(session, document_id, refusal, self._clock(), self._sinks)
        return await self._standing(document_id)

    async def _standing(self, document_id: str, refusal: str | None = None) -> EInvoiceStanding:
        async with self._database.reading() as session:
            row = await e_invoices.standing(session, document_id)
        assert row is not None
        return EInvoiceStanding(EInvoiceStatus(row.status), row.acknowledged_at, refusal or row.refusal)


def _named(document: TaxDocument) -> DocumentAtPortal:
    number = document.number.upper()
    return DocumentAtPortal(document.seller.gstin, document_type(document), number, document.issued_on)


def _about_us(error: GatewayRefused) -> GatewayUnavailable:
    """Wrong credentials or address say nothing about the document: it waits until they are put right."""
    return GatewayUnavailable(f"{error}; the document waits")


def _in_words(error: InvalidInput | PortalRefused) -> str:
    if isinstance(error, PortalRefused) and ELSEWHERE in error.codes:
        return f"{error}. It is registered at another portal: bring that one's reply in by {_BY_HAND}."
    if isinstance(error, ReplyRefused):
        return f"{error} What the portal has under this number was not taken over."
    return str(error)


def _moment(text: object, otherwise: datetime) -> datetime:
    """Indian time, as answered; portals differ in whether they say when."""
    try:
        return datetime.fromisoformat(str(text)).replace(tzinfo=IST)
    except ValueError:
        return otherwise
