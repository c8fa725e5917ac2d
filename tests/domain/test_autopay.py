"""Collecting a cycle by UPI Autopay, told as dated stories. Times are India's, ₹942.82 each."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.autopay import (
    Action,
    CloseLink,
    CloseOrder,
    End,
    GiveBack,
    OfferLink,
    Plan,
    ReadLink,
    ReadMandate,
    ReadOrder,
    Redeem,
    Remind,
    SendNotice,
    Settle,
    plan,
)
from domain.debit import (
    Attempt,
    AttemptState,
    Cycle,
    Ended,
    Fact,
    GivenBack,
    LinkAsked,
    LinkRead,
    MandateRead,
    NoticeAsked,
    OptedOut,
    Order,
    OrderClosed,
    OrderRead,
    RedeemAsked,
    RedeemNotSent,
    Reminded,
    Settled,
    State,
    Withdrawn,
    learn,
)
from domain.ladder import FailureClass
from domain.lawful import PHONEPE, RAZORPAY_CARD, RAZORPAY_UPI, Rules, next_lawful
from domain.mandate import Mandate, MandateStatus
from domain.periods import IST

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RULES = replace(PHONEPE, spread=timedelta(0))
AMOUNT = 942_82
MANDATE = Mandate("M1", 2_000_00, status=MandateStatus.ACTIVE)


def ist(text: str) -> datetime:
    """`1 Dec 00:00` of 2026, or `1 Dec 00:00:30`."""
    form = "%Y %d %b %H:%M:%S" if text.count(":") == 2 else "%Y %d %b %H:%M"
    return datetime.strptime(f"2026 {text}", form).replace(tzinfo=IST).astimezone(UTC)


class Story:
    """A cycle due on 1 December at midnight, and what is told of it."""

    def __init__(self, rules: Rules = RULES, mandate: Mandate | None = MANDATE, **known: object) -> None:
        self.rules, self.mandate = rules, mandate
        self.cycle = Cycle("s7-c3", AMOUNT, ist("1 Dec 00:00"), mandate, ist("1 Nov 00:10"))
        self.cycle = replace(self.cycle, **known)  # type: ignore[arg-type]

    def plan(self, at: str) -> Plan:
        return plan(self.cycle, ist(at), self.rules)

    def does(self, at: str, action: Action) -> None:
        assert self.plan(at).action == action

    def sleeps(self, at: str, until: str) -> None:
        planned = self.plan(at)
        assert planned.action is None
        assert planned.wake_at == ist(until), planned

    def rests(self, at: str) -> None:
        assert self.plan(at) == Plan(None, None, "nothing is left to do")

    def told(self, *facts: Fact) -> None:
        for fact in facts:
            self.cycle = learn(self.cycle, fact)

    def mandate_is(self, at: str, status: MandateStatus, **changes: object) -> None:
        mandate = replace(MANDATE, status=status, **changes)  # type: ignore[arg-type]
        self.told(MandateRead(mandate, ist(at)))

    def order_is(
        self, at: str, state: State, *attempts: Attempt, order: str = "s7-c3-1", **more: object
    ) -> None:
        read = OrderRead(order, ist(at), state, AMOUNT, attempts=attempts)
        self.told(replace(read, **more))  # type: ignore[arg-type]

    def notified(self, at: str = "29 Nov 18:00:05") -> None:
        """Notice asked for on 29 November at 18:00, delivered at once."""
        self.mandate_is("29 Nov 18:00", MandateStatus.ACTIVE)
        self.told(NoticeAsked("s7-c3-1", AMOUNT, ist("1 Dec 00:00"), ist("29 Nov 18:00")))
        delivered = ist(at)
        self.order_is(
            at,
            State.NOTIFIED,
            notified_at=delivered,
            valid_from=delivered + DAY,
            expires_at=delivered + 72 * HOUR,
        )

    def debited(self, at: str) -> None:
        """Mandate and order looked at, debit asked for."""
        self.does(at, ReadMandate())
        self.mandate_is(at, MandateStatus.ACTIVE)
        self.does(at, ReadOrder("s7-c3-1"))
        order = self.cycle.orders[0]
        self.order_is(at, order.state, *order.attempts)
        self.does(at, Redeem("s7-c3-1", AMOUNT, len(order.asks) + 1))
        self.told(RedeemAsked("s7-c3-1", ist(at)))


def failed(number: int, *codes: str) -> Attempt:
    return Attempt(f"OM{number}", AttemptState.FAILED, codes)


PENDING, SUCCESS = Attempt("OM1", AttemptState.PENDING), Attempt("OM1", AttemptState.COMPLETED)


def test_a_cycle_is_notified_thirty_hours_ahead_debited_at_midnight_and_settled() -> None:
    story = Story()
    story.sleeps("1 Nov 00:10", until="29 Nov 18:00")
    story.does("29 Nov 18:00", ReadMandate())
    story.mandate_is("29 Nov 18:00", MandateStatus.ACTIVE)
    notice = SendNotice("s7-c3-1", AMOUNT, ist("1 Dec 00:00"), ist("3 Dec 18:00"))
    story.does("29 Nov 18:00", notice)
    story.told(NoticeAsked("s7-c3-1", AMOUNT, notice.target, ist("29 Nov 18:00")))
    story.sleeps("29 Nov 18:00", until="29 Nov 18:00:30")
    story.does("29 Nov 18:00:30", ReadOrder("s7-c3-1"))
    story.notified()
    story.sleeps("29 Nov 18:01", until="1 Dec 00:00")
    story.debited("1 Dec 00:00")
    story.sleeps("1 Dec 00:00", until="1 Dec 00:00:30")
    story.order_is("1 Dec 00:00:30", State.PENDING, PENDING)
    story.sleeps("1 Dec 00:00:30", until="1 Dec 00:01")
    story.order_is("1 Dec 00:01", State.COMPLETED, SUCCESS)
    story.does("1 Dec 00:01", Settle("s7-c3-1", AMOUNT))
    story.told(Settled("s7-c3-1"))
    story.rests("1 Dec 00:01")


def test_a_worker_that_was_away_still_gives_a_whole_days_notice() -> None:
    story = Story()
    story.mandate_is("1 Dec 11:00", MandateStatus.ACTIVE)
    # 24 h 10 min on is 11:10 the next day, peak time: it will be 13:03.
    notice = SendNotice("s7-c3-1", AMOUNT, ist("2 Dec 13:03"), ist("5 Dec 11:00"))
    story.does("1 Dec 11:00", notice)


def test_notice_delivered_late_moves_the_debit_a_day_behind_it() -> None:
    story = Story()
    story.notified("30 Nov 09:30")
    story.sleeps("30 Nov 09:30", until="1 Dec 09:35")
    later = Story()
    later.notified("30 Nov 09:50")
    later.sleeps("30 Nov 09:50", until="1 Dec 13:03")


def test_no_funds_is_tried_four_times_on_one_order_then_two_days_later_with_a_new_notice() -> None:
    story = Story()
    story.notified()
    for number, (at, seen, following) in enumerate(
        [
            ("1 Dec 00:00", "1 Dec 00:20", "1 Dec 08:20"),
            ("1 Dec 08:20", "1 Dec 08:40", "1 Dec 16:40"),
            ("1 Dec 16:40", "1 Dec 16:45", "2 Dec 00:45"),
        ],
        start=1,
    ):
        story.debited(at)
        story.order_is(seen, State.PENDING, *(failed(n, "Z9") for n in range(1, number + 1)))
        story.sleeps(seen, until=following)
    story.debited("2 Dec 00:45")
    story.order_is("2 Dec 01:00", State.FAILED, *(failed(n, "Z9") for n in range(1, 5)))
    story.does("2 Dec 01:00", CloseOrder("s7-c3-1", FailureClass.FUNDS, ("Z9",)))
    story.told(OrderClosed("s7-c3-1", FailureClass.FUNDS, ist("2 Dec 01:00")))
    story.sleeps("2 Dec 01:00", until="2 Dec 19:00")
    story.mandate_is("2 Dec 19:00", MandateStatus.ACTIVE)
    story.does("2 Dec 19:00", SendNotice("s7-c3-2", AMOUNT, ist("4 Dec 01:00"), ist("6 Dec 19:00")))


def test_a_closed_account_is_not_tried_again_but_sent_a_link_at_once() -> None:
    story = Story()
    story.notified()
    story.debited("1 Dec 00:00")
    story.order_is("1 Dec 00:01", State.PENDING, failed(1, "YE", "ACCOUNT_BLOCKED"))
    story.does("1 Dec 00:01", CloseOrder("s7-c3-1", FailureClass.ACCOUNT, ("YE", "ACCOUNT_BLOCKED")))
    story.told(OrderClosed("s7-c3-1", FailureClass.ACCOUNT, ist("1 Dec 00:01")))
    story.does("1 Dec 00:01", OfferLink("s7-c3-L1", AMOUNT, False, ist("4 Dec 00:01"), (DAY, 2 * DAY)))


def test_a_lost_answer_is_looked_up_and_never_taken_for_a_failure() -> None:
    story = Story()
    story.notified()
    story.debited("1 Dec 00:00")  # the answer to it is lost
    for at in ("1 Dec 00:00:30", "1 Dec 00:05", "1 Dec 00:14"):
        story.does(at, ReadOrder("s7-c3-1"))
        story.order_is(at, State.NOTIFIED)
    story.order_is("1 Dec 00:16", State.NOTIFIED)
    # It never arrived: asked again as a second try, spaced as if the first had been made.
    story.sleeps("1 Dec 00:16", until="1 Dec 01:35")
    story.debited("1 Dec 01:35")
    story.order_is("1 Dec 01:36", State.COMPLETED, SUCCESS)
    story.does("1 Dec 01:36", Settle("s7-c3-1", AMOUNT))


def test_a_debit_asked_for_and_not_in_the_books_keeps_the_link_back_while_the_order_lives() -> None:
    story = Story()
    story.notified()
    story.debited("1 Dec 00:00")
    story.order_is("1 Dec 01:00", State.NOTIFIED)
    story.mandate_is("1 Dec 01:30", MandateStatus.REVOKED)
    assert isinstance(story.plan("1 Dec 09:00").action, ReadOrder)
    story.order_is("2 Dec 18:10", State.NOTIFIED)
    assert story.plan("2 Dec 18:10").action is None
    story.order_is("2 Dec 18:16", State.NOTIFIED)
    story.does("2 Dec 18:16", CloseOrder("s7-c3-1", None))
    story.told(OrderClosed("s7-c3-1", None, ist("2 Dec 18:16")))
    assert isinstance(story.plan("2 Dec 18:16").action, OfferLink)


def test_an_outcome_unknown_for_two_days_raises_an_alarm_and_decides_nothing() -> None:
    story = Story()
    story.notified()
    story.debited("1 Dec 00:00")
    story.order_is("2 Dec 18:01", State.EXPIRED, PENDING)
    story.does("3 Dec 00:01", ReadOrder("s7-c3-1"))
    assert story.plan("3 Dec 00:01").alarm
    story.order_is("20 Dec 00:00", State.EXPIRED, PENDING)
    assert story.plan("20 Dec 00:00") == Plan(None, ist("20 Dec 06:00"), "a debit may be under way", True)
    story.order_is("20 Dec 03:00", State.COMPLETED, SUCCESS)
    story.does("20 Dec 03:00", Settle("s7-c3-1", AMOUNT))


def test_a_pause_voids_the_notice_and_a_new_one_follows_when_the_payer_resumes() -> None:
    story = Story()
    story.notified()
    story.mandate_is("30 Nov 12:00", MandateStatus.PAUSED)
    story.does("30 Nov 12:00", CloseOrder("s7-c3-1", None))
    story.told(OrderClosed("s7-c3-1", None, ist("30 Nov 12:00")))
    story.sleeps("30 Nov 12:00", until="1 Dec 12:00")
    story.mandate_is("30 Nov 14:00", MandateStatus.ACTIVE)
    story.does("30 Nov 14:00", SendNotice("s7-c3-2", AMOUNT, ist("1 Dec 14:10"), ist("4 Dec 14:00")))


def test_a_pause_that_lasts_ends_in_a_pay_link() -> None:
    story = Story()
    story.mandate_is("29 Nov 18:00", MandateStatus.PAUSED)
    story.sleeps("29 Nov 18:00", until="30 Nov 18:00")
    story.does("30 Nov 18:00", ReadMandate())
    story.mandate_is("6 Dec 17:00", MandateStatus.PAUSED)
    story.sleeps("6 Dec 17:00", until="6 Dec 18:00")
    story.does("6 Dec 18:00", OfferLink("s7-c3-L1", AMOUNT, False, ist("9 Dec 18:00"), (DAY, 2 * DAY)))


def test_a_mandate_revoked_in_the_last_minute_stops_the_debit() -> None:
    story = Story()
    story.notified()
    story.does("1 Dec 00:00", ReadMandate())
    story.mandate_is("1 Dec 00:00", MandateStatus.REVOKED)
    story.does("1 Dec 00:00", CloseOrder("s7-c3-1", None))
    story.told(OrderClosed("s7-c3-1", None, ist("1 Dec 00:00")))
    story.does("1 Dec 00:00", OfferLink("s7-c3-L1", AMOUNT, False, ist("4 Dec 00:00"), (DAY, 2 * DAY)))


def test_an_opt_out_before_the_debit_wins_and_one_during_it_comes_too_late() -> None:
    before = Story()
    before.notified()
    before.told(OptedOut())
    before.does("30 Nov 23:59", CloseOrder("s7-c3-1", None))
    before.told(OrderClosed("s7-c3-1", None, ist("30 Nov 23:59")))
    assert isinstance(before.plan("30 Nov 23:59").action, OfferLink)
    during = Story()
    during.notified()
    during.debited("1 Dec 00:00")
    during.order_is("1 Dec 00:00:30", State.PENDING, PENDING)
    during.told(OptedOut())
    during.does("1 Dec 00:02", ReadOrder("s7-c3-1"))
    during.order_is("1 Dec 00:02", State.COMPLETED, SUCCESS)
    during.does("1 Dec 00:02", Settle("s7-c3-1", AMOUNT))


def test_a_price_above_the_cap_gets_a_pay_page_three_days_ahead_with_reminders() -> None:
    mandate = replace(MANDATE, max_amount_paise=50_000_00)
    story = Story(mandate=mandate, amount_paise=15_000_01)
    story.sleeps("1 Nov 00:10", until="28 Nov 00:00")
    link = OfferLink("s7-c3-L1", 15_000_01, False, ist("4 Dec 00:00"), (DAY, 2 * DAY))
    story.does("28 Nov 00:00", link)
    story.told(LinkAsked(link.link_id, False, link.expires_at, link.reminders, ist("28 Nov 00:00")))
    story.does("28 Nov 00:00:30", ReadLink("s7-c3-L1", False))
    story.told(LinkRead("s7-c3-L1", ist("28 Nov 00:00:30"), State.OPEN))
    story.does("29 Nov 00:00", Remind("s7-c3-L1"))
    story.told(Reminded("s7-c3-L1"))
    story.told(LinkRead("s7-c3-L1", ist("29 Nov 20:00"), State.COMPLETED, 15_000_01))
    story.does("29 Nov 20:00", Settle("s7-c3-L1", 15_000_01))
    at_the_cap = Story(mandate=mandate, amount_paise=15_000_00)
    at_the_cap.sleeps("1 Nov 00:10", until="29 Nov 18:00")


def test_without_a_mandate_links_of_both_gateways_come_before_the_end_and_a_late_payment_counts() -> None:
    story = Story(mandate=None)
    story.told(LinkAsked("s7-c3-L1", False, ist("4 Dec 00:00"), (), ist("28 Nov 00:00")))
    story.told(LinkRead("s7-c3-L1", ist("3 Dec 23:00"), State.OPEN))
    story.does("4 Dec 00:00", CloseLink("s7-c3-L1", False))
    story.told(LinkRead("s7-c3-L1", ist("4 Dec 00:00"), State.EXPIRED))
    story.does("4 Dec 00:00", OfferLink("s7-c3-L2", AMOUNT, True, ist("6 Dec 00:00"), (DAY,)))
    story.told(LinkAsked("s7-c3-L2", True, ist("6 Dec 00:00"), (), ist("4 Dec 00:00")))
    story.told(LinkRead("s7-c3-L2", ist("6 Dec 00:00"), State.EXPIRED))
    story.does("6 Dec 00:00", End(halted=True))
    story.told(Ended(ist("6 Dec 00:00")))
    story.rests("6 Dec 00:00")
    story.told(LinkRead("s7-c3-L2", ist("6 Dec 10:00"), State.COMPLETED, AMOUNT))
    story.does("6 Dec 10:00", Settle("s7-c3-L2", AMOUNT))
    story.told(Settled("s7-c3-L2"), LinkRead("s7-c3-L1", ist("7 Dec 10:00"), State.COMPLETED, AMOUNT))
    story.does("7 Dec 10:00", GiveBack("s7-c3-L1", AMOUNT))
    story.told(GivenBack("s7-c3-L1"))
    story.rests("7 Dec 10:00")


def test_another_amount_than_notified_is_never_debited_and_given_back_if_it_was() -> None:
    story = Story()
    story.notified()
    story.order_is("30 Nov 10:00", State.NOTIFIED, amount_paise=AMOUNT + 1)
    planned = story.plan("30 Nov 10:00")
    assert isinstance(planned.action, CloseOrder)
    assert planned.alarm
    story.order_is("30 Nov 11:00", State.COMPLETED, SUCCESS, amount_paise=AMOUNT + 1)
    story.does("30 Nov 11:00", GiveBack("s7-c3-1", AMOUNT + 1))
    story.told(GivenBack("s7-c3-1"))
    story.does("30 Nov 11:00", End(halted=True))
    assert story.plan("30 Nov 11:00").alarm


def test_a_success_that_names_no_amount_is_not_known_yet() -> None:
    story = Story()
    story.notified()
    story.debited("1 Dec 00:00")
    story.order_is("1 Dec 00:01", State.COMPLETED, amount_paise=None)
    assert story.cycle.captures == ()
    assert story.plan("1 Dec 00:02").action == ReadOrder("s7-c3-1")


def test_a_withdrawn_cycle_asks_for_nothing_more() -> None:
    story = Story()
    story.notified()
    story.told(Withdrawn())
    story.does("30 Nov 10:00", CloseOrder("s7-c3-1", None))
    story.told(OrderClosed("s7-c3-1", None, ist("30 Nov 10:00")))
    story.does("30 Nov 10:00", End(halted=False))


def test_a_notice_that_never_arrived_is_a_technical_failure_after_a_quarter_of_an_hour() -> None:
    story = Story()
    story.told(NoticeAsked("s7-c3-1", AMOUNT, ist("1 Dec 00:00"), ist("29 Nov 18:00")))
    story.order_is("29 Nov 18:00:30", State.ABSENT, amount_paise=None)
    story.sleeps("29 Nov 18:00:30", until="29 Nov 18:01")
    story.order_is("29 Nov 18:15", State.ABSENT, amount_paise=None)
    story.does("29 Nov 18:15", CloseOrder("s7-c3-1", FailureClass.TECHNICAL))


def test_old_readings_and_repeated_facts_change_nothing() -> None:
    story = Story()
    story.notified()
    story.debited("1 Dec 00:00")
    story.order_is("1 Dec 00:05", State.COMPLETED, SUCCESS)
    known = story.cycle
    story.told(RedeemAsked("s7-c3-1", ist("1 Dec 00:00")), MandateRead(MANDATE, ist("2 Nov 00:00")))
    story.order_is("1 Dec 00:04", State.PENDING, PENDING)
    story.order_is("1 Dec 00:06", State.COMPLETED, SUCCESS)
    assert story.cycle == known
    with pytest.raises(LookupError, match="none of cycle"):
        story.told(OrderRead("other", ist("1 Dec 00:06"), State.COMPLETED, AMOUNT))


def test_razorpays_tokens_take_the_same_path_with_their_own_waits() -> None:
    upi = Story(replace(RAZORPAY_UPI, spread=timedelta(0)))
    upi.notified("30 Nov 00:30")
    upi.sleeps("30 Nov 00:30", until="1 Dec 01:35")
    card = Story(replace(RAZORPAY_CARD, spread=timedelta(0)))
    card.sleeps("1 Nov 00:10", until="29 Nov 06:00")
    card.notified("29 Nov 23:00")
    card.sleeps("29 Nov 23:00", until="1 Dec 11:05")  # no lawful hours bind a card


@pytest.mark.parametrize(
    ("asked", "lawful"),
    [
        ("1 Dec 00:00", "1 Dec 00:00"),
        ("1 Dec 09:48:59", "1 Dec 09:48:59"),
        ("1 Dec 09:49", "1 Dec 13:03"),
        ("1 Dec 13:01", "1 Dec 13:03"),
        ("1 Dec 16:48:59", "1 Dec 16:48:59"),
        ("1 Dec 16:49", "1 Dec 21:33"),
        ("1 Dec 21:33", "1 Dec 21:33"),
        ("31 Dec 23:59:59", "31 Dec 23:59:59"),
    ],
)
def test_debits_are_asked_for_within_lawful_hours_with_room_at_both_ends(asked: str, lawful: str) -> None:
    assert next_lawful(ist(asked)) == ist(lawful)


def test_those_who_wait_for_an_opening_hour_are_spread_behind_it() -> None:
    moments = set()
    for number in range(50):
        story = Story(PHONEPE, id=f"s{number}-c1")
        story.cycle = replace(story.cycle, due_at=ist("1 Dec 11:00"), mandate_read_at=ist("30 Nov 11:00"))
        action = story.plan("30 Nov 11:00").action
        assert isinstance(action, SendNotice)
        assert ist("1 Dec 13:03") <= action.target <= ist("1 Dec 13:33")
        moments.add(action.target)
    assert len(moments) > 40


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_attempts": 0},
        {"notice_lead": 24 * HOUR},
        {"freshness": 2 * DAY},
        {"closing_margin": 4 * HOUR},
    ],
)
def test_rules_that_cannot_be_followed_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must|need"):
        replace(PHONEPE, **wrong)  # type: ignore[arg-type]


def test_a_debit_that_certainly_was_not_sent_takes_none_of_the_attempts() -> None:
    order = Order("o-1", 942_82, ist("1 Dec 01:00"), ist("29 Nov 19:00"))
    cycle = Cycle("o", 942_82, ist("1 Dec 00:00"), MANDATE, orders=(order,))
    asked = learn(cycle, RedeemAsked("o-1", ist("1 Dec 01:00")))
    assert asked.orders[0].unaccounted
    assert learn(asked, RedeemNotSent("o-1", ist("1 Dec 01:00"))) == cycle
