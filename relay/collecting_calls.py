"""Calls about what we collect ourselves, whichever gateway calls: an order to pay, a debit, a mandate.

They name our ids or the gateway's, and our rows say whose those are. None is believed: the run that is told
looks itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import Client

from db import restoring
from db.intents import debit_key
from db.models import GatewayIntent, Mandate, Payment, PayPage, Subscription, WebhookInbox
from db.session import Database
from domain.mandate import DEAD, MandateStatus
from domain.merchant_ids import Purpose
from domain.subscription import FINAL, Status
from relay.calls import Verdict, orphan, signalled, wake_ended
from relay.top_ups import TopUpsAgain
from workflows import collecting_ports, messages, ports

_MONEY_CAME = (".completed", ".paid", ".captured", "payment_success")
_OURS = tuple(f"{purpose}_" for purpose in Purpose)


@dataclass(frozen=True)
class Named:
    """What a call is about; ours, or the gateway's where it does not know ours."""

    order_id: str | None = None
    gateway_order_id: str | None = None
    mandate_id: str | None = None
    gateway_mandate_id: str | None = None
    payment_id: str | None = None
    """What a refund would name."""

    @property
    def is_ours(self) -> bool:
        """Named as we name things: it may only be faster than our own record."""
        return any((name or "").startswith(_OURS) for name in (self.order_id, self.mandate_id))


@dataclass(frozen=True)
class _Owner:
    """Whose run is to be told, and in which words."""

    workflow_id: str
    hint: messages.GatewayEvent
    subscription_id: str | None = None
    top_up_id: str | None = None


