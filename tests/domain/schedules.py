"""Made-up lives of a cycle against a gateway with books of its own, judged by rules written out anew.

`simulate(seed)` plays one; `python -m tests.domain.schedules 1000000` plays many and exits with 1 if any
broke a rule. The judge reads the gateway's books and clock alone, not the planner's parameters.
"""

import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

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
)  # fmt: skip
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
    OrderClosed,
    OrderRead,
    RedeemAsked,
    Reminded,
    Settled,
    State,
    Withdrawn,
    learn,
)  # fmt: skip
from domain.lawful import PHONEPE, Rules
from domain.mandate import Mandate, MandateStatus

SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
AMOUNT = 942_82
CODES = ("Z9", "Z9", "Z9", "U28", "BANK_TECHNICAL_ISSUE", "Z8", "YE", "K1", "ZA", "NEW_CODE")


def lawful(moment: datetime) -> bool:
    """21:31 to 09:59 or 13:01 to 16:59 in India, by counting minutes."""
    minute = (moment.hour * 60 + moment.minute + 330) % 1440
    return minute >= 1291 or minute < 599 or 781 <= minute < 1019


@dataclass
class Debit:
    """An attempt in the gateway's books; `shows_at` is when its status page has it."""

    id: str
    shows_at: datetime
    ends_at: datetime
    code: str | None


@dataclass
class Book:
    """An order in the gateway's books."""

    id: str
    amount: int
    made_at: datetime
    notified_at: datetime | None
    fails_at: datetime | None
    expires_at: datetime
    valid_from: datetime | None = None
    debits: list[Debit] = field(default_factory=list)

    def captured_at(self) -> datetime | None:
        return next((debit.ends_at for debit in self.debits if debit.code is None), None)


@dataclass
class Page:
    """A pay page in the books of its gateway."""

    id: str
    expires_at: datetime
    paid_at: datetime | None
    closed: bool = False


