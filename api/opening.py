"""Asking for a subscription: what stands in the way, what it will cost, and the workflow that begins it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from api import temporal, views
from api.auth import CustomerIdentity
from api.dependencies import Services
from api.ids import new_id
from api.schemas import SubscribeIn, SubscriptionOut, SubscriptionPending
from config import Settings
from config.collecting import CollectBy, collected_by, way_of
from db import api_reads, customers
from db.api_reads import Offered, Subscribed
from db.models import Customer
from db.restoring import price_of
from domain.errors import GatewayRefused, InvalidInput, Refused, Unavailable
from domain.periods import Interval, india_date
from domain.plans import Price
from domain.pricing import priced, supply_for
from domain.rates import SupplyDates
from domain.subscription import FINAL, Collection, Command, Status, Subscription
from workflows.messages import CommandRequest, Opened, StartSubscription

ACTOR = "customer"


@dataclass(frozen=True)
class Opening:
    """`status` is that of HTTP: 201 created, 200 it stood already, 202 not finished."""

    status: int
    body: SubscriptionOut | SubscriptionPending


@dataclass(frozen=True)
class _Request:
    """One customer's wish, priced."""

    subscription_id: str
    plan_name: str
    price: Price
    charge_paise: int
    customer_id: str
    collect_by: CollectBy
    autopay: bool
    in_the_way: list[Subscribed] = field(default_factory=list)


async def subscribe(
    services: Services, identity: CustomerIdentity, wanted: SubscribeIn, subscription_id: str
) -> Opening:
    """Opens a checkout, or gives the one that is open already.

    Raises InvalidInput (unknown plan, no State on record), Refused (another subscription is in force, or a
    zero-rated supply without a letter of undertaking), GatewayRefused, Unavailable.
    """
    now = services.now()
    request = await _read(services, identity, wanted, subscription_id, now)
    for row in request.in_the_way:
        if _is_wanted(row, wanted):
            return await _as_it_stands(services, row, now)
        if row.subscription.status != Status.CREATED:
            raise _in_force(row)
        await _withdraw(services, row, request)
    subscription = _subscription(services.settings, request, now)
    ours = subscription.collection is Collection.ENGINE
    start = StartSubscription(
        subscription,
        ACTOR,
        services.settings.test_clock_offset,
        terms=services.settings.terms_for(subscription.gateway) if ours else None,
    )
    try:
        opened = await temporal.open_subscription(services.temporal, start)
    except temporal.StillWorking:
        return _pending(subscription_id)
    except temporal.WorkflowOver as over:
        raise Refused("That attempt has ended; ask again.", state="ended", allowed=("ask again",)) from over
    if opened.existing_id is not None:
        return await _overtaken(services, opened.existing_id, wanted, now)
    return await _recorded(services, opened, now, status=201)


async def _read(
    services: Services, identity: CustomerIdentity, wanted: SubscribeIn, subscription_id: str, now: datetime
) -> _Request:
    """One transaction; the customer's row is kept only if nothing is wrong."""
    collect_by = _way(services.settings, wanted)
    async with services.database.transaction() as session:
        offered = _offered(await api_reads.offers(session), wanted)
        price = price_of(offered.price)
        customer = await customers.ensure(
            session,
            customer_id=new_id("cus", now),
            user_id=identity.user_id,
            name=identity.name,
            email=identity.email,
            at=now,
        )
        live = await api_reads.live_subscriptions(session, customer.id)
        if collect_by is CollectBy.RAZORPAY_TOKENS and not price.is_free:
            _check_payer(customer)
        charge_paise = 0 if price.is_free else _charge(services.settings, offered, customer, now)
    # A Free plan gives way to a paid one by itself, once that is paid.
    in_the_way = [row for row in live if price.is_free or not row.subscription.is_free]
    return _Request(
        subscription_id,
        offered.plan.name,
        price,
        charge_paise,
        customer.id,
        collect_by,
        wanted.autopay,
        in_the_way,
    )


