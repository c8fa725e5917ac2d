"""Speaking to a subscription's workflow under a deadline; its answers and refusals in our own terms."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.logs import logger
from domain.errors import GatewayUnavailable, NotFound, Refused, Unavailable
from domain.exports import Exported, ExportOrder
from domain.money import rupees
from domain.subscription import Collection
from domain.top_up import TopUpStatus
from workflows import messages, refund, search_attributes, top_up
from workflows.collecting_ports import top_up_workflow_id
from workflows.e_invoice import CANCEL_UPDATE, CancelRequest
from workflows.export import EXPORT_WORKFLOW
from workflows.messages import (
    CommandReply,
    CommandRequest,
    Opened,
    PayReply,
    PayRequest,
    PayWish,
    StartSubscription,
)
from workflows.ports import (
    DOCUMENTS_QUEUE,
    SUBSCRIPTIONS_QUEUE,
    EInvoiceStanding,
    e_invoice_workflow_id,
    export_workflow_id,
    refund_workflow_id,
    subscription_workflow_id,
)
from workflows.refund import RefundReply, StartRefund
from workflows.top_up import CancelTopUp, StartTopUp

OPEN_SECONDS = 1.4
"""The caller is answered within two seconds: this, a look whether it has begun, and the reading before."""
COMMAND_SECONDS = 5.0
_LOOK_SECONDS = 0.4
_Answer = TypeVar("_Answer")
_AWAY = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.FAILED_PRECONDITION,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.ABORTED,
    }
)


class StillWorking(Exception):
    """Accepted, or about to be; the answer did not come within the deadline."""


class WorkflowOver(Exception):
    """The workflow has ended, or was never begun."""


class WorkFailed(Exception):
    """The workflow was given up; the message says why."""


@asynccontextmanager
async def _speaking(seconds: float) -> AsyncIterator[None]:
    """Raises StillWorking after `seconds`, WorkflowOver, or Unavailable."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        raise StillWorking from None
    except WorkflowAlreadyStartedError:
        raise WorkflowOver from None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise WorkflowOver from None
        if error.status in _AWAY:
            raise Unavailable(f"Temporal did not take the call ({error.status.name}); try again") from error
        raise
    except RuntimeError as error:
        # What a lazy client raises while it cannot connect.
        raise Unavailable(f"Temporal cannot be reached ({error}); try again") from error


def _handle(client: Client, subscription_id: str) -> WorkflowHandle[object, object]:
    return client.get_workflow_handle(subscription_workflow_id(subscription_id))


async def open_subscription(client: Client, start: StartSubscription) -> Opened:
    """Begin the workflow and wait for its checkout; repeating it with the same id is harmless.

    Raises StillWorking once it is certain that the workflow has begun, WorkflowOver if one of this id
    has ended, else Unavailable.
    """
    subscription = start.subscription
    ours = subscription.collection is Collection.ENGINE
    operation: WithStartWorkflowOperation[object, object] = WithStartWorkflowOperation(
        messages.ENGINE_WORKFLOW_NAME if ours else messages.WORKFLOW_NAME,
        start,
        id=subscription_workflow_id(subscription.id),
        task_queue=SUBSCRIPTIONS_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        search_attributes=search_attributes.of(subscription),
        static_summary=f"{subscription.price.plan_id}, {rupees(subscription.charge_paise)}"
        f" {subscription.price.interval}",
    )
    try:
        async with _speaking(OPEN_SECONDS):
            return await _update_with_start(client, messages.OPEN_UPDATE, operation, Opened)
    except WorkflowUpdateFailedError:
        raise WorkflowOver from None  # it ended while it was asked
    except StillWorking:
        # The call may have been cut off before or after the server took it.
        if not await exists(client, subscription.id):
            raise Unavailable("Temporal did not take the new subscription in time; try again") from None
        raise


async def _update_with_start(
    client: Client, update: str, operation: WithStartWorkflowOperation[object, object], answer: type[_Answer]
) -> _Answer:
    try:
        answered: _Answer = await client.execute_update_with_start_workflow(
            update, start_workflow_operation=operation, result_type=answer
        )
        return answered
    except Exception:
        # The SDK tells the operation too; what nobody reads there would be logged as lost.
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await operation.workflow_handle()
        raise