class CollectingCalls:
    """For the calls of the gateway of a name."""

    def __init__(
        self,
        database: Database,
        client: Client,
        gateway: str,
        clock: Callable[[], datetime],
        *,
        workflow_clock_offset: Callable[[], timedelta] = timedelta,
    ) -> None:
        """`workflow_clock_offset` moves what is woken, in tests and demonstrations only."""
        self._database = database
        self._client = client
        self._gateway = gateway
        self._clock = clock
        self._workflow_clock_offset = workflow_clock_offset
        self._again = TopUpsAgain(database, client, workflow_clock_offset)

    async def hand_on(self, entry: WebhookInbox, named: Named) -> Verdict | None:
        """Tell the run that owns it; None for what is nobody's here. Raises Unavailable."""
        owner = await self._owner(entry, named)
        if owner is None:
            if not named.is_ours:
                return None
            why = f"{named.order_id or named.mandate_id} is not on record"
            return orphan(self._clock, entry, why, wait=True)
        if await self._is_known(named, owner):
            return Verdict(entry, "known", owner.subscription_id)
        if await signalled(self._client, owner.workflow_id, owner.hint):
            return Verdict(entry, "signalled", owner.subscription_id)
        if owner.top_up_id is not None and await self._again.begin(owner.top_up_id, owner.hint):
            return Verdict(entry, "signalled")
        if owner.subscription_id is None:
            return Verdict(entry, "late")
        if await self._has_ended(owner.subscription_id):
            return await self._after_the_end(entry, owner, owner.subscription_id)
        why = "its workflow is not running"
        return orphan(self._clock, entry, why, wait=True, subscription_id=owner.subscription_id)

    async def _after_the_end(self, entry: WebhookInbox, owner: _Owner, subscription_id: str) -> Verdict:
        """Money that comes now is not owed any more: the run begins again to give it back."""
        if owner.hint.order_id is None or not entry.event_type.endswith(_MONEY_CAME):
            return Verdict(entry, "late", subscription_id)
        async with self._database.reading() as session:
            subscription = await restoring.subscription(session, subscription_id)
        await wake_ended(self._client, subscription, owner.hint, self._workflow_clock_offset())
        return Verdict(entry, "signalled", subscription_id)

    async def _owner(self, entry: WebhookInbox, named: Named) -> _Owner | None:
        async with self._database.reading() as session:
            page = await self._page(session, named)
            if page is not None:
                return _of_page(entry, page)
            debit = await self._debit(session, named)
            if debit is not None and debit.subscription_id is not None:
                order_id = debit.key.removeprefix(debit_key(self._gateway, ""))
                return _of_subscription(entry, debit.subscription_id, order_id=order_id)
            mandate = await self._mandate(session, named)
            if mandate is not None:
                return _of_subscription(entry, mandate.subscription_id, mandate_id=mandate.id)
            if named.mandate_id is not None:
                # One that was approved too late, say: its page tells whose it is.
                query = select(PayPage.subscription_id).where(PayPage.mandate_id == named.mandate_id)
                subscription_id = await session.scalar(query)
                if subscription_id is not None:
                    return _of_subscription(entry, subscription_id, mandate_id=named.mandate_id)
        return None

    async def _page(self, session: AsyncSession, named: Named) -> PayPage | None:
        row = PayPage
        ids: list[ColumnElement[bool]] = []
        if named.order_id is not None:
            ids.append(row.order_id == named.order_id)
        if named.gateway_order_id is not None:
            ids.append(row.gateway_order_id == named.gateway_order_id)
        if not ids:
            return None
        return await session.scalar(select(row).where(row.gateway == self._gateway, or_(*ids)).limit(1))

    async def _debit(self, session: AsyncSession, named: Named) -> GatewayIntent | None:
        if named.order_id is not None:
            found = await session.get(GatewayIntent, debit_key(self._gateway, named.order_id))
            if found is not None:
                return found
        row = GatewayIntent
        if named.gateway_order_id is None:
            return None
        ours = row.key.startswith(debit_key(self._gateway, ""), autoescape=True)
        return await session.scalar(
            select(row).where(row.gateway_id == named.gateway_order_id, ours).limit(1)
        )

    async def _mandate(self, session: AsyncSession, named: Named) -> Mandate | None:
        if named.mandate_id is not None:
            return await session.get(Mandate, named.mandate_id)
        if named.gateway_mandate_id is None:
            return None
        row = Mandate
        theirs = (row.gateway == self._gateway) & (row.gateway_mandate_id == named.gateway_mandate_id)
        return await session.scalar(select(row).where(theirs).limit(1))

    async def _is_known(self, named: Named, owner: _Owner) -> bool:
        """Its money is booked, or its mandate known to be dead: nothing to look at."""
        row, mandate_id = Payment, owner.hint.mandate_id
        async with self._database.reading() as session:
            if mandate_id is not None:
                mandate = await session.get(Mandate, mandate_id)
                return mandate is not None and MandateStatus(mandate.status) in DEAD
            if named.payment_id is None:
                return False
            booked = select(row.id).where(
                row.gateway == self._gateway,
                row.gateway_payment_id == named.payment_id,
                row.status != "failed",
            )
            return await session.scalar(booked) is not None

    async def _has_ended(self, subscription_id: str) -> bool:
        row = Subscription.status
        async with self._database.reading() as session:
            status = await session.scalar(select(row).where(Subscription.id == subscription_id))
        return status is not None and Status(status) in FINAL


def _of_page(entry: WebhookInbox, page: PayPage) -> _Owner:
    hint = messages.GatewayEvent(
        entry.event_id,
        entry.event_type,
        order_id=page.order_id,
        page_subject=page.subject,
        gateway=page.gateway,
    )
    if page.subscription_id is not None:
        run = ports.subscription_workflow_id(page.subscription_id)
        return _Owner(run, hint, page.subscription_id)
    top_up_id = str(page.top_up_id)
    return _Owner(collecting_ports.top_up_workflow_id(top_up_id), hint, top_up_id=top_up_id)


def _of_subscription(
    entry: WebhookInbox, subscription_id: str, *, order_id: str | None = None, mandate_id: str | None = None
) -> _Owner:
    hint = messages.GatewayEvent(entry.event_id, entry.event_type, order_id=order_id, mandate_id=mandate_id)
    return _Owner(ports.subscription_workflow_id(subscription_id), hint, subscription_id)
