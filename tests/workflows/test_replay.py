"""Runs begun under older versions of a workflow go on under this one; see record.py."""

import gzip
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from config import Settings
from engine.codec import EncryptionCodec
from engine.plugin import bahi_plugin
from tests.workflows.deeds import DEEDS
from tests.workflows.record import FOLDER, LIVES
from worker import DOCUMENT_WORKFLOWS, SUBSCRIPTION_WORKFLOWS
from workflows import messages
from workflows.messages import StartSubscription
from workflows.subscription import SubscriptionWorkflow

WORKFLOWS = (*SUBSCRIPTION_WORKFLOWS, *DOCUMENT_WORKFLOWS)
HISTORIES = sorted(FOLDER.glob("*.json.gz"))
PLUGIN = bahi_plugin(
    EncryptionCodec.from_setting(Settings.model_fields["payload_keys"].default.get_secret_value())
)


def committed(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(file.read_bytes()))
    return found


def history(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json("subscription/sub_recorded", committed(file))


def first_event(file: Path) -> dict[str, Any]:
    started: dict[str, Any] = committed(file)["events"][0]["workflowExecutionStartedEventAttributes"]
    return started


def payloads(part: Any) -> Iterator[dict[str, Any]]:
    """All but the search attributes, which the server must read and which hold no personal data."""
    if isinstance(part, dict):
        if "metadata" in part and "data" in part:
            yield part
        for name, inner in part.items():
            if name != "searchAttributes":
                yield from payloads(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from payloads(inner)


def test_every_shape_of_life_is_on_record() -> None:
    assert {file.name.rpartition("-")[0] for file in HISTORIES} == {*LIVES, *DEEDS}


def test_a_run_of_every_workflow_is_on_record() -> None:
    kinds = {event["workflowType"]["name"] for event in map(first_event, HISTORIES)}
    assert kinds == {vars(item)["__temporal_workflow_definition"].name for item in WORKFLOWS}


def test_what_is_on_record_can_only_be_read_with_the_key() -> None:
    encrypted = "YmluYXJ5L2VuY3J5cHRlZA=="  # binary/encrypted
    for file in HISTORIES:
        found = list(payloads(committed(file)))
        assert len(found) > 1
        assert {payload["metadata"]["encoding"] for payload in found} == {encrypted}, file.name


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.name.removesuffix(".json.gz"))
async def test_a_recorded_run_replays(file: Path) -> None:
    await Replayer(workflows=WORKFLOWS, plugins=[PLUGIN]).replay_workflow(history(file))


@workflow.defn(name=messages.WORKFLOW_NAME)
class SleepsTwice(SubscriptionWorkflow):
    """A change of the kind that breaks what is under way."""

    @workflow.init
    def __init__(self, start: StartSubscription) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: StartSubscription) -> Any:
        await workflow.sleep(timedelta(seconds=1))
        return await super().run(start)


async def test_a_changed_order_of_commands_does_not_replay() -> None:
    (file,) = [file for file in HISTORIES if file.name.startswith("created-")]
    changed = Replayer(workflows=[SleepsTwice], plugins=[PLUGIN], workflow_runner=UnsandboxedWorkflowRunner())
    with pytest.raises(NondeterminismError):
        await changed.replay_workflow(history(file))
