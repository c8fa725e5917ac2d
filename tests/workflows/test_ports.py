"""What workflows ask for is what the worker serves: names and types, on the queues named."""

import inspect
import typing
from pathlib import Path

from temporalio import activity

from config import Settings
from worker import activities_by_queue, assemble
from workflows import collecting_ports, ports, wallet_ports


def signature(function: object) -> tuple[object, object]:
    hints = typing.get_type_hints(function)
    return hints["request"], hints["return"]


def declared() -> dict[str, tuple[object, object]]:
    found = {}
    for module in (ports, collecting_ports, wallet_ports):
        for _, function in inspect.getmembers(module, inspect.isfunction):
            definition = getattr(function, "__temporal_activity_definition", None)
            if definition is not None:
                found[definition.name] = signature(function)
    return found


async def test_the_worker_serves_exactly_the_declared_activities_with_their_types(tmp_path: Path) -> None:
    parts = assemble(Settings(storage_folder=tmp_path))
    served = {
        activity._Definition.must_from_callable(function).name: signature(function)
        for functions in activities_by_queue(parts).values()
        for function in functions
    }
    assert served == declared()
    assert {"settle_charge", "render_document", "issue_proforma"} <= served.keys()
