"""A change in the order of commands breaks runs that are under way: it must be noticed before a deploy."""

import importlib
import inspect
import json
import pkgutil
from pathlib import Path

import pytest

import workflows
from tests.workflows.fingerprint import commands_of
from worker import DOCUMENT_WORKFLOWS, SUBSCRIPTION_WORKFLOWS

WORKFLOWS = (*SUBSCRIPTION_WORKFLOWS, *DOCUMENT_WORKFLOWS)
COMMITTED = Path(__file__).with_name("fingerprints.json")
ADVICE = """
The commands of {name} changed. A run that is between waking and rolling over would not replay.
 1. Code after the timer of a sleeping run may change freely; check that test_replay.py passes.
 2. Otherwise put the change behind workflow.patched("...") and keep both ways until no run needs the old one.
 3. Then: python -m tests.workflows.test_fingerprint
"""


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_the_commands_of_a_workflow_change_only_on_purpose(workflow: type) -> None:
    committed = json.loads(COMMITTED.read_text())
    assert commands_of(workflow) == committed[workflow.__name__], ADVICE.format(name=workflow.__name__)


def test_every_workflow_is_served_and_has_its_commands_committed() -> None:
    rooms = [
        importlib.import_module(f"workflows.{found.name}")
        for found in pkgutil.iter_modules(workflows.__path__)
    ]
    defined = {
        item
        for room in rooms
        for _, item in inspect.getmembers(room, inspect.isclass)
        if "__temporal_workflow_definition" in vars(item)
    }
    assert defined == set(WORKFLOWS)
    assert set(json.loads(COMMITTED.read_text())) == {item.__name__ for item in WORKFLOWS}


if __name__ == "__main__":
    found = {item.__name__: commands_of(item) for item in WORKFLOWS}
    COMMITTED.write_text(json.dumps(found, indent=1) + "\n")
