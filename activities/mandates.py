"""Debits on our own clock: mandates read, recorded and ended, notices given, debits started."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from temporalio import activity

from activities.creating import Creating, Creation
from db import intents, models, recording
from db.session import Database
from domain.debit import State
from domain.errors import GatewayRefused
from domain.events import EventType
from domain.orders import DebitStarted, OrderAtGateway
from gateways.base import CollectingGateway, NewDebit
from workflows.collecting_ports import (
    CancelMandate,
    Done,
    GiveNotice,
    MandateSeen,
    NoticeGiven,
    ReadStanding,
    RecordMandate,
    Standing,
    StartDebit,
)


class Mandates:
    """Implements `read_standing`, `give_notice`, `start_debit`, `cancel_mandate` and `record_mandate`."""

    def __init__(
        self,
        database: Database,
        gateways: Mapping[str, CollectingGateway],
        sinks: Sequence[str],
        list_lag: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._gateways = gateways
        self._sinks = sinks
        self._creating = Creating(database, list_lag, clock)

    @activity.defn(name="read_standing")
    async def read_standing(self, request: ReadStanding) -> Standing:
        """The gateway's truth; changes nothing."""
        gateway, mandate, order = self._gateways[request.gateway], None, None
        if request.mandate_id is not None:
            mandate = await gateway.find_mandate(request.mandate_id)
        if request.order_id is not None:
            order = await gateway.find_debit(request.order_id)
        return Standing(mandate, order)

    @activity.defn(name="give_notice")
    async def give_notice(self, request: GiveNotice) -> NoticeGiven:
        """One notice per order, whatever is lost; a refusal by the gateway is an answer."""
        subscription = request.subscription
        gateway = self._gateways[subscription.gateway]
        new = NewDebit(
            request.order_id,
            request.mandate_id,
            request.amount_paise,
            request.expires_at,
            reference=subscription.id,
            target=request.target,
        )
        key = intents.debit_key(subscription.gateway, request.order_id)
        try:
            order = await self._creating.once(
                Creation(
                    key=key,
                    kind="debit",
                    subscription_id=subscription.id,
                    request={"amount_paise": request.amount_paise, "cycle": request.cycle},
                    create=lambda: gateway.notify(new),
                    find=lambda: gateway.find_debit(request.order_id),
                )
            )
        except GatewayRefused as error:
            return NoticeGiven(None, str(error))
        await self._announce(key, request, order)
        return NoticeGiven(order)

    @activity.defn(name="start_debit")
    async def start_debit(self, request: StartDebit) -> DebitStarted:
        """A trigger only; the order says what became of it."""
        return await self._gateways[request.gateway].redeem(request.order_id)

    @activity.defn(name="cancel_mandate")
    async def cancel_mandate(self, request: CancelMandate) -> MandateSeen:
        """For good; already dead or unknown is no error."""
        return MandateSeen(await self._gateways[request.gateway].cancel_mandate(request.mandate_id))

    @activity.defn(name="record_mandate")
    async def record_mandate(self, request: RecordMandate) -> Done:
        """Row and event; one mandate of a subscription is in use."""
        row, mandate, subscription = models.Mandate, request.mandate, request.subscription
        standing = {
            "status": mandate.status.value,
            "max_amount_paise": mandate.max_amount_paise,
            "valid_until": mandate.valid_until,
            "pause_ends_at": mandate.pause_ends_at,
            "in_use": request.in_use,
            "updated_at": request.at,
        }
        if request.gateway_mandate_id is not None:
            standing["gateway_mandate_id"] = request.gateway_mandate_id
        recorded = insert(row).values(
            id=mandate.id,
            subscription_id=subscription.id,
            customer_id=subscription.customer_id,
            gateway=request.gateway,
            kind=mandate.kind.value,
            created_at=request.at,
            **standing,
        )
        async with self._database.transaction() as session:
            if request.in_use:
                others = update(row).where(row.subscription_id == subscription.id, row.id != mandate.id)
                await session.execute(others.values(in_use=False))
            await session.execute(recorded.on_conflict_do_update(index_elements=[row.id], set_=standing))
            if request.event is not None:
                announce = recording.Announcer(session, self._sinks, subscription, request.at)
                await announce(
                    request.event,
                    key=f"{mandate.id}/{mandate.status}/{request.at.isoformat()}",
                    mandate_id=mandate.id,
                    mandate_status=mandate.status.value,
                    max_amount_paise=mandate.max_amount_paise,
                )
        return Done()

    async def _announce(self, key: str, request: GiveNotice, order: OrderAtGateway) -> None:
        async with self._database.transaction() as session:
            await intents.mark_done(session, key, order.gateway_id)
            if order.state in (State.FAILED, State.EXPIRED):
                return
            announce = recording.Announcer(session, self._sinks, request.subscription, request.at)
            await announce(
                EventType.DEBIT_ANNOUNCED,
                key=request.order_id,
                amount_paise=request.amount_paise,
                cycle=request.cycle,
                debit_on=request.target.isoformat(),
                order_id=request.order_id,
            )
