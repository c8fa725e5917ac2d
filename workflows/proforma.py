"""Issuing a proforma: what a period would cost, on paper, for those who need paper before they may pay."""

from temporalio import workflow

from workflows import options, ports
from workflows.ports import IssueProforma, ProformaIssued

WORKFLOW_NAME = "IssueProforma"


@workflow.defn(name=WORKFLOW_NAME)
class IssueProformaWorkflow:
    """One activity, repeated until it succeeds or refuses."""

    @workflow.run
    async def run(self, request: IssueProforma) -> ProformaIssued:
        """Whether it is on record."""
        return await workflow.execute_activity(
            ports.issue_proforma, request, summary=f"issue {request.document_id}", **options.BOOKS
        )
