"""Registering an issued document as an e-invoice, outside the subscription's history: no charge waits.

One activity asks the portal until it says yes or no, or the law's 30 days are over. Then the run stays
open while the registration can be cancelled (24 hours from the acknowledgement).
"""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from domain.e_invoice import CancelReason, EInvoiceStatus, cancellable_until, registered_until
from workflows import messages, options, ports

WORKFLOW_NAME = "RegisterEInvoice"
CANCEL_UPDATE = "cancel"
_LAST_ASKING = timedelta(hours=1)
"""A document that is late already is still shown to the portal: it may know it."""


@dataclass(frozen=True)
class StartEInvoice:
    """A document that needs a registration, and when it was announced."""

    document_id: str
    issued_on: date
    at: datetime


@dataclass(frozen=True)
class CancelRequest:
    """Who takes the registration back, and why; the portal keeps `remark`."""

    reason: CancelReason
    remark: str
    actor: str


@workflow.defn(name=WORKFLOW_NAME)
class EInvoiceWorkflow:
    """See the module."""

    @workflow.init
    def __init__(self, start: StartEInvoice) -> None:
        self._start = start
        self._standing = ports.EInvoiceStanding(EInvoiceStatus.DUE)
        self._one_at_a_time = asyncio.Lock()

    @workflow.run
    async def run(self, _start: StartEInvoice) -> EInvoiceStatus:
        """Where it stands when nothing can change that any more."""
        self._standing = await self._register()
        while (left := self._time_to_cancel()) > timedelta(0):
            try:
                await workflow.wait_condition(
                    lambda: not self._cancellable, timeout=left, timeout_summary="it can be cancelled"
                )
            except TimeoutError:
                break
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._standing.status

    async def _register(self) -> ports.EInvoiceStanding:
        start = self._start
        left = max(registered_until(start.issued_on) - start.at, _LAST_ASKING)
        in_time: options.ActivityOptions = {**options.PORTAL, "schedule_to_close_timeout": left}
        try:
            return await workflow.execute_activity(
                ports.register_e_invoice,
                ports.RegisterEInvoice(start.document_id),
                summary=f"register {start.document_id}",
                **in_time,
            )
        except ActivityError as error:
            return await workflow.execute_activity(
                ports.refuse_e_invoice,
                ports.RefuseEInvoice(start.document_id, _too_late(error)),
                summary="the time for registering is over",
                **options.BOOKS,
            )

    # What the outside may say.

    @workflow.update(name=CANCEL_UPDATE)
    async def cancel(self, request: CancelRequest) -> ports.EInvoiceStanding:
        """Takes the registration back. Raises ApplicationError of type REFUSED or GATEWAY_UNAVAILABLE."""
        async with self._one_at_a_time:
            self._check_cancellable()
            start = self._start
            asked = ports.CancelEInvoice(start.document_id, request.reason, request.remark, request.actor)
            try:
                self._standing = await workflow.execute_activity(
                    ports.cancel_e_invoice, asked, summary="cancel at the portal", **options.PORTAL_COMMAND
                )
            except ActivityError as error:
                raise ApplicationError(
                    "The portal could not be reached; whether it cancelled is not known. Repeat the request.",
                    type=messages.GATEWAY_UNAVAILABLE,
                    non_retryable=True,
                ) from error
            if self._standing.status is not EInvoiceStatus.CANCELLED:
                raise self._refusal(self._standing.refusal or "The portal refuses to cancel it.")
            return self._standing

    @cancel.validator
    def _cancel_fits(self, request: CancelRequest) -> None:  # noqa: ARG002
        self._check_cancellable()

    def _check_cancellable(self) -> None:
        if not self._cancellable:
            raise self._refusal(f"It is {self._standing.status}; only a registered e-invoice is cancelled.")
        if self._time_to_cancel() <= timedelta(0):
            raise self._refusal(
                "It was registered more than 24 hours ago: the portal cancels no more; issue a credit note."
            )

    def _refusal(self, message: str) -> ApplicationError:
        state = self._standing.status.value
        return ApplicationError(message, state, [], type=messages.REFUSED, non_retryable=True)

    @property
    def _cancellable(self) -> bool:
        return self._standing.status is EInvoiceStatus.REGISTERED

    def _time_to_cancel(self) -> timedelta:
        """What is left of the 24 hours by the clock of whoever announced the document."""
        acknowledged_at = self._standing.acknowledged_at
        if not self._cancellable or acknowledged_at is None:
            return timedelta(0)
        now = self._start.at + (workflow.now() - workflow.info().start_time)
        return cancellable_until(acknowledged_at) - now


def _too_late(error: ActivityError) -> str:
    cause: BaseException | None = error.cause
    while cause is not None and cause.__cause__ is not None:
        cause = cause.__cause__
    last = f" The last answer was: {cause}" if isinstance(cause, ApplicationError) else ""
    return (
        "It was not registered within 30 days of its date, after which the portal takes no document."
        f"{last} If the portal knows it, bring its reply in: bahi einvoice-reply FILE."
    )
