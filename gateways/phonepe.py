"""PhonePe: pay page, refunds, and UPI Autopay on our own clock (phonepe.md 2, 3).

Our ids are its idempotency: an id used before is answered by what it stands for. Nothing here decides
from what a page or a webhook said; the status calls do.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from domain.errors import GatewayRefused, GatewayUnavailable, OutcomeUnknown
from domain.mandate import DEAD
from domain.orders import DebitStarted, MandateAtGateway, OrderAtGateway, OrderAttempt
from domain.refund import RefundAtGateway
from gateways import phonepe_entities as entities
from gateways import phonepe_requests as requests
from gateways.base import NewDebit, NewMandate, NewPage, NewRefund, PageAtGateway
from gateways.checks import plain_id
from gateways.phonepe_client import PhonePeClient
from gateways.phonepe_entities import PhonePeHealth, VpaCheck
from gateways.phonepe_errors import Repeating, is_unknown_id, may_be_duplicate, why_turned_away
from gateways.phonepe_requests import BY_API, Management, UpiApp

Answer = TypeVar("Answer")
Find = Callable[[str], Awaitable[OrderAtGateway | None]]

_PAGE_ORDERS = "/checkout/v2/order"
_APP_ORDERS = BY_API.orders
_ALL_ATTEMPTS = {"details": "true", "errorContext": "true"}


class PhonePeGateway:
    """Answers `PayPageGateway`, `MandateGateway` and `RefundsByName`.

    `management` is where mandates are debited and cancelled, whichever way they were set up.
    """

    name = "phonepe"
    one_refund_at_a_time = True

    def __init__(self, client: PhonePeClient, *, management: Management = BY_API) -> None:
        self._client = client
        self._management = management

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()

    # One-time payments

    async def open_page(self, new: NewPage) -> PageAtGateway:
        """See PayPageGateway."""
        body = requests.page(new)
        return await self._open(f"open page {new.order_id}", "/checkout/v2/pay", body, self.find_order)

    async def find_order(self, order_id: str) -> OrderAtGateway | None:
        """See PayPageGateway."""
        return await self._find_order(_PAGE_ORDERS, order_id)

    async def find_attempt(self, attempt_id: str) -> OrderAttempt | None:
        """One attempt to pay a page's order, by PhonePe's id; `find_order` has them all."""
        path = f"/checkout/v2/transaction/{plain_id('attempt_id', attempt_id)}/status"
        read = partial(entities.attempt, attempt_id=attempt_id)
        return await self._find(f"read attempt {attempt_id}", path, read)

    # Mandates

    async def open_mandate(self, new: NewMandate) -> PageAtGateway:
        """See MandateGateway: on the hosted page, the natural way on the web."""
        body = requests.mandate_page(new)
        return await self._open(f"open mandate {new.mandate_id}", "/checkout/v2/pay", body, self.find_setup)

    async def find_setup(self, order_id: str) -> OrderAtGateway | None:
        """See MandateGateway."""
        return await self._find_order(_PAGE_ORDERS, order_id)

    async def open_mandate_in_app(self, new: NewMandate, app: UpiApp, now: datetime) -> PageAtGateway:
        """As `open_mandate`, in a UPI app on the payer's device: the address is that app's link.

        Custom Checkout must be enabled for the merchant id.
        """
        body = requests.mandate_in_app(new, app, now)
        path = f"{BY_API.prefix}/setup"
        return await self._open(f"set up mandate {new.mandate_id}", path, body, self.find_setup_in_app)

    async def find_setup_in_app(self, order_id: str) -> OrderAtGateway | None:
        """The order that sets a mandate up in an app; None if there is none."""
        return await self._find_order(_APP_ORDERS, order_id)

    async def find_mandate(self, mandate_id: str) -> MandateAtGateway | None:
        """See MandateGateway."""
        path = f"{self._management.prefix}/{plain_id('mandate_id', mandate_id)}/status"
        read = partial(entities.mandate, our_id=mandate_id)
        return await self._find(f"read mandate {mandate_id}", path, read, {"details": "true"})

    async def notify(self, new: NewDebit) -> OrderAtGateway:
        """See MandateGateway."""
        what, path = f"announce debit {new.order_id}", f"{self._management.prefix}/notify"
        body = requests.debit(new, self._management)
        read = partial(entities.announced, new=new)
        try:
            return await self._client.post(what, path, body, read, Repeating.CREATES)
        except GatewayRefused as refusal:
            existing = await self._existing(refusal, body, self.find_debit)
            if existing is None or existing.mandate_id not in (None, new.mandate_id):
                raise
            return existing

    async def find_debit(self, order_id: str) -> OrderAtGateway | None:
        """See MandateGateway."""
        return await self._find_order(self._management.orders, order_id)

    async def redeem(self, order_id: str) -> DebitStarted:
        """See MandateGateway: a trigger only, whose refusal does not mean that the debit failed."""
        body = {"merchantOrderId": plain_id("order_id", order_id)}
        what, path = f"debit {order_id}", f"{self._management.prefix}/redeem"
        try:
            attempt = await self._client.post(what, path, body, entities.debit_attempt, Repeating.DEBITS)
        except GatewayRefused as refusal:
            why = why_turned_away(refusal)
            if why is None:
                raise
            return DebitStarted(None, why, str(refusal))
        return DebitStarted(attempt)

    async def cancel_mandate(self, mandate_id: str) -> MandateAtGateway | None:
        """See MandateGateway. What is dead refuses to be cancelled, so its status decides."""
        path = f"{self._management.prefix}/{plain_id('mandate_id', mandate_id)}/cancel"
        try:
            await self._client.post(
                f"cancel mandate {mandate_id}", path, None, lambda _: None, Repeating.HARMLESS
            )
        except GatewayRefused:
            found = await self.find_mandate(mandate_id)
            if found is not None and found.mandate.status not in DEAD:
                raise
            return found
        return await self.find_mandate(mandate_id)

    # Refunds

    async def refund(self, new: NewRefund) -> RefundAtGateway:
        """See RefundsByName. `gateway_payment_id` is our id of the paid order; PhonePe has one speed.

        A refund that failed is asked for again under a new id, and none beside one under way.
        """
        what, body = f"refund {new.refund_id} of {new.gateway_payment_id}", requests.refund(new)
        try:
            await self._client.post(
                what, "/payments/v2/refund", body, entities.accepted_refund, Repeating.CREATES
            )
        except GatewayRefused as refusal:
            existing = await self._refund(new.refund_id) if may_be_duplicate(refusal) else None
            if existing is None:
                raise
            return _same(existing, new)
        try:
            made = await self._refund(new.refund_id)
        except GatewayUnavailable as error:
            raise OutcomeUnknown(
                f"{what}: it was taken, then its status could not be read: {error}"
            ) from error
        if made is None:
            raise OutcomeUnknown(f"{what}: it was taken, but is not to be found yet: look it up again")
        return _same(made, new)

    async def read_refund(self, gateway_payment_id: str, gateway_refund_id: str) -> RefundAtGateway:
        """See RefundsByName. A refund is known by our id there."""
        found = await self.find_refund(gateway_payment_id, gateway_refund_id)
        if found is None:
            raise GatewayRefused(
                f"read refund {gateway_refund_id}: order {gateway_payment_id} has none of that id; check both"
            )
        return found

    async def find_refund(self, gateway_payment_id: str, refund_id: str) -> RefundAtGateway | None:
        """See RefundsByName."""
        found = await self._refund(refund_id)
        return found if found is not None and found.payment_id == gateway_payment_id else None

    # Questions

    async def check_vpa(self, vpa: str) -> VpaCheck:
        """Whether a UPI address can pay. Raises GatewayRefused, GatewayUnavailable."""
        body = {"type": "VPA", "vpa": vpa}
        path = "/v2/validate/upi"
        return await self._client.post("check a UPI address", path, body, entities.vpa, Repeating.HARMLESS)

    async def health(self) -> PhonePeHealth:
        """What is down by PhonePe's own account. Raises GatewayRefused, GatewayUnavailable."""
        return await self._client.health(entities.health)

    async def _open(self, what: str, path: str, body: Mapping[str, Any], find: Find) -> PageAtGateway:
        order_id: str = body["merchantOrderId"]
        read = partial(entities.page, our_id=order_id)
        try:
            return await self._client.post(what, path, body, read, Repeating.CREATES)
        except GatewayRefused as refusal:
            existing = await self._existing(refusal, body, find)
            if existing is None:
                raise
            return PageAtGateway(order_id, existing.gateway_id, None, existing.expires_at)

    async def _existing(
        self, refusal: GatewayRefused, body: Mapping[str, Any], find: Find
    ) -> OrderAtGateway | None:
        """What an order's id stands for already, if that may be why it was refused, and it is the same."""
        if not may_be_duplicate(refusal):
            return None
        existing = await find(body["merchantOrderId"])
        return existing if existing is not None and existing.amount_paise == body["amount"] else None

    async def _find_order(self, orders: str, order_id: str) -> OrderAtGateway | None:
        path = f"{orders}/{plain_id('order_id', order_id)}/status"
        read = partial(entities.order, our_id=order_id)
        return await self._find(f"read order {order_id}", path, read, _ALL_ATTEMPTS)

    async def _refund(self, refund_id: str) -> RefundAtGateway | None:
        path = f"/payments/v2/refund/{plain_id('refund_id', refund_id)}/status"
        return await self._find(f"read refund {refund_id}", path, partial(entities.refund, our_id=refund_id))

    async def _find(
        self,
        what: str,
        path: str,
        read: Callable[[Any], Answer],
        query: Mapping[str, str] | None = None,
    ) -> Answer | None:
        try:
            return await self._client.get(what, path, read, query)
        except GatewayRefused as refusal:
            if is_unknown_id(refusal):
                return None
            raise


def _same(found: RefundAtGateway, new: NewRefund) -> RefundAtGateway:
    if (found.payment_id, found.amount_paise) != (new.gateway_payment_id, new.amount_paise):
        raise GatewayRefused(
            f"refund {new.refund_id}: the id stands for {found.amount_paise} paise of {found.payment_id}; "
            "ask again under a new one",
            reason="DUPLICATE_TXN_REQUEST",
        )
    return found
