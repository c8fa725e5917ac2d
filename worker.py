"""Composition root: wires gateways, store and database into activities and relays, and serves them.

    python worker.py [subscriptions] [gateway] [documents] [relay]

Without a role it plays all of them. Growth is more processes, each with the roles it is to have; the
documents role, which is CPU work, deserves processes of its own.
"""

import argparse
import asyncio
import contextlib
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

import structlog
from prometheus_client import start_http_server
from pydantic import SecretStr
from temporalio.client import Client
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from activities.asking import Asking
from activities.changes import Changes
from activities.checkout import Checkout
from activities.collecting import Collecting
from activities.crediting import Crediting
from activities.documents import Documents
from activities.e_invoices import EInvoices
from activities.exporting import Exporting
from activities.issuer import Issuer
from activities.mandates import Mandates
from activities.pages import Pages
from activities.proforma import Proformas
from activities.refunding import Refunding
from activities.registration import Registration
from activities.settlement import Settlement
from activities.top_ups import TopUps
from activities.wallet_invoices import WalletInvoices
from api.logs import configure_logging
from config import Settings
from config.portal import portal_settings
from db import e_invoices
from db.session import Database
from documents.einvoice import public_key
from domain.events import DOCUMENTS_SINK, KAFKA_SINK, NOTIFICATIONS_SINK, WEBHOOK_SINK
from engine.client import connect
from gateways.base import CollectingGateway, RefundGateway, RefundsByName, SubscriptionGateway
from gateways.event_webhook import EventWebhook
from gateways.irp import InvoicePortal, IrpGateway
from gateways.kafka import KafkaEvents
from gateways.notification_webhook import WebhookNotifier
from gateways.notifications import LogNotifier, Notifier
from gateways.phonepe import PhonePeGateway
from gateways.phonepe_client import PRODUCTION, SANDBOX, PhonePeClient, PhonePeCredentials, PhonePeHosts
from gateways.phonepe_requests import BY_API, BY_CHECKOUT
from gateways.razorpay import RazorpayGateway
from gateways.smtp import SmtpNotifier, SmtpSettings
from gateways.storage import ObjectStore, open_store
from relay.calls import Caller
from relay.documents import DocumentsSink, none_awaited
from relay.housekeeping import Housekeeping
from relay.inbox import InboxRelay
from relay.mandates import MandateSweep
from relay.notifications import NotificationsSink
from relay.outbox import OutboxRelay, Sink
from relay.phonepe_calls import PhonePeCalls
from relay.razorpay_calls import RazorpayCalls
from relay.refunds import RefundNotices, RefundSweep
from relay.wallets import WalletSweep
from workflows import ports
from workflows.collecting_ports import PHONEPE_QUEUE
from workflows.document import RenderDocumentWorkflow
from workflows.e_invoice import EInvoiceWorkflow
from workflows.engine_subscription import EngineSubscriptionWorkflow
from workflows.export import ExportWorkflow
from workflows.issuing import IssueCreditNoteWorkflow, KeepPaymentWorkflow
from workflows.proforma import IssueProformaWorkflow
from workflows.refund import RefundWorkflow
from workflows.subscription import SubscriptionWorkflow
from workflows.top_up import TopUpWorkflow
from workflows.wallet_invoice import WalletInvoiceWorkflow

ROLES = ("subscriptions", "gateway", "documents", "relay")
CACHED_WORKFLOWS = 2000
SUBSCRIPTION_WORKFLOWS = (
    SubscriptionWorkflow,
    EngineSubscriptionWorkflow,
    RefundWorkflow,
    IssueCreditNoteWorkflow,
    KeepPaymentWorkflow,
    IssueProformaWorkflow,
    TopUpWorkflow,
    WalletInvoiceWorkflow,
)
DOCUMENT_WORKFLOWS = (RenderDocumentWorkflow, ExportWorkflow, EInvoiceWorkflow)
log = structlog.get_logger()


