"""Creating something at a gateway once: what may have arrived is looked for before it is sent again."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from activities.creating import Creating, Creation
from db import intents
from db.session import Database
from domain.errors import BahiError, GatewayRefused, GatewayUnavailable, OutcomeUnknown

LAG = timedelta(minutes=2)
KEY = "test/debit/1"


@dataclass
class Gateway:
    """Makes one thing; answers with what it is told to."""

    database: Database
    made: int = 0
    says: BahiError | None = None
    shows: bool = True
    searched: int = 0
    now: datetime = datetime(2026, 1, 10, tzinfo=UTC)
    states: list[str] = field(default_factory=list)

    async def create(self) -> str:
        self.states.append(await self.state())
        if not isinstance(self.says, GatewayRefused | GatewayUnavailable):
            self.made += 1
        if self.says is not None:
            raise self.says
        return f"made_{self.made}"

    async def find(self) -> str | None:
        self.searched += 1
        return f"made_{self.made}" if self.made and self.shows else None

    async def state(self) -> str:
        async with self.database.reading() as session:
            found = await intents.get(session, KEY)
        assert found is not None
        return found.state

    async def once(self) -> str:
        creating = Creating(self.database, LAG, lambda: self.now)
        return await creating.once(Creation(KEY, "debit", "sub_1", {"cycle": 1}, self.create, self.find))


@pytest.fixture
def gateway(database: Database) -> Gateway:
    return Gateway(database)


async def test_the_intent_is_on_record_before_the_request_leaves(gateway: Gateway) -> None:
    assert await gateway.once() == "made_1"
    assert (gateway.states, gateway.searched) == (["sent"], 0)


async def test_what_was_made_is_found_and_not_made_again(gateway: Gateway) -> None:
    gateway.says = OutcomeUnknown("the answer was lost")
    with pytest.raises(OutcomeUnknown):
        await gateway.once()
    gateway.says = None
    assert await gateway.once() == "made_1"
    assert (gateway.made, gateway.searched) == (1, 1)


async def test_while_lists_may_hide_it_nothing_is_sent(gateway: Gateway) -> None:
    gateway.says, gateway.shows = OutcomeUnknown("the answer was lost"), False
    with pytest.raises(OutcomeUnknown):
        await gateway.once()
    gateway.says = None
    gateway.now += LAG - timedelta(seconds=1)
    with pytest.raises(OutcomeUnknown, match="looking again"):
        await gateway.once()
    assert gateway.made == 1
    gateway.now += timedelta(seconds=1)
    assert await gateway.once() == "made_2"  # it never arrived


@pytest.mark.parametrize("error", [GatewayRefused("no", reason="NO"), GatewayUnavailable("not now")])
async def test_what_certainly_made_nothing_needs_no_search(gateway: Gateway, error: BahiError) -> None:
    gateway.says = error
    with pytest.raises(type(error)):
        await gateway.once()
    assert await gateway.state() == "planned"
    gateway.says = None
    assert await gateway.once() == "made_1"
    assert gateway.searched == 0
