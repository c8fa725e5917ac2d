"""How money is collected, as an installation sets it: what is half said or unsafe is refused at the start."""

import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from config import Settings
from config.collecting import CollectBy
from domain.errors import Misconfigured
from domain.ladder import Channel, FailureClass, Ladder, Rung
from domain.mandate import DEFAULT_LIMITS
from domain.subscription import Collection
from tests.config.test_settings import PRODUCTION

PHONEPE: dict[str, Any] = {
    "phonepe_client_id": "SU2601",
    "phonepe_client_secret": "g" * 32,
    "phonepe_webhook_username": "bahi_calls",
    "phonepe_webhook_password": "Passw0rd9",
}
DAY = timedelta(days=1)


def test_without_credentials_phonepe_is_not_offered() -> None:
    made = Settings()
    assert made.ways_to_collect == (CollectBy.RAZORPAY, CollectBy.RAZORPAY_TOKENS)
    assert made.collect_by is CollectBy.RAZORPAY


def test_with_them_it_is_and_its_calls_can_be_told_from_others() -> None:
    made = Settings(**PHONEPE)
    assert set(made.ways_to_collect) == set(CollectBy)
    assert made.phonepe_callers.logins == (("bahi_calls", "Passw0rd9"),)
    assert Settings(**PHONEPE, collect_by="phonepe").collect_by is CollectBy.PHONEPE


def test_keys_and_salts_are_read_by_name() -> None:
    made = Settings(
        **PHONEPE,
        phonepe_webhook_password_previous="OldPassw0rd",
        phonepe_webhook_keys='{"key-1": "secret"}',
        phonepe_salt_keys='{"1": "first", "2": "second"}',
    )
    callers = made.phonepe_callers
    assert callers.logins == (("bahi_calls", "Passw0rd9"), ("bahi_calls", "OldPassw0rd"))
    assert (dict(callers.keys), dict(callers.salts)) == ({"key-1": "secret"}, {1: "first", 2: "second"})


def without(*names: str, **instead: Any) -> dict[str, Any]:
    return {name: value for name, value in PHONEPE.items() if name not in names} | instead


@pytest.mark.parametrize(
    "settings",
    [
        without("phonepe_webhook_username", "phonepe_webhook_password", phonepe_salt_keys='{"1": "salt"}'),
        without(
            "phonepe_webhook_username", "phonepe_webhook_password", phonepe_webhook_keys='{"k": "secret"}'
        ),
    ],
)
def test_any_one_way_to_verify_calls_will_do(settings: dict[str, Any]) -> None:
    assert Settings(**settings).phonepe_verifies


HALF = [
    (without("phonepe_client_secret"), "BAHI_PHONEPE_CLIENT_SECRET is needed too"),
    (without("phonepe_webhook_password"), "its webhooks need BAHI_PHONEPE_WEBHOOK_USERNAME and"),
    (without("phonepe_webhook_username"), "its webhooks need BAHI_PHONEPE_WEBHOOK_USERNAME and"),
    ({**PHONEPE, "phonepe_salt_keys": '{"one": "salt"}'}, "each key is named by its index, a number"),
    ({**PHONEPE, "phonepe_salt_keys": '["salt"]'}, "BAHI_PHONEPE_SALT_KEYS is no JSON such as"),
    ({**PHONEPE, "phonepe_webhook_keys": "key-1:secret"}, "BAHI_PHONEPE_WEBHOOK_KEYS is no JSON such as"),
    # An empty secret would let everybody in, or pass for a way to verify.
    ({**PHONEPE, "phonepe_webhook_keys": '{"key-1": ""}'}, "a name or a secret in it is empty"),
    ({**PHONEPE, "phonepe_salt_keys": '{"1": ""}'}, "a name or a secret in it is empty"),
    ({"collect_by": "phonepe"}, "BAHI_COLLECT_BY is phonepe: set BAHI_PHONEPE_CLIENT_ID"),
]


@pytest.mark.parametrize(("settings", "words"), HALF)
def test_what_is_half_said_is_refused_with_what_is_missing(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        Settings(**settings)
    assert words in str(refused.value)
    assert "Passw0rd9" not in str(refused.value)
    assert "gggg" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("collect_by", "cash"),
        ("phonepe_environment", "production\n"),  # phonepe.md 1.1: a stray newline once reached the sandbox
        ("phonepe_client_version", 0),
        ("phonepe_calls_per_second", 0),
        ("phonepe_managed_by", "both"),
        ("no_pin_cap_paise", 0),
        ("mandate_cap_paise", -1),
        ("mandate_head_room_basis_points", -1),
        ("payment_return_url", "javascript:alert(1)"),
        ("payment_return_url", "app.example/billing"),
        ("dunning_ladder", {"rungs": {}}),
    ],
)
def test_values_that_cannot_be_meant_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings(**{name: value})


