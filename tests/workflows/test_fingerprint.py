"""A change in the order of commands breaks runs that are under way: it must be noticed before a deploy."""

import json
from pathlib import Path

import pytest

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


if __name__ == "__main__":
    found = {item.__name__: commands_of(item) for item in WORKFLOWS}
    COMMITTED.write_text(json.dumps(found, indent=1) + "\n")
