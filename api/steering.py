"""Commands to a subscription, from customers and from operators: done, refused, or still being done."""

import uuid

from fastapi import Response

from api import temporal
from api.dependencies import Services
from api.opening import pending_out
from api.schemas import CommandOut
from db import api_reads
from db.api_reads import Subscribed
from db.restoring import subscription_of
from domain.errors import BahiError, NotFound, Refused, Unavailable
from domain.subscription import FINAL, Command, Status, check_command
from workflows.messages import CommandRequest


async def steer(
    services: Services,
    row: Subscribed,
    command: Command,
    *,
    actor: str,
    reason: str = "",
    key: str | None = None,
) -> Response:
    """200 with what stands now, or 202 with where to ask. Raises Refused, GatewayUnavailable, Unavailable.

    `key` makes a repeated command one command.
    """
    subscription_id = row.subscription.id
    if Status(row.subscription.status) in FINAL:
        if key is not None and _stands(row, command):
            return _done(row)
        check_command(subscription_of(row.subscription, row.price), command)
    request = CommandRequest(f"{actor}/{command}/{key or uuid.uuid4()}", command, actor, reason)
    try:
        reply = await temporal.send_command(services.temporal, subscription_id, request)
    except temporal.StillWorking:
        return accepted(subscription_id)
    except temporal.WorkflowOver as over:
        raise await _as_recorded(services, subscription_id, command) from over
    body = CommandOut(
        subscription_id=subscription_id,
        status=reply.status,
        cancel_at_period_end=reply.cancel_at_period_end,
        access_until=reply.access_until,
        message=reply.message,
        version=reply.version,
    )
    return Response(body.model_dump_json(), media_type="application/json")


def _stands(row: Subscribed, command: Command) -> bool:
    """What is asked for again has been done: whoever lost the first answer is told so."""
    cancelled = row.subscription.status == Status.CANCELLED
    return cancelled and command in (Command.CANCEL, Command.CANCEL_NOW)


def _done(row: Subscribed) -> Response:
    subscription = row.subscription
    body = CommandOut(
        subscription_id=subscription.id,
        status=Status(subscription.status),
        cancel_at_period_end=subscription.cancel_at_period_end,
        access_until=subscription.access_until,
        message=f"It is {subscription.status}.",
        version=subscription.version,
    )
    return Response(body.model_dump_json(), media_type="application/json")


def accepted(subscription_id: str) -> Response:
    """Not finished; the subscription itself tells when it is."""
    pending = pending_out(subscription_id)
    return Response(
        pending.model_dump_json(), 202, {"Location": pending.ask, "Retry-After": "2"}, "application/json"
    )


async def _as_recorded(services: Services, subscription_id: str, command: Command) -> BahiError:
    """Its workflow is over, so the row says how it ended."""
    async with services.database.reading() as session:
        row = await api_reads.subscription(session, subscription_id)
    if row is None:
        return NotFound(f"There is no subscription {subscription_id}.")
    status = Status(row.subscription.status)
    if status not in FINAL:
        return Unavailable(f"{subscription_id} is {status} but its workflow is gone; it needs an operator")
    return Refused(
        f"'{command}' does not fit a subscription that is {status}. It has ended; ask for a new one.",
        state=status,
        allowed=(),
    )
