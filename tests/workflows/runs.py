"""The histories of a workflow's runs, and what happened in them."""

from dataclasses import dataclass

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHistory

from local.world import Person
from workflows.ports import subscription_workflow_id

_SKIPPING = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED,
)
_WORKFLOW_TASK_COMPLETED = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED


@dataclass(frozen=True)
class Run:
    """One run, as it would be had its time not been skipped."""

    history: WorkflowHistory
    events: list[HistoryEvent]

    @property
    def kinds(self) -> list[str]:
        """`TIMER_STARTED` and the like, in order."""
        return [EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in self.events]

    @property
    def own_events(self) -> int:
        """What the run itself costs; a task that a busy worker did not take in time adds two."""
        return len(self.events) - 2 * self.kinds.count("WORKFLOW_TASK_TIMED_OUT")

    @property
    def commands(self) -> list[str]:
        """What its first workflow task decided."""
        (first, *_) = [event for event in self.events if event.event_type == _WORKFLOW_TASK_COMPLETED]
        return [
            kind
            for event, kind in zip(self.events, self.kinds, strict=True)
            if decided_by(event) == first.event_id
        ]

    @property
    def activities(self) -> list[str]:
        """Names in the order in which they were asked for."""
        return [
            event.activity_task_scheduled_event_attributes.activity_type.name
            for event in self.events
            if event.HasField("activity_task_scheduled_event_attributes")
        ]


def decided_by(event: HistoryEvent) -> int:
    """The workflow task whose completion brought this event; 0 for none."""
    attributes = getattr(event, event.WhichOneof("attributes") or "")
    return int(getattr(attributes, "workflow_task_completed_event_id", 0))


async def runs_of(person: Person) -> list[Run]:
    """All runs of the person's subscription, oldest first."""
    return await runs_under(person.world.client, subscription_workflow_id(person.subscription_id))


async def runs_under(client: Client, workflow_id: str) -> list[Run]:
    """All runs of a workflow, oldest first."""
    found: list[Run] = []
    run_id: str | None = None
    while True:
        history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
        events = [event for event in history.events if event.event_type not in _SKIPPING]
        found.insert(0, Run(history, events))
        run_id = events[0].workflow_execution_started_event_attributes.continued_execution_run_id
        if not run_id:
            return found
