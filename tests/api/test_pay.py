"""Where payers come to: led on where there is something to pay, told how it stands where not.

The workflow is a stand-in that says what it is told to; its server is the real one.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from temporalio import workflow
from temporalio.client import WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from api.limits import Limits
from config import Settings
from domain.subscription import Collection, Status
from engine.client import connect
from local.temporal import TemporalServer
from tests.api.serving import PATIENT, Served, serving
from tests.db import rows
from workflows import collecting_ports, messages, ports, search_attributes
from workflows.messages import PayReply, PayRequest, PayStanding, PayWish

QUEUE = "pay-tests"
GATEWAYS_PAGE = "https://pay.example/transact?token=1&routingKey=W"
_numbers = iter(range(10**6))


@workflow.defn(name="PayDesk")
class PayDesk:
    """Stands where a subscription's or a top-up's workflow would."""

    def __init__(self) -> None:
        self._wishes: list[PayWish] = []
        self._reply: PayReply | None = None
        self._over = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._over)

    @workflow.update(name=messages.PAY_UPDATE)
    async def pay(self, request: PayRequest) -> PayReply:
        self._wishes.append(request.wish)
        await workflow.wait_condition(lambda: self._reply is not None or self._over)
        assert self._reply is not None
        return self._reply

    @workflow.signal
    def says(self, reply: PayReply) -> None:
        self._reply = reply

    @workflow.signal
    def ends(self) -> None:
        self._over = True

    @workflow.query
    def wishes(self) -> list[PayWish]:
        return self._wishes


@pytest.fixture(scope="module")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TemporalServer]:
    folder = tmp_path_factory.mktemp("temporal")
    async with TemporalServer(folder=folder, search_attributes=search_attributes.ALL) as server:
        yield server


@dataclass
class Shop:
    """A subscription that we collect ourselves, with its run, at an address of ours."""

    api: Served
    run: WorkflowHandle[Any, Any]
    id: str
    http: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.http = self.api.client()

    async def get(self, path: str = "", **options: Any) -> httpx.Response:
        return await self.http.get(f"/pay/{self.id}{path}", **options)

    async def says(self, standing: PayStanding, *how: Any, **more: Any) -> None:
        await self.run.signal(PayDesk.says, PayReply(standing, *how, **more))


@pytest.fixture
async def open_shop(database_url: str, temporal: TemporalServer) -> AsyncIterator[Any]:
    """Opens a shop; keyword arguments are settings, `limits` among them."""
    client = await connect(Settings(environment="test", temporal_address=temporal.address))
    closing: list[Any] = []

    async def opened(owner: str = "sub", *, limits: Limits = PATIENT, **settings: Any) -> Shop:
        context = serving(database_url, limits=limits, temporal_address=temporal.address, **settings)
        api = await context.__aenter__()
        owner_id = f"{owner}_{next(_numbers):026}"
        workflow_id = ports.subscription_workflow_id(owner_id)
        if owner == "top":
            workflow_id = collecting_ports.top_up_workflow_id(owner_id)
        else:
            await rows.add(
                api.services.database,
                rows.customer(),
                rows.subscription(id=owner_id, gateway="phonepe", collection=Collection.ENGINE.value),
            )
        run = await client.start_workflow(PayDesk.run, id=workflow_id, task_queue=QUEUE)
        shop = Shop(api, run, owner_id)
        closing.extend([context, shop.http])
        return shop

    async with Worker(
        client, task_queue=QUEUE, workflows=[PayDesk], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        yield opened
        while closing:
            shut = closing.pop()
            await (shut.aclose() if isinstance(shut, httpx.AsyncClient) else shut.__aexit__(None, None, None))


def said(answer: httpx.Response) -> str:
    """The words of a page."""
    body = answer.text.partition("<body")[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body.partition(">")[2])).strip()


async def test_a_browser_that_comes_from_a_mail_is_led_on_by_a_page_of_ours(open_shop: Any) -> None:
    """So that the gateway's page sees our site as the referrer (phonepe.md 2.2)."""
    shop = await open_shop()
    await shop.says(PayStanding.PAY, 942_82, GATEWAYS_PAGE)
    from_a_mail = {"Sec-Fetch-Mode": "navigate"}
    answer = await shop.get(headers=from_a_mail)
    assert answer.status_code == 200
    escaped = GATEWAYS_PAGE.replace("&", "&amp;")
    assert f'<meta http-equiv="refresh" content="0;url={escaped}">' in answer.text
    assert f'href="{escaped}"' in answer.text
    assert answer.headers["referrer-policy"] == "strict-origin-when-cross-origin"
    from_the_application = {**from_a_mail, "Referer": "https://app.example/"}
    assert (await shop.get(headers=from_the_application)).status_code == 303


