"""A person who pays at PhonePe: on its page, by its mandate, and from a UPI app."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from db.models import Mandate, PayPage
from local.home import LocalError
from local.world import Person
from simulator.phonepe.process import PhonePeProcess

_SETTLED_WITHIN = timedelta(seconds=40)
"""The gateway decides seconds after the payer; then somebody must have looked."""


@dataclass
class Payer:
    """What they do outside of our application."""

    person: Person

    @property
    def _phonepe(self) -> PhonePeProcess:
        phonepe = self.person.world.phonepe
        assert phonepe is not None, "open the world with PhonePe"
        return phonepe

    async def open_page(self, *, instead: bool = False, path: str = "") -> str:
        """Follow our address to the gateway's page; its order's id. Raises LocalError if it leads nowhere."""
        address = f"/pay/{self.person.subscription_id}{path}{'?instead=true' if instead else ''}"
        answer = await self.person.http.get(address)
        if answer.status_code != 303:
            raise LocalError(f"{address} leads to no page: {answer.status_code} {answer.text}")
        await self.person.world.time.settle()
        row = PayPage
        query = select(row.order_id).where(row.url == answer.headers["location"])
        async with self.person.world.database.reading() as session:
            return str((await session.scalars(query)).one())

    async def pay(self, *, instead: bool = False, **how: Any) -> str:
        """Pay on the page that is open, or on a fresh one; `how` as the simulator's `pay` takes it."""
        order_id = await self.open_page(instead=instead)
        await self.at_order(order_id, "pay", **how)
        return order_id

    async def at_order(self, order_id: str, act: str, **how: Any) -> None:
        """Something happens to an order: pay, settle, opt_out."""
        await self._phonepe.order(order_id, act, **how)
        await self.person.world.time.travel(_SETTLED_WITHIN)

    async def mandate_id(self) -> str:
        """Of the mandate in use, or that was last."""
        row = Mandate
        query = select(row.id).where(row.subscription_id == self.person.subscription_id)
        async with self.person.world.database.reading() as session:
            found = await session.scalar(query.order_by(row.created_at.desc()).limit(1))
        if found is None:
            raise LocalError(f"{self.person.user_id} has given no mandate")
        return found

    async def at_mandate(self, act: str, **how: Any) -> None:
        """In a UPI app: pause, unpause, revoke."""
        await self._phonepe.subscription(await self.mandate_id(), act, **how)
        await self.person.world.time.travel(_SETTLED_WITHIN)

    async def next_debits(self, *outcomes: str | dict[str, Any], replace: bool = False) -> None:
        """What the next debits will come to; `replace`: instead of what was said before."""
        wanted = {"debits": list(outcomes), "replace": replace}
        await self._phonepe.subscription(await self.mandate_id(), "next", **wanted)

    async def standing(self) -> str:
        """What the page says to somebody who comes back from the gateway."""
        answer = await self.person.http.get(f"/pay/{self.person.subscription_id}/back")
        await self.person.world.time.settle()
        return answer.text
