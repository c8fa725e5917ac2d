"""Collecting one cycle on our own clock: what to do next, and when to look again.

Check the mandate, notify, wait, check again, debit, follow, settle; then the ladder's rungs. `plan` is a
function of what is known and the clock, so it can be replayed. It never asks for anything while a debit
may be under way: an unknown outcome is looked up, not guessed (phonepe.md 3.4 to 3.6, 10).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.debit import Cycle, Link, Order, State
from domain.dunning import jitter
from domain.ladder import Channel, FailureClass, Rung, class_of, next_rung
from domain.lawful import PHONEPE, Rules, next_lawful
from domain.mandate import Refusal, may_debit


@dataclass(frozen=True)
class ReadMandate:
    """Ask the gateway where the mandate stands; answer with MandateRead."""


@dataclass(frozen=True)
class SendNotice:
    """Record NoticeAsked, then have the payer told of a debit of `amount_paise` at `target`."""

    order_id: str
    amount_paise: int
    target: datetime
    expires_at: datetime


@dataclass(frozen=True)
class ReadOrder:
    """Ask the gateway where an order stands; answer with OrderRead."""

    order_id: str


@dataclass(frozen=True)
class Redeem:
    """Record RedeemAsked, then ask for the debit of the amount notified. Its answer proves nothing."""

    order_id: str
    amount_paise: int
    attempt: int


@dataclass(frozen=True)
class CloseOrder:
    """Record OrderClosed; a `failure` is a failed charge of the subscription."""

    order_id: str
    failure: FailureClass | None
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class OfferLink:
    """Record LinkAsked, make the pay page (`rescue`: at the other gateway) and send it."""

    link_id: str
    amount_paise: int
    rescue: bool
    expires_at: datetime
    reminders: tuple[timedelta, ...] = ()


@dataclass(frozen=True)
class ReadLink:
    """Ask its gateway where a link stands; answer with LinkRead."""

    link_id: str
    rescue: bool


@dataclass(frozen=True)
class Remind:
    """Send the link again; answer with Reminded."""

    link_id: str


@dataclass(frozen=True)
class CloseLink:
    """End a link so that it cannot be paid; answer with LinkRead of what it then is."""

    link_id: str
    rescue: bool


@dataclass(frozen=True)
class Settle:
    """Book the money for the cycle, in one transaction; answer with Settled."""

    capture_id: str
    amount_paise: int


@dataclass(frozen=True)
class GiveBack:
    """Refund money that is not owed: a second success, or another amount. Answer with GivenBack."""

    capture_id: str
    amount_paise: int


@dataclass(frozen=True)
class End:
    """The ladder is exhausted (`halted`), or nothing is owed any more; answer with Ended."""

    halted: bool


Action = (
    ReadMandate | SendNotice | ReadOrder | Redeem | CloseOrder | OfferLink | ReadLink | Remind | CloseLink
    | Settle | GiveBack | End
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What to do now, and when to plan again if nothing is learned before.

    No action and no `wake_at`: the cycle is done, and only an unexpected fact can stir it.
    `alarm` says that an operator should look, though nothing is decided for them.
    """

    action: Action | None
    wake_at: datetime | None
    why: str
    alarm: bool = False


DONE = Plan(None, None, "nothing is left to do")
_BEFORE_NOTICE = (State.ASKED, State.ABSENT, State.NOTIFYING)
_SOFT_REFUSALS = (Refusal.PAUSED, Refusal.NOT_YET_GIVEN)


def plan(cycle: Cycle, now: datetime, rules: Rules = PHONEPE) -> Plan:
    """The next step of `cycle` at `now` (aware UTC)."""
    for capture in cycle.captures:
        if capture.id == cycle.settled or capture.id in cycle.given_back:
            continue
        if cycle.settled is None and capture.amount_paise == cycle.amount_paise:
            return _do(Settle(capture.id, capture.amount_paise), now, rules, "the money is here")
        why = "a second success, or another amount than asked for"
        return _do(GiveBack(capture.id, capture.amount_paise), now, rules, why)
    if (order := cycle.order) is not None:
        return _order(cycle, order, now, rules)
    if (link := cycle.link) is not None:
        return _link(cycle, link, now, rules)
    if cycle.settled is not None or cycle.ended_at is not None:
        return DONE
    if cycle.withdrawn:
        return _do(End(halted=False), now, rules, "the cycle is no longer owed")
    if cycle.captures:
        # Another amount came and went back: whoever sent it must be understood before we ask again.
        return _do(End(halted=True), now, rules, "another amount than asked for was taken", alarm=True)
    return _next_route(cycle, now, rules)


def _do(action: Action, now: datetime, rules: Rules, why: str, *, alarm: bool = False) -> Plan:
    return Plan(action, now + rules.retry_after, why, alarm)


def _next_look(since: datetime, read_at: datetime | None, rules: Rules) -> datetime:
    """When to read again what was asked for at `since`: often at first, then ever less."""
    if read_at is None or read_at < since:
        return since + rules.first_look
    return read_at + min(max(read_at - since, rules.first_look), rules.slowest_look)