async def test_what_is_due_leads_on_to_the_gateways_page_and_is_never_kept(open_shop: Any) -> None:
    shop = await open_shop()
    await shop.says(PayStanding.PAY, 117_882, GATEWAYS_PAGE)
    answer = await shop.get()
    assert (answer.status_code, answer.headers["location"]) == (303, GATEWAYS_PAGE)
    assert answer.headers["cache-control"] == "no-store"
    # PhonePe's page turns away those who come from nowhere (phonepe.md 2.2).
    assert answer.headers["referrer-policy"] == "strict-origin-when-cross-origin"


async def test_each_address_is_a_wish_of_its_own(open_shop: Any) -> None:
    shop = await open_shop()
    await shop.says(PayStanding.PAY, 117_882, GATEWAYS_PAGE)
    answers = [await shop.get(path) for path in ("", "?instead=true", "/mandate", "/back")]
    assert [answer.status_code for answer in answers] == [303, 303, 303, 200]
    assert await shop.run.query(PayDesk.wishes) == [
        PayWish.DUE, PayWish.INSTEAD, PayWish.NEW_MANDATE, PayWish.STANDING
    ]  # fmt: skip


DUE = datetime(2026, 2, 4, 20, 0, tzinfo=UTC)
"""The fifth in India."""
PAGES: dict[PayStanding, tuple[PayReply, int, tuple[str, ...]]] = {
    PayStanding.PAY: (
        PayReply(PayStanding.PAY, 117_882),
        200,
        ("Not paid yet", "Nothing was taken if you did not finish", "Pay ₹1,178.82"),
    ),
    PayStanding.DEBIT_ANNOUNCED: (
        PayReply(PayStanding.DEBIT_ANNOUNCED, 117_882, due_at=DUE),
        200,
        ("Nothing to do", "₹1,178.82 is debited by itself on 05 February 2026", "Pay now instead"),
    ),
    PayStanding.CHECKING: (PayReply(PayStanding.CHECKING), 200, ("One moment", "looks again by itself")),
    PayStanding.PAID: (
        PayReply(PayStanding.PAID, 117_882),
        200,
        ("Thank you", "We have received ₹1,178.82.", "invoice"),
    ),
    PayStanding.NOTHING_DUE: (
        PayReply(PayStanding.NOTHING_DUE, message="The mandate is <active>."),
        200,
        ("Nothing is due", "The mandate is &lt;active&gt;."),
    ),
    PayStanding.OVER: (PayReply(PayStanding.OVER), 410, ("Too late", "begin again in the application")),
    PayStanding.UNAVAILABLE: (
        PayReply(PayStanding.UNAVAILABLE),
        503,
        ("try again in a minute", "Nothing was taken", "Try again"),
    ),
    PayStanding.REFUSED: (
        PayReply(PayStanding.REFUSED, 117_882, message="BAD_REQUEST: maxAmount"),
        502,
        ("cannot be paid now", "please tell the seller"),
    ),
}


