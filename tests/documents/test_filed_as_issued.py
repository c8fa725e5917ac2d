"""What the domain issues can be filed: prices with and without tax, discounts, notes, advances."""

from dataclasses import replace
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from documents.einvoice import needs_registration, request
from documents.gstr1 import Filing, Series, gstr1, used_up
from domain.credit import as_credit_note, as_refund_voucher, credit_total, part_of_advance
from domain.document import Buyer, DocumentKind, TaxDocument
from domain.supply import BuyerKind
from domain.tax import Item, Terms, advance_amount, document_amount
from domain.wallet import Advance, use_advances
from tests.documents.filings import (
    ACME,
    REGISTERED,
    SELLER,
    SEZ_UNIT,
    consumer,
    document,
    supply_to,
)

DAY = date(2026, 10, 15)
MUMBAI = replace(REGISTERED, gstin="27AAACT2222B1Z1", state_code="27", pin="400001", city="Mumbai")
BUYERS = st.sampled_from([REGISTERED, MUMBAI, SEZ_UNIT, ACME, consumer("29"), consumer("07")])
ITEMS = st.lists(
    st.builds(
        Item,
        description=st.just("Growth plan"),
        sac=st.sampled_from(["998315", "998313"]),
        rate_bp=st.sampled_from([1800, 500]),
        unit_minor=st.integers(100, 2_00_000_00),
        quantity=st.integers(1, 7),
    ),
    min_size=1,
    max_size=4,
)
TERMS = st.builds(
    Terms,
    discount_bp=st.integers(0, 9_000),
    prices_include_tax=st.booleans(),
    round_total_to_rupee=st.booleans(),
) | st.just(Terms(round_tax_heads_to_rupee=True))
SHARES = st.lists(st.integers(1, 100), max_size=3)


def filing(documents: list[TaxDocument], **changes: Any) -> Filing:
    series = tuple(Series(each.kind, each.number, each.number) for each in documents)
    return replace(Filing(SELLER.gstin, "2026-10", tuple(documents), series), **changes)


@settings(max_examples=150, deadline=None)
@given(BUYERS, ITEMS, TERMS, st.booleans(), SHARES)
def test_every_invoice_and_its_notes_pass_the_checks_and_reach_the_portal(
    buyer: Buyer, items: list[Item], terms: Terms, with_tax: bool, shares: list[int]
) -> None:
    supply = supply_to(buyer, with_tax=with_tax)
    money = document_amount(items, supply, terms)
    invoice = replace(
        document("A/1", DAY, buyer, supply=supply),
        lines=money.lines,
        amount=money.amount,
        foreign=money.foreign,
    )
    notes: list[TaxDocument] = []
    left = money.amount.total_paise
    for position, share in enumerate(shares, start=1):
        asked = max(1, left * share // 100)
        if left <= 0:
            break
        portion = credit_total(invoice, notes, asked, DAY)
        note = as_credit_note(
            invoice,
            notes,
            portion,
            document_id=f"cn_{position}",
            number=f"C/{position}",
            issued_on=DAY,
            reason="refund",
        )
        notes.append(note)
        left -= asked
    assert gstr1(filing([invoice, *notes]))["doc_issue"]
    for each in (invoice, *notes):
        if needs_registration(each):
            request(each)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(["29", "07"]), st.integers(1_000, 10**9), st.integers(1, 99))
def test_an_advance_partly_used_and_partly_returned_leaves_nothing_to_declare(
    state: str, received: int, share: int
) -> None:
    supply = supply_to(consumer(state))
    money = advance_amount(received, supply, "Advance", "998315")
    voucher = replace(
        document("RV/1", DAY, consumer(state), kind=DocumentKind.RECEIPT_VOUCHER),
        lines=money.lines,
        amount=money.amount,
    )
    (part,) = use_advances([Advance(voucher)], max(1, received * share // 100))
    rest = part_of_advance(voucher, (part,), received - part.amount.total_paise)
    refund = as_refund_voucher(
        voucher, (part,), rest, document_id="rf_1", number="FV/1", issued_on=DAY, reason="returned"
    )
    made = gstr1(filing([voucher, refund], adjustments=used_up(part, "A/1")))
    assert "at" not in made and "txpd" not in made
    assert voucher.buyer.kind is BuyerKind.UNREGISTERED
