"""The portal's business: it registers, finds and cancels, and signs what it answers."""

import copy
import hashlib
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from simulator.books import Books
from simulator.clock import Clock
from simulator.cycles import IST
from simulator.irp.checks import check, day
from simulator.irp.refusals import Json, PortalRefusal, duplicate, invalid, not_found, too_late

_KIND = "registration"
_CANCEL_SECONDS = 24 * 3600
_ANSWERED = ("AckNo", "AckDt", "Irn", "SignedInvoice", "SignedQRCode", "Status")


class Portal:
    """Registrations in the books; `Status` is ACT, or CNL when cancelled."""

    def __init__(self, books: Books, clock: Clock, key: RSAPrivateKey) -> None:
        self.books = books
        self.clock = clock
        self._key = key

    @property
    def public_key(self) -> str:
        """PEM."""
        encoded = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return encoded.decode()

    @property
    def now(self) -> datetime:
        """Indian time."""
        return datetime.fromtimestamp(self.clock.now(), UTC).astimezone(IST)

    def register(self, gstin: str, request: Json) -> Json:
        """The signed answer. Raises PortalRefusal."""
        if gstin != request.get("SellerDtls", {}).get("Gstin"):
            raise invalid("SellerDtls.Gstin", "is not the GSTIN of the caller")
        irn = _irn_of(request)
        known = self.books.get(_KIND, irn)
        if known is not None:
            raise duplicate(known)
        check(request, self.now.date())
        return self._enter(irn, request)

    def take_number(self, request: Json) -> None:
        """Somebody registers other content under the same number, a rupee dearer."""
        other = copy.deepcopy(request)
        other["ValDtls"]["TotInvVal"] += 1
        irn = _irn_of(other)
        if self.books.get(_KIND, irn) is None:
            self._enter(irn, other)

    def find(self, gstin: str, kind: str, number: str, issued: str) -> Json:
        """The answer once given, with its present status. Raises PortalRefusal."""
        found = self.books.get(_KIND, irn(gstin, kind, number, day(issued, "docdate")))
        if found is None or found["_request"]["DocDtls"]["Dt"] != issued:
            raise not_found()
        return _answer(found)

    def cancel(self, gstin: str, asked: Json) -> Json:
        """All or nothing, within 24 hours. Raises PortalRefusal."""
        found = self.books.get(_KIND, str(asked.get("Irn")))
        if found is None or found["_request"]["SellerDtls"]["Gstin"] != gstin:
            raise not_found()
        if (
            str(asked.get("CnlRsn")) not in ("1", "2", "3", "4")
            or not 1 <= len(str(asked.get("CnlRem") or "")) <= 100
        ):
            raise invalid("CnlRsn", "1 to 4, with a remark of 1 to 100 characters")
        if found["Status"] == "CNL":
            raise PortalRefusal("9999", "This IRN is not active")
        if self.clock.now() - found["_at"] > _CANCEL_SECONDS:
            raise too_late()
        found |= {"Status": "CNL", "CancelDate": self._stamp(), "_reason": str(asked["CnlRsn"])}
        self.books.save(_KIND, found)
        return {"Irn": found["Irn"], "CancelDate": found["CancelDate"]}

    def registrations(self) -> list[Json]:
        """Everything, oldest first."""
        return [_answer(each) | {"request": each["_request"]} for each in self.books.find(_KIND)]

    def move(self, seconds: int) -> None:
        """Time goes on."""
        self.clock.move(self.clock.now() + seconds)

    def _stamp(self) -> str:
        return f"{self.now:%Y-%m-%d %H:%M:%S}"

    def _enter(self, irn: str, request: Json) -> Json:
        moment = self._stamp()
        number = 112600000000000 + self.books.entries() + 1
        made = {"AckNo": number, "AckDt": moment, "Irn": irn}
        content: Json = json.loads(json.dumps(request, default=_plain))
        main = max(content["ItemList"], key=lambda item: float(item["AssAmt"]))
        code = {
            "SellerGstin": content["SellerDtls"]["Gstin"],
            "BuyerGstin": content["BuyerDtls"]["Gstin"],
            "DocNo": content["DocDtls"]["No"],
            "DocTyp": content["DocDtls"]["Typ"],
            "DocDt": content["DocDtls"]["Dt"],
            "TotInvVal": content["ValDtls"]["TotInvVal"],
            "ItemCnt": len(content["ItemList"]),
            "MainHsnCode": main["HsnCd"],
            "Irn": irn,
            "IrnDt": moment,
        }
        made |= {
            "SignedInvoice": self._signed(made | content),
            "SignedQRCode": self._signed(code),
            "Status": "ACT",
        }
        record = {"id": irn, **made, "_request": content, "_at": self.clock.now()}
        return _answer(self.books.add(_KIND, record, self.clock.now()))

    def _signed(self, data: Json) -> str:
        claims = {"data": json.dumps(data), "iss": "NIC"}
        return jwt.encode(claims, self._key, "RS256", headers={"kid": "simulator"})


def irn(gstin: str, kind: str, number: str, issued: date) -> str:
    """SHA-256 over supplier, financial year, type and number, without separators (gst.md 6.4)."""
    april = issued.replace(month=4, day=1)
    begins = issued.year if issued >= april else issued.year - 1
    year = f"{begins}-{(begins + 1) % 100:02}"
    return hashlib.sha256(f"{gstin}{year}{kind}{number.upper()}".encode()).hexdigest()


def _irn_of(request: Json) -> str:
    details = request.get("DocDtls") or {}
    issued = day(details.get("Dt"), "DocDtls.Dt")
    return irn(
        str(request.get("SellerDtls", {}).get("Gstin")),
        str(details.get("Typ")),
        str(details.get("No")),
        issued,
    )


def _answer(record: Json) -> Json:
    return {name: record[name] for name in (*_ANSWERED, "CancelDate") if name in record}


def _plain(value: Any) -> float:
    if not isinstance(value, Decimal):
        raise TypeError(f"{value!r} is no JSON")
    return float(value)
