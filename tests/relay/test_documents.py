"""An issued invoice starts one rendering, however often it is announced."""

import uuid
from datetime import date

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from db.session import Database
from domain.events import EventType
from engine.codec import EncryptionCodec
from engine.plugin import bahi_plugin
from local.ports import any_free_port
from relay.documents import DocumentsSink
from relay.outbox import OutboxRelay
from tests.relay.conftest import KEYS, Records, utc_now
from tests.relay.test_notifications import tell_again
from workflows import e_invoice, ports
from workflows.document import WORKFLOW_NAME
from workflows.e_invoice import StartEInvoice
from workflows.ports import RenderDocument


@workflow.defn(name=WORKFLOW_NAME)
class Renderer:
    """Stands where the rendering would."""

    @workflow.run
    async def run(self, request: RenderDocument) -> str:
        return request.document_id


async def test_an_issued_invoice_is_rendered_once(
    database: Database, records: Records, client: Client
) -> None:
    invoice_id = f"inv_{uuid.uuid4().hex}"
    relay = OutboxRelay(database, {"documents": DocumentsSink(client)}, utc_now)
    await records.event(EventType.INVOICE_ISSUED, "documents", document_id=invoice_id)
    await relay.drain_once()
    handle = client.get_workflow_handle(ports.document_workflow_id(invoice_id))
    first = (await handle.describe()).run_id
    runner = UnsandboxedWorkflowRunner()
    async with Worker(client, task_queue=ports.DOCUMENTS_QUEUE, workflows=[Renderer], workflow_runner=runner):
        assert await handle.result() == invoice_id
    await tell_again(database)
    await relay.drain_once()
    assert (await handle.describe()).run_id == first


async def test_a_rendering_waits_for_temporal(database: Database, records: Records) -> None:
    plugin = bahi_plugin(EncryptionCodec.from_setting(KEYS))
    nowhere = await Client.connect(f"127.0.0.1:{any_free_port()}", plugins=[plugin], lazy=True)
    event_id = await records.event(EventType.INVOICE_ISSUED, "documents", document_id="inv_1")
    await OutboxRelay(database, {"documents": DocumentsSink(nowhere)}, utc_now).drain_once()
    delivery = await records.delivery(event_id, "documents")
    assert (delivery.status, delivery.attempts) == ("pending", 1)


async def test_an_event_that_names_no_invoice_is_given_up(
    database: Database, records: Records, client: Client
) -> None:
    event_id = await records.event(EventType.INVOICE_ISSUED, "documents")
    await OutboxRelay(database, {"documents": DocumentsSink(client)}, utc_now).drain_once()
    assert (await records.delivery(event_id, "documents")).status == "failed"


@workflow.defn(name=e_invoice.WORKFLOW_NAME)
class Registrar:
    """Stands where the registration would."""

    @workflow.run
    async def run(self, start: StartEInvoice) -> str:
        return f"{start.document_id} of {start.issued_on}"


async def test_what_must_be_registered_first_is_drawn_when_the_portal_has_answered(
    database: Database, records: Records, client: Client
) -> None:
    company, consumer = f"inv_{uuid.uuid4().hex}", f"inv_{uuid.uuid4().hex}"

    async def awaited(document_id: str) -> date | None:
        return date(2026, 10, 15) if document_id == company else None

    relay = OutboxRelay(database, {"documents": DocumentsSink(client, awaited)}, utc_now)
    for document_id in (company, consumer):
        await records.event(EventType.INVOICE_ISSUED, "documents", document_id=document_id)
    await relay.drain_once()
    registering = client.get_workflow_handle(ports.e_invoice_workflow_id(company))
    drawing = client.get_workflow_handle(ports.document_workflow_id(f"{company}/registered"))
    with pytest.raises(RPCError, match="not found"):
        await drawing.describe()
    await records.event(EventType.E_INVOICE_REGISTERED, "documents", document_id=company)
    await relay.drain_once()
    runner, works = UnsandboxedWorkflowRunner(), [Renderer, Registrar]
    async with Worker(client, task_queue=ports.DOCUMENTS_QUEUE, workflows=works, workflow_runner=runner):
        assert await registering.result() == f"{company} of 2026-10-15"
        assert await drawing.result() == company
        assert await client.get_workflow_handle(ports.document_workflow_id(consumer)).result() == consumer


async def test_what_was_drawn_after_a_refusal_is_drawn_again_when_it_is_registered(
    database: Database, records: Records, client: Client
) -> None:
    document_id = f"inv_{uuid.uuid4().hex}"
    relay = OutboxRelay(database, {"documents": DocumentsSink(client)}, utc_now)
    runner = UnsandboxedWorkflowRunner()
    async with Worker(client, task_queue=ports.DOCUMENTS_QUEUE, workflows=[Renderer], workflow_runner=runner):
        for event, drawing in (
            (EventType.E_INVOICE_REFUSED, document_id),
            (EventType.E_INVOICE_REGISTERED, f"{document_id}/registered"),
        ):
            await records.event(event, "documents", document_id=document_id)
            await relay.drain_once()
            handle = client.get_workflow_handle(ports.document_workflow_id(drawing))
            assert await handle.result() == document_id
