"""Refunds at Razorpay (razorpay.md 1.8): any number per payment until the captured sum is used up.

The only create there with an idempotency key. Under one key the body must be the same to the letter, so it
is made from nothing but what is asked for.
"""

from collections.abc import AsyncIterator
from datetime import datetime

from domain.refund import RefundAtGateway
from gateways import razorpay_entities as entities
from gateways.base import NewRefund
from gateways.razorpay_client import CLOCKS_APART, RazorpayClient
from gateways.razorpay_errors import Repeating
from gateways.razorpay_fields import Entity
from gateways.razorpay_webhook import REFUND_NOTE

REASON_NOTE = "bahi_reason"
"""Notes carry our reason under this name, for whoever looks in Razorpay's dashboard."""

_KEY_HEADER = "X-Refund-Idempotency"
_LONGEST_NOTE = 255


class RazorpayRefunds:
    """Answers `RefundGateway`."""

    def __init__(self, client: RazorpayClient) -> None:
        self._client = client

    async def refund(self, new: NewRefund) -> RefundAtGateway:
        """Always with the sum: left out, it would be whatever remains by then."""
        request: Entity = {
            "amount": new.amount_paise,
            "speed": new.speed.value,
            # A receipt seen before is said to be refused too: a second guard, should the key be forgotten.
            "receipt": new.refund_id,
            "notes": {REFUND_NOTE: new.refund_id, REASON_NOTE: new.reason[:_LONGEST_NOTE]},
        }
        return await self._client.ask(
            f"refund {new.refund_id} of {new.gateway_payment_id}",
            lambda sdk: entities.refund(
                sdk.payment.refund(new.gateway_payment_id, request, headers={_KEY_HEADER: new.refund_id})
            ),
            Repeating.CREATES,
        )

    async def read(self, payment_id: str, gateway_refund_id: str) -> RefundAtGateway:
        """Only if it belongs to the payment."""
        return await self._client.ask(
            f"read refund {gateway_refund_id}",
            lambda sdk: entities.refund(sdk.payment.fetch_refund_id(payment_id, gateway_refund_id)),
        )

    async def find(self, payment_id: str, refund_id: str) -> RefundAtGateway | None:
        """The oldest with our id in its notes."""
        return next((each for each in await self.of_payment(payment_id) if each.our_id == refund_id), None)

    async def of_payment(self, payment_id: str) -> list[RefundAtGateway]:
        """Oldest first."""
        return await _in_order(
            self._client.ask_all(
                f"list refunds of {payment_id}",
                lambda sdk, paging: sdk.payment.fetch_multiple_refund(payment_id, paging),
                entities.refund,
            )
        )

    async def since(self, moment: datetime) -> list[RefundAtGateway]:
        """Oldest first, by Razorpay's clock."""
        query = {"from": int((moment - CLOCKS_APART).timestamp())}
        return await _in_order(
            self._client.ask_all(
                f"list refunds since {moment.isoformat()}",
                lambda sdk, paging: sdk.refund.all(query | paging),
                entities.refund,
            )
        )


async def _in_order(listed: AsyncIterator[RefundAtGateway]) -> list[RefundAtGateway]:
    """Each once, for a refund made between two pages moves one onto the next page."""
    found = {refund.id: refund async for refund in listed}
    return sorted(found.values(), key=lambda refund: (refund.created_at, refund.id))