def _follow(order: Order, since: datetime, now: datetime, rules: Rules, why: str) -> Plan:
    alarm = bool(order.asks) and now - order.asks[-1] > rules.stuck_after
    look = _next_look(since, order.read_at, rules)
    if now < look:
        return Plan(None, look, why, alarm)
    return _do(ReadOrder(order.id), now, rules, why, alarm=alarm)


def _dead_from(order: Order, rules: Rules) -> datetime:
    """From when on a reading that shows no success proves there will be none."""
    return (order.expires_at or order.asked_at + rules.asked_window) + rules.appears_within


def _order(cycle: Cycle, order: Order, now: datetime, rules: Rules) -> Plan:
    since = order.asks[-1] if order.asks else order.asked_at
    if order.in_flight(rules.appears_within):
        return _follow(order, since, now, rules, "a debit may be under way")
    failure = class_of(*order.last_codes)
    if order.state in (State.FAILED, State.EXPIRED):
        return _close(order, failure, now, rules, "the gateway gave the order up")
    unwanted = order.void or cycle.opted_out or cycle.is_over
    unknown = order.state is State.PENDING and not order.asks
    if unknown or order.state in _BEFORE_NOTICE or order.notified_at is None:
        return _unnotified(order, now, rules, unwanted=unwanted)
    tried = max(len(order.asks), len(order.attempts))
    used_up = tried >= rules.max_attempts or (bool(order.attempts) and failure not in rules.retry_gaps)
    differs = order.amount_read not in (None, order.amount_paise)
    moment = None if unwanted or used_up or differs else next_debit(cycle, order, now, rules)
    if moment is None:
        read_since = order.read_at is not None and order.read_at >= _dead_from(order, rules)
        if order.unaccounted and not read_since:
            # The lost request may still act while the order lives: nothing else may begin before.
            return _follow(order, since, now, rules, "a debit was asked for that the books do not show")
        fell = None if unwanted and not order.attempts else failure
        why = "the amount notified is another" if differs else "no debit can follow on this order"
        return _close(order, fell, now, rules, why, alarm=differs)
    if now < moment:
        return Plan(None, moment, "waiting for the notice's time and lawful hours")
    return _debit(cycle, order, now, rules, tried + 1)


def _close(
    order: Order,
    failure: FailureClass | None,
    now: datetime,
    rules: Rules,
    why: str,
    *,
    alarm: bool = False,
) -> Plan:
    return _do(CloseOrder(order.id, failure, order.last_codes), now, rules, why, alarm=alarm)


def _unnotified(order: Order, now: datetime, rules: Rules, *, unwanted: bool) -> Plan:
    if unwanted:
        return _close(order, None, now, rules, "the notice is not wanted any more")
    read_at = order.read_at
    if read_at is not None:
        missing = order.state is State.ABSENT and read_at >= order.asked_at + rules.appears_within
        if missing or read_at >= _dead_from(order, rules):
            return _close(order, FailureClass.TECHNICAL, now, rules, "the notice never came about")
    return _follow(order, order.asked_at, now, rules, "waiting for the notice to be delivered")


def next_debit(cycle: Cycle, order: Order, now: datetime, rules: Rules = PHONEPE) -> datetime | None:
    """The first lawful moment from `now` on to debit a notified order; None if it has none left."""
    assert order.notified_at is not None
    wait = rules.notice_wait + rules.notice_margin
    earliest = max(order.target, max(order.notified_at, order.asked_at) + wait)
    if order.valid_from is not None:
        earliest = max(earliest, order.valid_from + rules.notice_margin)
    if order.asks:
        gap = rules.retry_gaps.get(class_of(*order.last_codes), rules.spacing)
        ended = max(order.asks[-1], order.ended_seen_at or order.asks[-1])
        earliest = max(earliest, ended + max(gap, rules.spacing))
    moment = earliest
    if order.asks or rules.first_attempt_in_hours:
        moment = _in_hours(cycle, earliest, rules)
        if moment < now:
            moment = _in_hours(cycle, now, rules)
    moment = max(moment, now)
    until = order.expires_at or order.asked_at + rules.least_window
    return moment if moment < until - rules.closing_margin else None


def _in_hours(cycle: Cycle, earliest: datetime, rules: Rules) -> datetime:
    """The lawful moment for `earliest`; whoever had to wait for an opening hour is spread behind it."""
    moment = next_lawful(earliest, rules)
    return moment if moment == earliest else next_lawful(moment + jitter(cycle.id, rules.spread), rules)


def _debit(cycle: Cycle, order: Order, now: datetime, rules: Rules, attempt: int) -> Plan:
    fresh = now - rules.freshness
    if cycle.mandate_read_at is None or cycle.mandate_read_at < fresh:
        return _do(ReadMandate(), now, rules, "no debit without a look at the mandate")
    if cycle.mandate is None or not may_debit(cycle.mandate, order.amount_paise, now, rules.limits).allowed:
        return _close(order, FailureClass.MANDATE, now, rules, "the mandate does not carry it")
    if order.read_at is None or order.read_at < fresh:
        return _do(ReadOrder(order.id), now, rules, "no debit without a look at the order")
    return _do(Redeem(order.id, order.amount_paise, attempt), now, rules, "notified, waited, lawful, checked")