class World:
    """A payer, a gateway and a network, all drawn from one seed; the gateway's clock differs from ours."""

    def __init__(self, seed: int) -> None:
        self.dice = dice = Random(seed)
        self.skew = SECOND * dice.randint(-90, 90)
        self.due = EPOCH + SECOND * dice.randrange(365 * 86_400)
        self.now = self.due - HOUR * dice.choice((120, 90, 40, 20, 0, -30))
        self.hints = dice.random() < 0.7
        self.flaky = dice.choice((0, 0, 5, 25))
        self.orders: dict[str, Book] = {}
        self.pages: dict[str, Page] = {}
        self.status = MandateStatus.ACTIVE
        self.mandate = self._mandate()
        self.events = sorted(self._payer(), key=lambda event: event[0])
        self.reached: Counter[str] = Counter()
        self.violations: list[str] = []
        self.refused_by_payer = False
        self.paused_known_at: datetime | None = None
        self.mandate_read_at: datetime | None = None

    def _mandate(self) -> Mandate | None:
        roll = self.dice.random()
        if roll < 0.03:
            return None
        ceiling = AMOUNT - 1 if roll < 0.06 else 15_000_00
        ends = self.due + HOUR * self.dice.randint(-20, 100) if roll > 0.95 else None
        return Mandate("M", ceiling, valid_until=ends, status=MandateStatus.ACTIVE)

    def _payer(self) -> Iterator[tuple[datetime, str]]:
        """What the payer does, when; most do nothing."""
        dice = self.dice
        if dice.random() < 0.55:
            return
        for what in ("pause", "pause", "revoke", "opt out", "withdraw"):
            if dice.random() < 0.3:
                at = self.due + SECOND * dice.randint(-3 * 86_400, 9 * 86_400)
                yield at, what
                if what == "pause" and dice.random() < 0.7:
                    yield at + MINUTE * dice.choice((3, 200, 1500, 6000)), "unpause"

    def fail(self, rule: str) -> None:
        self.violations.append(f"{rule} at {self.now:%Y-%m-%d %H:%M:%S}Z")

    def there(self) -> datetime:
        """What the gateway's clock says."""
        return self.now + self.skew

    def in_flight(self) -> bool:
        """Whether the gateway is working on a debit right now."""
        clock = self.there()
        return any(debit.ends_at > clock for book in self.orders.values() for debit in book.debits)

    def captures(self) -> list[str]:
        """What money came, as the gateways know."""
        clock = self.there()
        debits = [book.id for book in self.orders.values() if (at := book.captured_at()) and at <= clock]
        return debits + [page.id for page in self.pages.values() if page.paid_at and page.paid_at <= clock]

    def lost(self) -> bool:
        """Whether this message does not come through."""
        return self.flaky > 0 and self.dice.randrange(100) < self.flaky

    def change(self, what: str) -> Fact | None:
        """The payer acts; the fact if we are told."""
        self.reached[what] += 1
        told = self.hints and not self.lost()
        if what == "opt out" or what == "withdraw":
            self.refused_by_payer = True
            return OptedOut() if what == "opt out" else Withdrawn()
        if self.mandate is None or self.status is MandateStatus.REVOKED:
            return None
        self.status = {
            "pause": MandateStatus.PAUSED, "unpause": MandateStatus.ACTIVE, "revoke": MandateStatus.REVOKED,
        }[what]  # fmt: skip
        return self.read_mandate() if told else None

    def read_mandate(self) -> Fact:
        assert self.mandate is not None
        self.mandate_read_at = self.now
        if self.status is not MandateStatus.ACTIVE:
            self.paused_known_at = self.now
        return MandateRead(replace(self.mandate, status=self.status), self.now)

    def notify(self, action: SendNotice) -> None:
        """The notice arrives there, unless it is lost on the way."""
        if self.in_flight():
            self.fail("new notice while a debit was under way: unknown taken for failed")
        if self.captures():
            self.fail("notice for a cycle that is paid")
        dice, clock = self.dice, self.there()
        if self.lost():
            self.reached["notice lost"] += 1
            return
        roll = dice.random()
        notified = clock + SECOND * dice.choice((1, 20, 400, 7000)) if roll < 0.93 else None
        fails_at = clock + 30 * MINUTE if 0.93 <= roll < 0.97 else None
        self.reached["notice stuck" if roll >= 0.97 else "notice failed" if fails_at else "notified"] += 1
        expires = clock + HOUR * dice.choice((48, 72, 96))
        garbled = dice.random() < 0.005
        self.reached["amount garbled"] += garbled
        self.orders[action.order_id] = Book(
            action.order_id, action.amount_paise + garbled, clock, notified, fails_at, expires
        )
        if notified and dice.random() < 0.5:
            self.orders[action.order_id].valid_from = notified.replace(microsecond=0) + DAY

    def redeem(self, action: Redeem) -> None:
        """Judge the debit asked for, then let it meet its fate."""
        book = self.orders.get(action.order_id)
        dice = self.dice
        if self.refused_by_payer:
            self.fail("debit asked for after an opt-out")
        if self.mandate_read_at is None or self.now - self.mandate_read_at > 10 * MINUTE:
            self.fail("debit without a look at the mandate")
        if book is None:
            self.fail("debit on an order that does not exist")
            return
        if self.paused_known_at is not None and self.paused_known_at + self.skew > book.made_at:
            self.fail("debit on a notice given before a pause")
        if self.lost():
            self.reached["redeem lost"] += 1
            return
        arrives = self.there() + SECOND * dice.choice((0, 1, 1, 200))
        self._judge(book, action, arrives)
        if dice.random() < 0.02:
            self.status = MandateStatus.REVOKED  # after we looked, before the debit arrives
        refused = self.status is not MandateStatus.ACTIVE or arrives >= book.expires_at
        if refused:
            self.reached["redeem refused"] += 1
            return
        code = None if dice.random() < 0.4 else dice.choice(CODES)
        takes = SECOND * dice.choice((2, 5, 60, 60, 60, 90, 900, 900, 9000, 9000, 20_000, 140_000))
        shows_at = arrives + SECOND * dice.choice((0, 0, 30, 500))
        ends_at = arrives + takes
        late = code is None and ends_at > book.expires_at
        self.reached["late success" if late else "success" if code is None else "failed debit"] += 1
        name = f"{book.id}.{len(book.debits)}"
        book.debits.append(Debit(name, shows_at, ends_at, code))

    def _judge(self, book: Book, action: Redeem, arrives: datetime) -> None:
        if book.notified_at is None or arrives - book.notified_at < DAY:
            self.fail("debit without notice 24 hours before")
        if action.amount_paise != book.amount:
            self.fail("amount debited is not the amount notified")
        if self.mandate is None or action.amount_paise > self.mandate.max_amount_paise:
            self.fail("debit above what the payer permitted")
        if not lawful(arrives):
            self.fail("debit outside lawful hours")
        if len(book.debits) >= 4:
            self.fail("more than 1 + 3 attempts")
        if book.debits and arrives - book.debits[-1].ends_at < 90 * MINUTE:
            self.fail("retry within 90 minutes, or while the last was under way")
        if self.captures():
            self.fail("debit of a cycle that is paid")

    def read_order(self, order_id: str) -> Fact | None:
        """The status page, which lags; None if it cannot be reached."""
        if self.lost():
            self.reached["read lost"] += 1
            return None
        book, clock = self.orders.get(order_id), self.there()
        if book is None:
            return OrderRead(order_id, self.now, State.ABSENT)
        shown = tuple(self._attempt(debit, clock) for debit in book.debits if debit.shows_at <= clock)
        if any(each.state is AttemptState.COMPLETED for each in shown):
            state = State.COMPLETED
        elif book.fails_at is not None and book.fails_at <= clock:
            state = State.FAILED
        elif clock >= book.expires_at:
            state = State.EXPIRED
            if any(each.state is AttemptState.PENDING for each in shown):
                self.reached["expired while a debit was under way"] += 1
        elif shown:
            state = State.PENDING
        else:
            told = book.notified_at is not None and book.notified_at <= clock
            state = State.NOTIFIED if told else State.NOTIFYING
        notified = book.notified_at if book.notified_at and book.notified_at <= clock else None
        return OrderRead(
            order_id,
            self.now,
            state,
            book.amount,
            notified,
            book.valid_from,
            book.expires_at,
            shown,
        )

    @staticmethod
    def _attempt(debit: Debit, clock: datetime) -> Attempt:
        if debit.ends_at > clock:
            return Attempt(debit.id, AttemptState.PENDING)
        if debit.code is None:
            return Attempt(debit.id, AttemptState.COMPLETED)
        return Attempt(debit.id, AttemptState.FAILED, (debit.code,))

    def offer(self, action: OfferLink) -> None:
        if self.in_flight():
            self.fail("pay link while a debit was under way: unknown taken for failed")
        if self.captures():
            self.fail("pay link for a cycle that is paid")
        self.reached["rescue link" if action.rescue else "link"] += 1
        if self.lost():
            self.reached["link lost"] += 1
            return
        expires = action.expires_at + self.skew
        roll, paid = self.dice.random(), None
        if roll < 0.4:
            paid = self.there() + (expires - self.there()) * self.dice.random()
        elif roll < 0.5:
            paid = expires + HOUR * self.dice.randint(1, 40)
        self.pages[action.link_id] = Page(action.link_id, expires, paid)

    def read_link(self, link_id: str, *, close: bool = False) -> Fact | None:
        if self.lost():
            return None
        page, clock = self.pages.get(link_id), self.there()
        if page is None:
            return LinkRead(link_id, self.now, State.EXPIRED if close else State.ABSENT)
        if page.paid_at is not None and page.paid_at <= clock:
            return LinkRead(link_id, self.now, State.COMPLETED, AMOUNT)
        if close:
            page.closed = True
            if page.paid_at is not None and page.paid_at < page.expires_at:
                page.paid_at = None  # the payer finds it closed
            elif page.paid_at is not None:
                self.reached["link paid after it was closed"] += 1
                self.events.append((page.paid_at - self.skew + SECOND, f"paid {link_id}"))
                self.events.sort(key=lambda event: event[0])
        return LinkRead(link_id, self.now, State.EXPIRED if page.closed else State.OPEN)

    def next_hint(self, cycle: Cycle) -> datetime | None:
        """When a webhook about the order under way comes, if webhooks come at all."""
        order = cycle.order
        book = self.orders.get(order.id) if order and self.hints else None
        if book is None:
            return None
        moments = [book.notified_at, *(debit.ends_at for debit in book.debits)]
        return min((at - self.skew for at in moments if at and at - self.skew > self.now), default=None)


