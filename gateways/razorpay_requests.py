"""What we send to Razorpay for tokens and payment links (razorpay.md 1.6, 1.9, 1.10), checked first.

There Razorpay chooses the ids, so ours travel as receipt or reference id, by which lists can be searched,
and in the notes, in full. Amounts are integer paise, times unix seconds.
"""

import hashlib
from datetime import datetime, timedelta

from domain.errors import InvalidInput
from domain.mandate import Frequency, MandateKind
from domain.merchant_ids import Purpose, alike
from gateways.base import NewDebit, NewMandate, NewPage, Payer
from gateways.checks import paise, plain_id
from gateways.razorpay_fields import Entity
from gateways.razorpay_webhook import MANDATE_NOTE, ORDER_NOTE

TOKEN_NOTE = "bahi_token"  # noqa: S105 - the name of a note
"""Notes of an order that debits a mandate carry Razorpay's token id under this name."""
CUSTOMER_NOTE = "bahi_customer"
"""The same of Razorpay's customer id."""
REFERENCE_NOTE = "bahi_reference"
"""The caller's reference, for whoever looks in Razorpay's dashboard."""

CARD_CHECK_PAISE = 100
"""The least a card's registration takes; a UPI one for nothing takes nothing (razorpay.md 1.9)."""
SHORTEST_PAGE = timedelta(minutes=16)
"""Razorpay's quarter of an hour, and a minute for the way."""
LONGEST_PAGE = timedelta(days=180)

_LONGEST_RECEIPT = 40
_KEPT = 7
_DIGEST = _LONGEST_RECEIPT - _KEPT - 1
_LONGEST_NOTE = 255
_LONGEST_DESCRIPTION = 2048
_METHODS = {MandateKind.UPI: "upi", MandateKind.CARD: "card"}
_FREQUENCIES = {
    Frequency.BIMONTHLY: "bimonthly",
    Frequency.HALFYEARLY: "half_yearly",
    Frequency.ON_DEMAND: "as_presented",
}


def receipt_of(field: str, our_id: str) -> str:
    """The receipt that stands for our id: itself, or one made of it where it is longer than 40 characters."""
    plain_id(field, our_id)
    if len(our_id) <= _LONGEST_RECEIPT:
        return our_id
    return f"{our_id[:_KEPT]}_{hashlib.sha256(our_id.encode()).hexdigest()[:_DIGEST]}"


def setup_of(mandate_id: str) -> str:
    """The setup order of a mandate: Razorpay's lists are searched by that name alone. Raises InvalidInput."""
    order_id = alike(mandate_id, Purpose.SETUP)
    if order_id is None:
        raise InvalidInput("mandate_id", f"mandate_id: {mandate_id!r} is none of ours; use merchant_id()")
    return order_id


def registration_link(new: NewMandate, now: datetime) -> Entity:
    """A link whose page sets a mandate up. It has no way back to us: the payer closes it."""
    method = _METHODS.get(new.kind)
    if method is None:
        raise InvalidInput("kind", f"kind: {new.kind} needs the payer's bank account; use UPI or a card")
    if new.order_id != setup_of(new.mandate_id):
        raise InvalidInput(
            "order_id", f"order_id: must be named like its mandate, {setup_of(new.mandate_id)}"
        )
    if new.payer is None:
        raise InvalidInput("payer", "payer: Razorpay needs name, email and phone of whom it may debit")
    return {
        "type": "link",
        "customer": _customer(new.payer),
        "amount": _first_charge(new),
        "currency": "INR",
        "description": new.message[:_LONGEST_DESCRIPTION],
        "subscription_registration": {
            "method": method,
            "max_amount": paise("max_amount_paise", new.max_amount_paise),
            "expire_at": _seconds(new.valid_until),
            "frequency": _FREQUENCIES.get(new.frequency, new.frequency.value.lower()),
        },
        "receipt": receipt_of("order_id", new.order_id),
        # We speak to the customer ourselves.
        "email_notify": False,
        "sms_notify": False,
        "expire_by": _ends(new.lasts, now),
        "notes": {ORDER_NOTE: new.order_id, MANDATE_NOTE: new.mandate_id} | _reference(new.reference),
    }


def notice(new: NewDebit, token_id: str, customer_id: str) -> Entity:
    """An order whose debit Razorpay announces to the payer."""
    if new.target is None:
        raise InvalidInput("target", "target: Razorpay tells the payer when; say when it is to be taken")
    return {
        "amount": paise("amount_paise", new.amount_paise),
        "currency": "INR",
        "receipt": receipt_of("order_id", new.order_id),
        "customer_id": customer_id,
        "payment_capture": True,
        "notification": {"token_id": token_id, "payment_after": _seconds(new.target)},
        "notes": {
            ORDER_NOTE: new.order_id,
            MANDATE_NOTE: plain_id("mandate_id", new.mandate_id),
            TOKEN_NOTE: token_id,
            CUSTOMER_NOTE: customer_id,
        }
        | _reference(new.reference),
    }


def payment_link(new: NewPage, now: datetime) -> Entity:
    """A link to be paid once, by whoever has it."""
    body: Entity = {
        "amount": paise("amount_paise", new.amount_paise),
        "currency": "INR",
        "accept_partial": False,
        "reference_id": receipt_of("order_id", new.order_id),
        "description": new.message[:_LONGEST_DESCRIPTION],
        "notify": {"sms": False, "email": False},
        "reminder_enable": False,
        "callback_url": new.return_url,
        "callback_method": "get",
        "expire_by": _ends(new.lasts, now),
        "notes": {ORDER_NOTE: new.order_id} | _reference(new.reference),
    }
    return body | ({"customer": _customer(new.payer)} if new.payer is not None else {})


def _first_charge(new: NewMandate) -> int:
    if new.first_charge_paise is None:
        return CARD_CHECK_PAISE if new.kind is MandateKind.CARD else 0
    first = paise("first_charge_paise", new.first_charge_paise)
    if first > new.max_amount_paise:
        raise InvalidInput(
            "max_amount_paise",
            f"max_amount_paise: {new.max_amount_paise} is less than the first charge of {first}; raise it",
        )
    return first


def _customer(payer: Payer) -> Entity:
    told = {"name": payer.name, "email": payer.email, "contact": payer.contact}
    return {name: value for name, value in told.items() if value}


def _reference(reference: str) -> dict[str, str]:
    return {REFERENCE_NOTE: reference[:_LONGEST_NOTE]} if reference else {}


def _ends(lasts: timedelta, now: datetime) -> int:
    if not timedelta(0) < lasts <= LONGEST_PAGE:
        raise InvalidInput("lasts", f"lasts: a page stays open for up to {LONGEST_PAGE.days} days")
    return _seconds(now + max(lasts, SHORTEST_PAGE))


def _seconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError("a moment needs its zone")
    return int(moment.timestamp())