async def reopened(client: Client, subscription_id: str) -> Opened:
    """The checkout of a workflow that is still opening it. Raises StillWorking, WorkflowOver, Unavailable."""
    async with _speaking(OPEN_SECONDS):
        opened: Opened = await _handle(client, subscription_id).execute_update(
            messages.OPEN_UPDATE, result_type=Opened
        )
        return opened


async def send_command(client: Client, subscription_id: str, request: CommandRequest) -> CommandReply:
    """Raises Refused, GatewayUnavailable, StillWorking, WorkflowOver or Unavailable."""
    try:
        async with _speaking(COMMAND_SECONDS):
            # Not the request's id: a refusal that may be repeated must not stick to the update.
            reply: CommandReply = await _handle(client, subscription_id).execute_update(
                messages.COMMAND_UPDATE, request, id=str(uuid.uuid4()), result_type=CommandReply
            )
            return reply
    except WorkflowUpdateFailedError as error:
        raise _refusal(error) from error


async def ask_to_pay(client: Client, workflow_id: str, wish: PayWish) -> PayReply:
    """Where to pay, or how it stands. Raises StillWorking, WorkflowOver or Unavailable."""
    request = PayRequest(str(uuid.uuid4()), wish)
    try:
        async with _speaking(COMMAND_SECONDS):
            reply: PayReply = await client.get_workflow_handle(workflow_id).execute_update(
                messages.PAY_UPDATE, request, result_type=PayReply
            )
            return reply
    except WorkflowUpdateFailedError:
        raise WorkflowOver from None  # it ended while it was asked


async def cancel_e_invoice(client: Client, document_id: str, request: CancelRequest) -> EInvoiceStanding:
    """Raises Refused, GatewayUnavailable, StillWorking, WorkflowOver or Unavailable."""
    handle = client.get_workflow_handle(e_invoice_workflow_id(document_id))
    try:
        async with _speaking(COMMAND_SECONDS):
            standing: EInvoiceStanding = await handle.execute_update(
                CANCEL_UPDATE, request, result_type=EInvoiceStanding
            )
            return standing
    except WorkflowUpdateFailedError as error:
        raise _refusal(error) from error


def _refusal(error: WorkflowUpdateFailedError) -> Exception:
    cause = error.cause
    if not isinstance(cause, ApplicationError):
        return WorkflowOver()
    if cause.type == messages.GATEWAY_UNAVAILABLE:
        return GatewayUnavailable(cause.message)
    if cause.type == messages.REFUSED:
        state, allowed = cause.details
        return Refused(cause.message, state=state, allowed=allowed)
    if cause.type == "AcceptedUpdateCompletedWorkflow":
        return WorkflowOver()
    logger.error("an update failed in an unforeseen way", type=cause.type)
    return Unavailable("The command could not be carried out; try again.")


async def carry_out(
    client: Client,
    workflow: str,
    request: object,
    *,
    workflow_id: str,
    task_queue: str,
    answer: type[_Answer],
) -> _Answer:
    """What a short workflow comes to; begun unless it was, so that repeating it is harmless.

    Raises StillWorking once it is certain that it has begun, else Unavailable.
    """
    try:
        async with _speaking(OPEN_SECONDS):
            try:
                handle = await client.start_workflow(
                    workflow,
                    request,
                    id=workflow_id,
                    task_queue=task_queue,
                    result_type=answer,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                )
            except WorkflowAlreadyStartedError:
                handle = client.get_workflow_handle(workflow_id, result_type=answer)
    except StillWorking:
        raise Unavailable("Temporal did not take the request in time; try again") from None
    try:
        async with _speaking(COMMAND_SECONDS):
            result: _Answer = await handle.result()
            return result
    except WorkflowFailureError as error:
        logger.error("a workflow failed in an unforeseen way", workflow=workflow_id, cause=str(error.cause))
        raise Unavailable("That could not be carried out; try again.") from error


async def ask_for_refund(client: Client, start: StartRefund) -> RefundReply:
    """Begin the refund and wait for the gateway's answer; repeating it with the same id is harmless.

    Raises StillWorking once the workflow has begun, else Unavailable.
    """
    operation: WithStartWorkflowOperation[object, object] = WithStartWorkflowOperation(
        refund.WORKFLOW_NAME,
        start,
        id=refund_workflow_id(start.refund_id),
        task_queue=SUBSCRIPTIONS_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        static_summary="a refund asked for by an operator",
    )
    handle = client.get_workflow_handle(refund_workflow_id(start.refund_id), result_type=RefundReply)
    try:
        async with _speaking(COMMAND_SECONDS):
            reply = await _update_with_start(client, refund.STANDING_UPDATE, operation, RefundReply)
    except (WorkflowOver, WorkflowUpdateFailedError):
        async with _speaking(COMMAND_SECONDS):  # a repetition: it ended as it ended
            reply = await handle.result()
    except StillWorking:
        # The call may have been cut off before or after the server took it.
        if not await _has_begun(handle):
            raise Unavailable("Temporal did not take the refund in time; try again") from None
        raise
    return reply


