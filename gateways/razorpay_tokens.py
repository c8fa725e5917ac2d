"""Razorpay's tokens behind `MandateGateway`: debits on our own clock (razorpay.md 1.9).

A registration link sets a token up, an order with a notice announces a debit, a recurring payment takes it.
Creates are not idempotent there. So the caller stores its intent first; each create here looks for its name
before it makes anything; and after OutcomeUnknown the caller looks for it until the lists cannot lag any
more (minutes; a quarter of an hour is patient). A receipt used before is refused too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from domain.debit import AttemptState, State
from domain.errors import GatewayRefused, GatewayUnavailable
from domain.mandate import DEAD
from domain.orders import DebitStarted, MandateAtGateway, OrderAtGateway, TurnedAway
from gateways import razorpay_orders as orders
from gateways import razorpay_requests as requests
from gateways.base import NewDebit, NewMandate, PageAtGateway
from gateways.razorpay_books import UNKNOWN_ID, Books, completed, says_taken, shown_in_full
from gateways.razorpay_client import RazorpayClient
from gateways.razorpay_errors import Repeating
from gateways.razorpay_orders import DebitOrder, Link, Paid
from gateways.razorpay_requests import receipt_of, setup_of
from gateways.razorpay_webhook import MANDATE_NOTE, ORDER_NOTE

_OURS = (401, 403, 404)
"""Refusals about our account, not about a debit."""
_TURNED_AWAY = {
    "PRE_DEBIT_NOTIFICATION_NOT_SENT": TurnedAway.TOO_EARLY,
    "BAD_REQUEST_MANDATE_PROMISED_DEBIT_DATE_NOT_HONOURED": TurnedAway.TOO_EARLY,
    "MANDATE_CANCELLED": TurnedAway.MANDATE,
    "MANDATE_EXPIRED": TurnedAway.MANDATE,
    "MANDATE_PAUSED": TurnedAway.MANDATE,
    "MANDATE_NOT_ACTIVE": TurnedAway.MANDATE,
    "INVALID_TOKEN": TurnedAway.MANDATE,
}
"""Error reasons in upper case (razorpay.md 1.9, 5.4)."""


@dataclass(frozen=True)
class _Setup:
    """A registration link with every attempt to pay it."""

    link: Link
    payments: list[Paid]

    @property
    def approved(self) -> Paid | None:
        return completed(self.payments)


class RazorpayTokens:
    """Answers `MandateGateway`. `clock` is the time that pages' ends are counted from."""

    def __init__(self, client: RazorpayClient, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._books = Books(client)
        self._clock = clock

    async def open_mandate(self, new: NewMandate) -> PageAtGateway:
        """See MandateGateway. The order's name must be the mandate's own (`setup_of`).

        Set up for nothing, a UPI mandate takes nothing; a card is charged ₹1, which Razorpay is not known
        to give back. The page has no way back to the merchant: `return_url` is not used.
        """
        body = requests.registration_link(new, self._clock())
        what = f"open mandate {new.mandate_id}"
        link = await self._link(new.order_id)
        if link is None:
            try:
                link = await self._client.ask(
                    what,
                    lambda sdk: orders.registration(sdk.registration_link.create(body)),
                    Repeating.CREATES,
                )
            except GatewayRefused as refusal:
                link = await self._link(new.order_id)
                _believe(refusal, what, listed=link is not None)
        assert link is not None
        if (link.amount_paise, link.mandate_id) != (body["amount"], new.mandate_id):
            raise GatewayRefused(f"{what}: its order is of {link.amount_paise} paise; use another attempt")
        return PageAtGateway(new.order_id, link.order_id or link.id, link.url, link.expires_at)

    async def find_setup(self, order_id: str) -> OrderAtGateway | None:
        """See MandateGateway."""
        setup = await self._setup(order_id)
        return None if setup is None else orders.link_order(setup.link, order_id, setup.payments)

    async def find_mandate(self, mandate_id: str) -> MandateAtGateway | None:
        """See MandateGateway. Before it is approved it allows nothing, for Razorpay does not tell how much.

        What expires there is told by `valid_until`; a token knows no such status.
        """
        setup = await self._setup(setup_of(mandate_id))
        if setup is None:
            return None
        approved = setup.approved
        if approved is None or approved.token_id is None or approved.customer_id is None:
            return orders.ungiven(setup.link, mandate_id, setup.payments)
        token_id, customer_id = approved.token_id, approved.customer_id
        read = partial(orders.token, our_id=mandate_id)
        try:
            return await self._client.ask(
                f"read token {token_id}", lambda sdk: read(sdk.token.fetch(customer_id, token_id))
            )
        except GatewayRefused as refusal:
            if refusal.status not in UNKNOWN_ID:
                raise
            return orders.gone(token_id, mandate_id)

    async def notify(self, new: NewDebit) -> OrderAtGateway:
        """See MandateGateway. Needs `target`; Razorpay sets no end to the order."""
        what = f"announce debit {new.order_id}"
        requests.notice(new, "", "")  # what nobody may be asked is refused before anyone is
        found = await self.find_debit(new.order_id)
        if found is None:
            approved = await self._approved(new.mandate_id)
            body = requests.notice(new, *approved)
            try:
                made = await self._client.ask(
                    what, lambda sdk: orders.debit_order(sdk.order.create(body)), Repeating.CREATES
                )
                found = orders.debit(made, new.order_id, ())
            except GatewayRefused as refusal:
                found = await self.find_debit(new.order_id)
                _believe(refusal, what, listed=found is not None)
        assert found is not None
        if (found.amount_paise, found.mandate_id) != (new.amount_paise, new.mandate_id):
            raise GatewayRefused(f"{what}: its id was used before for another debit; use another attempt")
        return found

    async def find_debit(self, order_id: str) -> OrderAtGateway | None:
        """See MandateGateway."""
        found = await self._debit(order_id)
        return None if found is None else _in_full(order_id, *found)

    async def redeem(self, order_id: str) -> DebitStarted:
        """See MandateGateway: the sum announced. What is paid or under way is not asked for again."""
        found = await self._debit(order_id)
        if found is None:
            raise GatewayUnavailable(f"debit {order_id}: Razorpay does not list its order yet; look again")
        order, _ = found
        stands = _in_full(order_id, *found)
        if stands.state is State.COMPLETED:
            return DebitStarted(None, TurnedAway.OTHER, "the order is paid")
        if any(each.state is AttemptState.PENDING for each in stands.attempts):
            return DebitStarted(None, TurnedAway.IN_FLIGHT, "a payment of the order has not ended")
        if order.token_id is None or order.customer_id is None:
            return DebitStarted(None, TurnedAway.MANDATE, "the order does not say which token it debits")
        try:
            return DebitStarted(await self._take(order_id, order, order.customer_id))
        except GatewayRefused as refusal:
            if refusal.status in _OURS or refusal.status < 400:
                raise
            why = _TURNED_AWAY.get(refusal.reason.upper(), TurnedAway.OTHER)
            return DebitStarted(None, why, str(refusal))

    async def cancel_mandate(self, mandate_id: str) -> MandateAtGateway | None:
        """See MandateGateway. One that nobody has approved yet loses its page."""
        setup = await self._setup(setup_of(mandate_id))
        if setup is None:
            return None
        approved, what = setup.approved, f"cancel mandate {mandate_id}"
        if approved is not None and approved.token_id is None:
            raise GatewayUnavailable(f"{what}: it is approved and its token not made yet; try again")
        refusal: GatewayRefused | None = None
        try:
            if approved is None:
                if not setup.link.is_over:
                    await self._client.ask(what, lambda sdk: sdk.invoice.cancel(setup.link.id))
            else:
                token_id, customer_id = approved.token_id, approved.customer_id
                await self._client.ask(what, lambda sdk: sdk.token.cancel(customer_id, token_id))
        except GatewayRefused as error:
            refusal = error
        found = await self.find_mandate(mandate_id)
        if refusal is not None and (found is None or found.mandate.status not in DEAD):
            raise refusal
        return found

    async def _take(self, order_id: str, order: DebitOrder, customer_id: str) -> str | None:
        reach = await self._client.ask(
            f"read customer {customer_id}", lambda sdk: orders.reachable(sdk.customer.fetch(customer_id))
        )
        body = reach | {
            "amount": order.amount_paise,
            "currency": order.currency,
            "order_id": order.id,
            "customer_id": customer_id,
            "token": order.token_id,
            "recurring": True,
            "notes": {ORDER_NOTE: order_id} | ({MANDATE_NOTE: order.mandate_id} if order.mandate_id else {}),
        }
        return await self._client.ask(
            f"debit {order_id}",
            lambda sdk: orders.debit_attempt(sdk.payment.createRecurring(body)),
            Repeating.DEBITS,
        )

    async def _approved(self, mandate_id: str) -> tuple[str, str]:
        """Token and customer of a mandate, as its notice must name them."""
        setup = await self._setup(setup_of(mandate_id))
        approved = setup.approved if setup is not None else None
        if approved is None or approved.token_id is None or approved.customer_id is None:
            raise GatewayRefused(f"mandate {mandate_id} has not been approved: send its page again")
        return approved.token_id, approved.customer_id

    async def _setup(self, order_id: str) -> _Setup | None:
        link = await self._link(order_id)
        if link is None:
            return None
        payments = await self._books.payments_of(link)
        seen = orders.link_order(link, order_id, payments)
        # Whether a mandate given for nothing counts as paid is not documented.
        shown_in_full(seen, attempted=False, paid=link.is_paid and link.amount_paise > 0)
        return _Setup(link, payments)

    async def _link(self, order_id: str) -> Link | None:
        receipt = receipt_of("order_id", order_id)
        return await self._books.find(
            f"registration link {order_id}",
            receipt,
            lambda sdk, paging: sdk.invoice.all({"receipt": receipt} | paging),
            lambda sdk, link_id: sdk.invoice.fetch(link_id),
            orders.registration,
        )

    async def _debit(self, order_id: str) -> tuple[DebitOrder, list[Paid]] | None:
        receipt = receipt_of("order_id", order_id)
        order = await self._books.find(
            f"order {order_id}",
            receipt,
            lambda sdk, paging: sdk.order.all({"receipt": receipt} | paging),
            lambda sdk, gateway_id: sdk.order.fetch(gateway_id),
            orders.debit_order,
        )
        return None if order is None else (order, await self._books.payments(order.id))


def _in_full(order_id: str, order: DebitOrder, payments: list[Paid]) -> OrderAtGateway:
    seen = orders.debit(order, order_id, payments)
    return shown_in_full(seen, attempted=order.word == "attempted", paid=order.word == "paid")


def _believe(refusal: GatewayRefused, what: str, *, listed: bool) -> None:
    """A refusal because of an earlier create is none, once that is listed."""
    if listed:
        return
    if says_taken(refusal):
        raise GatewayUnavailable(f"{what}: it was made before and is not listed yet; look again") from refusal
    raise refusal
