"""Time-outs and retries by kind of call. Retries are for infrastructure; a refusal is an answer."""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy

from workflows.collecting_ports import GATEWAY_QUEUES
from workflows.ports import IRP_QUEUE, RAZORPAY_QUEUE


class ActivityOptions(TypedDict, total=False):
    """The part of `execute_activity`'s options that we set."""

    task_queue: str
    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    schedule_to_start_timeout: timedelta
    retry_policy: RetryPolicy


BOOKS = ActivityOptions(
    start_to_close_timeout=timedelta(seconds=15),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=20)
    ),
)
"""Our own database: it comes back, so these are repeated for ever."""

GATEWAY = ActivityOptions(
    task_queue=RAZORPAY_QUEUE,
    start_to_close_timeout=timedelta(seconds=45),
    schedule_to_close_timeout=timedelta(minutes=3),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30)),
)
"""Given up after minutes: the loop must stay able to answer, and looks again later."""


def gateway(name: str) -> ActivityOptions:
    """As GATEWAY, on the queue of the gateway of that name."""
    return {**GATEWAY, "task_queue": GATEWAY_QUEUES[name]}


def once(name: str) -> ActivityOptions:
    """One try, whatever comes of it: for what must be looked up before it is asked for again."""
    return {
        "task_queue": GATEWAY_QUEUES[name],
        "start_to_close_timeout": timedelta(seconds=45),
        # Started late it might act outside lawful hours.
        "schedule_to_start_timeout": timedelta(minutes=2),
        "retry_policy": RetryPolicy(maximum_attempts=1),
    }


EXPORT = ActivityOptions(
    start_to_close_timeout=timedelta(minutes=15),
    schedule_to_close_timeout=timedelta(hours=1),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=2), maximum_interval=timedelta(minutes=1)),
)
"""Somebody waits for it and can ask again: given up after an hour."""

DOCUMENT = ActivityOptions(
    start_to_close_timeout=timedelta(minutes=1),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=5)),
)

PORTAL = ActivityOptions(
    task_queue=IRP_QUEUE,
    start_to_close_timeout=timedelta(minutes=2),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=5), maximum_interval=timedelta(hours=6)),
)
"""The e-invoice portal may be away for days; the caller says when it is too late."""

PORTAL_COMMAND = ActivityOptions(
    task_queue=IRP_QUEUE,
    start_to_close_timeout=timedelta(minutes=2),
    schedule_to_close_timeout=timedelta(minutes=5),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30)),
)
"""Somebody waits for the answer."""