def _check_payer(customer: Customer) -> None:
    """Razorpay keeps customers of its own and sets no mandate up without these (razorpay.md 1.9)."""
    for name, value in (("name", customer.name), ("email", customer.email), ("phone", customer.phone)):
        if not value:
            raise InvalidInput(
                name,
                f"Razorpay sets up no mandate without the customer's {name}: give it with "
                "PUT /v1/billing-details, or choose another collect_by.",
            )


def _way(settings: Settings, wanted: SubscribeIn) -> CollectBy:
    """Raises InvalidInput naming what is offered."""
    chosen = wanted.collect_by or settings.collect_by
    if chosen not in settings.ways_to_collect:
        offered = ", ".join(settings.ways_to_collect)
        raise InvalidInput("collect_by", f"{chosen} is not set up here; offered are {offered}.")
    if not wanted.autopay and way_of(chosen)[1] is Collection.GATEWAY:
        raise InvalidInput(
            "autopay", f"{chosen} always asks for a mandate: leave autopay out, or choose another collect_by."
        )
    return chosen


def _offered(offers: list[Offered], wanted: SubscribeIn) -> Offered:
    """Raises InvalidInput naming what is offered."""
    of_plan = [offer for offer in offers if offer.plan.id == wanted.plan_id]
    if not of_plan:
        known = ", ".join(sorted({offer.plan.id for offer in offers}))
        raise InvalidInput("plan_id", f"There is no plan {wanted.plan_id}; offered are {known}.")
    for offer in of_plan:
        if offer.price.interval == wanted.interval:
            return offer
    intervals = " or ".join(offer.price.interval for offer in of_plan)
    raise InvalidInput("interval", f"{wanted.plan_id} is not offered {wanted.interval}; ask for {intervals}.")


def _charge(settings: Settings, offered: Offered, customer: Customer, now: datetime) -> int:
    """What one cycle takes from this customer in paise, as its invoices will say (gst.md 2.1, 5.3, 5.4).

    Raises InvalidInput without a State on record, Refused where a zero-rated supply needs a letter of
    undertaking, Misconfigured for a registration that is no longer there.
    """
    if customer.country == "IN" and customer.state_code is None:
        raise InvalidInput(
            "state_code",
            "The invoice needs the customer's State: put state_code (and name, address, PIN; a GSTIN if "
            "there is one) with PUT /v1/billing-details, then ask again.",
        )
    registration = settings.registrations.chosen(
        customer_key=customer.seller_key or "", plan_key=offered.plan.seller_key or ""
    )
    day, rules = india_date(now), settings.supply_rules
    supply = supply_for(registration, customers.recipient_of(customer), day, rules)
    cycle = priced(price_of(offered.price), offered.plan.name, supply, SupplyDates(day, day, day), rules)
    return cycle.amount.total_paise


def _is_wanted(row: Subscribed, wanted: SubscribeIn) -> bool:
    """A Free plan that runs, or an open checkout for the very thing asked for."""
    same = row.plan.id == wanted.plan_id
    item = row.subscription
    if item.is_free:
        return same
    if wanted.collect_by not in (None, collected_by(item.gateway, item.collection)):
        return False
    if wanted.autopay is not item.by_mandate:
        return False
    return same and row.price.interval == wanted.interval and item.status == Status.CREATED.value


_INSTEAD: dict[Status, str] = {
    Status.AUTHENTICATED: "Its first charge is still to come.",
    Status.PAST_DUE: "Its last charge failed: pay at its short_url.",
    Status.HALTED: "Its charges failed: give a new payment method at its short_url, or cancel it now.",
    Status.PAUSED: "Resume it, or cancel it now.",
}


def _in_force(row: Subscribed) -> Refused:
    status = Status(row.subscription.status)
    advice = _INSTEAD.get(
        status,
        "To change, cancel it (POST /v1/subscriptions/cancel keeps access to the period's end) "
        "and subscribe again when it has ended.",
    )
    return Refused(
        f"There is a subscription to {row.plan.name} already: {row.subscription.id} is {status}. {advice}",
        state=status,
        allowed=views.allowed(row),
    )


