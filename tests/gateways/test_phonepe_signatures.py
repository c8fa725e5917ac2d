"""Who sent a PhonePe webhook: each way with its published or agreed vectors, and nothing else passes."""

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.phonepe_signatures import (
    verify_phonepe_authorization,
    verify_phonepe_hmac,
    verify_phonepe_x_verify,
)
from gateways.phonepe_webhook import parse_phonepe_callback

LOGIN = ("sim_user", "Passw0rd9")
HEADER = "0c236bb71e192724323375083aa4f4e3eeb97207b1cf42ae5c9c12435568be38"
SALT = "test-salt-0123456789"
DATA = {
    "success": True,
    "code": "PAYMENT_SUCCESS",
    "message": "Your payment is successful.",
    "data": {
        "merchantId": "SIMMERCHANT",
        "merchantTransactionId": "RF_topup_1",
        "transactionId": "T2606221328592503454241",
        "amount": 94282,
        "state": "COMPLETED",
        "responseCode": "SUCCESS",
        "paymentInstrument": {"type": "UPI", "utr": "206378866112"},
    },
}
RESPONSE = base64.b64encode(json.dumps(DATA, separators=(",", ":")).encode()).decode()
CALLBACK = json.dumps({"response": RESPONSE}, separators=(",", ":")).encode()
X_VERIFY = "b283acfa7603509ef0cd9c7671ebde9bbdc67326ea509cbd8f27db32bbed60f2###1"


def test_the_header_is_the_bare_digest_of_the_login() -> None:
    published = "bc842c31a9e54efe320d30d948be61291f3ceee4766e36ab25fa65243cd76e0e"
    assert verify_phonepe_authorization(published, [("username", "password")])
    assert verify_phonepe_authorization(HEADER, [LOGIN])


def test_a_changed_login_is_good_beside_the_new_one() -> None:
    assert verify_phonepe_authorization(HEADER, [("new_user", "N3wPassword"), LOGIN])
    assert not verify_phonepe_authorization(HEADER, [("new_user", "N3wPassword")])


@pytest.mark.parametrize(
    "header",
    [None, "", HEADER.upper(), f"SHA256({HEADER})", f"Basic {HEADER}", f" {HEADER}", HEADER[:-1], "é\udcff"],
)
def test_any_other_header_is_refused(header: str | None) -> None:
    assert not verify_phonepe_authorization(header, [LOGIN])


def test_no_login_and_half_a_login_admit_nobody() -> None:
    for login in (("", ""), ("sim_user", ""), ("", "Passw0rd9")):
        header = hashlib.sha256(":".join(login).encode()).hexdigest()
        assert not verify_phonepe_authorization(header, [login])
    assert not verify_phonepe_authorization(HEADER, [])


def test_a_body_signed_with_the_key_that_is_named_passes_to_the_byte() -> None:
    body = '{"event": "checkout.order.completed", "name": "मीरा"}\n'.encode()
    secrets = {"key-1": "old secret", "key-2": "secret"}
    signature = hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    assert verify_phonepe_hmac(body, "key-2", signature, secrets)
    assert not verify_phonepe_hmac(body, "key-1", signature, secrets)
    assert not verify_phonepe_hmac(body, "key-3", signature, secrets)
    assert not verify_phonepe_hmac(body, None, signature, secrets)
    assert not verify_phonepe_hmac(body.replace(b": ", b":"), "key-2", signature, secrets)
    assert not verify_phonepe_hmac(body, "key-2", signature.upper(), secrets)
    assert not verify_phonepe_hmac(body, "key-2", None, secrets)


def test_an_empty_secret_signs_nothing() -> None:
    signature = hmac.new(b"", b"{}", hashlib.sha256).hexdigest()
    assert not verify_phonepe_hmac(b"{}", "k", signature, {"k": ""})
    assert not verify_phonepe_hmac(b"{}", "", signature, {})


def test_a_legacy_callback_is_signed_over_its_response_and_the_salt() -> None:
    assert verify_phonepe_x_verify(CALLBACK, X_VERIFY, {1: SALT})
    assert verify_phonepe_x_verify(json.dumps({"response": RESPONSE}, indent=1).encode(), X_VERIFY, {1: SALT})
    assert parse_phonepe_callback(CALLBACK).order_id == "RF_topup_1"


def test_the_index_picks_the_salt() -> None:
    second = hashlib.sha256((RESPONSE + "second").encode()).hexdigest() + "###2"
    keys = {1: SALT, 2: "second"}
    assert verify_phonepe_x_verify(CALLBACK, X_VERIFY, keys)
    assert verify_phonepe_x_verify(CALLBACK, second, keys)
    assert not verify_phonepe_x_verify(CALLBACK, X_VERIFY.replace("###1", "###2"), keys)
    assert not verify_phonepe_x_verify(CALLBACK, X_VERIFY, {2: SALT})


def test_the_formula_that_is_about_and_wrong_is_refused() -> None:
    known = "bc85ee88125701af21d17acc8dadbbe2be3a6b0f7319ce72bfeffc5cfc1c7a04###1"
    wrong = hashlib.sha256(CALLBACK + b"/pg/v1/status" + SALT.encode()).hexdigest() + "###1"
    assert wrong == known
    over_response = hashlib.sha256(f"{RESPONSE}/pg/v1/status{SALT}".encode()).hexdigest() + "###1"
    for header in (known, over_response):
        assert not verify_phonepe_x_verify(CALLBACK, header, {1: SALT})


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "###1",
        X_VERIFY[:-4],
        X_VERIFY[:-1],
        X_VERIFY.upper(),
        X_VERIFY + "###1",
        X_VERIFY[:-1] + "²",
        X_VERIFY[:-1] + "+1",
        X_VERIFY[:-1] + "9" * 5000,
        "\udcff###1",
    ],
)
def test_any_other_x_verify_is_refused(header: str | None) -> None:
    assert not verify_phonepe_x_verify(CALLBACK, header, {1: SALT})


def test_nothing_signed_with_no_salt_passes() -> None:
    header = hashlib.sha256(RESPONSE.encode()).hexdigest() + "###1"
    assert not verify_phonepe_x_verify(CALLBACK, header, {1: ""})
    assert not verify_phonepe_x_verify(CALLBACK, header, {})
    empty = hashlib.sha256(SALT.encode()).hexdigest() + "###1"
    for body in (b"", b"{}", b'{"response": ""}', b'{"response": 1}', b"[]", b"[" * 100_000):
        assert not verify_phonepe_x_verify(body, empty, {1: SALT})


@given(st.text(), st.binary())
def test_junk_is_refused_and_never_raises(header: str, body: bytes) -> None:
    assert not verify_phonepe_authorization(header, [LOGIN])
    assert not verify_phonepe_hmac(body, header, header, {"k": "secret"})
    assert not verify_phonepe_x_verify(body, f"{header}###1", {1: SALT})
    assert not verify_phonepe_x_verify(b'{"response":"\\ud800"}', header, {1: SALT})