class Relay(Protocol):
    """Carries rows to where they are awaited."""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set."""


def utc_now() -> datetime:
    """The one clock of this process."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Parts:
    """What activities and relays are made from."""

    settings: Settings
    database: Database
    gateway: SubscriptionGateway
    refunds: RefundGateway
    store: ObjectStore
    collecting: Mapping[str, CollectingGateway] = field(default_factory=dict)
    """Gateways at which we collect on our own clock, by name."""
    phonepe: PhonePeGateway | None = None
    portal: InvoicePortal | None = None
    """Where e-invoices are registered, by API."""
    clock: Callable[[], datetime] = utc_now
    closing: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    """Holds what has connections; closed when everything that uses it has ended."""

    @property
    def giving_back(self) -> dict[str, RefundsByName]:
        """Gateways that give money back, by name."""
        found: dict[str, RefundsByName] = {self.refunds.name: self.refunds}
        return found if self.phonepe is None else {**found, self.phonepe.name: self.phonepe}

    @property
    def sinks(self) -> tuple[str, ...]:
        """Where events go, by settings."""
        return self.settings.event_sinks

    def business_now(self) -> datetime:
        """The subscriptions' time, which tests and demonstrations may move."""
        return self.clock() + self.settings.test_clock_offset


def assemble(settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> Parts:
    """Open what the settings name. Nothing is connected to yet."""
    database = Database.connect(settings.database_url.get_secret_value(), settings.database_pool_size)
    gateway = RazorpayGateway(
        settings.razorpay_key_id,
        settings.razorpay_key_secret.get_secret_value(),
        settings.razorpay_base_url,
        clock=lambda: clock() + settings.test_clock_offset,
    )
    portal = _portal(settings)
    store = open_store(settings.storage_settings)
    phonepe = _phonepe(settings)
    collecting: dict[str, CollectingGateway] = {gateway.name: gateway}
    if phonepe is not None:
        collecting[phonepe.name] = phonepe
    parts = Parts(settings, database, gateway, gateway, store, collecting, phonepe, portal, clock)
    if phonepe is not None:
        parts.closing.push_async_callback(phonepe.close)
    if portal is not None:
        parts.closing.push_async_callback(portal.close)
    parts.closing.push_async_callback(database.close)
    parts.closing.push_async_callback(gateway.close)
    return parts


def _phonepe(settings: Settings) -> PhonePeGateway | None:
    """None where it is not offered."""
    if not settings.phonepe_client_id:
        return None
    hosts = PRODUCTION if settings.phonepe_environment == "production" else SANDBOX
    if settings.phonepe_url:
        hosts = PhonePeHosts(
            settings.phonepe_url, settings.phonepe_auth_url or settings.phonepe_url, settings.phonepe_url
        )
    credentials = PhonePeCredentials(
        settings.phonepe_client_id, settings.phonepe_client_version, _secret(settings.phonepe_client_secret)
    )
    management = BY_API if settings.phonepe_managed_by == "api" else BY_CHECKOUT
    return PhonePeGateway(PhonePeClient(credentials, hosts), management=management)


def _portal(settings: Settings) -> IrpGateway | None:
    """Where e-invoices are registered; None where there is none or files are carried by hand."""
    for pem in settings.irp_keys:
        public_key(pem)
    if not settings.irp_enabled or not settings.irp_base_url:
        return None
    return IrpGateway(settings.irp_base_url, settings.irp_client_id, _secret(settings.irp_client_secret))


def activities_by_queue(parts: Parts) -> dict[str, list[Callable[..., Any]]]:
    """Every activity and the queue it is served on."""
    settings, database = parts.settings, parts.database
    lag = timedelta(seconds=settings.gateway_list_lag_seconds)
    registration = Registration(database, parts.sinks)
    issuer = Issuer(
        settings.registrations, settings.prefixes, settings.supply_rules, settings.annual_returns_filed
    )
    settlement = Settlement(database, issuer, parts.sinks)
    proformas = Proformas(database, issuer, parts.sinks)
    changes = Changes(database, parts.sinks)
    crediting = Crediting(database, issuer, parts.sinks)
    refunding = Refunding(database, parts.giving_back, crediting, parts.sinks)
    pages = Pages(database, parts.collecting, settings.public_url)
    mandates = Mandates(database, parts.collecting, parts.sinks, lag, parts.clock)
    asking = Asking(database, parts.sinks, settings.public_url)
    collecting_ourselves: list[Callable[..., Any]] = [
        pages.open_page,
        pages.read_pages,
        mandates.read_standing,
        mandates.give_notice,
        mandates.start_debit,
        mandates.cancel_mandate,
        refunding.send_refund,
        refunding.read_refund,
    ]
    checkout = Checkout(database, parts.gateway, parts.sinks, lag, parts.clock)
    collecting = Collecting(parts.gateway)
    documents = Documents(database, parts.store, settings.logos, parts.sinks)
    exporting = Exporting(
        database,
        parts.store,
        settings.logos,
        portal_settings(settings),
        e_invoicing=settings.irp_enabled,
    )
    registering = EInvoices(database, parts.portal, settings.irp_keys, parts.sinks, parts.business_now)
    return {
        ports.SUBSCRIPTIONS_QUEUE: [
            registration.register_subscription,
            settlement.settle_charge,
            proformas.issue_proforma,
            settlement.set_aside_payment,
            changes.record_failure,
            changes.record_change,
            crediting.issue_credit_note,
            crediting.keep_payment,
            refunding.reserve_refund,
            refunding.notice_refund,
            refunding.record_refund,
            mandates.record_mandate,
            asking.offer_checkout,
            asking.ask_for_payment,
            *_of_wallets(parts, issuer),
        ],
        ports.RAZORPAY_QUEUE: [
            checkout.open_checkout,
            checkout.find_checkout,
            collecting.read_collection,
            collecting.instruct_gateway,
            *collecting_ourselves,
        ],
        PHONEPE_QUEUE: collecting_ourselves,
        ports.IRP_QUEUE: [registering.register_e_invoice, registering.cancel_e_invoice],
        ports.DOCUMENTS_QUEUE: [
            documents.render_document,
            exporting.make_export,
            registering.refuse_e_invoice,
        ],
    }


def _of_wallets(parts: Parts, issuer: Issuer) -> list[Callable[..., Any]]:
    """What fills wallets and bills what was drawn from them."""
    top_ups = TopUps(parts.database, issuer, parts.sinks)
    invoices = WalletInvoices(parts.database, issuer, parts.sinks)
    return [top_ups.register_top_up, top_ups.settle_top_up, top_ups.end_top_up, invoices.invoice_draws]


def build_workers(client: Client, parts: Parts, roles: Sequence[str] = ROLES) -> list[Worker]:
    """One worker per queue that the roles serve."""
    served = activities_by_queue(parts)
    workers = []
    if "subscriptions" in roles:
        workers.append(_worker(client, ports.SUBSCRIPTIONS_QUEUE, served, workflows=SUBSCRIPTION_WORKFLOWS))
    if "gateway" in roles:
        rate = parts.settings.razorpay_calls_per_second
        workers.append(_worker(client, ports.RAZORPAY_QUEUE, served, calls_per_second=rate))
        if parts.phonepe is not None:
            rate = parts.settings.phonepe_calls_per_second
            workers.append(_worker(client, PHONEPE_QUEUE, served, calls_per_second=rate))
        if parts.settings.irp_enabled:
            workers.append(_worker(client, ports.IRP_QUEUE, served))
    if "documents" in roles:
        workers.append(_worker(client, ports.DOCUMENTS_QUEUE, served, workflows=DOCUMENT_WORKFLOWS))
    return workers


def _worker(
    client: Client,
    queue: str,
    served: dict[str, list[Callable[..., Any]]],
    *,
    workflows: Sequence[type] = (),
    calls_per_second: float | None = None,
) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        workflows=workflows,
        activities=served[queue],
        max_cached_workflows=CACHED_WORKFLOWS,
        # A killed worker's runs are picked up after this, not after the default of 10 s.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
        graceful_shutdown_timeout=timedelta(seconds=30),
        max_task_queue_activities_per_second=calls_per_second,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    )


