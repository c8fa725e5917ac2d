"""Lives of a subscription that we collect on our own clock, as record.py records them."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from local.payer import Payer
from local.world import Person
from tests.scenarios.autopay import FROZEN, FUNDS, phonepe
from tests.scenarios.telling import on

Life = Callable[[Person], Awaitable[None]]
DUE = on(2026, 2, 28, "18:00")


async def _asked(person: Person) -> None:
    await person.subscribe("plan_pro", collect_by="phonepe")


async def _paid(person: Person) -> None:
    await _asked(person)
    await Payer(person).pay()


async def _renewed(person: Person) -> None:
    await _paid(person)
    await person.world.time.travel_to(DUE)


async def _unpaid(person: Person) -> None:
    await _asked(person)
    await Payer(person).pay(outcome="failure", code="Z9")
    await person.world.time.travel_to(on(2026, 1, 31, "20:00"))


async def _silent(person: Person) -> None:
    await phonepe(person.world).control("webhooks/policy", {"drop_all": True})
    await _renewed(person)


async def _retried(person: Person) -> None:
    await _paid(person)
    await Payer(person).next_debits(FUNDS, FUNDS, FUNDS)
    await person.world.time.travel_to(on(2026, 3, 4))


async def _on_a_page(person: Person) -> None:
    await _paid(person)
    await Payer(person).next_debits(FROZEN)
    await person.world.time.travel_to(DUE)
    await Payer(person).pay()


async def _halted(person: Person) -> None:
    await _paid(person)
    await Payer(person).next_debits(FROZEN)
    await person.world.time.travel_to(on(2026, 3, 7))


async def _halted_and_back(person: Person) -> None:
    await _halted(person)
    await Payer(person).pay()


async def _paid_instead(person: Person) -> None:
    await _paid(person)
    await person.world.time.travel_to(on(2026, 2, 27, "12:00"))
    await Payer(person).pay(instead=True)


async def _revoked(person: Person) -> None:
    """A page three days ahead, and a new mandate in place of the old one."""
    await _paid(person)
    payer = Payer(person)
    await payer.at_mandate("revoke")
    await person.world.time.travel_to(on(2026, 2, 26))
    await payer.at_order(await payer.open_page(path="/mandate"), "pay")
    await payer.pay()


async def _paused_by_payer(person: Person) -> None:
    await _paid(person)
    await Payer(person).at_mandate("pause")
    await person.world.time.travel_to(on(2026, 3, 2))
    await Payer(person).at_mandate("unpause")
    await person.world.time.travel_to(on(2026, 3, 4))


async def _paused(person: Person) -> None:
    await _paid(person)
    await person.world.time.travel_to(on(2026, 2, 27, "12:00"))
    await person.command("pause")
    await person.world.time.travel_to(on(2026, 3, 2))
    await person.command("resume")
    await person.world.time.travel_to(on(2026, 3, 4))


async def _answers_lost(person: Person) -> None:
    """Of the notice and of the debit, though both are done."""
    await _paid(person)
    for path in ("/notify$", "/redeem$"):
        fault = {"kind": "drop_after_commit", "path_regex": path}
        await phonepe(person.world).control("faults", fault)
    await person.world.time.travel_to(DUE)


async def _paid_too_late(person: Person) -> None:
    await _asked(person)
    payer = Payer(person)
    order_id = await payer.open_page()
    await person.command("cancel-now")
    await payer.at_order(order_id, "pay")
    await person.world.time.travel(timedelta(days=4))


def _commanded(*names: str, days: int = 0) -> Life:
    async def life(person: Person) -> None:
        await _paid(person)
        for name in names:
            await person.command(name)
        await person.world.time.travel(timedelta(days=days, minutes=1))

    return life


async def _completed(person: Person) -> None:
    await _paid(person)
    await person.world.time.travel_to(on(2026, 5, 1))


AUTOPAY_LIVES: dict[str, Life] = {
    "autopay-created": _asked,
    "autopay-expired": _unpaid,
    "autopay-renewed": _renewed,
    "autopay-no-call-ever": _silent,
    "autopay-answers-lost": _answers_lost,
    "autopay-retried": _retried,
    "autopay-on-a-page": _on_a_page,
    "autopay-paid-instead": _paid_instead,
    "autopay-halted": _halted,
    "autopay-halted-and-back": _halted_and_back,
    "autopay-revoked": _revoked,
    "autopay-paused-by-payer": _paused_by_payer,
    "autopay-paused": _paused,
    "autopay-cancel-taken-back": _commanded("cancel", "keep"),
    "autopay-cancelled-at-period-end": _commanded("cancel", days=30),
    "autopay-cancelled-now": _commanded("cancel-now"),
    "autopay-paid-too-late": _paid_too_late,
    "autopay-completed": _completed,
}