def act(world: World, cycle: Cycle, action: Action) -> list[Fact]:
    """Do what the planner asks; intents are written before calls are made."""
    now = world.now
    match action:
        case ReadMandate():
            return [] if world.lost() else [world.read_mandate()]
        case SendNotice():
            world.notify(action)
            return [NoticeAsked(action.order_id, action.amount_paise, action.target, now)]
        case ReadOrder(order_id):
            read = world.read_order(order_id)
            return [read] if read else []
        case Redeem(order_id):
            world.redeem(action)
            return [RedeemAsked(order_id, now)]
        case CloseOrder(order_id, failure):
            if world.in_flight():
                world.fail("order given up while a debit was under way: unknown taken for failed")
            return [OrderClosed(order_id, failure, now)]
        case OfferLink(link_id, _, rescue, expires_at, reminders):
            world.offer(action)
            return [LinkAsked(link_id, rescue, expires_at, reminders, now)]
        case ReadLink(link_id) | CloseLink(link_id):
            seen = world.read_link(link_id, close=isinstance(action, CloseLink))
            return [seen] if seen else []
        case Remind(link_id):
            return [Reminded(link_id)]
        case Settle(capture_id):
            return [Settled(capture_id)]
        case GiveBack(capture_id):
            world.reached["given back"] += 1
            return [GivenBack(capture_id)]
        case End():
            if world.in_flight() or (world.captures() and not cycle.captures):
                world.fail("ended while money was on its way: unknown taken for failed")
            world.reached["halted" if action.halted else "called off"] += 1
            return [Ended(now)]


