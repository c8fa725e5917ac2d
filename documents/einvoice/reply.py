"""What the invoice registration portal answers: read, compared, its signature verified (gst.md 6.4)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from documents.einvoice.inv01 import day
from documents.einvoice.irn import document_type, expected_irn
from domain.document import Registration, TaxDocument
from domain.errors import InvalidInput, Misconfigured
from domain.supply import BuyerKind

_ACTIVE = ("ACT", "")


class ReplyRefused(InvalidInput):
    """The answer is not for this document, or not from the portal; nothing of it may be printed."""

    code = "irp_reply_refused"

    def __init__(self, number: str, message: str) -> None:
        super().__init__("reply", f"{number}: {message}")


class NotGenuine(ReplyRefused):
    """No known key of the portal's made the signature: a forgery, or the portal has a new key."""

    code = "irp_reply_not_genuine"


@dataclass(frozen=True)
class BulkReply:
    """A bulk answer sorted: registrations by document id, refusals by number, and what belongs to none."""

    registered: Mapping[str, Registration]
    refused: Mapping[str, str]
    unmatched: tuple[str, ...]


def public_key(pem: str) -> RSAPublicKey:
    """The portal's key out of a PEM public key or certificate. Raises Misconfigured."""
    try:
        data = pem.encode()
        certified = b"BEGIN CERTIFICATE" in data
        key = load_pem_x509_certificate(data).public_key() if certified else load_pem_public_key(data)
    except ValueError as error:
        raise Misconfigured(f"the e-invoice portal's public key is no PEM: {error}") from None
    if not isinstance(key, RSAPublicKey):
        raise Misconfigured("the e-invoice portal's public key is not an RSA key.")
    return key


def accept(document: TaxDocument, reply: str | bytes, keys: Sequence[str]) -> Registration:
    """The registration in one answer (gst.md 6.4), for this document and signed by one of the PEM `keys`.

    Raises ReplyRefused if it is not ACT or differs in IRN, GSTINs, type, number, date or total (NotGenuine
    if it is not signed by them); Misconfigured for a bad key.
    """
    return _accept(document, _object(document.number, _parsed(document.number, reply)), keys)


def accept_bulk(documents: Sequence[TaxDocument], reply: str | bytes, keys: Sequence[str]) -> BulkReply:
    """A list of answers, each as `accept` would take it; one bad answer does not spoil the others.

    Answers find their document by IRN. Raises ReplyRefused if the whole is not a JSON list.
    """
    answers = _parsed("bulk reply", reply)
    if not isinstance(answers, list):
        raise ReplyRefused("bulk reply", "a list of answers was expected.")
    awaited = {expected_irn(document): document for document in documents}
    registered: dict[str, Registration] = {}
    refused: dict[str, str] = {}
    unmatched = []
    for answer in answers:
        document = awaited.get(str(answer.get("Irn"))) if isinstance(answer, dict) else None
        if document is None:
            unmatched.append(json.dumps(answer, default=str, ensure_ascii=False)[:500])
            continue
        try:
            registered[document.id] = _accept(document, answer, keys)
        except ReplyRefused as error:
            refused[document.number] = str(error)
    return BulkReply(registered, refused, tuple(unmatched))


def signed_invoices(reply: str | bytes) -> dict[str, str]:
    """The signed invoices in an answer, or a list of them, by IRN; to be kept once it was accepted."""
    return {
        str(answer.get("Irn")): str(answer["SignedInvoice"])
        for answer in _answers(_parsed("reply", reply))
        if answer.get("SignedInvoice")
    }


def named_in(reply: str | bytes) -> set[tuple[str, str]]:
    """Seller's GSTIN and number of the documents a bulk answer speaks of; nothing of it is verified yet.

    Raises ReplyRefused if it is no JSON.
    """
    named = set()
    for answer in _answers(_parsed("bulk reply", reply)):
        try:
            claims = jwt.decode(str(answer.get("SignedQRCode")), options={"verify_signature": False})
            data = json.loads(str(claims.get("data", "")))
            named.add((str(data["SellerGstin"]), str(data["DocNo"])))
        except (jwt.InvalidTokenError, ValueError, KeyError, TypeError):
            continue
    return named


