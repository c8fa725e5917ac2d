"""Billing what a customer drew from the wallet in a month that is over."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow

from workflows import options, wallet_ports
from workflows.wallet_ports import DrawsInvoiced, InvoiceDraws

WORKFLOW_NAME = "WalletInvoice"


@dataclass(frozen=True)
class StartWalletInvoice:
    """`month` in India, `2026-11`."""

    customer_id: str
    month: str
    test_clock_offset: timedelta = timedelta(0)


@workflow.defn(name=WORKFLOW_NAME)
class WalletInvoiceWorkflow:
    """One activity, repeated until it succeeds: a setting may have to be mended first."""

    @workflow.run
    async def run(self, start: StartWalletInvoice) -> DrawsInvoiced:
        """The invoices."""
        request = InvoiceDraws(
            start.customer_id,
            start.month,
            f"wallet/{start.customer_id}/{start.month}/{workflow.uuid4()}",
            workflow.now() + start.test_clock_offset,
        )
        return await workflow.execute_activity(
            wallet_ports.invoice_draws,
            request,
            summary=f"invoice what was drawn in {start.month}",
            **options.BOOKS,
        )
