"""Signatures against published and recomputed vectors, and against junk."""

import hashlib
import hmac
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.signatures import verify_razorpay_webhook

BODY = (Path(__file__).parent.parent / "vectors" / "razorpay-webhook-example.json").read_bytes()
SECRET = "whsec-kaveri-local-1"
SIGNATURE = "e85225f38aab4bc58c46e9073370c8d58697ca89cf2b6681cded9c4805c3eb52"


def test_the_published_webhook_is_accepted() -> None:
    assert len(BODY) == 1494
    assert verify_razorpay_webhook(BODY, SIGNATURE, [SECRET])


def test_any_of_several_secrets_will_do_so_that_a_rotation_loses_nothing() -> None:
    assert verify_razorpay_webhook(BODY, SIGNATURE, ["newer", SECRET])
    assert verify_razorpay_webhook(BODY, SIGNATURE, [SECRET, "older"])
    assert not verify_razorpay_webhook(BODY, SIGNATURE, ["newer", "older"])


def test_one_byte_more_or_less_is_another_body() -> None:
    assert not verify_razorpay_webhook(BODY + b"\n", SIGNATURE, [SECRET])
    assert not verify_razorpay_webhook(BODY[:-1], SIGNATURE, [SECRET])
    assert not verify_razorpay_webhook(BODY.replace(b",", b", "), SIGNATURE, [SECRET])


def test_an_empty_secret_vouches_for_nothing() -> None:
    forged = hmac.new(b"", BODY, hashlib.sha256).hexdigest()
    assert not verify_razorpay_webhook(BODY, forged, [""])
    assert not verify_razorpay_webhook(BODY, forged, [])
    assert not verify_razorpay_webhook(BODY, forged, ["", SECRET])


@pytest.mark.parametrize(
    "signature", [None, "", "0" * 64, SIGNATURE.upper(), f" {SIGNATURE}", f"{SIGNATURE},x"]
)
def test_only_the_exact_digest_counts(signature: str | None) -> None:
    assert not verify_razorpay_webhook(BODY, signature, [SECRET])


@given(st.text(), st.binary())
def test_junk_is_refused_and_never_raises(signature: str, body: bytes) -> None:
    assert not verify_razorpay_webhook(body, signature, [SECRET])
    assert not verify_razorpay_webhook(BODY, signature + "\udcff", [SECRET])