def _answers(parsed: Any) -> list[dict[str, Any]]:
    answers = parsed if isinstance(parsed, list) else [parsed]
    return [answer for answer in answers if isinstance(answer, dict)]


def _parsed(number: str, reply: str | bytes) -> Any:
    try:
        return json.loads(reply, parse_float=Decimal)
    except ValueError:
        raise ReplyRefused(number, "the answer is not JSON.") from None


def _object(number: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ReplyRefused(number, "the answer is not a JSON object.")
    return value


def _accept(document: TaxDocument, answer: dict[str, Any], keys: Sequence[str]) -> Registration:
    status = str(answer.get("Status", "")).upper()
    if status not in _ACTIVE:
        raise ReplyRefused(document.number, f"its status is {status}, not ACT: it is not registered.")
    _same(document, "IRN", str(answer.get("Irn", "")), expected_irn(document))
    number, moment, code = (str(answer.get(key) or "") for key in ("AckNo", "AckDt", "SignedQRCode"))
    if not (number and moment and code):
        raise ReplyRefused(document.number, "AckNo, AckDt or SignedQRCode is missing.")
    _compare(document, _verified(document, code, keys))
    if answer.get("SignedInvoice"):
        _compare_invoice(document, _verified(document, str(answer["SignedInvoice"]), keys))
    return Registration(expected_irn(document), number, moment, code)


def _verified(document: TaxDocument, token: str, keys: Sequence[str]) -> dict[str, Any]:
    """The signed data. Only RS256 counts, whatever the token's header asks for."""
    if not keys:
        raise Misconfigured("no public key of the e-invoice portal is set: its answers cannot be verified.")
    for pem in keys:
        try:
            claims = jwt.decode(token, public_key(pem), algorithms=["RS256"], options={"verify_aud": False})
        except jwt.InvalidTokenError:
            continue
        return _object(document.number, _parsed(document.number, str(claims.get("data", ""))))
    raise NotGenuine(
        document.number, "no key of the portal's made this signature; the answer is not genuine."
    )


def _same(document: TaxDocument, name: str, answered: str, ours: str) -> None:
    if answered != ours:
        raise ReplyRefused(document.number, f"{name} in the answer is {answered!r}, ours is {ours!r}.")


def _buyer_gstin(document: TaxDocument) -> str:
    return "URP" if document.buyer.kind is BuyerKind.OVERSEAS else document.buyer.gstin


def _compare(document: TaxDocument, data: dict[str, Any]) -> None:
    """The QR code's data against the document (gst.md 6.4; the comparison of 6.3 for error 2150)."""
    expected = {
        "Irn": expected_irn(document),
        "SellerGstin": document.seller.gstin,
        "BuyerGstin": _buyer_gstin(document),
        "DocNo": document.number.upper(),
        "DocTyp": document_type(document),
        "DocDt": day(document.issued_on),
    }
    for name, ours in expected.items():
        _same(document, name, str(data.get(name, "")), ours)
    _same_total(document, data.get("TotInvVal"))


def _compare_invoice(document: TaxDocument, data: dict[str, Any]) -> None:
    """The signed invoice repeats what was sent; the parts that make it this document must be ours."""
    parts = {
        name: _object(document.number, data.get(name)) for name in ("DocDtls", "SellerDtls", "BuyerDtls")
    }
    _same(document, "number of the signed invoice", str(parts["DocDtls"].get("No")), document.number.upper())
    _same(document, "date of the signed invoice", str(parts["DocDtls"].get("Dt")), day(document.issued_on))
    _same(
        document, "seller of the signed invoice", str(parts["SellerDtls"].get("Gstin")), document.seller.gstin
    )
    _same(
        document, "buyer of the signed invoice", str(parts["BuyerDtls"].get("Gstin")), _buyer_gstin(document)
    )
    _same_total(document, _object(document.number, data.get("ValDtls")).get("TotInvVal"))


def _same_total(document: TaxDocument, answered: Any) -> None:
    try:
        paise = Decimal(str(answered)) * 100
    except InvalidOperation:
        paise = Decimal(-1)
    if paise != document.amount.total_paise:
        ours = Decimal(document.amount.total_paise).scaleb(-2)
        raise ReplyRefused(document.number, f"TotInvVal in the answer is {answered}, ours is {ours}.")
