"""The portal's stand-in: what it registers, refuses, finds, cancels and signs."""

import copy
import json
from collections.abc import AsyncIterator, Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from documents.einvoice import accept, expected_irn, request
from domain.document import DocumentKind
from domain.periods import IST
from simulator.irp.process import PortalProcess
from tests.documents.filings import ACME, REGISTERED, SELLER, SEZ_UNIT, document

Json = dict[str, Any]
TODAY = datetime(2026, 10, 15, 12, 0, tzinfo=IST)
SOLD = document("RF26-27/00001", TODAY.date(), REGISTERED)


@pytest.fixture
async def portal(tmp_path: Path) -> AsyncIterator[PortalProcess]:
    async with PortalProcess.open(tmp_path / "irp.sqlite", TODAY) as portal:
        yield portal


def client(portal: PortalProcess, **headers: str) -> httpx.AsyncClient:
    known = {"client_id": "simulator", "client_secret": "simulator-secret", "Gstin": SELLER.gstin}
    return httpx.AsyncClient(base_url=portal.url, headers=known | headers, trust_env=False, timeout=5)


async def register(portal: PortalProcess, sent: Json) -> Json:
    async with client(portal) as http:
        answer: Json = (await http.post("/Invoice", json=sent)).json()
    return answer


async def refused(portal: PortalProcess, sent: Json) -> str:
    answer = await register(portal, sent)
    assert (answer["Status"], answer["Data"]) == (0, None)
    (error,) = answer["ErrorDetails"]
    return f"{error['ErrorCode']} {error['ErrorMessage']}"


async def test_it_signs_what_it_registers_with_the_key_it_shows(portal: PortalProcess) -> None:
    for number, buyer in enumerate((REGISTERED, ACME, SEZ_UNIT)):
        made = document(f"RF26-27/1000{number}", TODAY.date(), buyer)
        answer = await register(portal, request(made))
        found = accept(made, json.dumps(answer["Data"]), [await portal.public_key()])
        assert found.irn == expected_irn(made) == answer["Data"]["Irn"]
        assert found.acknowledged_at == "2026-10-15 12:00:00"
    token = answer["Data"]["SignedQRCode"]
    assert jwt.get_unverified_header(token)["alg"] == "RS256"
    assert len({each["AckNo"] for each in await portal.registrations()}) == 3


async def test_a_number_is_registered_once_and_can_be_found(portal: PortalProcess) -> None:
    first = (await register(portal, request(SOLD)))["Data"]
    again = await register(portal, request(SOLD))
    assert again["ErrorDetails"] == [{"ErrorCode": "2150", "ErrorMessage": "Duplicate IRN"}]
    assert again["InfoDtls"][0]["Desc"]["Irn"] == first["Irn"]
    asked = {"doctype": "INV", "docnum": SOLD.number, "docdate": "15/10/2026"}
    async with client(portal) as http:
        path = "/Invoice/irnbydocdetails"
        assert (await http.get(path, params=asked)).json()["Data"] == first
        other_day = (await http.get(path, params=asked | {"docdate": "14/10/2026"})).json()
    assert other_day["ErrorDetails"][0]["ErrorCode"] == "2154"
    assert len(await portal.registrations()) == 1


def changed(change: Callable[[Json], Any]) -> Json:
    sent = copy.deepcopy(request(SOLD))
    change(sent)
    return sent


WRONG: dict[str, Callable[[Json], Any]] = {
    "SellerDtls.Gstin": lambda sent: sent["SellerDtls"].update(Gstin=REGISTERED.gstin),
    "BuyerDtls.Gstin: the check digit": lambda sent: sent["BuyerDtls"].update(Gstin="29AAACT1111A1Z6"),
    "BuyerDtls.Gstin: URP": lambda sent: sent["BuyerDtls"].update(Gstin="URP"),
    "BuyerDtls.LglNm": lambda sent: sent["BuyerDtls"].update(LglNm="AB"),
    "BuyerDtls.Pin": lambda sent: sent["BuyerDtls"].update(Pin=1),
    "B2C is not registered": lambda sent: sent["TranDtls"].update(SupTyp="B2C"),
    "DocDtls.No": lambda sent: sent["DocDtls"].update(No="0/1"),
    "DocDtls.Dt: is in the future": lambda sent: sent["DocDtls"].update(Dt="16/10/2026"),
    "ItemList.HsnCd": lambda sent: sent["ItemList"][0].update(HsnCd="99"),
    "ItemList.AssAmt": lambda sent: sent["ItemList"][0].update(Discount=5),
    "CGST and SGST are equal": lambda sent: sent["ItemList"][0].update(CgstAmt=1),
    "ItemList tax": lambda sent: sent["ItemList"][0].update(GstRt=5),
    "ValDtls.TotInvVal": lambda sent: sent["ValDtls"].update(TotInvVal=5),
    "is negative": lambda sent: sent["ValDtls"].update(AssVal=-1),
    'no " and no': lambda sent: sent["ItemList"][0].update(PrdDesc='a "plan"'),
    "ValDtls: is required": lambda sent: sent.pop("ValDtls"),
}


