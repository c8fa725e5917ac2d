"""Pydantic JSON whose type adapters are built once per process.

Every run has a converter of its own. If each built its adapters anew, as the library's does, reading a run's
argument would cost more than the rest of the run's tasks together.
"""

import functools
import threading
from typing import Any

from pydantic import TypeAdapter
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import CompositePayloadConverter, DefaultPayloadConverter, JSONPlainPayloadConverter

_KEPT = 1024
"""Bounded: a workflow file that the sandbox loads anew per run brings types of its own each time."""

_one_at_a_time = threading.Lock()
"""At a worker's start many runs want the same adapter at once."""


def _adapter(wanted: Any) -> TypeAdapter[Any]:
    with _one_at_a_time:
        return _built(wanted)


@functools.lru_cache(maxsize=_KEPT)
def _built(wanted: Any) -> TypeAdapter[Any]:
    # It outlives the run that asks first, so nothing of that run's sandbox may get into it.
    with workflow.unsafe.sandbox_unrestricted(), workflow.unsafe.imports_passed_through():
        return TypeAdapter(wanted)


class _Json(PydanticJSONPlainPayloadConverter):
    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        return _adapter(Any if type_hint is None else type_hint).validate_json(payload.data)


class SharedPydanticConverter(CompositePayloadConverter):
    """As `temporalio.contrib.pydantic` has it; type hints must be hashable."""

    def __init__(self) -> None:
        super().__init__(
            *(
                _Json() if isinstance(each, JSONPlainPayloadConverter) else each
                for each in DefaultPayloadConverter.default_encoding_payload_converters
            )
        )
