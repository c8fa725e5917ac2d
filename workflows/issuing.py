"""Issuing a document that an operator asks for: a credit note, or a receipt voucher for money kept."""

from temporalio import workflow

from workflows import options, ports
from workflows.ports import IssueCreditNote, KeepPayment, NoteIssued

CREDIT_NOTE_WORKFLOW = "IssueCreditNote"
KEEP_PAYMENT_WORKFLOW = "KeepPayment"


@workflow.defn(name=CREDIT_NOTE_WORKFLOW)
class IssueCreditNoteWorkflow:
    """One activity, repeated until it succeeds or refuses."""

    @workflow.run
    async def run(self, request: IssueCreditNote) -> NoteIssued:
        """The note, or why there is none."""
        return await workflow.execute_activity(
            ports.issue_credit_note, request, summary=f"credit {request.document_id}", **options.BOOKS
        )


@workflow.defn(name=KEEP_PAYMENT_WORKFLOW)
class KeepPaymentWorkflow:
    """One activity, repeated until it succeeds or refuses."""

    @workflow.run
    async def run(self, request: KeepPayment) -> NoteIssued:
        """The voucher, or why there is none."""
        return await workflow.execute_activity(
            ports.keep_payment, request, summary=f"keep {request.payment_id} as an advance", **options.BOOKS
        )