@pytest.mark.parametrize("told", WRONG)
async def test_it_refuses_what_the_portal_would(portal: PortalProcess, told: str) -> None:
    assert told in await refused(portal, changed(WRONG[told]))
    assert await portal.registrations() == []


async def test_a_document_of_the_first_is_taken_until_the_thirtieth(portal: PortalProcess) -> None:
    await portal.set_clock(datetime(2026, 11, 30, 23, 59, tzinfo=IST))
    made = document("RF26-27/00002", date(2026, 11, 1), REGISTERED)
    assert (await register(portal, request(made)))["Status"] == 1
    late = document("RF26-27/00003", date(2026, 10, 31), REGISTERED)
    assert (await refused(portal, request(late))).startswith("2305 ")


async def test_tax_is_not_checked_against_the_rate_on_a_note(portal: PortalProcess) -> None:
    note = request(document("CN26-27/00001", TODAY.date(), REGISTERED, kind=DocumentKind.CREDIT_NOTE))
    note["ItemList"][0]["GstRt"] = 5
    assert (await register(portal, note))["Status"] == 1


async def test_it_is_cancelled_within_a_day_and_once(portal: PortalProcess) -> None:
    irns = []
    for number in ("RF26-27/00001", "RF26-27/00002"):
        sent = request(document(number, TODAY.date(), REGISTERED))
        irns.append((await register(portal, sent))["Data"]["Irn"])
    await portal.set_clock(TODAY + timedelta(hours=24))

    async def cancel(irn: str) -> Json:
        async with client(portal) as http:
            asked = {"Irn": irn, "CnlRsn": "2", "CnlRem": "typing mistake"}
            answer: Json = (await http.post("/Invoice/Cancel", json=asked)).json()
        return answer

    assert (await cancel(irns[0]))["Data"]["CancelDate"] == "2026-10-16 12:00:00"
    assert (await cancel(irns[0]))["Status"] == 0
    await portal.set_clock(TODAY + timedelta(hours=24, seconds=1))
    assert (await cancel(irns[1]))["ErrorDetails"][0]["ErrorCode"] == "2270"
    assert [each["Status"] for each in await portal.registrations()] == ["CNL", "ACT"]
    assert (await refused(portal, request(SOLD))).startswith("2150 ")


async def test_faults_strike_before_or_after_the_act(portal: PortalProcess) -> None:
    await portal.fault("drop")
    with pytest.raises(httpx.TransportError):
        await register(portal, request(SOLD))
    assert await portal.registrations() == []
    await portal.fault("timeout", seconds=0.05, after_commit=True)
    with pytest.raises(httpx.TransportError):
        await register(portal, request(SOLD))
    assert len(await portal.registrations()) == 1
    await portal.no_more_faults()
    await portal.fault("http_503", times=0)
    async with client(portal) as http:
        assert (await http.post("/Invoice", json={})).status_code == 503
    await portal.no_more_faults()
    async with client(portal, client_secret="wrong") as http:
        assert (await http.post("/Invoice", json={})).status_code == 401


async def test_a_number_can_be_taken_by_somebody_else(portal: PortalProcess) -> None:
    await portal.fault("number_taken")
    assert (await refused(portal, request(SOLD))).startswith("2150 ")
    (entry,) = await portal.registrations()
    taken: Any = entry["request"]
    assert taken["ValDtls"]["TotInvVal"] == pytest.approx(SOLD.amount.total_paise / 100 + 1)


async def test_what_it_knows_outlives_its_process(portal: PortalProcess) -> None:
    key = await portal.public_key()
    await register(portal, request(SOLD))
    await portal.restart()
    assert await portal.public_key() == key
    assert (await refused(portal, request(SOLD))).startswith("2150 ")