def happen(world: World, what: str) -> Fact | None:
    """Something from outside, and the fact if we are told of it."""
    if what.startswith("paid "):
        return LinkRead(what[5:], world.now, State.COMPLETED, AMOUNT)
    return world.change(what)


def _step(world: World, cycle: Cycle, planned: Plan, rules: Rules) -> Cycle:
    """The world until the next plan: an action done, or time passed."""
    facts: list[Fact] = []
    if planned.action is not None:
        facts = act(world, cycle, planned.action)
        world.now += SECOND * world.dice.choice((0, 1, 2, 30))
    if not facts:
        hint = world.next_hint(cycle)
        event = world.events[0][0] if world.events else None
        moments = [at for at in (planned.wake_at, hint, event) if at is not None]
        world.now = max(world.now, min(moments))
        if event is not None and event <= world.now:
            told = happen(world, world.events.pop(0)[1])
            facts = [told] if told else []
        elif hint is not None and hint <= world.now and cycle.order is not None:
            world.now += SECOND
            read = world.read_order(cycle.order.id)
            facts = [read] if read else []
    for fact in facts:
        cycle = learn(cycle, fact, rules.limits)
    return cycle


Planner = Callable[[Cycle, datetime, Rules], Plan]


def simulate(seed: int, rules: Rules = PHONEPE, planner: Planner = plan) -> World:
    """One life from notice to settlement or halt; look at `violations` and `reached`."""
    world = World(seed)
    cycle = Cycle("sub-c1", AMOUNT, world.due, world.mandate, world.now)
    for _ in range(1500):
        planned = planner(cycle, world.now, rules)
        if planned.action is None:
            if planned.wake_at is None and not world.events:
                break
            if planned.wake_at is not None and planned.wake_at <= world.now:
                world.fail("nothing to do, and awake again at once")
                break
        cycle = _step(world, cycle, planned, rules)
    else:
        world.fail("it never comes to an end")
    _judge_the_end(world, cycle)
    return world


def _judge_the_end(world: World, cycle: Cycle) -> None:
    world.now += 200 * DAY
    captured = world.captures()
    if sum(one in world.orders for one in captured) > 1:
        world.fail("more than one successful debit in a cycle")
    if sorted(captured) != sorted(capture.id for capture in cycle.captures):
        world.fail("money in the gateway's books that ours do not know")
    kept = [one for one in captured if one not in cycle.given_back]
    if kept != ([cycle.settled] if cycle.settled else []):
        world.fail("a cycle keeps one payment, and gives back every other")
    if cycle.settled is None and cycle.ended_at is None:
        world.fail("neither paid nor ended")


def play(seeds: range) -> tuple[list[str], Counter[str]]:
    """One line for each schedule that broke a rule, and what all of them met with."""
    broken, reached = [], Counter[str]()
    for seed in seeds:
        world = simulate(seed)
        reached.update(world.reached)
        if world.violations:
            broken.append(f"seed {seed}: {'; '.join(world.violations)}")
    return broken, reached


def play_all(count: int, first: int = 0) -> tuple[list[str], Counter[str]]:
    """As `play`, on two cores."""
    parts = [range(at, min(at + 500, first + count)) for at in range(first, first + count, 500)]
    broken, reached = list[str](), Counter[str]()
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for lines, met in pool.map(play, parts):
            broken += lines
            reached.update(met)
    return broken, reached


def main(count: int, first: int = 0) -> int:
    """Play `count` schedules from seed `first` and tell; 1 if any broke a rule."""
    began = time.perf_counter()
    broken, reached = play_all(count, first)
    took = time.perf_counter() - began
    told = [f"{count:,} schedules in {took:.0f} s, {len(broken)} broke a rule; among them:"]
    told += [f"  {times:>9,}  {what}" for what, times in sorted(reached.items())]
    sys.stdout.write("\n".join([*broken, *told, ""]))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:3])))
