"""What the story of a subscription says of mandates, notices and pages."""

from typing import Any

import pytest

from db.wording import event_told
from domain.events import EventType

DAY = "2026-03-09T18:30:00+00:00"
"""The tenth begins in India."""
MONEY: dict[str, Any] = {"amount_paise": 117882, "collection": "engine", "status": "ACTIVE"}

TOLD: list[tuple[EventType, dict[str, Any], str, str]] = [
    (
        EventType.PAYMENT_DUE, MONEY | {"reminder": 0, "open_until": DAY},
        "₹1,178.82 asked for on a page", "It can be paid until 10 Mar 2026.",
    ),
    (
        EventType.PAYMENT_DUE, MONEY | {"reminder": 2, "open_until": DAY},
        "₹1,178.82 asked for on a page, once more", "It can be paid until 10 Mar 2026.",
    ),
    (
        EventType.DEBIT_ANNOUNCED, MONEY | {"debit_on": DAY},
        "Payer told of a debit of ₹1,178.82 on 10 Mar 2026", "Notice is given at least a day before.",
    ),
    (
        EventType.MANDATE_ACTIVATED, {"max_amount_paise": 2_357_00, "mandate_status": "active"},
        "Mandate given", "For debits of up to ₹2,357.00 each.",
    ),
    (
        EventType.MANDATE_PAUSED, {"mandate_status": "paused"},
        "Mandate paused", "By the payer, in a UPI app; no debit is made meanwhile.",
    ),
    (EventType.MANDATE_RESUMED, {"mandate_status": "active"}, "Mandate taken up again", ""),
    (
        EventType.MANDATE_ENDED, {"mandate_status": "revoked", "status": "ACTIVE"},
        "Mandate ended", "It is revoked. What falls due is asked for on a page.",
    ),
    (
        EventType.MANDATE_ENDED, {"mandate_status": "revoked", "status": "CANCELLED"},
        "Mandate ended", "It is revoked.",
    ),
    (
        EventType.SUBSCRIPTION_PAST_DUE, {"collection": "engine"},
        "Renewal overdue", "Access stays while it is collected by the dunning ladder.",
    ),
    (
        EventType.SUBSCRIPTION_PAST_DUE, {"collection": "gateway"},
        "Renewal overdue", "The gateway tries again on the next days; access stays meanwhile.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("event", "data", "title", "detail"), TOLD)
def test_collecting_on_our_own_clock_is_told_in_words(
    event: EventType, data: dict[str, Any], title: str, detail: str
) -> None:
    said, more = event_told(event, data)[:2]
    assert said == title
    assert more.strip() == detail