@pytest.mark.parametrize("standing", PayStanding)
async def test_every_standing_is_a_page_without_scripts(open_shop: Any, standing: PayStanding) -> None:
    shop, (reply, status, words) = await open_shop(), PAGES[standing]
    await shop.run.signal(PayDesk.says, reply)
    for path in ("/back",) if standing is PayStanding.PAY else ("", "/back"):
        answer = await shop.get(path)
        assert answer.status_code == status
        for each in words:
            assert each in said(answer)
        assert "maxAmount" not in answer.text  # the gateway's words are not the payer's
        assert "<script" not in answer.text
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] == "DENY"
        assert ('http-equiv="refresh"' in answer.text) == (standing is PayStanding.CHECKING)
        assert "Bahi Demo Private Limited" in said(answer)


async def test_a_page_that_looks_again_never_opens_anything_by_itself(open_shop: Any) -> None:
    shop = await open_shop()
    await shop.says(PayStanding.CHECKING)
    for path in ("", "/back", "/mandate", "?instead=true"):
        again = re.search(r'http-equiv="refresh" content="3;url=([^"]+)"', (await shop.get(path)).text)
        assert again
        assert again[1] == f"/pay/{shop.id}/back"


async def test_whoever_comes_back_unpaid_is_sent_by_our_address_and_never_by_an_old_page(
    open_shop: Any,
) -> None:
    """The gateway's page may be over when the button is pressed."""
    shop = await open_shop()
    await shop.says(PayStanding.PAY, 117_882, GATEWAYS_PAGE)
    answer = await shop.get("/back")
    assert answer.status_code == 200
    assert GATEWAYS_PAGE.split("?")[0] not in answer.text
    assert f'href="/pay/{shop.id}"' in answer.text


async def test_it_tells_nothing_about_the_customer(open_shop: Any) -> None:
    shop = await open_shop()
    for standing in PayStanding:
        await shop.run.signal(PayDesk.says, PAGES[standing][0])
        text = (await shop.get("/back")).text
        assert "user_1" not in text
        assert "cus_1" not in text


async def test_a_top_up_has_such_an_address_too(open_shop: Any) -> None:
    shop = await open_shop("top")
    await shop.says(PayStanding.PAY, 50_000, GATEWAYS_PAGE)
    assert (await shop.get()).headers["location"] == GATEWAYS_PAGE
    await shop.says(PayStanding.PAID, 50_000)
    assert "We have received ₹500.00." in said(await shop.get("/back"))


@pytest.mark.parametrize(
    ("standing", "onward"),
    [
        (PayStanding.PAID, "paid"),
        (PayStanding.PAY, "unpaid"),
        (PayStanding.OVER, "over"),
        (PayStanding.CHECKING, None),
        (PayStanding.UNAVAILABLE, None),
        (PayStanding.REFUSED, None),
    ],
)
async def test_who_is_done_goes_on_to_the_application_where_it_has_a_page(
    open_shop: Any, standing: PayStanding, onward: str | None
) -> None:
    shop = await open_shop(payment_return_url="https://app.example/billing?tab=plan")
    await shop.run.signal(PayDesk.says, PAGES[standing][0])
    answer = await shop.get("/back")
    if onward is None:
        assert "location" not in answer.headers
    else:
        wanted = f"https://app.example/billing?tab=plan&subscription_id={shop.id}&status={onward}"
        assert (answer.status_code, answer.headers["location"]) == (303, wanted)
    # Only those who come back: an old link in a mail still says what it says.
    assert "app.example" not in (await shop.get()).headers.get("location", "")


async def test_a_top_up_says_so_to_the_application(open_shop: Any) -> None:
    shop = await open_shop("top", payment_return_url="https://app.example/billing")
    await shop.says(PayStanding.PAID, 50_000)
    wanted = f"https://app.example/billing?top_up_id={shop.id}&status=paid"
    assert (await shop.get("/back")).headers["location"] == wanted


async def test_after_the_run_has_ended_it_is_too_late(open_shop: Any) -> None:
    shop = await open_shop()
    await shop.run.signal(PayDesk.ends)
    await shop.run.result()
    answer = await shop.get()
    assert (answer.status_code, "Too late" in said(answer)) == (410, True)


