"""The one plugin that gives API, worker, tests and replayer the same converter, codec, sandbox and errors."""

import dataclasses
from typing import Any

from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes
from temporalio.exceptions import ApplicationError
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    WorkflowRunner,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from domain.errors import BahiError
from engine.codec import EncryptionCodec
from engine.payloads import SharedPydanticConverter

PASSED_THROUGH = ("domain", "workflows")
"""Pure and checked by our own rules; reloading them per run costs several times the CPU (temporal.md 0)."""


class _ErrorBoundary(ActivityInboundInterceptor):
    """Turns our errors into Temporal's: final ones are not retried."""

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        try:
            return await super().execute_activity(input)
        except BahiError as error:
            raise ApplicationError(str(error), type=error.code, non_retryable=not error.retryable) from error


class ErrorInterceptor(Interceptor):
    """Puts the error boundary around every activity."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """See Interceptor."""
        return _ErrorBoundary(next)


def data_converter(codec: EncryptionCodec) -> DataConverter:
    """Pydantic JSON, encrypted; failure texts and stack traces are encrypted with it."""
    return DataConverter(
        payload_converter_class=SharedPydanticConverter,
        payload_codec=codec,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def _runner(existing: WorkflowRunner | None) -> WorkflowRunner:
    if isinstance(existing, SandboxedWorkflowRunner):
        return dataclasses.replace(
            existing, restrictions=existing.restrictions.with_passthrough_modules(*PASSED_THROUGH)
        )
    return existing or SandboxedWorkflowRunner()


def bahi_plugin(codec: EncryptionCodec) -> SimplePlugin:
    """Plug into a client; workers made from that client inherit it."""
    return SimplePlugin(
        "bahi",
        data_converter=data_converter(codec),
        interceptors=[ErrorInterceptor()],
        workflow_runner=_runner,
    )
