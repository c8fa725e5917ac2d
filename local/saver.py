"""A customer who puts money into the wallet and pays at PhonePe."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import select

from db.models import PayPage
from local.home import LocalError
from local.world import Person

_SETTLED_WITHIN = timedelta(seconds=40)


@dataclass
class Saver:
    """Acts through our API, our pay address and the gateway's page."""

    person: Person
    top_up_id: str = ""

    async def ask(self, amount_paise: int, key: str = "") -> dict[str, Any]:
        """Ask for a top-up and remember it. Raises LocalError if it is refused."""
        answer = await self.asked(amount_paise, key)
        if answer.is_error:
            raise LocalError(f"{self.person.user_id} could not top up: {answer.text}")
        body: dict[str, Any] = answer.json()
        self.top_up_id = body["top_up_id"]
        await self.person.world.time.settle()
        return body

    async def asked(self, amount_paise: int, key: str = "") -> httpx.Response:
        """What the API says to it."""
        headers = {"Idempotency-Key": key} if key else {}
        return await self.person.http.post("/v1/topups", json={"amount_paise": amount_paise}, headers=headers)

    async def open_page(self) -> str:
        """Follow our address to the gateway's page; its order's id. Raises LocalError if it leads nowhere."""
        answer = await self.person.http.get(f"/pay/{self.top_up_id}")
        if answer.status_code != 303:
            raise LocalError(f"no page for {self.top_up_id}: {answer.status_code} {answer.text}")
        await self.person.world.time.settle()
        row = PayPage
        query = select(row.order_id).where(row.url == answer.headers["location"])
        async with self.person.world.database.reading() as session:
            return str((await session.scalars(query)).one())

    async def at_order(self, order_id: str, act: str = "pay", **how: Any) -> None:
        """Pay it, or whatever else the simulator lets happen to an order."""
        phonepe = self.person.world.phonepe
        assert phonepe is not None, "open the world with PhonePe"
        await phonepe.order(order_id, act, **how)
        await self.person.world.time.travel(_SETTLED_WITHIN)

    async def pay(self, **how: Any) -> str:
        """On a page that is opened for it."""
        order_id = await self.open_page()
        await self.at_order(order_id, **how)
        return order_id

    async def now(self) -> dict[str, Any]:
        """How the top-up stands."""
        answer = await self.person.http.get(f"/v1/topups/{self.top_up_id}")
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body

    async def in_wallet(self) -> int:
        """Paise that may still be used."""
        answer = await self.person.http.get("/v1/balance")
        answer.raise_for_status()
        return int(answer.json()["advances_paise"])
