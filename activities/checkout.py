"""Creating a subscription at the gateway exactly once, though the gateway knows no idempotency key."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from temporalio import activity

from activities.creating import Creating, Creation
from db import intents, models, recording
from db.session import Database
from domain.errors import GatewayRefused, Misconfigured
from domain.events import EventType
from domain.subscription import Subscription
from gateways.base import NewSubscription, PlanAtGateway, SubscriptionAtGateway, SubscriptionGateway
from workflows.ports import CheckoutOpened, OpenCheckout

_NOT_OUR_CUSTOMERS_FAULT = (401, 403, 404)
"""Keys or features of our account: the checkout waits until an operator has mended them."""

LOOK_BACK = timedelta(days=1)
"""How far before our own record the gateway's clock may date what it made."""


class Checkout:
    """Implements `open_checkout` and `find_checkout`.

    `list_lag` is how long the gateway's lists may hide a creation.
    """

    def __init__(
        self,
        database: Database,
        gateway: SubscriptionGateway,
        sinks: Sequence[str],
        list_lag: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._sinks = sinks
        self._creating = Creating(database, list_lag, clock)

    @activity.defn(name="open_checkout")
    async def open_checkout(self, request: OpenCheckout) -> CheckoutOpened:
        """Where the customer pays; a refusal by the gateway is an answer."""
        subscription = request.subscription
        opened = await self._already_open(subscription.id)
        if opened is not None:
            return opened
        try:
            plan_id = await self._plan(subscription)
            made = await self._subscription(subscription, plan_id)
        except GatewayRefused as error:
            if error.status in _NOT_OUR_CUSTOMERS_FAULT:
                raise Misconfigured(f"the gateway does not let us in: {error}") from error
            return CheckoutOpened(None, None, refused=str(error))
        await self._record(subscription, made, request.at)
        return CheckoutOpened(made.id, made.checkout_url)

    @activity.defn(name="find_checkout")
    async def find_checkout(self, request: OpenCheckout) -> CheckoutOpened:
        """What earlier attempts left at the gateway, if anything; creates nothing.

        Raises OutcomeUnknown while the gateway's lists may still hide it.
        """
        subscription = request.subscription
        opened = await self._already_open(subscription.id)
        if opened is not None:
            return opened
        async with self._database.reading() as session:
            intent = await intents.get(session, self._key(subscription))
        if intent is None or intent.state == "planned":
            return CheckoutOpened(None, None)
        new = _new(subscription, intent.request["plan_id"])
        made = await self._find_subscription(new, subscription.created_at - LOOK_BACK)
        if made is None:
            self._creating.check_lists_are_complete(intent)
            return CheckoutOpened(None, None)
        await self._record(subscription, made, request.at)
        return CheckoutOpened(made.id, made.checkout_url)

    async def _already_open(self, subscription_id: str) -> CheckoutOpened | None:
        row = models.Subscription
        async with self._database.reading() as session:
            found = (
                await session.execute(
                    select(row.gateway_subscription_id, row.checkout_url).where(row.id == subscription_id)
                )
            ).one()
        if found.gateway_subscription_id is None:
            return None
        return CheckoutOpened(found.gateway_subscription_id, found.checkout_url)

    async def _plan(self, subscription: Subscription) -> str:
        price, amount = subscription.price, subscription.charge_paise
        async with self._database.reading() as session:
            known = await intents.gateway_plan(session, self._gateway.name, price.id, amount)
            name = await session.scalar(select(models.Plan.name).where(models.Plan.id == price.plan_id))
        if known is not None:
            return known
        plan = PlanAtGateway(price, name or price.plan_id, amount)
        plan_id = await self._creating.once(
            Creation(
                key=f"{self._gateway.name}/plan/{price.id}/{amount}",
                kind="plan",
                subscription_id=subscription.id,
                request={"price_id": price.id, "amount_paise": amount},
                create=lambda: self._gateway.create_plan(plan),
                find=lambda: self._gateway.find_plan(plan),
            )
        )
        async with self._database.transaction() as session:
            used = await intents.put_gateway_plan(session, self._gateway.name, price.id, amount, plan_id)
            # Two customers who are the first at the same moment may make two; one is used, the other idle.
            if used == plan_id:
                await intents.mark_done(session, f"{self._gateway.name}/plan/{price.id}/{amount}", plan_id)
        return used

    async def _subscription(self, subscription: Subscription, plan_id: str) -> SubscriptionAtGateway:
        new = _new(subscription, plan_id)
        return await self._creating.once(
            Creation(
                key=self._key(subscription),
                kind="subscription",
                subscription_id=subscription.id,
                request={"plan_id": plan_id, "total_count": subscription.total_count},
                create=lambda: self._gateway.create_subscription(new),
                find=lambda: self._find_subscription(new, subscription.created_at - LOOK_BACK),
            )
        )

    async def _find_subscription(self, new: NewSubscription, since: datetime) -> SubscriptionAtGateway | None:
        """The oldest that carries our id; any other is a stray of a lost reply and is closed."""
        found = await self._gateway.find_subscriptions(new, since)
        for stray in found[1:]:
            await self._gateway.cancel(stray.id)
        return found[0] if found else None

    async def _record(self, subscription: Subscription, made: SubscriptionAtGateway, at: datetime) -> None:
        async with self._database.transaction() as session:
            await intents.mark_done(session, self._key(subscription), made.id)
            await recording.set_checkout(session, subscription.id, made.id, made.checkout_url, at)
            announce = recording.Announcer(session, self._sinks, subscription, at)
            await announce(EventType.CHECKOUT_OPENED, checkout_url=made.checkout_url)

    def _key(self, subscription: Subscription) -> str:
        return f"{self._gateway.name}/subscription/{subscription.id}"


def _new(subscription: Subscription, plan_id: str) -> NewSubscription:
    if subscription.checkout_expires_at is None:
        raise GatewayRefused("a checkout needs an expiry")
    return NewSubscription(
        subscription.id, plan_id, subscription.total_count, subscription.checkout_expires_at
    )
