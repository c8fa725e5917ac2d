"""What becomes of a gateway's call, and how a run hears of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from db.inbox import Outcome
from db.models import WebhookInbox
from domain.errors import Unavailable
from domain.renewal import Collecting, Terms
from domain.subscription import Collection, Subscription
from workflows import messages, ports, search_attributes

ORPHAN_AFTER = timedelta(minutes=10)
"""How long a call about a subscription of ours may run ahead of our own record of it."""
CALL_TIMEOUT = timedelta(seconds=10)
ACTOR = "gateway"


@dataclass(frozen=True)
class Verdict:
    """`outcome` None: to be tried again."""

    entry: WebhookInbox
    outcome: Outcome | None
    subscription_id: str | None = None
    error: str | None = None


class Caller(Protocol):
    """One gateway, which calls."""

    async def hand_on(self, entry: WebhookInbox) -> Verdict:
        """Tell the run that the call is about. Raises RetryableError."""


def orphan(
    clock: Callable[[], datetime],
    entry: WebhookInbox,
    why: str,
    *,
    wait: bool,
    subscription_id: str | None = None,
) -> Verdict:
    """Nobody to tell: for a while that may only be because the call was faster than our own record."""
    young = clock() < entry.received_at + ORPHAN_AFTER
    return Verdict(entry, None if wait and young else "orphan", subscription_id, why)


async def signalled(client: Client, workflow_id: str, hint: messages.GatewayEvent) -> bool:
    """Tell a run; False if none is running. Raises Unavailable."""
    try:
        handle = client.get_workflow_handle(workflow_id)
        await handle.signal(messages.GATEWAY_SIGNAL, hint, rpc_timeout=CALL_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise Unavailable(f"Temporal took no signal ({error.status.name}); trying again") from error
        return False
    return True


async def wake_ended(
    client: Client, subscription: Subscription, hint: messages.GatewayEvent, offset: timedelta
) -> None:
    """Begin the run of a subscription that has ended once more, from its row, to look at money that came.

    It ends again when that is dealt with. `offset` moves its clock, in tests and demonstrations only.
    Raises Unavailable.
    """
    ours = subscription.collection is Collection.ENGINE
    carried = messages.Carried(collecting=Collecting(Terms(), checkout_closed=True) if ours else None)
    try:
        await client.start_workflow(
            messages.ENGINE_WORKFLOW_NAME if ours else messages.WORKFLOW_NAME,
            messages.StartSubscription(subscription, ACTOR, offset, carried),
            id=ports.subscription_workflow_id(subscription.id),
            task_queue=ports.SUBSCRIPTIONS_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=search_attributes.of(subscription),
            static_summary=f"{subscription.price.plan_id}, {subscription.status}: money after the end",
            start_signal=messages.GATEWAY_SIGNAL,
            start_signal_args=[hint],
            rpc_timeout=CALL_TIMEOUT,
        )
    except RPCError as error:
        raise Unavailable(f"Temporal woke no run ({error.status.name}); trying again") from error
