"""What customers read: every kind, every rung, every reason."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from domain.document import DocumentKind
from domain.events import EventType
from domain.subscription import Status
from relay.messages import WITH_DOCUMENT, Kind, Letter, Occasion, as_html, as_text, kind_for, write
from relay.reasons import Remedy, explain

OCCASION = Occasion(
    seller="Kaveri Reader Private Limited",
    customer="Meera",
    plan="Basic",
    status=Status.PAST_DUE,
    amount_paise=117882,
    reason="insufficient_funds",
    rung=2,
    payment_link="https://rzp.io/i/Kv8tQ2m",
    document_number="BH26-27/000042",
    document_link="https://billing.kaveri.example/files/x.pdf",
    access_until=datetime(2026, 3, 9, 18, 30, tzinfo=UTC),
)


def text_of(kind: Kind, occasion: Occasion = OCCASION) -> str:
    return as_text(write(kind, occasion))


def test_a_failed_payment_says_how_much_why_which_attempt_and_what_to_do() -> None:
    assert text_of(Kind.PAYMENT_FAILED) == (
        "Dear Meera,\n\n"
        "Your payment of ₹1,178.82 for the Basic plan did not go through because there was not enough money "
        "in the account.\n\n"
        "This was attempt 2 of 4. The next attempt is made in about a day. Please see that ₹1,178.82 can be "
        "taken then, or choose another way to pay.\n\n"
        "Change how you pay: https://rzp.io/i/Kv8tQ2m\n\n"
        "Kaveri Reader Private Limited\n"
    )


def test_the_last_attempt_promises_no_further_one() -> None:
    text = text_of(Kind.PAYMENT_FAILED, replace(OCCASION, rung=4))
    assert "attempt 4 of 4. There will be no further attempt." in text
    assert "next attempt" not in text


def test_a_technical_fault_asks_nothing_of_the_customer() -> None:
    text = text_of(Kind.PAYMENT_FAILED, replace(OCCASION, reason="bank_technical_error"))
    assert "You need not do anything." in text


def test_a_failure_at_checkout_speaks_of_no_ladder() -> None:
    text = text_of(Kind.PAYMENT_FAILED, replace(OCCASION, status=Status.CREATED, rung=1))
    assert "Nothing was charged." in text and "attempt 1" not in text


def test_a_card_that_expired_asks_for_a_new_method() -> None:
    assert kind_for(EventType.PAYMENT_FAILED, {"reason": "card_expired"}) is Kind.NEW_METHOD_NEEDED
    text = text_of(Kind.NEW_METHOD_NEEDED, replace(OCCASION, reason="card_expired"))
    assert "because the card has expired" in text and "Trying again will not help." in text


def test_a_receipt_names_the_invoice_and_leads_to_it() -> None:
    text = text_of(Kind.RECEIPT)
    assert "we have received ₹1,178.82" in text and "number BH26-27/000042" in text
    assert "Download the invoice: https://billing.kaveri.example/files/x.pdf" in text
    assert "Download" not in text_of(Kind.RECEIPT, replace(OCCASION, document_link=None))


def test_a_receipt_calls_a_bill_of_supply_by_its_name() -> None:
    letter = write(Kind.RECEIPT, replace(OCCASION, document_kind=DocumentKind.BILL_OF_SUPPLY))
    assert "The bill of supply is number BH26-27/000042." in as_text(letter)
    assert letter.subject == "Receipt for ₹1,178.82, bill of supply BH26-27/000042"
    assert letter.action == ("Download the bill of supply", OCCASION.document_link)


def test_a_receipt_without_a_subscription_names_no_plan() -> None:
    text = text_of(Kind.RECEIPT, replace(OCCASION, plan=""))
    assert "we have received ₹1,178.82.\n" in text and "plan" not in text


def test_a_credit_note_says_what_it_belongs_to() -> None:
    letter = write(Kind.CREDIT_NOTE, replace(OCCASION, document_number="CN26-27/000007"))
    assert letter.subject == "Credit note CN26-27/000007 over ₹1,178.82"
    assert "Please keep it with your invoice." in as_text(letter)
    assert letter.action == ("Download the credit note", OCCASION.document_link)


@pytest.mark.parametrize(
    ("kind", "said", "called"),
    [
        (DocumentKind.RECEIPT_VOUCHER, "We have received ₹1,178.82 from you", "receipt voucher"),
        (DocumentKind.REFUND_VOUCHER, "We are giving ₹1,178.82 of your advance", "refund voucher"),
    ],
)
def test_a_voucher_says_which_way_the_money_went(kind: DocumentKind, said: str, called: str) -> None:
    letter = write(Kind.VOUCHER, replace(OCCASION, document_kind=kind, document_number="RV26-27/000003"))
    assert said in as_text(letter) and f"The {called} is number RV26-27/000003" in as_text(letter)
    assert letter.subject == f"{called.capitalize()} RV26-27/000003 over ₹1,178.82"
    assert letter.action == (f"Download the {called}", OCCASION.document_link)


def test_a_refund_says_how_much_comes_back_and_when() -> None:
    text = text_of(Kind.REFUND)
    assert "₹1,178.82 back to you" in text and "five to seven working days" in text


def test_a_proforma_is_not_taken_for_a_tax_invoice() -> None:
    letter = write(Kind.PROFORMA, replace(OCCASION, plan="", document_number="PI26-27/000001"))
    assert letter.subject == "Proforma invoice PI26-27/000001 over ₹1,178.82"
    assert "It is not a tax invoice" in as_text(letter)
    assert letter.action == ("Download the proforma invoice", OCCASION.document_link)
    assert kind_for(EventType.PROFORMA_DOCUMENT_READY, {}) is Kind.PROFORMA


@pytest.mark.parametrize("kind", sorted(WITH_DOCUMENT))
def test_what_is_attached_is_said_to_be_and_nothing_else(kind: Kind) -> None:
    assert "attached to this mail" in text_of(kind, replace(OCCASION, attached=True))
    assert "attached" not in text_of(kind)


def test_a_cancellation_says_which_day_is_the_last() -> None:
    # Access ends at the first second of 10 March in India: the 9th is the last day.
    assert "up to and including 9 March 2026" in text_of(Kind.CANCELLED)
    assert "stays yours" not in text_of(Kind.CANCELLED, replace(OCCASION, access_until=None))


def test_a_halt_says_how_to_come_back() -> None:
    text = text_of(Kind.HALTED)
    assert "on hold" in text and "Choose how to pay: https://rzp.io/i/Kv8tQ2m" in text


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_reads_well_without_name_and_link(kind: Kind) -> None:
    letter = write(kind, replace(OCCASION, customer="", payment_link=None, document_link=None))
    assert letter.paragraphs[0] == "Hello," and letter.paragraphs[-1] == OCCASION.seller
    assert letter.action is None
    assert "\n" not in letter.subject and "None" not in as_text(letter)


@pytest.mark.parametrize("link", ["javascript:alert(1)", "", "data:text/html,x", None])
def test_only_web_addresses_become_links(link: str | None) -> None:
    assert write(Kind.HALTED, replace(OCCASION, payment_link=link)).action is None


def test_names_cannot_smuggle_markup_into_the_page() -> None:
    letter = write(Kind.RECEIPT, replace(OCCASION, customer="<script>alert(1)</script>", plan="A&B"))
    page = as_html(letter)
    assert "<script>" not in page and "&lt;script&gt;" in page and "A&amp;B" in page


def test_the_page_loads_nothing_from_elsewhere() -> None:
    page = as_html(
        Letter("Subject", ("Dear Meera,", "Text", "Seller"), ("Go", "https://go.example/?a=1&b=2"))
    )
    assert (
        page.count("https://") == 1
        and "src=" not in page
        and 'href="https://go.example/?a=1&amp;b=2"' in page
    )


def test_other_events_call_for_no_message() -> None:
    for event in (EventType.PAYMENT_CAPTURED, EventType.INVOICE_ISSUED, EventType.SUBSCRIPTION_EXPIRED):
        assert kind_for(event, {}) is None
    assert kind_for(EventType.PAYMENT_FAILED, {"reason": "upi_dummy_payment"}) is None


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("insufficient_funds", Remedy.MONEY),
        ("psp_anything", Remedy.WAIT),
        ("gateway_technical_error", Remedy.WAIT),
        ("mandate_cancelled", Remedy.NEW_METHOD),
        ("card_expired", Remedy.NEW_METHOD),
        ("amount_does_not_match_mandate_amount", Remedy.OPERATOR),
        ("upi_dummy_payment", Remedy.NONE),
        ("something_new", Remedy.MONEY),
        ("declined", Remedy.MONEY),
    ],
)
def test_a_reason_decides_what_helps(reason: str, remedy: Remedy) -> None:
    explained = explain(reason)
    assert explained.remedy is remedy and explained.words and explained.words[-1] != "."


def test_a_budget_nearly_used_says_how_much_of_which_and_what_comes_then() -> None:
    assert kind_for(EventType.USAGE_BUDGET_WARNED, {"used_percent": 83}) is Kind.BUDGET_WARNED
    occasion = replace(OCCASION, month=date(2026, 11, 1), used_percent=83, wallet_paise=250000)
    assert text_of(Kind.BUDGET_WARNED, occasion) == (
        "Dear Meera,\n\n"
        "You have used 83 % of the budget for November 2026 that comes with the Basic plan.\n\n"
        "What you use beyond it is taken from your wallet, which holds ₹2,500.00.\n\n"
        "Kaveri Reader Private Limited\n"
    )


def test_a_budget_used_up_asks_for_money_only_where_the_wallet_is_empty() -> None:
    assert kind_for(EventType.USAGE_BUDGET_USED_UP, {"used_percent": 100}) is Kind.BUDGET_USED_UP
    occasion = replace(OCCASION, plan="", month=date(2026, 11, 1), used_percent=100)
    text = text_of(Kind.BUDGET_USED_UP, occasion)
    assert "You have used up the budget for November 2026.\n" in text and "put money into it" in text
    assert "put money" not in text_of(Kind.BUDGET_USED_UP, replace(occasion, wallet_paise=1))


def test_a_budget_used_up_at_one_go_makes_one_letter() -> None:
    assert kind_for(EventType.USAGE_BUDGET_WARNED, {"used_percent": 100}) is None


OURS = replace(
    OCCASION,
    by_ladder=False,
    payment_link="https://billing.kaveri.example/pay/sub_1",
    due_at=datetime(2026, 3, 9, 18, 30, tzinfo=UTC),  # the tenth begins in India
    open_until=datetime(2026, 3, 13, 12, 0, tzinfo=UTC),
)


def test_what_is_due_on_a_page_says_when_how_much_and_how_long() -> None:
    assert kind_for(EventType.PAYMENT_DUE, {"amount_paise": 117882}) is Kind.PAYMENT_DUE
    assert text_of(Kind.PAYMENT_DUE, OURS) == (
        "Dear Meera,\n\n"
        "₹1,178.82 for your Basic plan is due on 10 March 2026. Please pay it on our page.\n\n"
        "The page is open until 13 March 2026.\n\n"
        "Pay ₹1,178.82: https://billing.kaveri.example/pay/sub_1\n\n"
        "Kaveri Reader Private Limited\n"
    )
    assert write(Kind.PAYMENT_DUE, OURS).subject == "₹1,178.82 for your Basic plan"


def test_a_reminder_says_that_it_is_one() -> None:
    for reminder in (1, 2):
        letter = write(Kind.PAYMENT_DUE, replace(OURS, reminder=reminder))
        assert letter.subject == "Reminder: ₹1,178.82 for your Basic plan"


def test_what_is_due_reads_well_without_its_days() -> None:
    text = text_of(Kind.PAYMENT_DUE, replace(OURS, due_at=None, open_until=None))
    assert "₹1,178.82 for your Basic plan is due. Please pay it on our page.\n\nPay ₹1,178.82" in text


@pytest.mark.parametrize("rung", [1, 2, 3, 4, 9])
def test_our_own_ladder_counts_no_attempts_it_may_not_make(rung: int) -> None:
    text = text_of(Kind.PAYMENT_FAILED, replace(OURS, rung=rung))
    assert "because there was not enough money in the account." in text
    assert "We will try again in the coming days, and your bank tells you a day before." in text
    assert "You can also pay now, on a page.\n\nPay now: https://billing.kaveri.example/pay/sub_1" in text
    assert "attempt" not in text


def test_a_first_payment_that_failed_speaks_of_no_ladder_of_ours_either() -> None:
    text = text_of(Kind.PAYMENT_FAILED, replace(OURS, status=Status.CREATED))
    assert "Nothing was charged." in text and "We will try again" not in text


def test_an_invoice_that_the_wallet_paid_asks_for_nothing_and_thanks_for_no_payment() -> None:
    occasion = replace(OCCASION, plan="", document_kind=DocumentKind.TAX_INVOICE, from_wallet_paise=117882)
    letter = write(Kind.RECEIPT, occasion)
    assert letter.subject == "Invoice BH26-27/000042, paid from your wallet"
    text = as_text(letter)
    assert "You used ₹1,178.82 beyond your plan. Your wallet has paid it: nothing is left to pay." in text
    assert "we have received" not in text
