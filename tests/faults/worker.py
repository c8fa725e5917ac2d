"""Workers that die where they are told to: `python -m tests.faults.worker`.

This process imports everything once, then forks a real worker for every order (a line of JSON) on its
standard input and answers with the pid; all its workers die with it. A worker is worker.py's own
composition, seen through wrappers that do nothing but stop at labelled points:

    {activity}:before, :after       around every activity: nothing done yet; done, but not yet reported
    {activity}:written, :committed  around the commit of a transaction inside it
    plan:sent, plan:created         inside open_checkout: intent on record, request not yet sent; made at the
    checkout:sent, checkout:created gateway, reply not yet on record
    refund:sent, refund:made        the same inside send_refund
    page:, notice:, debit:          the same, at PhonePe, inside open_page, give_notice and start_debit
    inbox:claimed, inbox:signalled  a webhook is claimed, not yet signalled; signalled, not yet marked
    document:claimed, :started      the same for whatever a relay begins: the rendering of a document
    event:delivered, mail:sent      taken by the receiver, not yet marked

At a point of `strike` the worker writes a marker file and kills itself with SIGKILL; at one of `hold` it
writes the marker and waits until the test has removed it. All that differs from production is how soon
an activity of a dead worker is repeated: after 2 s instead of 15 to 60 s, and short pauses between tries.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import temporalio.client
import temporalio.worker
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity
from temporalio.client import Client, SignalWorkflowInput, StartWorkflowInput, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

import worker
from api.logs import configure_logging
from config import Settings
from db.session import Database
from domain.orders import DebitStarted, OrderAtGateway
from domain.refund import RefundAtGateway
from engine.codec import EncryptionCodec
from engine.plugin import bahi_plugin
from gateways.base import (
    NewDebit,
    NewMandate,
    NewRefund,
    NewSubscription,
    PageAtGateway,
    PlanAtGateway,
    SubscriptionAtGateway,
)
from gateways.cloud_events import OutgoingEvent
from gateways.event_webhook import EventWebhook
from gateways.notifications import Message
from gateways.phonepe import PhonePeGateway
from gateways.razorpay import RazorpayGateway
from gateways.smtp import SmtpNotifier
from workflows import options

_PR_SET_PDEATHSIG = 1
_RETRIES = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(milliseconds=800)
)


class Order(BaseModel):
    """What one worker is to be: settings as `Settings` takes them, roles, and where it is to stop."""

    settings: dict[str, Any]
    markers: Path
    roles: tuple[str, ...] = worker.ROLES
    strike: tuple[str, ...] = ()
    hold: tuple[str, ...] = ()
    activity_seconds: float = 2.0


@dataclass(frozen=True)
class Points:
    """Where this process is to stop."""

    order: Order

    async def reach(self, point: str, subject: str) -> None:
        """`subject` says in the marker whom it struck. Does not return from a strike."""
        marker = self.order.markers / point
        if point in self.order.strike:
            _write(marker, subject)
            os.kill(os.getpid(), signal.SIGKILL)
        if point in self.order.hold and not (self.order.markers / f"{point}.over").exists():
            _write(marker, subject)
            while marker.exists():  # noqa: ASYNC110 - the test is in another process
                await asyncio.sleep(0.02)


def _write(marker: Path, subject: str) -> None:
    """Complete or not there at all."""
    unfinished = marker.with_name(f".{marker.name}")
    unfinished.write_text(subject)
    unfinished.replace(marker)


def _subject(request: object) -> str:
    """The subscription, refund or document that an activity is about."""
    subscription = getattr(request, "subscription", None) or getattr(request, "before", None)
    if subscription is not None:
        return str(subscription.id)
    top_up = getattr(request, "top_up", None)
    if top_up is not None:
        return str(top_up.id)
    names = ("refund_id", "note_id", "voucher_id", "document_id")
    return next((str(getattr(request, name)) for name in names if hasattr(request, name)), "")


class _Activities(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, points: Points) -> None:
        super().__init__(inner)
        self._points = points

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        name, subject = activity.info().activity_type, _subject(input.args[0])
        await self._points.reach(f"{name}:before", subject)
        result = await super().execute_activity(input)
        await self._points.reach(f"{name}:after", subject)
        return result


class _Calls(temporalio.client.OutboundInterceptor):
    """What the relays ask of Temporal."""

    def __init__(self, inner: temporalio.client.OutboundInterceptor, points: Points) -> None:
        super().__init__(inner)
        self._points = points

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:  # noqa: A002
        await self._points.reach("inbox:claimed", input.id)
        await super().signal_workflow(input)
        await self._points.reach("inbox:signalled", input.id)

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002
        await self._points.reach("document:claimed", input.id)
        handle = await super().start_workflow(input)
        await self._points.reach("document:started", input.id)
        return handle


class _Interceptor(temporalio.client.Interceptor, temporalio.worker.Interceptor):
    def __init__(self, points: Points) -> None:
        super().__init__()
        self._points = points

    def intercept_client(
        self,
        next: temporalio.client.OutboundInterceptor,  # noqa: A002 - the SDK's name
    ) -> temporalio.client.OutboundInterceptor:
        return _Calls(next, self._points)

    def intercept_activity(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002 - the SDK's name
    ) -> ActivityInboundInterceptor:
        return _Activities(next, self._points)


class _Database(Database):
    points: Points

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        async with super().transaction() as session:
            yield session
            await session.flush()
            await self._reach("written")
        await self._reach("committed")

    async def _reach(self, stage: str) -> None:
        if activity.in_activity():
            info = activity.info()
            await self.points.reach(f"{info.activity_type}:{stage}", info.activity_id)


class _Gateway(RazorpayGateway):
    points: Points

    async def create_plan(self, plan: PlanAtGateway) -> str:
        await self.points.reach("plan:sent", plan.price.id)
        plan_id = await super().create_plan(plan)
        await self.points.reach("plan:created", plan.price.id)
        return plan_id

    async def create_subscription(self, new: NewSubscription) -> SubscriptionAtGateway:
        await self.points.reach("checkout:sent", new.subscription_id)
        made = await super().create_subscription(new)
        await self.points.reach("checkout:created", new.subscription_id)
        return made

    async def refund(self, new: NewRefund) -> RefundAtGateway:
        await self.points.reach("refund:sent", new.refund_id)
        made = await super().refund(new)
        await self.points.reach("refund:made", new.refund_id)
        return made


class _PhonePe(PhonePeGateway):
    points: Points

    async def open_mandate(self, new: NewMandate) -> PageAtGateway:
        await self.points.reach("page:sent", new.reference)
        made = await super().open_mandate(new)
        await self.points.reach("page:made", new.reference)
        return made

    async def notify(self, new: NewDebit) -> OrderAtGateway:
        await self.points.reach("notice:sent", new.order_id)
        made = await super().notify(new)
        await self.points.reach("notice:made", new.order_id)
        return made

    async def redeem(self, order_id: str) -> DebitStarted:
        await self.points.reach("debit:sent", order_id)
        made = await super().redeem(order_id)
        await self.points.reach("debit:made", order_id)
        return made


def _parts(settings: Settings, points: Points) -> worker.Parts:
    database = _Database.connect(settings.database_url.get_secret_value(), settings.database_pool_size)
    database.points = points
    gateway = _Gateway(
        settings.razorpay_key_id, settings.razorpay_key_secret.get_secret_value(), settings.razorpay_base_url
    )
    gateway.points = points
    with patch.object(worker, "PhonePeGateway", _PhonePe):
        parts = worker.assemble(settings)
    if isinstance(parts.phonepe, _PhonePe):
        parts.phonepe.points = points
    collecting = {**parts.collecting, gateway.name: gateway}
    return replace(parts, database=database, gateway=gateway, refunds=gateway, collecting=collecting)


async def _connect(settings: Settings, points: Points) -> Client:
    codec = EncryptionCodec.from_setting(settings.payload_keys.get_secret_value())
    return await Client.connect(
        settings.temporal_address, plugins=[bahi_plugin(codec)], interceptors=[_Interceptor(points)]
    )


def _stopping_receivers(points: Points) -> contextlib.ExitStack:
    """worker.py's sinks, stopping after each delivery."""

    class Events(EventWebhook):
        async def deliver(self, event: OutgoingEvent) -> None:
            await super().deliver(event)
            await points.reach("event:delivered", f"evt_{event.id}")

    class Mail(SmtpNotifier):
        async def send(self, message: Message) -> None:
            await super().send(message)
            await points.reach("mail:sent", message.id)

    patches = contextlib.ExitStack()
    patches.enter_context(patch.object(worker, "EventWebhook", Events))
    patches.enter_context(patch.object(worker, "SmtpNotifier", Mail))
    return patches