async def test_a_run_that_does_not_answer_in_time_is_no_loss(
    open_shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.temporal.COMMAND_SECONDS", 0.3)
    shop = await open_shop()
    answer = await shop.get()
    assert (answer.status_code, "Please try again in a minute" in said(answer)) == (503, True)
    assert f'href="/pay/{shop.id}"' in answer.text


async def test_while_temporal_is_away_the_page_says_to_try_again(api: Served) -> None:
    owner_id = f"sub_{next(_numbers):026}"
    engine = rows.subscription(id=owner_id, gateway="phonepe", collection=Collection.ENGINE.value)
    await rows.add(api.services.database, rows.customer(), engine)
    async with api.client() as payer:
        answer = await payer.get(f"/pay/{owner_id}")
    assert (answer.status_code, "Nothing was taken" in said(answer)) == (503, True)


# Those who come to the wrong place.


@pytest.mark.parametrize(
    "path",
    [f"/pay/sub_{'z' * 26}", f"/pay/sub_{'z' * 26}/back", f"/pay/sub_{'z' * 26}/mandate",
     "/pay/sub_1", "/pay/cus_" + "a" * 26, "/pay/", "/pay/sub_%00", f"/pay/sub_{'z' * 26}/elsewhere"],
)  # fmt: skip
async def test_what_is_no_address_of_ours_is_404(api: Served, path: str) -> None:
    async with api.client() as payer:
        answer = await payer.get(path)
    assert answer.status_code in (404, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_free_plan_has_nothing_to_pay(api: Served) -> None:
    owner_id = f"sub_{next(_numbers):026}"
    await rows.add(
        api.services.database,
        rows.customer(),
        rows.subscription(id=owner_id, is_free=True, charge_paise=0, plan_id="plan_free"),
    )
    async with api.client() as payer:
        assert (await payer.get(f"/pay/{owner_id}")).status_code == 404


@pytest.mark.parametrize(
    ("status", "url", "wanted", "words"),
    [
        (Status.ACTIVE, "https://rzp.example/i/1", 303, ""),
        (Status.CREATED, "https://rzp.example/i/1", 303, ""),
        (Status.CREATED, None, 503, "Please try again in a minute"),
        (Status.CANCELLED, "https://rzp.example/i/1", 410, "Too late"),
        (Status.EXPIRED, None, 410, "Too late"),
    ],
)
async def test_a_subscription_that_its_gateway_charges_leads_to_the_gateways_page(
    api: Served, status: Status, url: str | None, wanted: int, words: str
) -> None:
    """No workflow is asked: Temporal is away here."""
    owner_id = f"sub_{next(_numbers):026}"
    row = rows.subscription(id=owner_id, status=status.value, checkout_url=url)
    await rows.add(api.services.database, rows.customer(), row)
    async with api.client() as payer:
        answer = await payer.get(f"/pay/{owner_id}")
    assert answer.status_code == wanted
    assert answer.headers.get("location") == (url if wanted == 303 else None)
    assert words in said(answer)


# Those who come too often.


async def test_one_address_is_not_asked_for_without_end_and_others_stay_open(open_shop: Any) -> None:
    limits = Limits(payer_per_second=0.01, payer_burst=3)
    shop = await open_shop(limits=limits)
    await shop.says(PayStanding.CHECKING)
    answers = [await shop.get("/back") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert len(await shop.run.query(PayDesk.wishes)) == 3  # no workflow and no gateway hears of the rest
    assert int(answers[-1].headers["retry-after"]) > 1
    assert "One moment, please" in said(answers[-1])
    assert (await shop.http.get(f"/pay/top_{'0' * 26}")).status_code == 410


async def test_who_tries_one_id_after_the_other_is_stopped(database_url: str) -> None:
    limits = Limits(refused_per_second=0.01, refused_burst=3)
    async with serving(database_url, limits=limits) as api, api.client() as stranger:
        answers = [await stranger.get(f"/pay/sub_{number:026}") for number in range(5)]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429, 429]
