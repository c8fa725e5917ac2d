"""What a worker process serves and relays, by its settings and roles."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from temporalio.client import Client

from config import Settings
from relay.inbox import InboxRelay
from relay.mandates import MandateSweep
from tests.config.test_collecting import PHONEPE
from worker import ROLES, Parts, activities_by_queue, assemble, build_relays, build_workers
from workflows import ports
from workflows.collecting_ports import GATEWAY_QUEUES, PHONEPE_QUEUE

Make = Callable[..., Parts]


@pytest.fixture
async def parts_of() -> AsyncIterator[Make]:
    made: list[Parts] = []

    def make(**settings: Any) -> Parts:
        made.append(assemble(Settings(environment="test", **settings)))
        return made[-1]

    yield make
    for parts in made:
        await parts.closing.aclose()


def queues(client: Client, parts: Parts, *roles: str) -> set[str]:
    """Named by what would serve them: a queue can be served once in a process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker._worker", lambda _client, queue, _served, **_how: queue)
        return {str(queue) for queue in build_workers(client, parts, roles)}


async def test_the_gateways_role_serves_phonepes_queue_where_phonepe_is_set_up(
    client: Client, parts_of: Make
) -> None:
    with_it, without = parts_of(**PHONEPE), parts_of()
    assert queues(client, with_it, "gateway") == {ports.RAZORPAY_QUEUE, PHONEPE_QUEUE}
    assert queues(client, without, "gateway") == {ports.RAZORPAY_QUEUE}
    assert PHONEPE_QUEUE in queues(client, with_it, *ROLES)
    for role in ("subscriptions", "documents", "relay"):
        assert PHONEPE_QUEUE not in queues(client, with_it, role)


async def test_whatever_asks_a_gateway_is_served_on_its_queue(parts_of: Make) -> None:
    served = activities_by_queue(parts_of(**PHONEPE))
    names = {
        queue: {each.__temporal_activity_definition.name for each in activities}  # type: ignore[attr-defined]
        for queue, activities in served.items()
    }
    asked = {"open_page", "read_pages", "read_standing", "give_notice", "start_debit", "cancel_mandate"}
    for queue in GATEWAY_QUEUES.values():
        assert asked | {"send_refund", "read_refund"} <= names[queue]
    assert {"record_mandate", "offer_checkout", "ask_for_payment"} <= names[ports.SUBSCRIPTIONS_QUEUE]


async def test_its_calls_are_handed_on_and_its_mandates_looked_at(client: Client, parts_of: Make) -> None:
    with_it, without = (build_relays(client, parts_of(**settings)) for settings in (PHONEPE, {}))
    [inbox] = [each for each in with_it if isinstance(each, InboxRelay)]
    assert set(inbox._callers) == {"razorpay", "phonepe"}
    [sweep] = [each for each in with_it if isinstance(each, MandateSweep)]
    assert set(sweep._gateways) == {"razorpay", "phonepe"}
    [inbox] = [each for each in without if isinstance(each, InboxRelay)]
    assert set(inbox._callers) == {"razorpay"}
    [sweep] = [each for each in without if isinstance(each, MandateSweep)]
    assert set(sweep._gateways) == {"razorpay"}