async def play(order: Order) -> None:
    """As worker.serve, with stopping parts; ends by SIGTERM, or as ordered."""
    settings, points = Settings(**order.settings), Points(order)
    configure_logging(settings.log_level)
    for kind in (options.BOOKS, options.GATEWAY, options.DOCUMENT):
        kind["start_to_close_timeout"] = timedelta(seconds=order.activity_seconds)
        kind["retry_policy"] = _RETRIES
    once = options.once

    def briefly(name: str) -> options.ActivityOptions:
        return {**once(name), "start_to_close_timeout": timedelta(seconds=order.activity_seconds)}

    options.once = briefly
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    parts = _parts(settings, points)
    client = await _connect(settings, points)
    with _stopping_receivers(points):
        relays = worker.build_relays(client, parts) if "relay" in order.roles else []
    async with contextlib.AsyncExitStack() as running, asyncio.TaskGroup() as tasks:
        for each in worker.build_workers(client, parts, order.roles):
            await running.enter_async_context(each)
        for relay in relays:
            tasks.create_task(relay.run(stop))
        await stop.wait()
    await parts.database.close()


def main() -> None:
    """Fork a worker per order until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the dead
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.dup2(2, 1)  # standard output is the parent's, for pids only
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            try:
                asyncio.run(play(Order.model_validate_json(line)))
            except BaseException:  # noqa: BLE001 - never back into the loop of the parent
                import traceback

                traceback.print_exc()
            finally:
                os._exit(0)
        sys.stdout.write(json.dumps(pid) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
