"""Exporting the books, as an operator asked for it: the run's result is the export's standing."""

from temporalio import workflow

from domain.exports import Exported, ExportOrder
from workflows import options, ports

EXPORT_WORKFLOW = "Export"


@workflow.defn(name=EXPORT_WORKFLOW)
class ExportWorkflow:
    """One activity, repeated until it succeeds or refuses."""

    @workflow.run
    async def run(self, request: ExportOrder) -> Exported:
        """Where the archive lies, or why there is none."""
        return await workflow.execute_activity(
            ports.make_export, request, summary=f"export {request.kind}", **options.EXPORT
        )
