"""Finding what we asked Razorpay for by our own id, and every payment of it.

A list may lag minutes behind what it lists (razorpay.md 1.0; the settings count on a quarter of an hour at
most): whatever has an id is read again by it, and what a list must be hiding is no answer but a reason to
look again.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol, TypeVar

from domain.debit import AttemptState, State
from domain.errors import GatewayRefused, GatewayUnavailable
from domain.orders import OrderAtGateway
from gateways import razorpay_entities as entities
from gateways import razorpay_orders as orders
from gateways.razorpay_client import RazorpayClient, Sdk
from gateways.razorpay_fields import Entity
from gateways.razorpay_orders import Paid

UNKNOWN_ID = (400, 404)
_TAKEN = ("already", "duplicate", "must be unique")
_NAMES = ("receipt", "reference")


class Named(Protocol):
    """An entity with our name on it."""

    @property
    def id(self) -> str:
        """Razorpay's."""

    @property
    def name(self) -> str:
        """Ours."""

    @property
    def created_at(self) -> datetime:
        """By Razorpay's clock."""


Found = TypeVar("Found", bound=Named)


class Books:
    """What Razorpay has under a name of ours."""

    def __init__(self, client: RazorpayClient) -> None:
        self._client = client

    async def find(
        self,
        what: str,
        name: str,
        call: Callable[[Sdk, Entity], Any],
        fetch: Callable[[Sdk, str], Any],
        read: Callable[[Any], Found],
    ) -> Found | None:
        """The oldest under that name, read by its id. None is no proof: it may not be listed yet."""
        listed = [
            each async for each in self._client.ask_all(f"look for {what}", call, read) if each.name == name
        ]
        if not listed:
            return None
        oldest = min(listed, key=lambda each: (each.created_at, each.id))
        return await self._client.ask(f"read {what}", lambda sdk: read(fetch(sdk, oldest.id)))

    async def payments(self, order_id: str) -> list[Paid]:
        """Every attempt to pay an order of Razorpay's."""
        return await self._client.ask(
            f"list payments of {order_id}",
            lambda sdk: [orders.paid(item) for item in entities.items(sdk.order.payments(order_id))],
        )

    async def payment(self, payment_id: str) -> Paid:
        """One of them."""
        return await self._client.ask(
            f"read payment {payment_id}", lambda sdk: orders.paid(sdk.payment.fetch(payment_id))
        )

    async def payments_of(self, link: orders.Link) -> list[Paid]:
        """Every attempt to pay a link; where it does not tell its order, those that it names."""
        listed = [] if link.order_id is None else await self.payments(link.order_id)
        seen = {each.attempt.id: each for each in listed}
        for payment_id in link.payment_ids:
            if payment_id not in seen or link.is_paid:
                seen[payment_id] = await self.payment(payment_id)
        return list(seen.values())


def shown_in_full(found: OrderAtGateway, *, attempted: bool, paid: bool) -> OrderAtGateway:
    """`found`, unless a list still hides a payment that must be there: raises GatewayUnavailable then."""
    hidden = (paid and found.state is not State.COMPLETED) or (attempted and not found.attempts)
    if hidden:
        raise GatewayUnavailable(
            f"read order {found.id}: Razorpay calls it {found.word} and does not list the payment yet; "
            "its lists lag by minutes, look again"
        )
    return found


def completed(payments: list[Paid]) -> Paid | None:
    """The payment that brought the money, or the mandate."""
    return next((each for each in payments if each.attempt.state is AttemptState.COMPLETED), None)


def says_taken(refusal: GatewayRefused) -> bool:
    """Whether a refusal to create says that the name was used before. The words are not documented."""
    said = str(refusal).lower()
    return any(word in said for word in _TAKEN) and any(word in said for word in _NAMES)