async def _withdraw(services: Services, row: Subscribed, request: _Request) -> None:
    """End an unpaid checkout for something else. Raises Refused if it was paid in this very moment."""
    old = row.subscription.id
    # A plain cancel: should money have arrived meanwhile, nothing that was paid for is lost.
    cancel = CommandRequest(
        f"replaced/{request.subscription_id}",
        Command.CANCEL,
        ACTOR,
        f"replaced by a checkout for {request.plan_name}",
    )
    try:
        reply = await temporal.send_command(services.temporal, old, cancel)
        if reply.status in FINAL and reply.access_until is None:
            return
        if reply.status in FINAL:
            raise Refused(
                f"{old} was paid in this very moment and has ended; what was paid stays usable. Ask again.",
                state=reply.status,
                allowed=(),
            )
        keep = CommandRequest(f"kept/{request.subscription_id}", Command.KEEP, ACTOR, "it was paid meanwhile")
        await temporal.send_command(services.temporal, old, keep)
    except temporal.WorkflowOver:
        return
    except temporal.StillWorking as error:
        raise Unavailable(f"the old checkout {old} could not be closed in time; try again") from error
    async with services.database.reading() as session:
        now_standing = await api_reads.subscription(session, old)
    raise _in_force(now_standing or row)


def _subscription(settings: Settings, request: _Request, now: datetime) -> Subscription:
    price = request.price
    annual = price.interval is Interval.ANNUAL
    # A Free plan has nothing to collect.
    gateway, collection = way_of(CollectBy.RAZORPAY if price.is_free else request.collect_by)
    return Subscription(
        id=request.subscription_id,
        customer_id=request.customer_id,
        price=price,
        charge_paise=request.charge_paise,
        total_count=settings.annual_total_count if annual else settings.monthly_total_count,
        created_at=now,
        gateway=gateway,
        collection=collection,
        by_mandate=request.autopay,
        checkout_expires_at=None
        if price.is_free
        else now + timedelta(seconds=settings.checkout_expires_after_seconds),
    )


async def _recorded(services: Services, opened: Opened, now: datetime, *, status: int) -> Opening:
    if opened.refused is not None:
        raise GatewayRefused(f"The payment gateway refused to open a checkout: {opened.refused}")
    async with services.database.reading() as session:
        row = await api_reads.subscription(session, opened.subscription_id)
    if row is None:
        raise Unavailable(f"{opened.subscription_id} is begun but not on record; try again")
    if row.subscription.status == Status.CREATED.value and row.subscription.checkout_url is None:
        return _pending(opened.subscription_id)  # the gateway could not be asked; the workflow goes on trying
    return Opening(status, views.subscription_out(row, now))


async def _overtaken(services: Services, existing_id: str, wanted: SubscribeIn, now: datetime) -> Opening:
    """Another request of the same customer was faster."""
    async with services.database.reading() as session:
        row = await api_reads.subscription(session, existing_id)
    if row is None:
        raise Unavailable(f"{existing_id} is in the way but not on record; try again")
    if _is_wanted(row, wanted):
        return await _as_it_stands(services, row, now)
    raise _in_force(row)


async def _as_it_stands(services: Services, row: Subscribed, now: datetime) -> Opening:
    """The same checkout; where it is still being opened, wait for it as the first request does."""
    if row.subscription.is_free or row.subscription.checkout_url is not None:
        return Opening(200, views.subscription_out(row, now))
    try:
        opened = await temporal.reopened(services.temporal, row.subscription.id)
    except temporal.StillWorking:
        return _pending(row.subscription.id)
    except temporal.WorkflowOver as over:
        raise Unavailable(f"{row.subscription.id} has just ended; ask again") from over
    return await _recorded(services, opened, now, status=200)


def _pending(subscription_id: str) -> Opening:
    return Opening(202, pending_out(subscription_id))


def pending_out(subscription_id: str) -> SubscriptionPending:
    """What is known before the first row is written."""
    return SubscriptionPending(
        subscription_id=subscription_id, status=Status.CREATED, ask=f"/v1/subscriptions/{subscription_id}"
    )