async def _has_begun(handle: WorkflowHandle[object, RefundReply]) -> bool:
    try:
        async with _speaking(_LOOK_SECONDS):
            await handle.describe()
            return True
    except (StillWorking, WorkflowOver, Unavailable):
        return False


async def begin_export(client: Client, export_id: str, order: ExportOrder) -> None:
    """Have it made; repeating it with the same id is harmless. Raises Unavailable."""
    try:
        async with _speaking(COMMAND_SECONDS):
            await client.start_workflow(
                EXPORT_WORKFLOW,
                order,
                id=export_workflow_id(export_id),
                task_queue=DOCUMENTS_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                static_summary=f"{order.kind} {order.period}".strip(),
            )
    except WorkflowOver:
        return  # made already
    except StillWorking:
        raise Unavailable("Temporal did not take the export in time; try again") from None


async def exported(client: Client, export_id: str) -> Exported | None:
    """What came of an export; None while it is being made.

    Raises NotFound for one that never was or that Temporal has forgotten, WorkFailed, Unavailable.
    """
    handle = client.get_workflow_handle(export_workflow_id(export_id), result_type=Exported)
    try:
        async with _speaking(COMMAND_SECONDS):
            if (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
                return None
            made: Exported = await handle.result()
            return made
    except WorkflowFailureError as error:
        activity_error = error.cause
        reason = getattr(activity_error, "cause", None) or activity_error
        raise WorkFailed(str(reason)) from error
    except WorkflowOver:
        raise NotFound(f"There is no export {export_id}, or it was long ago: ask for it again.") from None
    except StillWorking:
        raise Unavailable("Temporal did not say in time how far the export is; try again") from None


async def open_top_up(client: Client, start: StartTopUp) -> TopUpStatus:
    """Begin the top-up and wait until it is on record; repeating it with the same id is harmless.

    Raises StillWorking once the workflow has begun, WorkflowOver if it has ended, else Unavailable.
    """
    operation: WithStartWorkflowOperation[object, object] = WithStartWorkflowOperation(
        top_up.WORKFLOW_NAME,
        start,
        id=top_up_workflow_id(start.top_up.id),
        task_queue=SUBSCRIPTIONS_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        static_summary=f"top-up of {rupees(start.top_up.amount_paise)}",
    )
    try:
        async with _speaking(OPEN_SECONDS):
            return await _update_with_start(client, messages.OPEN_UPDATE, operation, TopUpStatus)
    except WorkflowUpdateFailedError:
        raise WorkflowOver from None  # it ended while it was asked


async def cancel_top_up(client: Client, top_up_id: str, request: CancelTopUp) -> TopUpStatus:
    """How it stands then. Raises StillWorking, WorkflowOver or Unavailable."""
    try:
        async with _speaking(COMMAND_SECONDS):
            status: TopUpStatus = await client.get_workflow_handle(
                top_up_workflow_id(top_up_id)
            ).execute_update(top_up.CANCEL_UPDATE, request, result_type=TopUpStatus)
            return status
    except WorkflowUpdateFailedError as error:
        raise _refusal(error) from error


async def customer_of_run(client: Client, subscription_id: str) -> str | None:
    """The customer id of a begun workflow; None if there is none, or Temporal does not say in time."""
    try:
        async with _speaking(_LOOK_SECONDS):
            description = await _handle(client, subscription_id).describe()
            return description.typed_search_attributes.get(search_attributes.CUSTOMER)
    except (StillWorking, WorkflowOver, Unavailable):
        return None


async def exists(client: Client, subscription_id: str) -> bool:
    """Whether the workflow has begun; False too where Temporal does not say in time."""
    return await customer_of_run(client, subscription_id) is not None


async def answers(client: Client) -> bool:
    """Whether Temporal is there."""
    try:
        async with _speaking(_LOOK_SECONDS):
            return await client.service_client.check_health()
    except (StillWorking, WorkflowOver, Unavailable):
        return False