def build_relays(client: Client, parts: Parts) -> list[Relay]:
    """What carries rows to where they are awaited."""
    settings, clock = parts.settings, parts.clock
    signature = settings.registrations.chosen().seller.legal_name
    notifications = NotificationsSink(parts.database, _notifier(parts), parts.store, signature, clock)
    awaited = partial(e_invoices.awaited, parts.database) if settings.irp_enabled else none_awaited
    sinks: dict[str, Sink] = {
        DOCUMENTS_SINK: DocumentsSink(client, awaited),
        NOTIFICATIONS_SINK: notifications,
    }
    if KAFKA_SINK in parts.sinks:
        topic = settings.events_kafka_topic
        kafka = KafkaEvents(settings.events_kafka_servers, topic, settings.public_url)
        parts.closing.push_async_callback(kafka.close)
        sinks[KAFKA_SINK] = kafka
    if WEBHOOK_SINK in parts.sinks:
        secret = _secret(settings.events_webhook_secret)
        webhook = EventWebhook(settings.events_webhook_url, secret, settings.public_url, clock)
        parts.closing.push_async_callback(webhook.close)
        sinks[WEBHOOK_SINK] = webhook

    def offset() -> timedelta:
        return settings.test_clock_offset

    noticing = RefundNotices(parts.database, client, parts.refunds, offset)
    callers: dict[str, Caller] = {
        parts.gateway.name: RazorpayCalls(
            parts.database, client, parts.gateway, noticing, clock, workflow_clock_offset=offset
        )
    }
    relays: list[Relay] = [
        RefundSweep(parts.refunds, noticing, clock),
        WalletSweep(parts.database, client, clock, offset),
        OutboxRelay(parts.database, sinks, clock),
        Housekeeping(parts.database, clock),
        MandateSweep(parts.database, client, parts.collecting, parts.business_now),
    ]
    if parts.phonepe is not None:
        theirs = RefundNotices(parts.database, client, parts.phonepe, offset)
        callers[parts.phonepe.name] = PhonePeCalls(
            parts.database, client, theirs, clock, workflow_clock_offset=offset
        )
    return [InboxRelay(parts.database, callers, clock), *relays]


