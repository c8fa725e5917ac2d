"""e-invoices from the sale to the printed QR code, with a portal that is away, slow, or knows better."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from rich.console import Console
from sqlalchemy import func, select
from temporalio.client import WorkflowHandle
from temporalio.testing import TimeSkipper
from temporalio.worker import Replayer

from db import e_invoices, models
from documents.einvoice import expected_irn, request
from domain.document import TaxDocument
from domain.e_invoice import registered_until
from filing.__main__ import asked_for
from filing.replies import Portal, bring_in
from gateways.irp import IrpGateway
from local.world import Person, World
from simulator.irp.process import PortalProcess
from tests.documents.reading import pages, scanned
from tests.scenarios import oracle
from tests.scenarios.telling import on
from tests.workflows.test_replay import PLUGIN
from tests.world import OpenWorld, until
from workflows.e_invoice import WORKFLOW_NAME, EInvoiceWorkflow, StartEInvoice
from workflows.ports import DOCUMENTS_QUEUE, e_invoice_workflow_id

GSTIN = "29AAACT1111A1Z5"
BEGINS = on(2026, 10, 15)


class Registering(Protocol):
    """Opens a world whose seller is above the limit; without `by_api` replies are carried by hand."""

    def __call__(
        self, *, by_api: bool = True
    ) -> AbstractAsyncContextManager[tuple[World, PortalProcess]]: ...


@pytest.fixture
def registering(world_at: OpenWorld, tmp_path: Path) -> Registering:
    @asynccontextmanager
    async def opened(*, by_api: bool = True) -> AsyncIterator[tuple[World, PortalProcess]]:
        async with PortalProcess.open(tmp_path / "irp.sqlite", BEGINS) as portal:
            settings = {
                "irp_enabled": True,
                "irp_base_url": portal.url if by_api else "",
                "irp_client_id": "simulator",
                "irp_client_secret": "simulator-secret",
                "irp_public_keys": await portal.public_key(),
            }
            async with world_at(BEGINS, **settings) as world:
                yield world, portal

    return opened


async def buys(world: World, name: str = "asha", gstin: str = GSTIN) -> Person:
    """A company, or a consumer without a GSTIN."""
    person = await world.person(name, name=f"{name.title()} Textiles LLP", state_code="29", gstin=gstin)
    await person.subscribe("plan_pro")
    await person.pay("upi")
    return person


async def sold(person: Person) -> TaxDocument:
    (invoice,) = await person.invoices()
    async with person.world.database.reading() as session:
        return await e_invoices.document_of(session, invoice["id"])


async def stands(world: World, document: TaxDocument) -> dict[str, Any]:
    async with world.operator() as http:
        answer = await http.get(f"/admin/documents/{document.id}/e-invoice")
    return dict(answer.json()) if answer.is_success else {"status": answer.status_code}


async def comes_to(world: World, document: TaxDocument, status: str) -> dict[str, Any]:
    async def there() -> bool:
        return bool((await stands(world, document))["status"] == status)

    await until(there)
    await world.time.settle()
    return await stands(world, document)


async def pdf(person: Person) -> bytes:
    (invoice,) = await person.invoices()
    link = await person.http.get(f"/v1/invoices/{invoice['id']}/download")
    assert link.status_code == 302
    return (await person.http.get(link.headers["location"])).content


async def is_drawn(person: Person) -> bool:
    (invoice,) = await person.invoices()
    return bool(invoice["document_ready"])


def run_of(world: World, document: TaxDocument) -> WorkflowHandle[Any, Any]:
    return world.client.get_workflow_handle(e_invoice_workflow_id(document.id))


async def passes(world: World, document: TaxDocument, span: timedelta) -> None:
    """Time goes on for the run that registers the document."""
    await TimeSkipper(world.client).fast_forward(run_of(world, document), span)


async def events(world: World, document: TaxDocument) -> list[str]:
    row = models.OutboxEvent
    about = row.data["document_id"].astext == document.id
    async with world.database.reading() as session:
        return list(await session.scalars(select(row.type).where(about).order_by(row.id)))


async def cancel(world: World, document: TaxDocument, **asked: str) -> httpx.Response:
    body = {"reason": "order_cancelled", "remark": "the customer withdrew", **asked}
    async with world.operator() as http:
        return await http.post(f"/admin/documents/{document.id}/e-invoice/cancel", json=body)


async def test_a_companys_invoice_is_printed_with_what_the_portal_signed(registering: Registering) -> None:
    async with registering() as (world, _):
        asha = await buys(world)
        document = await sold(asha)
        standing = await comes_to(world, document, "registered")
        assert standing["irn"] == expected_irn(document)
        printed = await pdf(asha)
        (page,) = pages(printed)
        assert expected_irn(document) in page.replace(" ", "")
        assert standing["acknowledgement_number"] in page
        async with world.database.reading() as session:
            registration = await e_invoices.registration_of(session, document.id)
        assert registration is not None
        assert registration.signed_qr in [code for code, _ in scanned(printed)]
        told = await events(world, document)
        assert told[-3:] == ["invoice.issued", "e_invoice.registered", "invoice.document_ready"]


async def test_a_consumers_invoice_is_drawn_at_once_and_never_registered(registering: Registering) -> None:
    async with registering() as (world, portal):
        ravi = await buys(world, "ravi", gstin="")
        assert await is_drawn(ravi)
        assert await stands(world, await sold(ravi)) == {"status": 404}
        assert await portal.registrations() == []


@pytest.mark.parametrize("fault", ["drop", "http_500"])
async def test_a_registration_whose_answer_was_lost_is_adopted(registering: Registering, fault: str) -> None:
    async with registering() as (world, portal):
        await portal.fault(fault, method="POST", after_commit=True)
        asha = await buys(world)
        document = await sold(asha)
        if fault == "http_500":
            # Nothing tells that it was done: it is sent again, and refused as a duplicate (2150).
            await tried(world, document, 1)
            await passes(world, document, timedelta(seconds=30))
        standing = await comes_to(world, document, "registered")
        assert [each["Irn"] for each in await portal.registrations()] == [standing["irn"]]
        assert expected_irn(document) in pages(await pdf(asha))[0].replace(" ", "")


async def tried(world: World, document: TaxDocument, times: int) -> None:
    async def enough() -> bool:
        return int((await stands(world, document)).get("attempts", 0)) >= times

    await until(enough)


async def test_other_content_under_the_same_number_is_never_adopted(registering: Registering) -> None:
    async with registering() as (world, portal):
        await portal.fault("number_taken")
        asha = await buys(world)
        document = await sold(asha)
        standing = await comes_to(world, document, "refused")
        assert "TotInvVal in the answer is" in standing["refusal"]
        assert "was not taken over" in standing["refusal"]
        assert (standing["irn"], standing["acknowledgement_number"]) == (None, None)
        assert expected_irn(document) not in pages(await pdf(asha))[0].replace(" ", "")
        assert "e_invoice.refused" in await events(world, document)


async def test_no_charge_waits_for_a_portal_that_is_away_for_two_days(registering: Registering) -> None:
    async with registering() as (world, portal):
        await portal.fault("http_503", times=0)
        asha = await buys(world)
        document = await sold(asha)
        assert (await asha.me())["status"] == "ACTIVE"
        assert (await asha.entitlements())["plan"] == "PRO"
        await tried(world, document, 1)
        await asha.world.time.settle()
        assert not await is_drawn(asha)
        for hours in range(0, 48, 6):
            attempts = (await stands(world, document))["attempts"]
            await passes(world, document, timedelta(hours=6))
            await tried(world, document, attempts + 1)
            assert (await stands(world, document))["status"] == "due", hours
        await portal.no_more_faults()
        await portal.set_clock(BEGINS + timedelta(days=2))
        await passes(world, document, timedelta(hours=7))
        standing = await comes_to(world, document, "registered")
        assert standing["acknowledged_at"].startswith("2026-10-17")
        assert await is_drawn(asha)
        history = await run_of(world, document).fetch_history()
        asked = [e for e in history.events if e.HasField("activity_task_scheduled_event_attributes")]
        assert len(asked) == 1  # tries cost no history
        await oracle.agree(world)


async def test_after_thirty_days_it_is_refused_in_words_and_drawn_without(registering: Registering) -> None:
    async with registering() as (world, portal):
        await portal.fault("http_503", times=0)
        asha = await buys(world)
        document = await sold(asha)
        await tried(world, document, 1)
        # As if all but a few hours had passed: every try in between costs the server a skip.
        await run_of(world, document).terminate()
        nearly = registered_until(document.issued_on) - timedelta(hours=5)
        await world.client.start_workflow(
            WORKFLOW_NAME,
            StartEInvoice(document.id, document.issued_on, nearly),
            id=e_invoice_workflow_id(document.id),
            task_queue=DOCUMENTS_QUEUE,
        )
        await tried(world, document, 2)
        await passes(world, document, timedelta(hours=6))
        standing = await comes_to(world, document, "refused")
        assert standing["refusal"].startswith("It was not registered within 30 days of its date")
        assert "the portal answered 503" in standing["refusal"]
        assert await is_drawn(asha)


async def test_what_the_portal_finds_too_old_is_refused_in_its_words(registering: Registering) -> None:
    async with registering() as (world, portal):
        await portal.set_clock(BEGINS + timedelta(days=30))
        asha = await buys(world)
        standing = await comes_to(world, await sold(asha), "refused")
        assert "2305" in standing["refusal"]
        assert await is_drawn(asha)


async def test_it_can_be_cancelled_for_a_day_and_then_no_more(registering: Registering) -> None:
    async with registering() as (world, portal):
        first, second = [await sold(await buys(world, name)) for name in ("asha", "meera")]
        for document in (first, second):
            await comes_to(world, document, "registered")
        answer = await cancel(world, first)
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        assert answer.json()["cancel_reason"] == "order_cancelled"
        assert (await cancel(world, first)).status_code == 200
        assert {each["Irn"]: each["Status"] for each in await portal.registrations()} == {
            expected_irn(first): "CNL",
            expected_irn(second): "ACT",
        }
        assert (await events(world, first))[-1] == "e_invoice.cancelled"
        await passes(world, second, timedelta(hours=25))
        late = await cancel(world, second)
        assert (late.status_code, late.json()["code"]) == (409, "refused")
        assert "credit note" in late.json()["detail"]
        for document in (first, second):
            history = await run_of(world, document).fetch_history()
            await Replayer(workflows=[EInvoiceWorkflow], plugins=[PLUGIN]).replay_workflow(history)


async def test_a_cancelled_invoice_is_void_and_its_money_goes_back_without_a_note(
    registering: Registering,
) -> None:
    async with registering() as (world, _):
        document = await sold(await buys(world))
        await comes_to(world, document, "registered")
        await cancel(world, document)
        async with world.operator() as http:
            path = f"/admin/invoices/{document.id}"
            noted = await http.post(f"{path}/credit-note", json={"reason": "goodwill"})
            assert (noted.status_code, "cancelled at the e-invoice portal" in noted.text) == (409, True)
            back = await http.post(f"{path}/refund", json={"reason": "the customer withdrew"})
            assert (back.status_code, back.json()["amount_paise"]) == (201, document.amount.total_paise)
        await world.time.travel(timedelta(days=8))
        posting = models.LedgerPosting
        async with world.database.reading() as session:
            kinds = (await session.scalars(select(models.Document.kind))).all()
            sums = select(posting.account, func.sum(posting.amount_paise)).group_by(posting.account)
            books = (await session.execute(sums)).all()
        assert kinds == ["tax_invoice"]
        assert {paise for _, paise in books} == {0}


async def test_a_cancellation_that_the_portal_refuses_or_does_not_answer_changes_nothing(
    registering: Registering,
) -> None:
    async with registering() as (world, portal):
        document = await sold(await buys(world))
        await comes_to(world, document, "registered")
        await portal.set_clock(BEGINS + timedelta(hours=26))
        refused = await cancel(world, document)
        assert (refused.status_code, "2270" in refused.json()["detail"]) == (409, True)
        assert (await cancel(world, document, remark="")).status_code == 422
        assert (await stands(world, document))["status"] == "registered"


async def registered_by_hand(portal: PortalProcess, document: TaxDocument) -> dict[str, Any]:
    """What the portal replies to a file that an accountant takes there."""
    gateway = IrpGateway(portal.url, "simulator", "simulator-secret")
    try:
        return dict(json.loads(await gateway.register(document.seller.gstin, json.dumps(request(document)))))
    finally:
        await gateway.close()


async def test_what_was_drawn_without_an_irn_is_drawn_and_sent_again_once_it_has_one(
    registering: Registering, tmp_path: Path
) -> None:
    async with registering() as (world, portal):
        await portal.fault("refuse", method="POST", code="2305")
        asha = await buys(world)
        document = await sold(asha)
        await comes_to(world, document, "refused")
        assert expected_irn(document) not in pages(await pdf(asha))[0].replace(" ", "")
        file = tmp_path / "reply.json"
        file.write_text(json.dumps([await registered_by_hand(portal, document)]))
        believed = Portal((await portal.public_key(),), world.parts.sinks)
        assert await bring_in(file, world.database, Console(quiet=True), believed, world.time.now) == 0
        await comes_to(world, document, "registered")
        assert expected_irn(document) in pages(await pdf(asha))[0].replace(" ", "")
        told = await events(world, document)
        assert told[-2:] == ["e_invoice.registered", "invoice.document_ready"]
        assert told.count("invoice.document_ready") == 2
        mails = select(models.Notification.status).where(models.Notification.kind == "receipt")
        async with world.database.reading() as session:
            assert (await session.scalars(mails)).all() == ["sent", "sent"]
        await oracle.agree(world)


async def test_replies_can_be_carried_by_hand(registering: Registering, tmp_path: Path) -> None:
    async with registering(by_api=False) as (world, portal):
        asha = await buys(world)
        document = await sold(asha)
        await tried(world, document, 1)
        assert not await is_drawn(asha)
        reply = await registered_by_hand(portal, document)
        file = tmp_path / "reply.json"
        file.write_text(json.dumps([reply, {"Irn": "0" * 64, "Status": "ACT"}]))
        asked = asked_for(["einvoice-reply", str(file)])
        believed = Portal((await portal.public_key(),), world.parts.sinks)
        console = Console(record=True, width=200)
        assert await bring_in(asked.file, world.database, console, believed, world.time.now) == 1
        told = console.export_text()
        assert f"✓ {document.number}" in told and "of no document here" in told
        standing = await comes_to(world, document, "registered")
        assert standing["irn"] == expected_irn(document)
        assert expected_irn(document) in pages(await pdf(asha))[0].replace(" ", "")
        file.write_text(json.dumps([reply]))
        assert await bring_in(asked.file, world.database, console, believed, world.time.now) == 0
        assert "registered: 0; known before: 1" in console.export_text()