def test_production_takes_phonepe_only_at_its_own_hosts() -> None:
    live = {**PRODUCTION, **PHONEPE, "phonepe_environment": "production"}
    assert Settings(**live).environment == "production"
    with pytest.raises(Misconfigured, match="BAHI_PHONEPE_ENVIRONMENT must be production"):
        Settings(**{**live, "phonepe_environment": "sandbox"})
    with pytest.raises(Misconfigured, match="BAHI_PHONEPE_URL must not be overridden"):
        Settings(**live, phonepe_url="http://127.0.0.1:9")
    for name in ("phonepe_client_secret", "phonepe_webhook_password", "phonepe_salt_keys"):
        value = '{"1": "local-only"}' if name.endswith("keys") else "local-only-secret"
        with pytest.raises(Misconfigured, match=f"BAHI_{name.upper()} still has its local default"):
            Settings(**{**live, name: value})
    assert CollectBy.PHONEPE not in Settings(**PRODUCTION).ways_to_collect  # and does without it


# The terms that a subscription begins with.


def test_each_gateway_is_rescued_by_the_other_where_there_is_one_and_it_may() -> None:
    both, alone = Settings(**PHONEPE), Settings()
    assert both.terms_for("phonepe").rescue_gateway == "razorpay"
    assert both.terms_for("razorpay").rescue_gateway == "phonepe"
    assert alone.terms_for("razorpay").rescue_gateway is None
    apart = Settings(**PHONEPE, rescue_by_other_gateway=False)
    assert {apart.terms_for(gateway).rescue_gateway for gateway in ("phonepe", "razorpay")} == {None}


def test_the_usual_terms_are_the_law_and_the_usual_ladder() -> None:
    terms = Settings(**PHONEPE).terms_for("phonepe")
    assert (terms.ladder, terms.limits) == (None, DEFAULT_LIMITS)


def test_limits_are_those_of_the_settings() -> None:
    made = Settings(
        **PHONEPE,
        no_pin_cap_paise=500_000,
        mandate_cap_paise=400_000,
        mandate_head_room_basis_points=0,
    )
    limits = made.terms_for("phonepe").limits
    assert (limits.no_pin_cap_paise, limits.max_amount_cap_paise, limits.head_room_basis_points) == (
        500_000,
        400_000,
        0,
    )


def test_a_ladder_is_read_from_json_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    rungs = [
        {"channel": "debit", "after": "P2D"},
        {"channel": "link", "after": "P0D", "open_for": "P3D", "reminders": ["P1D", "P2D"]},
    ]
    ladder = {"rungs": dict.fromkeys(FailureClass, rungs), "grace": "P9D"}
    monkeypatch.setenv("BAHI_DUNNING_LADDER", json.dumps(ladder))
    made = Settings(**PHONEPE).terms_for("phonepe").ladder
    assert made == Ladder(
        dict.fromkeys(
            FailureClass,
            (Rung(Channel.DEBIT, 2 * DAY), Rung(Channel.LINK, 0 * DAY, 3 * DAY, (1 * DAY, 2 * DAY))),
        ),
        grace=9 * DAY,
    )


@pytest.mark.parametrize(
    ("ladder", "words"),
    [
        ('{"rungs": {"funds": []}}', "the ladder for funds must end with a pay link"),
        ('{"rungs": {"funds": [{"channel": "cash", "after": 1}]}}', "'debit', 'link' or 'rescue_link'"),
        ('{"grace": "P9D", "colour": "red"}', "dunning_ladder.colour"),
        ("nonsense", "dunning_ladder"),
    ],
)
def test_a_ladder_that_cannot_be_followed_says_why(
    monkeypatch: pytest.MonkeyPatch, ladder: str, words: str
) -> None:
    monkeypatch.setenv("BAHI_DUNNING_LADDER", ladder)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert words in str(refused.value)


def test_only_ways_of_our_own_have_a_clock_of_our_own() -> None:
    assert [way for way in CollectBy if way is not CollectBy.RAZORPAY] == [
        CollectBy.PHONEPE,
        CollectBy.RAZORPAY_TOKENS,
    ]
    assert Collection("engine") is Collection.ENGINE
