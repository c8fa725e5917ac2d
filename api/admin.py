"""Operators: stored calls, money set aside, what is stuck, and any subscription."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from starlette.convertors import StringConvertor, register_url_convertor

from api import admin_views as shown
from api import schemas, timeline
from api.dependencies import (
    CurrentOperator,
    IdempotencyKey,
    PageSize,
    Parts,
    RowId,
    Services,
    SubscriptionId,
)
from api.ids import ID_CHARACTERS
from api.logs import logger
from api.problems import documented
from api.steering import steer
from db import api_reads, inbox, outbox
from db.api_reads import Subscribed
from domain.errors import NotFound
from domain.subscription import Command, Status
from workflows.ports import subscription_workflow_id

router = APIRouter(tags=["operators"])
_PROBLEMS = documented(401, 403)
_PROBLEMS_OF_ONE = documented(401, 403, 404)
Before = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="`next_before` of the page before.")]
BeforeSubscription = Annotated[str | None, Query(pattern=f"^sub_{ID_CHARACTERS}$")]
Word = Annotated[str | None, Query(pattern="^[!-~]{1,128}$")]
UserId = Annotated[str | None, Query(max_length=255, pattern="^[^\x00-\x1f\x7f]+$")]


class _CommandConvertor(StringConvertor):
    regex = "|".join(command.value for command in Command)


# So that `timeline` beside them is no command.
register_url_convertor("command", _CommandConvertor())
_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {"model": schemas.SubscriptionPending, "description": "Taken, not finished: ask at Location."}
}


@router.get("/admin/webhooks", operation_id="list_webhooks", responses=_PROBLEMS)
async def list_webhooks(
    services: Parts,
    _: CurrentOperator,
    before: Before = None,
    limit: PageSize = 50,
    status: Annotated[list[shown.WebhookStatus] | None, Query(max_length=7)] = None,
    event_type: Word = None,
    subscription_id: Word = None,
) -> shown.WebhookPage:
    """Stored calls of gateways."""
    async with services.database.reading() as session:
        calls = await inbox.entries(
            session,
            limit=limit,
            before=before,
            status=status or (),
            event_type=event_type,
            subscription_id=subscription_id,
        )
    return shown.WebhookPage(
        data=[shown.webhook_out(call) for call in calls],
        next_before=calls[-1].id if len(calls) == limit else None,
    )


@router.get("/admin/webhooks/{webhook_id}", operation_id="get_webhook", responses=_PROBLEMS_OF_ONE)
async def get_webhook(services: Parts, operator: CurrentOperator, webhook_id: RowId) -> shown.WebhookDetail:
    """One call with its body, which holds personal data: looking is logged."""
    logger.info("webhook body read", operator=operator.subject, webhook_id=webhook_id)
    async with services.database.reading() as session:
        return shown.webhook_detail(await inbox.entry(session, webhook_id))


@router.post("/admin/webhooks/{webhook_id}/replay", operation_id="replay_webhook", responses=_PROBLEMS_OF_ONE)
async def replay_webhook(services: Parts, operator: CurrentOperator, webhook_id: RowId) -> shown.Replayed:
    """Hand it on again, whatever became of it; workflows bear repetitions."""
    async with services.database.transaction() as session:
        await inbox.replay(session, webhook_id)
    logger.info("webhook replayed", operator=operator.subject, webhook_id=webhook_id)
    return shown.Replayed(id=webhook_id)


@router.get("/admin/quarantine", operation_id="list_quarantine", responses=_PROBLEMS)
async def list_quarantine(services: Parts, _: CurrentOperator, limit: PageSize = 50) -> shown.QuarantineList:
    """Money set aside: paid, but not what was asked for."""
    async with services.database.reading() as session:
        payments = await api_reads.quarantined(session, limit)
    return shown.QuarantineList(data=[shown.quarantined_out(payment) for payment in payments])


@router.get("/admin/intents", operation_id="list_open_intents", responses=_PROBLEMS)
async def list_open_intents(services: Parts, _: CurrentOperator, limit: PageSize = 50) -> shown.IntentList:
    """What we asked gateways to create and do not yet know to be there."""
    async with services.database.reading() as session:
        intents = await api_reads.open_intents(session, limit)
    return shown.IntentList(data=[shown.intent_out(intent) for intent in intents])


@router.get("/admin/deliveries", operation_id="list_stuck_deliveries", responses=_PROBLEMS)
async def list_stuck_deliveries(
    services: Parts, _: CurrentOperator, limit: PageSize = 50
) -> shown.DeliveryList:
    """Events that a sink did not take."""
    async with services.database.reading() as session:
        stuck = await api_reads.stuck_deliveries(session, limit)
    return shown.DeliveryList(data=[shown.delivery_out(delivery, event) for delivery, event in stuck])


@router.post("/admin/deliveries/retry", operation_id="retry_failed_deliveries", responses=_PROBLEMS)
async def retry_failed_deliveries(
    services: Parts, _: CurrentOperator, given: shown.RetryIn
) -> shown.RetriedOut:
    """Offer every event that a sink was given up for once more."""
    async with services.database.transaction() as session:
        return shown.RetriedOut(retried=await outbox.retry_failed(session, given.sink))


@router.get("/admin/subscriptions", operation_id="find_subscriptions", responses=_PROBLEMS)
async def find_subscriptions(
    services: Parts,
    _: CurrentOperator,
    before: BeforeSubscription = None,
    limit: PageSize = 50,
    status: Annotated[Status | None, Query()] = None,
    plan_id: Word = None,
    user_id: UserId = None,
    gateway_subscription_id: Word = None,
) -> shown.AdminSubscriptionPage:
    """Subscriptions of all customers, by any of these."""
    async with services.database.reading() as session:
        rows = await api_reads.find_subscriptions(
            session,
            limit=limit,
            before=before,
            status=status.value if status else None,
            plan_id=plan_id,
            user_id=user_id,
            gateway_subscription_id=gateway_subscription_id,
        )
    return shown.AdminSubscriptionPage(
        data=[_shown(services, row, owner) for row, owner in rows],
        next_before=rows[-1][0].subscription.id if len(rows) == limit else None,
    )


@router.get(
    "/admin/subscriptions/{subscription_id:subscription}",
    operation_id="inspect_subscription",
    responses=_PROBLEMS_OF_ONE,
)
async def inspect_subscription(
    services: Parts, _: CurrentOperator, subscription_id: SubscriptionId
) -> shown.AdminSubscription:
    """One subscription of any customer."""
    row = await _any(services, subscription_id)
    async with services.database.reading() as session:
        owner = await api_reads.user_of(session, row.subscription.customer_id)
    return _shown(services, row, owner)


@router.get(
    "/admin/subscriptions/{subscription_id:subscription}/timeline",
    operation_id="inspect_subscription_timeline",
    responses=_PROBLEMS_OF_ONE,
)
async def inspect_subscription_timeline(
    services: Parts, _: CurrentOperator, subscription_id: SubscriptionId
) -> schemas.Timeline:
    """Its story, with the gateway's calls and the reasons of failed deliveries."""
    row = await _any(services, subscription_id)
    return await timeline.tell(services.database, row.subscription.id, for_operators=True)


