"""The first front end's routes. Each does what its sister under `/v1` does."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api import schemas
from api.auth import CustomerIdentity
from api.dependencies import CurrentCustomer, IdempotencyKey, Parts, Services
from api.frontend import shapes, showing
from api.frontend.exact import Exact
from api.idempotency import Made, Repeatable
from api.ids import ID_CHARACTERS, new_id
from api.opening import ACTOR, subscribe
from api.problems import documented
from api.steering import steer
from api.subscriptions import to_cancel
from config.collecting import CollectBy
from db import api_reads
from domain.errors import GatewayUnavailable, InvalidInput, NotFound
from domain.subscription import Command

router = APIRouter(prefix="/api/v1/billing", tags=["front end"])
_MOST = 1000
_SUBSCRIPTION = "/subscription"
FrontInvoiceId = Annotated[
    str,
    Path(
        pattern=f"^((inv|pmt|rcv)_[0-9a-f]{{32}}|(sub|top)_{ID_CHARACTERS})$",
        description="The invoice's id, its payment's, or the `payment_id` that asking for it gave.",
        examples=["inv_" + "0" * 32],
    ),
]


@router.get("/plans", operation_id="front_plans", response_model=shapes.FrontPlans, responses=documented())
async def front_plans(services: Parts) -> Response:
    """All plans, each at its monthly price. No token needed."""
    async with services.database.reading() as session:
        offers = await api_reads.offers(session)
    return Exact(showing.plans(offers), headers={"Cache-Control": "public, max-age=60"})


@router.get(
    _SUBSCRIPTION,
    operation_id="front_subscription",
    response_model=shapes.FrontStanding,
    responses=documented(401),
)
async def front_subscription(services: Parts, customer: CurrentCustomer) -> Response:
    """What is in force; null, and the plan `free`, where nothing is."""
    return Exact(await _standing(services, customer))


@router.post(
    _SUBSCRIPTION,
    operation_id="front_subscribe",
    response_model=shapes.FrontPayment | shapes.FrontActivated,
    responses=documented(401, 409),
)
async def front_subscribe(
    services: Parts, customer: CurrentCustomer, wanted: shapes.FrontSubscribeIn, key: IdempotencyKey = None
) -> Response:
    """Ask for a plan: where to pay for it, or `success` alone for one that is free."""

    async def work(subscription_id: str) -> Made:
        answer = await _subscribed(services, customer, wanted, subscription_id)
        return Made(200, bytes(Exact(answer).body))

    route = f"POST {router.prefix}{_SUBSCRIPTION}"
    owner = f"customer/{customer.user_id}"
    repeatable = Repeatable(services.database, owner, route, key, wanted, services.clock)
    made = await repeatable.once(new_id("sub", services.now()), work)
    return Response(made.body, made.status, media_type="application/json")


@router.post(
    f"{_SUBSCRIPTION}/cancel",
    operation_id="front_cancel",
    response_model=shapes.FrontCancelled,
    responses={
        202: {"model": shapes.FrontCancelled, "description": "Taken, not finished within the deadline."},
        **documented(401, 404, 409),
    },
)
async def front_cancel(services: Parts, customer: CurrentCustomer, key: IdempotencyKey = None) -> Response:
    """Stop renewing what is in force; access stays until the period's end."""
    row = await to_cancel(services, customer)
    steered = await steer(services, row, Command.CANCEL, actor=ACTOR, key=key)
    standing = await _standing(services, customer)
    return Exact(shapes.FrontCancelled(subscription=standing.subscription), steered.status_code)


@router.get(
    "/invoices",
    operation_id="front_invoices",
    response_model=shapes.FrontPaymentRecords,
    responses=documented(401),
)
async def front_invoices(services: Parts, customer: CurrentCustomer) -> Response:
    """The customer's completed payments, newest first."""
    async with services.database.reading() as session:
        rows = await api_reads.paid_for(session, customer.user_id, _MOST)
    records = [showing.payment_record(row, customer.user_id) for row in rows]
    return Exact(shapes.FrontPaymentRecords(invoices=records))


@router.get(
    "/invoices/{invoice_id}",
    operation_id="front_invoice",
    response_model=shapes.FrontInvoiceAnswer,
    responses=documented(401, 404),
)
async def front_invoice(services: Parts, customer: CurrentCustomer, invoice_id: FrontInvoiceId) -> Response:
    """One invoice as issued."""
    async with services.database.reading() as session:
        row = await api_reads.document(session, invoice_id, user_id=customer.user_id)
        row = row or await api_reads.document_of_payment(session, invoice_id, customer.user_id)
    if row is None:
        raise NotFound(f"There is no invoice {invoice_id}.")
    return Exact(shapes.FrontInvoiceAnswer(invoice=showing.invoice(row)))


async def _standing(services: Services, customer: CustomerIdentity) -> shapes.FrontStanding:
    async with services.database.reading() as session:
        rows = await api_reads.subscriptions_of(session, customer.user_id)
    return showing.standing(rows, customer.user_id, services.now())


async def _subscribed(
    services: Services, customer: CustomerIdentity, wanted: shapes.FrontSubscribeIn, subscription_id: str
) -> shapes.FrontPayment | shapes.FrontActivated:
    """Raises what `subscribe` does, in this door's words; GatewayUnavailable while a page is being opened."""
    # This front end was made for PhonePe; where that is not set up, the installation's own way has to do.
    by_phonepe = CollectBy.PHONEPE if CollectBy.PHONEPE in services.settings.ways_to_collect else None
    asked = schemas.SubscribeIn(
        plan_id=showing.plan_id(wanted.plan_id), interval=wanted.billing_cycle, collect_by=by_phonepe
    )
    try:
        opening = await subscribe(services, customer, asked, subscription_id)
    except InvalidInput as error:
        raise _said_here(error, wanted) from error
    match opening.body:
        case schemas.SubscriptionOut(short_url=str(url)) as made:
            return shapes.FrontPayment(payment_url=url, payment_id=made.subscription_id)
        case schemas.SubscriptionOut() as made:
            return shapes.FrontActivated(plan=showing.plan_name(made.plan_id))
    raise GatewayUnavailable("the page to pay on is still being opened")


def _said_here(error: InvalidInput, wanted: shapes.FrontSubscribeIn) -> InvalidInput:
    """Plans and intervals have other names at this door."""
    plans = f"GET {router.prefix}/plans lists what is offered."
    if error.field == "plan_id":
        return InvalidInput("plan_id", f"There is no plan {wanted.plan_id}; {plans}")
    if error.field == "interval":
        return InvalidInput(
            "billing_cycle", f"{wanted.plan_id} is not offered {wanted.billing_cycle}; ask for the other one."
        )
    return error
