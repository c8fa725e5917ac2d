"""What must hold after any fault: all that holds after any story, and what faults in particular could break.

The gateway's side is the simulator's own audit (`/_sim/books`), which shares no code with ours.
"""

import hashlib
from collections import Counter
from typing import cast

from sqlalchemy import select

from db import models
from local.world import World
from tests.faults.stage import Stage
from tests.scenarios import oracle, phonepe_books
from tests.scenarios.oracle import Books

_UNKNOWN_FATE = "unknown interrupted while being sent"
"""Of a mail whose sender was killed: never repeated, and shown to operators."""


async def agree(stage: Stage, *, same_state: bool = True) -> Books:
    """Fails with what differs. `same_state` False where a subscription may still be on its way."""
    await stage.settle()
    world = cast(World, stage)  # the part of it that the oracle asks
    books = await oracle.read(world)
    oracle.captures_are_booked_once(books)
    oracle.invoices_add_up(books)
    refunds_are_alike(books)
    oracle.credits_stay_within(books)
    oracle.numbers_have_no_gap(books)
    oracle.ledger_balances(books)
    oracle.facts_are_announced_once(books)
    oracle.one_subscription_each(books)
    phonepe_books.agree(books, same_state=same_state)
    assert not [each for each in books.left_over if not each.endswith(_UNKNOWN_FATE)], books.left_over
    if same_state:
        oracle.states_are_alike(books)
    await oracle.workflows_know_what_is_recorded(world, books)
    each_was_created_once(books)
    await documents_are_whole(stage, books)
    return books


def each_was_created_once(books: Books) -> None:
    """Not even a stray that was cancelled again."""
    created = Counter(each["notes"]["bahi_subscription"] for each in books.theirs)
    wanted = {row.id for row in books.subscriptions.values() if row.gateway_subscription_id}
    assert created == Counter(wanted)


def refunds_are_alike(books: Books) -> None:
    """Each one the gateway made of money for a bill is on our books, and none besides."""
    theirs = {
        refund["id"]: (refund["amount"], refund["status"])
        for payment, _ in books.captured.values()
        for refund in payment["refunds"]
    }
    asked_for = [row for row in books.refunds if row.gateway_refund_id]
    ours = {row.gateway_refund_id: (row.amount_paise, row.status) for row in asked_for}
    assert ours == theirs, [(row.id, row.status, row.failure) for row in books.refunds]


async def documents_are_whole(stage: Stage, books: Books) -> None:
    """Every document's PDF lies where its row says, byte for byte."""
    async with stage.database.reading() as session:
        rows = (await session.scalars(select(models.Rendition))).all()
    assert {row.document_id for row in rows} == {each.id for each in (*books.invoices, *books.notes)}
    for row in rows:
        pdf = (stage.settings.storage_folder / row.object_key).read_bytes()
        assert hashlib.sha256(pdf).hexdigest() == row.sha256