def _link(cycle: Cycle, link: Link, now: datetime, rules: Rules) -> Plan:
    if link.state is State.ABSENT and not cycle.is_over and now < link.expires_at:
        return _do(_offer(cycle, link), now, rules, "the link was never made")
    over = cycle.is_over or now >= link.expires_at
    if over and link.state is not State.PENDING:
        why = "a link must not be paid any more"
        return _do(CloseLink(link.id, link.rescue), now, rules, why)
    if link.reminded < len(link.reminders):
        remind_at = link.asked_at + link.reminders[link.reminded]
        if now >= remind_at and link.state is State.OPEN:
            return _do(Remind(link.id), now, rules, "the link has not been paid")
    else:
        remind_at = link.expires_at
    first_look = link.asked_at + rules.first_look
    look = first_look if link.read_at is None else link.read_at + rules.link_look
    if now >= look:
        return _do(ReadLink(link.id, link.rescue), now, rules, "has the link been paid?")
    wakes = [look, *(at for at in (remind_at, link.expires_at) if at > now)]
    return Plan(None, min(wakes), "waiting for the link to be paid")


def _offer(cycle: Cycle, link: Link) -> OfferLink:
    return OfferLink(link.id, cycle.amount_paise, link.rescue, link.expires_at, link.reminders)


def _next_route(cycle: Cycle, now: datetime, rules: Rules) -> Plan:
    """Nothing is under way: by notice or by link, when, or not at all."""
    if not cycle.links and not cycle.opted_out and cycle.mandate is not None:
        if not cycle.falls:
            found = _notify(cycle, cycle.due_at, now, rules)
        else:
            rung = next_rung(rules.ladder, cycle.falls, 0)
            debit = rung is not None and rung.channel is Channel.DEBIT
            # A notice may fail before the due date; the debit does not come before it for that.
            wanted = max(cycle.due_at, cycle.falls[-1].at + rung.after) if rung and debit else None
            found = _notify(cycle, wanted, now, rules) if wanted is not None else None
        if found is not None:
            return found
    base = cycle.due_at - rules.link_lead
    if cycle.links:
        base = cycle.links[-1].read_at or cycle.links[-1].expires_at
    elif cycle.falls:
        base = cycle.falls[-1].at
    rung = next_rung(rules.ladder, cycle.falls, len(cycle.links), debits_allowed=False)
    if rung is None:
        return _do(End(halted=True), now, rules, "the ladder is exhausted")
    return _ask_for_payment(cycle, rung, base + rung.after, now, rules)


def _ask_for_payment(cycle: Cycle, rung: Rung, at: datetime, now: datetime, rules: Rules) -> Plan:
    if now < at:
        return Plan(None, at, "waiting to send a pay link")
    # A link sent ahead of the due date stays open as long after it as one sent on the day.
    expires_at = max(now, cycle.due_at) + rung.open_for
    link_id = f"{cycle.id}-L{len(cycle.links) + 1}"
    rescue = rung.channel is Channel.RESCUE_LINK
    offer = OfferLink(link_id, cycle.amount_paise, rescue, expires_at, rung.reminders)
    return _do(offer, now, rules, "no mandate carries this debit, or the ladder is at its last rungs")


def _notify(cycle: Cycle, wanted: datetime, now: datetime, rules: Rules) -> Plan | None:
    """Towards the notice of a debit at `wanted`; None if the mandate cannot carry one."""
    assert cycle.mandate is not None
    target = _in_hours(cycle, wanted + jitter(cycle.id, rules.spread), rules)
    start = target - rules.notice_lead
    verdict = may_debit(cycle.mandate, cycle.amount_paise, max(now, start), rules.limits)
    if not verdict.allowed and verdict.refusal not in _SOFT_REFUSALS:
        return None
    if now < start:
        return Plan(None, start, "waiting to give notice")
    read_at = cycle.mandate_read_at
    if read_at is None or read_at < now - rules.freshness:
        if not verdict.allowed and read_at is not None and now < read_at + rules.pause_look:
            return _await_payer(start, read_at, now, rules)
        return _do(ReadMandate(), now, rules, "no notice without a look at the mandate")
    if not verdict.allowed:
        return _await_payer(start, read_at, now, rules)
    earliest = _in_hours(cycle, now + rules.notice_wait + 2 * rules.notice_margin, rules)
    target = max(target, earliest)
    if not may_debit(cycle.mandate, cycle.amount_paise, target, rules.limits).allowed:
        return None
    order_id = f"{cycle.id}-{len(cycle.orders) + 1}"
    notice = SendNotice(order_id, cycle.amount_paise, target, now + rules.asked_window)
    return _do(notice, now, rules, "the payer must know a day ahead")


def _await_payer(start: datetime, read_at: datetime, now: datetime, rules: Rules) -> Plan | None:
    """The mandate is paused or not approved: look daily, and not for ever."""
    patience_ends = start + rules.pause_patience
    if now >= patience_ends:
        return None
    look = min(read_at + rules.pause_look, patience_ends)
    return Plan(None, look, "waiting for the payer to take the mandate up")
