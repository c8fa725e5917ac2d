"""Rendering an issued document: outside the subscription's history, so that it never blocks access."""

from temporalio import workflow

from workflows import options, ports
from workflows.ports import RenderDocument, Rendered

WORKFLOW_NAME = "RenderDocument"


@workflow.defn(name=WORKFLOW_NAME)
class RenderDocumentWorkflow:
    """One activity, repeated until it succeeds."""

    @workflow.run
    async def run(self, request: RenderDocument) -> Rendered:
        """Where the PDF lies."""
        return await workflow.execute_activity(
            ports.render_document, request, summary=f"render {request.document_id}", **options.DOCUMENT
        )
