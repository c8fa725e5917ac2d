"""Notices and debits at the stand-in: announced once whatever is lost, and never repeated blindly."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from db import intents, models
from domain.debit import State
from domain.errors import GatewayUnavailable, OutcomeUnknown
from domain.events import EventType
from domain.mandate import MandateStatus
from domain.orders import TurnedAway
from tests.activities.collecting import LAG, Desk
from tests.gateways.phonepe_till import AMOUNT, DAY
from workflows.collecting_ports import CancelMandate, GiveNotice, ReadStanding, RecordMandate, StartDebit

NOTIFYING = "/notify$"


async def intent(desk: Desk, request: GiveNotice) -> models.GatewayIntent:
    async with desk.database.reading() as session:
        found = await intents.get(session, intents.debit_key("phonepe", request.order_id))
    assert found is not None
    return found


async def notices(desk: Desk, mandate_id: str) -> int:
    books = await desk.till.phonepe.books(mandate_id)
    return sum(each["kind"] == "REDEMPTION" for each in books["orders"]) if "orders" in books else -1


# Notices.


async def test_a_notice_is_given_on_record_and_announced_once_however_often_it_is_asked_for(
    desk: Desk,
) -> None:
    request = await desk.notice(await desk.till.active())
    first = await desk.mandates.give_notice(request)
    again = await desk.mandates.give_notice(request)
    assert first.order is not None
    assert again.order is not None
    assert first.order.gateway_id == again.order.gateway_id
    assert first.order.amount_paise == AMOUNT
    [told] = await desk.events(EventType.DEBIT_ANNOUNCED)
    assert (told.data["amount_paise"], told.data["order_id"]) == (AMOUNT, request.order_id)
    assert (told.data["debit_on"], told.data["cycle"]) == (request.target.isoformat(), 1)
    stored = await intent(desk, request)
    assert (stored.state, stored.gateway_id) == ("done", first.order.gateway_id)
    assert stored.subscription_id == desk.id


async def test_a_notice_whose_answer_was_lost_is_looked_up_and_not_given_twice(desk: Desk) -> None:
    request = await desk.notice(await desk.till.active())
    await desk.till.fault("drop_after_commit", method="POST", path_regex=NOTIFYING)
    with pytest.raises(OutcomeUnknown):
        await desk.mandates.give_notice(request)
    assert (await intent(desk, request)).state == "sent"
    assert await desk.events(EventType.DEBIT_ANNOUNCED) == []
    given = await desk.mandates.give_notice(request)
    assert given.order is not None
    assert given.order.id == request.order_id
    assert len(await desk.events(EventType.DEBIT_ANNOUNCED)) == 1
    assert (await intent(desk, request)).state == "done"


async def test_a_notice_that_may_have_arrived_goes_out_again_only_when_it_would_show(desk: Desk) -> None:
    request = await desk.notice(await desk.till.active())
    await desk.till.fault("drop_before_commit", method="POST", path_regex=NOTIFYING)
    with pytest.raises(OutcomeUnknown):
        await desk.mandates.give_notice(request)
    with pytest.raises(OutcomeUnknown, match="looking again"):
        await desk.mandates.give_notice(request)
    desk.now += LAG
    given = await desk.mandates.give_notice(request)
    assert given.order is not None


async def test_a_gateway_that_is_busy_is_asked_again_at_once(desk: Desk) -> None:
    request = await desk.notice(await desk.till.active())
    await desk.till.fault("http_429", method="POST", path_regex=NOTIFYING)
    with pytest.raises(GatewayUnavailable):
        await desk.mandates.give_notice(request)
    assert (await intent(desk, request)).state == "planned"
    assert (await desk.mandates.give_notice(request)).order is not None


async def test_a_refused_notice_is_an_answer_and_nobody_is_told_of_a_debit(desk: Desk) -> None:
    mandate_id = await desk.till.active()
    await desk.till.phonepe.subscription(mandate_id, "revoke")
    await desk.till.phonepe.advance(3)
    given = await desk.mandates.give_notice(await desk.notice(mandate_id))
    assert given.order is None
    assert given.refused
    assert await desk.events(EventType.DEBIT_ANNOUNCED) == []


async def test_another_sum_under_the_same_name_is_refused_rather_than_taken_for_ours(desk: Desk) -> None:
    mandate_id = await desk.till.active()
    first, second = await desk.notice(mandate_id), await desk.notice(mandate_id, 2)
    debit = replace(await desk.till.debit(mandate_id), order_id=second.order_id, amount_paise=AMOUNT - 100)
    await desk.gateway.notify(debit)
    assert (await desk.mandates.give_notice(second)).order is None
    assert (await desk.mandates.give_notice(first)).order is not None


# Debits.


async def test_a_debit_is_started_when_its_day_has_passed_and_read_to_its_end(desk: Desk) -> None:
    mandate_id = await desk.till.active()
    request = await desk.notice(mandate_id)
    await desk.mandates.give_notice(request)
    await desk.till.phonepe.advance(5)
    start = StartDebit("phonepe", request.order_id, mandate_id, AMOUNT)
    early = await desk.mandates.start_debit(start)
    assert (early.attempt_id, early.turned_away) == (None, TurnedAway.TOO_EARLY)
    standing = ReadStanding("phonepe", mandate_id, request.order_id, await desk.till.now())
    told = await desk.mandates.read_standing(standing)
    assert told.order is not None
    assert told.mandate is not None
    assert (told.order.state, told.mandate.mandate.status) == (State.NOTIFIED, MandateStatus.ACTIVE)
    await desk.till.phonepe.advance(DAY + 10)
    assert (await desk.mandates.start_debit(start)).attempt_id
    await desk.till.phonepe.advance(5)
    done = (await desk.mandates.read_standing(standing)).order
    assert done is not None
    assert (done.state, done.refund_name("phonepe")) == (State.COMPLETED, request.order_id)


async def test_only_what_is_asked_for_is_read_and_what_is_not_known_is_none(desk: Desk) -> None:
    mandate_id = await desk.till.active()
    now = await desk.till.now()
    alone = await desk.mandates.read_standing(ReadStanding("phonepe", mandate_id, None, now))
    assert alone.mandate is not None
    assert alone.order is None
    unknown = await desk.mandates.read_standing(ReadStanding("phonepe", "man_none", "deb_none", now))
    assert (unknown.mandate, unknown.order) == (None, None)
    nothing = await desk.mandates.read_standing(ReadStanding("phonepe", None, None, now))
    assert (nothing.mandate, nothing.order) == (None, None)


async def test_ending_a_mandate_twice_or_one_that_never_was_is_no_error(desk: Desk) -> None:
    mandate_id = await desk.till.active()
    await desk.mandates.cancel_mandate(CancelMandate("phonepe", mandate_id))
    await desk.till.phonepe.advance(3)
    again = await desk.mandates.cancel_mandate(CancelMandate("phonepe", mandate_id))
    assert again.seen is not None
    assert again.seen.mandate.status is MandateStatus.REVOKED
    unknown = await desk.mandates.cancel_mandate(CancelMandate("phonepe", "man_none"))
    assert unknown.seen is None


# Mandates on record.


async def rows(desk: Desk) -> dict[str, models.Mandate]:
    row = models.Mandate
    async with desk.database.reading() as session:
        found = await session.scalars(select(row).where(row.subscription_id == desk.id))
        return {each.id: each for each in found}


async def record(
    desk: Desk,
    mandate_id: str,
    event: EventType | None,
    status: MandateStatus = MandateStatus.ACTIVE,
    *,
    gateway_id: str | None = "OMS1",
    in_use: bool = True,
    later: timedelta = timedelta(0),
) -> None:
    at = await desk.till.now() + later
    mandate = await desk.mandate(mandate_id, status)
    request = RecordMandate(desk.subscription, "phonepe", mandate, gateway_id, in_use, event, at)
    await desk.mandates.record_mandate(request)


async def test_one_mandate_is_in_use_and_a_new_one_takes_its_place(desk: Desk) -> None:
    await record(desk, "man_1", EventType.MANDATE_ACTIVATED)
    await record(desk, "man_2", EventType.MANDATE_ACTIVATED)
    assert {name: row.in_use for name, row in (await rows(desk)).items()} == {"man_1": False, "man_2": True}


async def test_what_changed_is_written_over_and_what_is_not_told_stays(desk: Desk) -> None:
    await record(desk, "man_1", EventType.MANDATE_ACTIVATED)
    hour = timedelta(hours=1)
    await record(desk, "man_1", EventType.MANDATE_PAUSED, MandateStatus.PAUSED, gateway_id=None, later=hour)
    row = (await rows(desk))["man_1"]
    assert (row.status, row.gateway_mandate_id, row.in_use) == ("paused", "OMS1", True)
    assert row.updated_at - row.created_at == hour
    await record(desk, "man_1", EventType.MANDATE_ENDED, MandateStatus.REVOKED, in_use=False, later=2 * hour)
    row = (await rows(desk))["man_1"]
    assert (row.status, row.in_use) == ("revoked", False)


async def test_a_change_is_announced_once_and_again_when_it_happens_again(desk: Desk) -> None:
    day = timedelta(days=1)
    for _ in range(2):  # the same try, repeated
        await record(desk, "man_1", EventType.MANDATE_PAUSED, MandateStatus.PAUSED)
    await record(desk, "man_1", EventType.MANDATE_RESUMED, later=day)
    await record(desk, "man_1", EventType.MANDATE_PAUSED, MandateStatus.PAUSED, later=2 * day)
    await record(desk, "man_1", None, MandateStatus.PAUSED, later=3 * day)
    told = await desk.events(EventType.MANDATE_PAUSED, EventType.MANDATE_RESUMED)
    assert [event.type for event in told] == ["mandate.paused", "mandate.resumed", "mandate.paused"]
    assert told[0].data["mandate_status"] == "paused"
    assert (told[0].data["mandate_id"], told[0].data["max_amount_paise"]) == ("man_1", 1_500_000)
