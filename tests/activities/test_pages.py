"""Pages to pay on, at the stand-in: at most one can be paid at a time, whatever answer was lost."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from domain.debit import State
from domain.errors import GatewayUnavailable, Misconfigured, OutcomeUnknown
from domain.mandate import MandateStatus
from domain.merchant_ids import Purpose, merchant_id
from domain.orders import MandateAtGateway
from domain.paying import LINGERS
from gateways.phonepe import PhonePeGateway
from tests.activities.collecting import PUBLIC, Desk
from tests.gateways.phonepe_till import AMOUNT

OPENING = "/checkout/v2/pay$"
LASTS, MINUTE = 1800, 60


def order_id(desk: Desk, attempt: int) -> str:
    return merchant_id(Purpose.PAGE, desk.subject.id, attempt=attempt)


async def test_a_page_is_on_record_before_it_is_asked_for_and_leads_back_to_us(desk: Desk) -> None:
    opened = await desk.opened()
    page = opened.pages.page
    assert (opened.pages.state, opened.refused) == (State.OPEN, "")
    assert page is not None
    assert page.url is not None
    assert page.expires_at - page.opened_at < timedelta(seconds=LASTS + 1)
    [row] = await desk.rows()
    assert (row.order_id, row.state, row.attempt, row.url) == (order_id(desk, 1), "open", 1, page.url)
    assert (row.amount_paise, row.subject, row.gateway_order_id is None) == (AMOUNT, desk.subject.id, False)
    async with httpx.AsyncClient(trust_env=False) as payer:
        done = await payer.post(page.url, data={"outcome": "failure"})
    assert (done.status_code, done.headers["location"]) == (303, f"{PUBLIC}/pay/{desk.id}/back")


async def test_asking_again_is_the_same_page_while_it_can_be_paid(desk: Desk) -> None:
    first, second = await desk.opened(), await desk.opened()
    assert first.pages.page is not None
    assert second.pages.page is not None
    assert first.pages.page.url == second.pages.page.url
    assert await desk.states() == ["open"]


async def test_a_page_whose_answer_was_lost_can_be_paid_by_nobody_and_gives_way(desk: Desk) -> None:
    await desk.till.fault("drop_after_commit", method="POST", path_regex=OPENING)
    with pytest.raises(OutcomeUnknown):
        await desk.opened()
    assert [row.url for row in await desk.rows()] == [None]
    opened = await desk.opened()
    assert opened.pages.page is not None
    assert opened.pages.page.order_id == order_id(desk, 2)
    assert await desk.states() == ["over", "open"]


@pytest.mark.parametrize("kind", ["drop_before_commit", "http_503", "http_429", "r999"])
async def test_a_request_that_did_not_arrive_goes_out_again_under_its_name(desk: Desk, kind: str) -> None:
    await desk.till.fault(kind, method="POST", path_regex=OPENING)
    with pytest.raises((OutcomeUnknown, GatewayUnavailable)):
        await desk.opened()
    opened = await desk.opened()
    assert opened.pages.page is not None
    assert opened.pages.page.order_id == order_id(desk, 1)
    assert await desk.states() == ["open"]


async def test_names_used_before_are_passed_over_and_a_row_of_them_is_tried_again(desk: Desk) -> None:
    for attempt in (1, 2, 3):
        await desk.gateway.open_page(replace(desk.till.page(), order_id=order_id(desk, attempt)))
    # Our own rows know of none of them.
    with pytest.raises(OutcomeUnknown, match="no fresh name"):
        await desk.opened()
    opened = await desk.opened()
    assert opened.pages.page is not None
    assert opened.pages.page.order_id == order_id(desk, 4)
    assert await desk.states() == ["over", "over", "over", "open"]


async def test_a_refusal_is_an_answer_and_the_next_try_has_a_name_of_its_own(desk: Desk) -> None:
    await desk.till.fault("http_400", method="POST", path_regex=OPENING)
    refused = await desk.opened()
    assert (refused.pages.page, "BAD_REQUEST" in refused.refused) == (None, True)
    opened = await desk.opened()
    assert opened.pages.page is not None
    assert opened.pages.page.order_id == order_id(desk, 2)


async def test_what_our_account_may_not_do_is_for_operators_and_costs_no_name(desk: Desk) -> None:
    await desk.till.fault("http_403", method="POST", path_regex=OPENING)
    with pytest.raises(Misconfigured, match="phonepe does not let us in"):
        await desk.opened()
    opened = await desk.opened()
    assert opened.pages.page is not None
    assert opened.pages.page.order_id == order_id(desk, 1)


async def test_no_page_is_opened_while_the_last_one_cannot_be_read(desk: Desk) -> None:
    await desk.opened()
    await desk.till.fault("http_503", method="GET", path_regex="/order/.*/status", times=0)
    with pytest.raises(GatewayUnavailable):
        await desk.opened()
    assert await desk.states() == ["open"]


async def test_money_is_read_with_what_a_refund_will_name(desk: Desk) -> None:
    await desk.opened()
    await desk.till.phonepe.order(order_id(desk, 1), "pay", mode="UPI_QR")
    assert (await desk.read()).state is State.PENDING
    assert await desk.states() == ["pending"]
    await desk.till.phonepe.advance(3)
    read = await desk.read()
    assert (read.state, read.page, read.mandate) == (State.COMPLETED, None, None)
    [paid] = read.paid
    assert (paid.gateway, paid.payment_id, paid.order_id) == ("phonepe", order_id(desk, 1), order_id(desk, 1))
    assert (paid.amount_paise, paid.currency, paid.method) == (AMOUNT, "INR", "upi")
    assert paid.reference
    assert await desk.states() == ["completed"]
    assert (await desk.opened()).pages.state is State.COMPLETED
    assert await desk.states() == ["completed"]


async def test_a_payment_under_way_stands_in_the_way_of_a_second_page(desk: Desk) -> None:
    await desk.opened()
    await desk.till.phonepe.order(order_id(desk, 1), "pay", outcome="pending")
    opened = await desk.opened()
    assert (opened.pages.state, opened.refused) == (State.PENDING, "")
    await desk.till.phonepe.advance(LASTS + 3 * 3600)  # long after the page's own end
    assert (await desk.opened()).pages.state is State.PENDING
    assert len(await desk.rows()) == 1
    await desk.till.phonepe.order(order_id(desk, 1), "settle", outcome="success")
    assert (await desk.read()).state is State.COMPLETED


async def test_after_a_page_has_ended_the_next_one_is_fresh(desk: Desk) -> None:
    await desk.opened()
    await desk.till.phonepe.advance(LASTS + MINUTE)
    assert (await desk.read()).state is State.OPEN
    opened = await desk.opened()
    assert opened.pages.page is not None
    assert opened.pages.page.order_id == order_id(desk, 2)
    assert await desk.states() == ["over", "open"]


async def test_a_page_that_failed_leaves_the_subject_open(desk: Desk) -> None:
    await desk.opened()
    await desk.pays(order_id(desk, 1), outcome="failure", code="Z9")
    assert (await desk.read()).state is State.OPEN
    assert (await desk.read()).page is None
    assert await desk.states() == ["over"]


async def test_closing_waits_until_the_open_page_cannot_be_paid_any_more(desk: Desk) -> None:
    assert (await desk.read(closing=True)).state is State.EXPIRED  # nobody ever came
    await desk.opened()
    assert (await desk.read(closing=True)).state is State.PENDING
    await desk.till.phonepe.advance(LASTS + MINUTE)
    assert (await desk.read(closing=True)).state is State.EXPIRED


async def test_a_page_whose_order_will_not_end_is_given_up_an_hour_later(desk: Desk) -> None:
    await desk.opened()
    await desk.till.phonepe.order(order_id(desk, 1), "show_state", state="PENDING")
    await desk.till.phonepe.advance(LASTS + MINUTE)
    assert (await desk.read(closing=True)).state is State.PENDING
    assert (await desk.opened()).pages.state is State.PENDING  # no second page beside it
    await desk.till.phonepe.advance(int(LINGERS.total_seconds()))
    assert (await desk.read(closing=True)).state is State.EXPIRED


async def test_money_on_a_page_that_was_over_is_found_by_its_webhook(desk: Desk) -> None:
    await desk.till.fault("drop_after_commit", method="POST", path_regex=OPENING)
    with pytest.raises(OutcomeUnknown):
        await desk.opened()
    await desk.opened()
    for attempt in (2, 1):  # both, though nobody should know the address of the first
        await desk.pays(order_id(desk, attempt))
    [known] = (await desk.read()).paid
    assert known.payment_id == order_id(desk, 2)
    told = await desk.read(order_id=order_id(desk, 1))
    assert [each.payment_id for each in told.paid] == [order_id(desk, 1), order_id(desk, 2)]
    assert await desk.states() == ["completed", "completed"]
    assert len((await desk.read()).paid) == 2  # and it stays known


async def test_somebody_elses_order_is_not_read_with_ours(desk: Desk) -> None:
    await desk.opened()
    other = desk.till.page()
    await desk.gateway.open_page(other)
    await desk.pays(other.order_id)
    assert (await desk.read(order_id=other.order_id)).paid == ()


# Pages that set a mandate up.


async def test_paying_the_checkout_is_the_first_debit_of_its_mandate(desk: Desk) -> None:
    checkout = await desk.with_mandate()
    opened = await desk.opened(checkout)
    assert opened.pages.page is not None
    assert opened.pages.page.order_id.startswith("set_")
    await desk.pays(opened.pages.page.order_id)
    read = await desk.read(checkout)
    [paid] = read.paid
    assert paid.amount_paise == AMOUNT
    assert read.mandate is not None
    [row] = await desk.rows()
    assert (read.mandate.mandate.id, read.mandate.mandate.status) == (row.mandate_id, MandateStatus.ACTIVE)
    assert read.mandate.gateway_id


async def test_a_mandate_set_up_for_nothing_brings_no_money_to_book(desk: Desk) -> None:
    renewed = await desk.with_mandate(charges=False)
    opened = await desk.opened(renewed)
    assert opened.pages.page is not None
    await desk.pays(opened.pages.page.order_id)
    read = await desk.read(renewed)
    assert (read.state, read.paid) == (State.COMPLETED, ())
    assert read.mandate is not None
    assert read.mandate.mandate.status is MandateStatus.ACTIVE


async def test_every_page_of_a_checkout_asks_for_a_mandate_of_its_own(desk: Desk) -> None:
    checkout = await desk.with_mandate()
    await desk.till.fault("drop_after_commit", method="POST", path_regex=OPENING)
    with pytest.raises(OutcomeUnknown):
        await desk.opened(checkout)
    await desk.opened(checkout)
    mandates = [row.mandate_id for row in await desk.rows()]
    assert len(set(mandates)) == 2
    assert all(str(each).startswith("man_") for each in mandates)


class Forgetful(PhonePeGateway):
    """Does not show a mandate yet, though its order is paid."""

    async def find_mandate(self, mandate_id: str) -> MandateAtGateway | None:
        return None


async def test_a_mandate_that_does_not_show_yet_counts_as_asked_for(desk: Desk) -> None:
    checkout = await desk.with_mandate()
    opened = await desk.opened(checkout)
    assert opened.pages.page is not None
    await desk.pays(opened.pages.page.order_id)
    desk.gateway = Forgetful(desk.till.gateway._client)
    read = await desk.read(checkout)
    assert checkout.mandate is not None
    assert read.mandate is not None
    asked = read.mandate.mandate
    assert (asked.status, read.mandate.gateway_id) == (MandateStatus.CREATED, None)
    assert (asked.max_amount_paise, asked.valid_until) == (
        checkout.mandate.max_amount_paise,
        checkout.mandate.valid_until,
    )
    assert len(read.paid) == 1