def _notifier(parts: Parts) -> Notifier:
    settings = parts.settings
    if settings.notify == "smtp":
        server = SmtpSettings(
            settings.smtp_host,
            settings.smtp_port,
            settings.smtp_sender,
            settings.smtp_username,
            _secret(settings.smtp_password),
            settings.smtp_starttls,
        )
        return SmtpNotifier(server, parts.clock)
    if settings.notify == "webhook":
        secret = _secret(settings.notification_webhook_secret)
        notifier = WebhookNotifier(settings.notification_webhook_url, secret, parts.clock)
        parts.closing.push_async_callback(notifier.close)
        return notifier
    return LogNotifier()


def _secret(setting: SecretStr | None) -> str:
    return setting.get_secret_value() if setting else ""


async def serve(settings: Settings, roles: Sequence[str], stop: asyncio.Event) -> None:
    """Play `roles` until `stop` is set; what is under way is finished first."""
    parts = assemble(settings)
    client = await connect(settings, runtime=_runtime(settings))
    async with parts.closing, contextlib.AsyncExitStack() as running, asyncio.TaskGroup() as relays:
        for worker in build_workers(client, parts, roles):
            await running.enter_async_context(worker)
        if "relay" in roles:
            for relay in build_relays(client, parts):
                relays.create_task(relay.run(stop))
        log.info("worker is serving", roles=list(roles))
        await stop.wait()


def _runtime(settings: Settings) -> Runtime | None:
    if not settings.metrics_port:
        return None
    metrics = PrometheusConfig(
        bind_address=f"{settings.api_host}:{settings.metrics_port}",
        counters_total_suffix=True,
        unit_suffix=True,
        durations_as_seconds=True,
    )
    return Runtime(telemetry=TelemetryConfig(metrics=metrics))


def main() -> None:
    """Entry of the process: roles from the command line, settings from the environment."""
    parser = argparse.ArgumentParser(prog="worker.py", description=__doc__)
    parser.add_argument("roles", nargs="*", metavar="role", help=f"any of: {', '.join(ROLES)}")
    roles = parser.parse_args().roles or ROLES
    if unknown := set(roles) - set(ROLES):
        parser.error(f"no such role: {', '.join(sorted(unknown))}; there are {', '.join(ROLES)}")
    settings = Settings()
    configure_logging(settings.log_level)
    if settings.relay_metrics_port and "relay" in roles:
        start_http_server(settings.relay_metrics_port, addr=settings.api_host)

    async def until_told() -> None:
        stop = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        await serve(settings, roles, stop)

    asyncio.run(until_told())


if __name__ == "__main__":
    main()