@router.post(
    "/admin/subscriptions/{subscription_id:subscription}/{command:command}",
    operation_id="steer_subscription",
    response_model=schemas.CommandOut,
    responses={**_ACCEPTED, **documented(401, 403, 404, 409)},
)
async def steer_subscription(
    services: Parts,
    operator: CurrentOperator,
    subscription_id: SubscriptionId,
    command: Command,
    given: schemas.CommandIn | None = None,
    key: IdempotencyKey = None,
) -> Response:
    """What a customer may ask for, for any of them; who and why is kept."""
    row = await _any(services, subscription_id)
    reason = (given.reason if given else "") or "asked for by support"
    logger.info(
        "operator command", operator=operator.subject, subscription_id=row.subscription.id, command=command
    )
    return await steer(services, row, command, actor=f"operator:{operator.subject}", reason=reason, key=key)


async def _any(services: Services, subscription_id: str) -> Subscribed:
    async with services.database.reading() as session:
        row = await api_reads.subscription(session, subscription_id)
    if row is None:
        raise NotFound(f"There is no subscription {subscription_id}.")
    return row


def _shown(services: Services, row: Subscribed, owner: str) -> shown.AdminSubscription:
    return shown.admin_subscription(row, owner, subscription_workflow_id(row.subscription.id), services.now())
