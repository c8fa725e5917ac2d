"""The portal's answer is believed only if it is signed by the portal and about our document."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from documents.einvoice import (
    NotGenuine,
    ReplyRefused,
    accept,
    accept_bulk,
    expected_irn,
    named_in,
    request,
    signed_invoices,
)
from domain.document import TaxDocument
from domain.errors import Misconfigured
from tests.documents.filings import ACME, REGISTERED, document

PORTAL, STRANGER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


def pem(key: Any) -> str:
    text: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text.decode()


KEYS = (pem(STRANGER), pem(PORTAL))
INVOICE = document("RF26-27/00001", date(2026, 10, 15), REGISTERED)
Json = dict[str, Any]


def signed(data: Json, key: Any = PORTAL, algorithm: str = "RS256") -> str:
    return jwt.encode({"data": json.dumps(data), "iss": "NIC"}, key, algorithm)


def code_data(made: TaxDocument) -> Json:
    sent = request(made)
    return {
        "SellerGstin": sent["SellerDtls"]["Gstin"],
        "BuyerGstin": sent["BuyerDtls"]["Gstin"],
        "DocNo": sent["DocDtls"]["No"],
        "DocTyp": sent["DocDtls"]["Typ"],
        "DocDt": sent["DocDtls"]["Dt"],
        "TotInvVal": sent["ValDtls"]["TotInvVal"],
        "ItemCnt": 1,
        "MainHsnCode": "998315",
        "Irn": expected_irn(made),
        "IrnDt": "2026-10-15 12:00:00",
    }


def answer(made: TaxDocument = INVOICE, **changes: Any) -> Json:
    return {
        "AckNo": 132610000000001,
        "AckDt": "2026-10-15 12:00:00",
        "Irn": expected_irn(made),
        "SignedInvoice": signed(request(made)),
        "SignedQRCode": signed(code_data(made)),
        "Status": "ACT",
    } | changes


@pytest.mark.parametrize("made", [INVOICE, document("RF26-27/00002", date(2026, 10, 16), ACME)])
def test_a_genuine_answer_becomes_the_registration(made: TaxDocument) -> None:
    reply = answer(made)
    found = accept(made, json.dumps(reply), KEYS)
    assert found.irn == expected_irn(made)
    assert (found.acknowledgement_number, found.acknowledged_at) == ("132610000000001", "2026-10-15 12:00:00")
    assert found.signed_qr == reply["SignedQRCode"]


FORGED: dict[str, Callable[[], Json]] = {
    "its status is CNL": lambda: answer(Status="CNL"),
    "IRN in the answer is": lambda: answer(Irn="0" * 64),
    "is missing": lambda: answer(AckNo=None),
    "no key of the portal's": lambda: answer(
        SignedQRCode=signed(
            code_data(INVOICE), rsa.generate_private_key(public_exponent=65537, key_size=2048)
        )
    ),
    "made this signature": lambda: answer(SignedInvoice="not.a.token"),
    "the answer is not genuine": lambda: answer(
        SignedQRCode=jwt.encode({"data": json.dumps(code_data(INVOICE))}, "k" * 32, "HS256")
    ),
    "number of the signed invoice": lambda: answer(
        SignedInvoice=signed(request(replace(INVOICE, number="RF26-27/00009")))
    ),
    "not a JSON object": lambda: answer(SignedInvoice=signed({"DocDtls": 5})),
    "not JSON": lambda: answer(SignedQRCode=jwt.encode({"data": "{"}, PORTAL, "RS256")),
}


@pytest.mark.parametrize("told", FORGED)
def test_an_answer_that_is_not_genuine_or_not_ours_is_refused(told: str) -> None:
    with pytest.raises(ReplyRefused) as refused:
        accept(INVOICE, json.dumps(FORGED[told]()), KEYS)
    assert told in str(refused.value) and "RF26-27/00001" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SellerGstin", "27AAACT2222B1Z1"),
        ("BuyerGstin", "27AAACT2222B1Z1"),
        ("DocNo", "RF26-27/00002"),
        ("DocTyp", "CRN"),
        ("DocDt", "16/10/2026"),
        ("TotInvVal", 942.83),
        ("TotInvVal", None),
        ("TotInvVal", "much"),
        ("Irn", "f" * 64),
    ],
)
def test_a_signed_answer_for_another_document_is_refused(name: str, value: Any) -> None:
    reply = answer(SignedQRCode=signed(code_data(INVOICE) | {name: value}))
    with pytest.raises(ReplyRefused, match=name):
        accept(INVOICE, json.dumps(reply), KEYS)


def test_an_unsigned_token_is_refused() -> None:
    bare = jwt.encode({"data": json.dumps(code_data(INVOICE))}, "", "none")
    with pytest.raises(ReplyRefused, match="not genuine"):
        accept(INVOICE, json.dumps(answer(SignedQRCode=bare)), KEYS)


@pytest.mark.parametrize("reply", ["", "[]", "<html>", "null"])
def test_what_is_no_answer_is_refused(reply: str) -> None:
    with pytest.raises(ReplyRefused):
        accept(INVOICE, reply, KEYS)


@pytest.mark.parametrize("keys", [(), ("nonsense",), (pem(ec.generate_private_key(ec.SECP256R1())),)])
def test_without_a_sound_key_nothing_is_believed(keys: tuple[str, ...]) -> None:
    with pytest.raises(Misconfigured, match="public key"):
        accept(INVOICE, json.dumps(answer()), keys)


def test_a_bulk_answer_is_sorted_into_registered_refused_and_unknown() -> None:
    second = document("RF26-27/00002", date(2026, 10, 15))
    reply = [
        answer(),
        answer(second, Status="CNL"),
        {"Status": "0", "ErrorDetails": [{"ErrorCode": "2150", "ErrorMessage": "Duplicate IRN"}]},
    ]
    found = accept_bulk([INVOICE, second], json.dumps(reply), KEYS)
    assert set(found.registered) == {INVOICE.id}
    assert set(found.refused) == {"RF26-27/00002"}
    assert len(found.unmatched) == 1 and "2150" in found.unmatched[0]
    with pytest.raises(ReplyRefused, match="a list"):
        accept_bulk([INVOICE], "{}", KEYS)


def test_a_signature_of_an_unknown_key_is_told_from_other_refusals() -> None:
    with pytest.raises(NotGenuine):
        accept(INVOICE, json.dumps(answer()), (pem(STRANGER),))
    with pytest.raises(ReplyRefused) as refused:
        accept(INVOICE, json.dumps(answer(Status="CNL")), KEYS)
    assert not isinstance(refused.value, NotGenuine)


def test_answers_say_which_documents_they_are_about() -> None:
    other = document("RF26-27/00002", date(2026, 10, 16), ACME)
    broken: list[Any] = [{"SignedQRCode": "x.y.z"}, {"Irn": "f" * 64}, 5, signed({"DocNo": "A"})]
    reply = json.dumps([answer(), answer(other), *broken])
    gstin = INVOICE.seller.gstin
    assert named_in(reply) == {(gstin, INVOICE.number), (gstin, other.number)}
    assert set(signed_invoices(reply)) == {expected_irn(INVOICE), expected_irn(other)}
    assert signed_invoices(json.dumps(answer(SignedInvoice=None))) == {}
    with pytest.raises(ReplyRefused, match="not JSON"):
        named_in("{")
