"""Tries that overlap: one that Temporal has given up may go on beside its repetition."""

import asyncio

from activities.crediting import Crediting
from activities.issuer import Issuer
from domain.refund import Settlement
from local.world import World
from tests.scenarios.telling import on
from tests.world import OpenWorld
from workflows.ports import IssueCreditNote, KeepPayment, NoteIssued

AT = on(2026, 8, 3, "12:30")


def crediting(world: World) -> Crediting:
    settings = world.settings
    issuer = Issuer(settings.registrations, settings.prefixes, settings.supply_rules)
    return Crediting(world.database, issuer, world.parts.sinks)


async def test_a_credit_note_tried_several_times_at_once_is_one_note(world_at: OpenWorld) -> None:
    async with world_at(AT) as world:
        asha = await world.person("asha")
        await asha.subscribe("plan_pro")
        await asha.pay()
        [invoice] = await asha.invoices()
        note_id = f"crn_{'0' * 32}"
        request = IssueCreditNote(note_id, invoice["id"], None, Settlement.BALANCE, "outage", "operator", AT)
        tried = crediting(world)
        answers = await asyncio.gather(*(tried.issue_credit_note(request) for _ in range(3)))
        assert answers == 3 * [NoteIssued(note_id)]
        assert (await asha.invoices())[0]["credited_paise"] == invoice["total_paise"]


async def test_money_kept_several_times_at_once_is_one_advance(world_at: OpenWorld) -> None:
    async with world_at(AT) as world:
        asha = await world.person("asha")
        await asha.subscribe("plan_pro")
        await asha.pay(outcome="wrong_amount", amount=1_180_00)
        async with world.operator() as operator:
            [aside] = (await operator.get("/admin/quarantine")).json()["data"]
        voucher_id = f"rcv_{'0' * 32}"
        request = KeepPayment(voucher_id, aside["id"], "wants it as a credit", "operator", AT)
        tried = crediting(world)
        answers = await asyncio.gather(*(tried.keep_payment(request) for _ in range(3)))
        assert answers == 3 * [NoteIssued(voucher_id)]
