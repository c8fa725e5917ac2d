"""PhonePe's calls: about what we collect there, or about a refund (phonepe.md 4)."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio.client import Client

from db.models import WebhookInbox
from db.session import Database
from domain.errors import GatewayRefused
from gateways.phonepe_webhook import PhonePeWebhook, parse_phonepe_callback, parse_phonepe_webhook
from relay.calls import Verdict, orphan
from relay.collecting_calls import CollectingCalls, Named
from relay.refunds import RefundNotices

NAME = "phonepe"


class PhonePeCalls:
    """See the module."""

    def __init__(
        self,
        database: Database,
        client: Client,
        refunds: RefundNotices,
        clock: Callable[[], datetime],
        *,
        workflow_clock_offset: Callable[[], timedelta] = timedelta,
    ) -> None:
        """`workflow_clock_offset` moves what is begun, in tests and demonstrations only."""
        self._collecting = CollectingCalls(database, client, NAME, clock, workflow_clock_offset)
        self._refunds = refunds
        self._clock = clock

    async def hand_on(self, entry: WebhookInbox) -> Verdict:
        """See Caller."""
        # The legacy one first: what stands in its body beside the signed part is anybody's.
        told = parse_phonepe_callback(entry.body)
        if not told.event:
            told = parse_phonepe_webhook(entry.body)
        if told.refund_id is not None:
            return await self._refund(entry, told, told.refund_id)
        named = Named(
            order_id=told.order_id,
            mandate_id=told.mandate_id if told.order_id is None else None,
            payment_id=told.order_id,
        )
        verdict = await self._collecting.hand_on(entry, named)
        return verdict or Verdict(entry, "unhandled", error="it is about no order and no mandate of ours")

    async def _refund(self, entry: WebhookInbox, told: PhonePeWebhook, refund_id: str) -> Verdict:
        """Wake the workflow of a refund of ours; begin one for what was made in the dashboard."""
        known = await self._refunds.known(refund_id, refund_id)
        if known is not None:
            if not known.settled:
                await self._refunds.wake(known.id)
            return Verdict(entry, "known" if known.settled else "signalled", known.subscription_id)
        if told.order_id is None or not await self._refunds.is_ours(told.order_id):
            why = "its payment is not on record"
            if Named(order_id=told.order_id).is_ours:  # no list of PhonePe's would show the refund later
                return orphan(self._clock, entry, why, wait=True)
            return Verdict(entry, "unhandled", error=why)
        try:
            await self._refunds.begin(told.order_id, refund_id)
        except GatewayRefused as error:
            return orphan(self._clock, entry, f"PhonePe does not know it: {error}", wait=True)
        return Verdict(entry, "signalled")
