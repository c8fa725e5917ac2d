"""Our adapter for the e-invoice portal against its stand-in, and the errors it makes of faults."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from documents.einvoice import accept, expected_irn, request
from domain.e_invoice import CancelReason
from domain.errors import BahiError, GatewayRefused, GatewayUnavailable, OutcomeUnknown
from domain.periods import IST
from gateways.irp import DUPLICATE, DocumentAtPortal, IrpGateway, PortalRefused
from local.ports import any_free_port
from simulator.irp.process import PortalProcess
from tests.documents.filings import REGISTERED, SELLER, document
from tests.gateways.servers import endpoint

NOW = datetime(2026, 10, 15, 12, 0, tzinfo=IST)
SOLD = document("RF26-27/00001", NOW.date(), REGISTERED)
WHERE = DocumentAtPortal(SELLER.gstin, "INV", SOLD.number, SOLD.issued_on)
SENT = json.dumps(request(SOLD))


@pytest.fixture
async def portal(tmp_path: Path) -> AsyncIterator[PortalProcess]:
    async with PortalProcess.open(tmp_path / "irp.sqlite", NOW) as portal:
        yield portal


@pytest.fixture
async def gateway(portal: PortalProcess) -> AsyncIterator[IrpGateway]:
    gateway = IrpGateway(portal.url, "simulator", "simulator-secret", answer_seconds=0.5)
    yield gateway
    await gateway.close()


async def test_a_document_is_registered_found_and_cancelled(
    portal: PortalProcess, gateway: IrpGateway
) -> None:
    assert await gateway.find(WHERE) is None
    reply = await gateway.register(SELLER.gstin, SENT)
    registered = accept(SOLD, reply, [await portal.public_key()])
    assert registered.irn == expected_irn(SOLD)
    assert json.loads(await gateway.find(WHERE) or "") == json.loads(reply)
    await portal.set_clock(NOW + timedelta(hours=3))
    moment = await gateway.cancel(SELLER.gstin, registered.irn, CancelReason.ORDER_CANCELLED, "left")
    assert moment == "2026-10-15 15:00:00"
    assert json.loads(await gateway.find(WHERE) or "")["Status"] == "CNL"


async def test_refusals_keep_the_portals_codes(portal: PortalProcess, gateway: IrpGateway) -> None:
    await gateway.register(SELLER.gstin, SENT)
    with pytest.raises(PortalRefused, match="2150 Duplicate IRN") as duplicate:
        await gateway.register(SELLER.gstin, SENT)
    assert duplicate.value.codes == (DUPLICATE,)
    assert not duplicate.value.retryable
    for code in ("2295", "2305", "3079"):
        await portal.fault("refuse", code=code)
        with pytest.raises(PortalRefused) as refused:
            await gateway.register(SELLER.gstin, SENT)
        assert refused.value.codes == (code,)
    with pytest.raises(PortalRefused, match="not found"):
        await gateway.cancel(SELLER.gstin, "0" * 64, CancelReason.OTHER, "no such")


@pytest.mark.parametrize(
    ("kind", "rule", "creating", "reading"),
    [
        ("timeout", {"seconds": 3}, OutcomeUnknown, GatewayUnavailable),
        ("drop", {"after_commit": True}, OutcomeUnknown, GatewayUnavailable),
        ("http_503", {}, GatewayUnavailable, GatewayUnavailable),
        ("http_500", {"after_commit": True}, GatewayUnavailable, GatewayUnavailable),
    ],
)
async def test_faults_become_errors_of_ours(
    portal: PortalProcess,
    gateway: IrpGateway,
    kind: str,
    rule: dict[str, object],
    creating: type[BahiError],
    reading: type[BahiError],
) -> None:
    await portal.fault(kind, times=3, **rule)
    with pytest.raises(creating):
        await gateway.register(SELLER.gstin, SENT)
    with pytest.raises(reading):
        await gateway.find(WHERE)
    with pytest.raises(creating):
        await gateway.cancel(SELLER.gstin, expected_irn(SOLD), CancelReason.OTHER, "why not")


async def test_what_was_lost_on_the_way_is_found(portal: PortalProcess, gateway: IrpGateway) -> None:
    await portal.fault("drop", after_commit=True)
    with pytest.raises(OutcomeUnknown, match="look it up"):
        await gateway.register(SELLER.gstin, SENT)
    found = await gateway.find(WHERE)
    assert found is not None
    assert accept(SOLD, found, [await portal.public_key()]).irn == expected_irn(SOLD)
    assert await gateway.find(replace(WHERE, type_="CRN")) is None


async def test_wrong_credentials_are_about_us_and_not_about_the_document(portal: PortalProcess) -> None:
    stranger = IrpGateway(portal.url, "simulator", "guessed")
    with pytest.raises(GatewayRefused, match="BAHI_IRP_CLIENT_SECRET") as refused:
        await stranger.register(SELLER.gstin, SENT)
    assert not isinstance(refused.value, PortalRefused)
    await stranger.close()


async def test_a_portal_that_cannot_be_reached_was_sent_nothing() -> None:
    nobody = IrpGateway(f"http://127.0.0.1:{any_free_port()}", "a", "b")
    with pytest.raises(GatewayUnavailable):
        await nobody.register(SELLER.gstin, SENT)
    await nobody.close()


@pytest.mark.parametrize(("status", "error"), [(302, GatewayRefused), (429, GatewayUnavailable)])
async def test_other_answers_are_told_apart(status: int, error: type[BahiError]) -> None:
    async with endpoint(status, headers="Location: http://127.0.0.1:1/\r\n") as server:
        gateway = IrpGateway(f"http://127.0.0.1:{server.port}", "a", "b")
        with pytest.raises(error):
            await gateway.register(SELLER.gstin, SENT)
        await gateway.close()
    assert len(server.requests) == 1


async def test_an_answer_that_cannot_be_read_leaves_the_outcome_open() -> None:
    async with endpoint(200) as server:
        gateway = IrpGateway(f"http://127.0.0.1:{server.port}", "a", "b")
        with pytest.raises(OutcomeUnknown):
            await gateway.register(SELLER.gstin, SENT)
        with pytest.raises(GatewayUnavailable):
            await gateway.find(WHERE)
        await gateway.close()
