"""Telling customers where to pay: the checkout's address, and what is due on a page."""

from collections.abc import Sequence

from temporalio import activity

from db import recording
from db.session import Database
from domain.events import EventType
from workflows.collecting_ports import AskForPayment, Done
from workflows.ports import CheckoutOpened, OpenCheckout


class Asking:
    """Implements `offer_checkout` and `ask_for_payment`. Payers never see another address than ours."""

    def __init__(self, database: Database, sinks: Sequence[str], public_url: str) -> None:
        self._database = database
        self._sinks = sinks
        self._public_url = public_url.rstrip("/")

    @activity.defn(name="offer_checkout")
    async def offer_checkout(self, request: OpenCheckout) -> CheckoutOpened:
        """On record and announced; no gateway is asked before somebody comes to pay."""
        subscription = request.subscription
        address = pay_address(self._public_url, subscription.id)
        async with self._database.transaction() as session:
            await recording.set_checkout(session, subscription.id, None, address, request.at)
            announce = recording.Announcer(session, self._sinks, subscription, request.at)
            await announce(EventType.CHECKOUT_OPENED, checkout_url=address)
        return CheckoutOpened(None, address)

    @activity.defn(name="ask_for_payment")
    async def ask_for_payment(self, request: AskForPayment) -> Done:
        """One event per reminder."""
        subscription = request.subscription
        async with self._database.transaction() as session:
            announce = recording.Announcer(session, self._sinks, subscription, request.at)
            await announce(
                EventType.PAYMENT_DUE,
                key=f"{request.link_id}/{request.reminder}",
                plan_id=subscription.price.plan_id,
                amount_paise=request.amount_paise,
                cycle=request.cycle,
                due_at=request.due_at.isoformat(),
                open_until=request.open_until.isoformat(),
                reminder=request.reminder,
                checkout_url=pay_address(self._public_url, subscription.id),
            )
        return Done()


def pay_address(public_url: str, owner_id: str) -> str:
    """Where a subscription or a top-up is paid."""
    return f"{public_url}/pay/{owner_id}"
