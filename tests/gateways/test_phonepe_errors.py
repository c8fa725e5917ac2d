"""Every code in the reference becomes an error of ours on purpose, and every failure a class."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BahiError, GatewayRefused, GatewayUnavailable, OutcomeUnknown
from domain.ladder import FailureClass, class_of
from domain.orders import TurnedAway
from gateways.phonepe_errors import (
    CODES,
    Meaning,
    Repeating,
    from_reply,
    is_unknown_id,
    may_be_duplicate,
    read_error,
    why_turned_away,
)

REFUSED, DOUBT = GatewayRefused, OutcomeUnknown
# The reference's tables of refused requests, heading by heading: code, HTTP status, ours when creating.
TABLES: dict[str, list[tuple[str, int, type[BahiError]]]] = {
    "1.2 token": [("INVALID_CLIENT", 400, REFUSED), ("OIM000", 400, REFUSED), ("401", 401, REFUSED)],
    "1.5 envelope": [
        ("BAD_REQUEST", 400, REFUSED),
        ("INVALID_MERCHANT_ORDER_ID", 400, REFUSED),
        ("INVALID_MERCHANT_ORDER_ID", 404, REFUSED),
        ("AUTHORIZATION_FAILED", 401, REFUSED),
        ("FORBIDDEN", 403, REFUSED),
        ("SUBSCRIPTION_NOT_FOUND", 404, REFUSED),
        ("SUBSCRIPTION_NOT_FOUND", 400, REFUSED),
        ("INVALID_TRANSACTION_ID", 417, REFUSED),
        ("INVALID_MERCHANT_ORDER_ID", 417, REFUSED),
        ("ORDER_ALREADY_EXISTS", 400, REFUSED),
        ("DUPLICATE_TXN_REQUEST", 400, REFUSED),
        ("TRANSACTION_LIMIT_EXCEEDED", 417, REFUSED),
        ("DUPLICATE_REQUEST_ID", 400, REFUSED),
        ("INTERNAL_SERVER_ERROR", 500, DOUBT),
        ("R999", 500, DOUBT),
    ],
    "2.2 mobile": [("PR004", 401, REFUSED)],
    "3.5 redeem": [
        ("SUBSCRIPTION_DEBIT_EXECUTE_INTERVAL_NOT_STARTED", 400, REFUSED),
        ("DUPLICATE_TXN_REQUEST", 400, REFUSED),
        ("INVALID_SUBSCRIPTION_STATE", 400, REFUSED),
        ("SUBSCRIPTION_NOT_FOUND", 400, REFUSED),
    ],
    "6 legacy": [
        ("PAYMENT_ERROR", 400, REFUSED),
        ("PAYMENT_DECLINED", 400, REFUSED),
        ("PAYMENT_PENDING", 400, DOUBT),
        ("PAYMENT_CANCELLED", 400, REFUSED),
        ("TIMED_OUT", 400, DOUBT),
        ("INTERNAL_SERVER_ERROR", 400, DOUBT),
        ("BAD_REQUEST", 400, REFUSED),
        ("AUTHORIZATION_FAILED", 401, REFUSED),
        ("TRANSACTION_NOT_FOUND", 404, REFUSED),
        ("KEY_NOT_CONFIGURED", 400, REFUSED),
    ],
}
EVERY = [(code, status, kind) for table in TABLES.values() for code, status, kind in table]

FAILURES: dict[FailureClass, str] = {
    FailureClass.FUNDS: "Z9 INSUFFICIENT_BALANCE INSUFFICIENT_FUNDS",
    FailureClass.TECHNICAL: "BANK_TECHNICAL_ISSUE U90 UT U28 UP RB 96 UPI_BACKBONE_ERROR PG_BACKBONE_ERROR "
    "GENERIC_NPCI_ERROR GENERIC_ERROR BANK_ERROR REQUEST_TIME_OUT TIMED_OUT U69 TXN_AUTO_FAILED "
    "TXN_NOT_COMPLETED AUTHORIZATION_ERROR PAYMENT_ERROR OTHERS 500 ORDER_EXPIRED TRANSACTION_DECLINED "
    # Known to the reference by name only.
    "XC UPI_1231 REFUND_BREACHED DUPLICATE_TRANSACTION",
    FailureClass.LIMIT: "Z7 Z8 TXN_LIMIT_BREACHED TXN_FREQ_LIMIT_BREACHED",
    FailureClass.ACCOUNT: "XH YE ZX ZH B1 ACCOUNT_BLOCKED ACCOUNT_INACTIVE ACCOUNT_DOES_NOT_EXIST "
    "ACCOUNT_NOT_ELIGIBLE INVALID_VPA CARD_EXPIRED CARD_BLOCKED TXN_NOT_ALLOWED",
    FailureClass.MANDATE: "INVALID_SUBSCRIPTION_STATE SUBSCRIPTION_NOT_FOUND ZA ZM Z6 INVALID_MPIN "
    "MPIN_LIMIT_BREACHED MPIN_NOT_SET TXN_CANCELLED ORDER_CANCELLED_BY_USER REQUEST_DECLINE_BY_REQUESTEE "
    "REQUEST_CANCEL_BY_REQUESTER",
    FailureClass.RISK: "59 K1 TXN_BLOCKED",
}


def reply(code: str, status: int, repeating: Repeating = Repeating.CREATES, message: str = "no") -> BahiError:
    return from_reply("do it", status, f'{{"code":"{code}","message":"{message}"}}'.encode(), repeating)


def refusal(code: str, status: int = 400, message: str = "no") -> GatewayRefused:
    error = reply(code, status, Repeating.DEBITS, message)
    assert isinstance(error, GatewayRefused)
    return error


def test_no_code_of_the_reference_is_missed_and_none_is_made_up() -> None:
    # NOT_FOUND is our reading of "404 / generic".
    assert {code for code, _, _ in EVERY} | {"NOT_FOUND"} == set(CODES)


@pytest.mark.parametrize(("code", "status", "kind"), EVERY)
def test_a_code_becomes_what_it_means(code: str, status: int, kind: type[BahiError]) -> None:
    error = reply(code, status)
    assert type(error) is kind
    assert code in str(error)
    if isinstance(error, GatewayRefused):
        assert (error.status, error.reason) == (status, code)
    else:
        assert type(reply(code, status, Repeating.HARMLESS)) is GatewayUnavailable


@pytest.mark.parametrize("status", [402, 404, 409, 410, 417, 422])
def test_a_refusal_without_words_is_a_refusal(status: int) -> None:
    for body in (b"", b"<html>", b"null", b"[1]", b'{"code": 7, "message": {}}', b"\xff"):
        error = from_reply("do it", status, body, Repeating.CREATES)
        assert isinstance(error, GatewayRefused)
        assert (error.status, error.reason) == (status, "")


@pytest.mark.parametrize("status", [408, 425, 429])
def test_being_turned_away_for_now_is_harmless_but_for_a_debit(status: int) -> None:
    assert type(reply("", status)) is GatewayUnavailable
    assert type(reply("", status, Repeating.DEBITS)) is OutcomeUnknown


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_a_broken_server_may_have_done_it(status: int) -> None:
    assert type(reply("BAD_REQUEST", status)) is OutcomeUnknown
    assert type(reply("BAD_REQUEST", status, Repeating.HARMLESS)) is GatewayUnavailable


def test_an_error_says_what_to_do() -> None:
    assert "enable this product" in str(refusal("FORBIDDEN", 403))
    assert "enable this product" in str(refusal("", 403))
    assert "read what it stands for" in str(refusal("DUPLICATE_REQUEST_ID"))
    assert "check the base URLs" in str(refusal("", 302))
    assert "check the base URLs" in str(refusal("", 404))
    assert len(str(refusal("X" * 10_000, 400, "y" * 10_000))) < 1_000


def test_what_may_be_a_duplicate_is_looked_up_and_the_rest_is_believed() -> None:
    wanted = (Meaning.DUPLICATE, Meaning.UNKNOWN_ID)
    duplicates = {code for code, meaning in CODES.items() if meaning in wanted}
    assert duplicates >= {"INVALID_TRANSACTION_ID", "INVALID_MERCHANT_ORDER_ID", "ORDER_ALREADY_EXISTS"}
    assert all(may_be_duplicate(refusal(code)) for code in duplicates)
    assert may_be_duplicate(refusal("", 409))
    assert may_be_duplicate(refusal("NEWLY_MADE_UP", 417))
    assert not may_be_duplicate(refusal("BAD_REQUEST"))
    assert not may_be_duplicate(refusal("FORBIDDEN", 403))


def test_unknown_is_what_a_code_calls_so_never_a_page_that_was_not_found() -> None:
    assert is_unknown_id(refusal("INVALID_MERCHANT_ORDER_ID", 400))
    assert is_unknown_id(refusal("INVALID_MERCHANT_ORDER_ID", 404))
    assert is_unknown_id(refusal("SUBSCRIPTION_NOT_FOUND", 400))
    assert is_unknown_id(refusal("INVALID_MERCHANT_REFUND_ID", 400))
    assert is_unknown_id(refusal("NOT_FOUND", 404))
    assert is_unknown_id(refusal("NEWLY_MADE_UP", 404))
    assert not is_unknown_id(refusal("", 404))
    assert not is_unknown_id(refusal("BAD_REQUEST", 404))
    assert not is_unknown_id(refusal("INVALID_SUBSCRIPTION_STATE", 400))


@pytest.mark.parametrize(
    ("code", "message", "why"),
    [
        ("SUBSCRIPTION_DEBIT_EXECUTE_INTERVAL_NOT_STARTED", "", TurnedAway.TOO_EARLY),
        ("DUPLICATE_TXN_REQUEST", "not allowed for PHONEPE_CONTROLLED", TurnedAway.GATEWAY_RETRIES),
        ("BAD_REQUEST", "Previous transaction is not in terminal state", TurnedAway.IN_FLIGHT),
        ("BAD_REQUEST", "", TurnedAway.OTHER),
        ("INVALID_SUBSCRIPTION_STATE", "", TurnedAway.MANDATE),
        ("SUBSCRIPTION_NOT_FOUND", "", TurnedAway.MANDATE),
        ("NEWLY_MADE_UP", "", TurnedAway.OTHER),
        ("", "", TurnedAway.OTHER),
    ],
)
def test_why_a_debit_was_turned_away(code: str, message: str, why: TurnedAway) -> None:
    assert why_turned_away(refusal(code, 400, message)) is why


@pytest.mark.parametrize(("code", "status"), [("AUTHORIZATION_FAILED", 401), ("", 403), ("", 302)])
def test_a_refusal_of_us_is_no_answer_about_the_debit(code: str, status: int) -> None:
    assert why_turned_away(refusal(code, status)) is None


@pytest.mark.parametrize(
    ("code", "kind"), [(code, kind) for kind, codes in FAILURES.items() for code in codes.split()]
)
def test_no_failed_payment_of_the_reference_is_without_a_class(code: str, kind: FailureClass) -> None:
    assert class_of(code) is kind


@given(st.binary(), st.integers(300, 599), st.sampled_from(Repeating))
def test_no_error_body_breaks_the_boundary(body: bytes, status: int, repeating: Repeating) -> None:
    read_error(body)
    assert isinstance(from_reply("do it", status, body, repeating), BahiError)
