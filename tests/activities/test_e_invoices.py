"""What the portal answers and what is recorded of it; the whole way: tests/workflows/test_e_invoices.py."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select

from activities.e_invoices import EInvoices
from db import e_invoices, models
from db.session import Database
from documents.einvoice import expected_irn
from domain.document import TaxDocument
from domain.e_invoice import CancelReason, EInvoiceStatus
from domain.errors import GatewayUnavailable, OutcomeUnknown
from gateways.irp import IrpGateway
from simulator.irp.process import PortalProcess
from tests.filing.selling import BENGALURU_COMPANY, KARNATAKA, Shop, october
from workflows.ports import CancelEInvoice, EInvoiceStanding, RefuseEInvoice, RegisterEInvoice

NOON = october(15)
SINKS = ("documents", "webhook")


@dataclass
class Desk:
    """A shop, the portal, and what stands between them."""

    shop: Shop
    portal: PortalProcess
    gateway: IrpGateway
    keys: tuple[str, ...]
    now: datetime = NOON

    @property
    def activities(self) -> EInvoices:
        return EInvoices(self.shop.database, self.gateway, self.keys, SINKS, lambda: self.now)

    async def sold(self, buyer: Any = BENGALURU_COMPANY) -> TaxDocument:
        row = await self.shop.row(await self.shop.sell(buyer, 94_282, self.now), KARNATAKA)
        return await self.document(row.id)

    async def document(self, document_id: str) -> TaxDocument:
        async with self.shop.database.reading() as session:
            return await e_invoices.document_of(session, document_id)

    async def register(self, document: TaxDocument) -> EInvoiceStanding:
        return await self.activities.register_e_invoice(RegisterEInvoice(document.id))

    async def cancel(self, document: TaxDocument) -> EInvoiceStanding:
        asked = CancelEInvoice(document.id, CancelReason.DUPLICATE, "issued twice", "operator:meera")
        return await self.activities.cancel_e_invoice(asked)

    async def row(self, document: TaxDocument) -> models.IrpRegistration:
        async with self.shop.database.reading() as session:
            return await session.get_one(models.IrpRegistration, document.id)

    async def events(self) -> list[models.OutboxEvent]:
        row = models.OutboxEvent
        async with self.shop.database.reading() as session:
            query = select(row).where(row.type.like("e_invoice.%")).order_by(row.id)
            return list(await session.scalars(query))


@pytest.fixture
async def desk(database: Database, tmp_path: Path) -> AsyncIterator[Desk]:
    async with PortalProcess.open(tmp_path / "irp.sqlite", NOON) as portal:
        gateway = IrpGateway(portal.url, "simulator", "simulator-secret", answer_seconds=0.5)
        yield Desk(Shop(database), portal, gateway, (await portal.public_key(),))
        await gateway.close()


async def test_what_was_answered_is_kept_and_told_once(desk: Desk) -> None:
    document = await desk.sold()
    for _ in range(2):
        standing = await desk.register(document)
        assert standing == EInvoiceStanding(EInvoiceStatus.REGISTERED, "2026-10-15 12:00:00")
    row = await desk.row(document)
    assert (row.irn, row.attempts, row.registered_at) == (expected_irn(document), 1, NOON)
    assert row.signed_invoice and row.signed_qr
    (event,) = await desk.events()
    assert (event.type, event.data["irn"]) == ("e_invoice.registered", row.irn)
    assert event.data["document_number"] == document.number
    assert len(await desk.portal.registrations()) == 1


async def test_a_credit_note_is_registered_too(desk: Desk) -> None:
    invoice = await desk.sold()
    note = await desk.document(
        (await desk.shop.row(await desk.shop.credit(invoice.number, NOON), KARNATAKA)).id
    )
    assert (await desk.register(note)).status is EInvoiceStatus.REGISTERED
    (entry,) = await desk.portal.registrations()
    sent: Any = entry["request"]
    assert sent["DocDtls"]["Typ"] == "CRN"
    assert sent["RefDtls"]["PrecDocDtls"][0]["InvNo"] == invoice.number


async def test_a_signature_of_an_unknown_key_keeps_the_document_waiting(desk: Desk) -> None:
    document = await desk.sold()
    genuine = desk.keys
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    desk.keys = (stranger.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),)
    with pytest.raises(GatewayUnavailable, match="BAHI_IRP_PUBLIC_KEYS"):
        await desk.register(document)
    assert ((await desk.row(document)).status, (await desk.row(document)).irn) == ("due", None)
    desk.keys = (*desk.keys, *genuine)
    # Registered the first time: refused as a duplicate now, found, compared, adopted.
    assert (await desk.register(document)).status is EInvoiceStatus.REGISTERED
    assert (await desk.row(document)).attempts == 2


async def test_wrong_credentials_keep_the_document_waiting(desk: Desk) -> None:
    document = await desk.sold()
    good, desk.gateway = desk.gateway, IrpGateway(desk.portal.url, "simulator", "guessed")
    with pytest.raises(GatewayUnavailable, match="BAHI_IRP_CLIENT_SECRET"):
        await desk.register(document)
    await desk.gateway.close()
    desk.gateway = good
    assert (await desk.register(document)).status is EInvoiceStatus.REGISTERED


async def test_an_unclear_answer_is_looked_up_and_not_taken_for_a_no(desk: Desk) -> None:
    document = await desk.sold()
    await desk.portal.fault("drop", method="POST")
    with pytest.raises(GatewayUnavailable, match="does not show it yet"):
        await desk.register(document)
    await desk.portal.fault("timeout", method="POST", seconds=2, after_commit=True)
    assert (await desk.register(document)).status is EInvoiceStatus.REGISTERED


@pytest.mark.parametrize(
    ("code", "told"),
    [("2295", "at another portal: bring that one's reply in"), ("2305", "2305"), ("3079", "3079")],
)
async def test_a_no_is_recorded_in_the_portals_words(desk: Desk, code: str, told: str) -> None:
    document = await desk.sold()
    await desk.portal.fault("refuse", method="POST", code=code)
    standing = await desk.register(document)
    assert standing.status is EInvoiceStatus.REFUSED
    assert told in (standing.refusal or "")
    assert (await desk.row(document)).refusal == standing.refusal
    assert [event.type for event in await desk.events()] == ["e_invoice.refused"]


async def test_what_cannot_be_sent_is_refused_naming_the_customers_field(desk: Desk) -> None:
    document = await desk.sold(BENGALURU_COMPANY | {"pin": ""})
    standing = await desk.register(document)
    assert standing.status is EInvoiceStatus.REFUSED
    assert "the PIN code of customer 'Kaveri Textiles LLP'" in (standing.refusal or "")
    assert await desk.portal.registrations() == []


async def test_giving_up_changes_nothing_that_was_registered_meanwhile(desk: Desk) -> None:
    document = await desk.sold()
    await desk.register(document)
    given_up = RefuseEInvoice(document.id, "too late")
    standing = await desk.activities.refuse_e_invoice(given_up)
    assert standing.status is EInvoiceStatus.REGISTERED
    other = await desk.sold()
    assert (
        await desk.activities.refuse_e_invoice(RefuseEInvoice(other.id, "too late"))
    ).refusal == "too late"


async def test_a_cancellation_whose_answer_was_lost_is_found(desk: Desk) -> None:
    document = await desk.sold()
    await desk.register(document)
    await desk.portal.fault("drop", path_regex="Cancel", after_commit=True)
    with pytest.raises(OutcomeUnknown):
        await desk.cancel(document)
    assert (await desk.row(document)).status == "registered"
    desk.now += timedelta(minutes=5)
    assert (await desk.cancel(document)).status is EInvoiceStatus.CANCELLED
    row = await desk.row(document)
    assert (row.cancel_reason, row.cancelled_at) == ("duplicate", NOON)
    told = (await desk.events())[-1]
    assert (told.type, told.data["actor"]) == ("e_invoice.cancelled", "operator:meera")
    assert (await desk.cancel(document)).status is EInvoiceStatus.CANCELLED


async def test_a_cancellation_after_a_day_is_refused_and_nothing_changes(desk: Desk) -> None:
    document = await desk.sold()
    await desk.register(document)
    await desk.portal.set_clock(NOON + timedelta(hours=25))
    standing = await desk.cancel(document)
    assert (standing.status, "2270" in (standing.refusal or "")) == (EInvoiceStatus.REGISTERED, True)
    assert (await desk.row(document)).status == "registered"


async def test_without_a_portal_it_waits_for_the_file(desk: Desk) -> None:
    document = await desk.sold()
    by_hand = EInvoices(desk.shop.database, None, desk.keys, SINKS, lambda: NOON)
    with pytest.raises(GatewayUnavailable, match="einvoice-reply"):
        await by_hand.register_e_invoice(RegisterEInvoice(document.id))
    assert (await desk.row(document)).status == "due"
