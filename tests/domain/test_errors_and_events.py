"""One family of errors, each final or retryable; one event for each kind of fact."""

import inspect
from collections.abc import Iterator

import pytest

import domain.subscription  # its error belongs to the family
from domain.errors import (
    BahiError,
    CatalogueInvalid,
    FinalError,
    GatewayRefused,
    InvalidInput,
    Refused,
    RetryableError,
    Unauthorised,
)
from domain.events import (
    DOCUMENTS_SINK,
    KAFKA_SINK,
    NOTIFICATIONS_SINK,
    WEBHOOK_SINK,
    EventType,
    announced_by,
    interested,
    payment_event,
)
from domain.subscription import IllegalTransition, Status, Trigger


def family(root: type[BahiError] = BahiError) -> Iterator[type[BahiError]]:
    for child in root.__subclasses__():
        if child.__module__.startswith("domain."):
            yield child
            yield from family(child)


FAMILY = sorted(family(), key=lambda each: each.__name__)


@pytest.mark.parametrize("error", FAMILY)
def test_every_error_is_either_final_or_retryable(error: type[BahiError]) -> None:
    assert issubclass(error, FinalError) != issubclass(error, RetryableError)
    assert error.retryable == issubclass(error, RetryableError)
    assert inspect.getdoc(error)


def test_codes_tell_final_errors_apart() -> None:
    final = [error.code for error in FAMILY if issubclass(error, FinalError)]
    assert len(set(final)) == len(final)
    assert domain.subscription.IllegalTransition in FAMILY


@pytest.mark.parametrize(
    ("error", "message", "facts"),
    [
        (InvalidInput("gstin", "wrong"), "wrong", {"field": "gstin"}),
        (Refused("no", state="ACTIVE", allowed=["keep"]), "no", {"state": "ACTIVE", "allowed": ("keep",)}),
        (Unauthorised("who?"), "who?", {"known": False}),
        (Unauthorised("not you", known=True), "not you", {"known": True}),
        (GatewayRefused("said no", status=400, reason="bad"), "said no", {"status": 400, "reason": "bad"}),
        (CatalogueInvalid("no price", line=7), "line 7: no price", {"line": 7}),
    ],
)  # fmt: skip
def test_errors_carry_their_facts_and_read_as_their_message(
    error: BahiError, message: str, facts: dict[str, object]
) -> None:
    assert str(error) == message
    assert {name: getattr(error, name) for name in facts} == facts


def test_an_illegal_transition_names_state_and_trigger() -> None:
    error = IllegalTransition(Status.EXPIRED, Trigger.RESUMED)
    assert (error.status, error.trigger) == (Status.EXPIRED, Trigger.RESUMED)
    assert "EXPIRED" in str(error)
    assert "resumed" in str(error)


EXPECTED_EVENTS = {
    Trigger.AUTHENTICATED: "subscription.authenticated",
    Trigger.CHARGE_FAILED: "subscription.past_due",
    Trigger.RETRIES_EXHAUSTED: "subscription.halted",
    Trigger.MANDATE_RENEWED: "subscription.recovered",
    Trigger.PAUSED: "subscription.paused",
    Trigger.RESUMED: "subscription.resumed",
    Trigger.CANCELLED: "subscription.cancelled",
    Trigger.COMPLETED: "subscription.completed",
    Trigger.EXPIRED: "subscription.expired",
}


@pytest.mark.parametrize("trigger", sorted(set(Trigger) - {Trigger.PAID}))
def test_every_change_of_state_has_its_event(trigger: Trigger) -> None:
    assert announced_by(trigger) == EXPECTED_EVENTS[trigger]


@pytest.mark.parametrize(
    ("before", "paid_cycle", "event"),
    [
        (Status.CREATED, None, EventType.SUBSCRIPTION_ACTIVATED),
        (Status.AUTHENTICATED, None, EventType.SUBSCRIPTION_ACTIVATED),
        (Status.PAST_DUE, None, EventType.SUBSCRIPTION_ACTIVATED),
        (Status.ACTIVE, 0, EventType.SUBSCRIPTION_RENEWED),
        (Status.PAST_DUE, 0, EventType.SUBSCRIPTION_RECOVERED),
        (Status.HALTED, 3, EventType.SUBSCRIPTION_RECOVERED),
    ],
)
def test_a_payment_begins_recovers_or_renews(
    before: Status, paid_cycle: int | None, event: EventType
) -> None:
    assert payment_event(before, paid_cycle) is event


@pytest.mark.parametrize("event", EventType)
def test_sinks_get_the_events_they_want(event: EventType) -> None:
    everyone = (DOCUMENTS_SINK, NOTIFICATIONS_SINK, KAFKA_SINK, WEBHOOK_SINK)
    wanting = set(interested(event, everyone))
    assert {KAFKA_SINK, WEBHOOK_SINK} <= wanting
    drawn = {"invoice.issued", "credit_note.issued", "voucher.issued", "proforma.issued"}
    drawn |= {"e_invoice.registered", "e_invoice.refused"}
    assert (DOCUMENTS_SINK in wanting) == (event.value in drawn)
    told = {
        "payment.due",
        "payment.failed",
        "payment.refunded",
        "subscription.halted",
        "subscription.cancelled",
        "invoice.document_ready",
        "credit_note.document_ready",
        "voucher.document_ready",
        "proforma.document_ready",
        "usage.budget_warned",
        "usage.budget_used_up",
    }
    assert (NOTIFICATIONS_SINK in wanting) == (event.value in told)
    assert interested(event, ()) == ()
