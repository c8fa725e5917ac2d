"""Razorpay's payment links behind `ClosingGateway`: one-time payments on a hosted page (razorpay.md 1.10).

As with tokens, our id is looked for before a link is made, and a list may lag by minutes.
"""

from collections.abc import Callable
from datetime import datetime

from domain.errors import GatewayRefused, GatewayUnavailable
from domain.orders import OrderAtGateway
from gateways import razorpay_orders as orders
from gateways import razorpay_requests as requests
from gateways.base import NewPage, PageAtGateway
from gateways.razorpay_books import Books, says_taken, shown_in_full
from gateways.razorpay_client import RazorpayClient
from gateways.razorpay_errors import Repeating
from gateways.razorpay_orders import Link
from gateways.razorpay_requests import receipt_of


class RazorpayPages:
    """Answers `ClosingGateway`. `clock` is the time that pages' ends are counted from."""

    def __init__(self, client: RazorpayClient, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._books = Books(client)
        self._clock = clock

    async def open_page(self, new: NewPage) -> PageAtGateway:
        """See PayPageGateway. It stays open for 16 minutes at least, and its address can be told again."""
        body = requests.payment_link(new, self._clock())
        what = f"open page {new.order_id}"
        link = await self._link(new.order_id)
        if link is None:
            try:
                link = await self._client.ask(
                    what, lambda sdk: orders.payment_link(sdk.payment_link.create(body)), Repeating.CREATES
                )
            except GatewayRefused as refusal:
                link = await self._link(new.order_id)
                if link is None and says_taken(refusal):
                    raise GatewayUnavailable(
                        f"{what}: it was made before and is not listed yet; look again"
                    ) from refusal
                if link is None:
                    raise
        if link.amount_paise != new.amount_paise:
            raise GatewayRefused(f"{what}: its id stands for {link.amount_paise} paise; use another attempt")
        return PageAtGateway(new.order_id, link.order_id or link.id, link.url, link.expires_at)

    async def find_order(self, order_id: str) -> OrderAtGateway | None:
        """See PayPageGateway. A link need not tell its failed attempts; `gateway_id` may be the link's."""
        link = await self._link(order_id)
        if link is None:
            return None
        seen = orders.link_order(link, order_id, await self._books.payments_of(link))
        return shown_in_full(seen, attempted=False, paid=link.is_paid)

    async def close_page(self, order_id: str) -> OrderAtGateway | None:
        """See ClosingGateway. A payment under way when it is closed may still come in: read it again."""
        link = await self._link(order_id)
        if link is None:
            return None
        refusal: GatewayRefused | None = None
        if not link.is_over:
            try:
                await self._client.ask(f"close page {order_id}", lambda sdk: sdk.payment_link.cancel(link.id))
            except GatewayRefused as error:
                refusal = error
        if refusal is not None:
            again = await self._link(order_id)
            if again is None or not again.is_over:
                raise refusal
        return await self.find_order(order_id)

    async def _link(self, order_id: str) -> Link | None:
        reference = receipt_of("order_id", order_id)
        return await self._books.find(
            f"payment link {order_id}",
            reference,
            lambda sdk, paging: orders.payment_links(
                sdk.payment_link.all({"reference_id": reference} | paging)
            ),
            lambda sdk, link_id: sdk.payment_link.fetch(link_id),
            orders.payment_link,
        )
