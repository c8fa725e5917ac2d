"""What customers are told, and how it is worded. Pure: facts in, text out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import jinja2

from domain.document import DocumentKind
from domain.dunning import LADDER_RUNGS
from domain.events import EventType
from domain.money import rupees
from domain.periods import india_date
from domain.subscription import Status
from relay.reasons import Remedy, explain


class Kind(StrEnum):
    """Kinds of message; part of what notification services are sent."""

    PAYMENT_DUE = "payment_due"
    PAYMENT_FAILED = "payment_failed"
    NEW_METHOD_NEEDED = "new_method_needed"
    HALTED = "halted"
    RECEIPT = "receipt"
    CANCELLED = "cancelled"
    CREDIT_NOTE = "credit_note"
    VOUCHER = "voucher"
    REFUND = "refund"
    PROFORMA = "proforma"
    BUDGET_WARNED = "budget_warned"
    BUDGET_USED_UP = "budget_used_up"


WITH_DOCUMENT = frozenset({Kind.RECEIPT, Kind.CREDIT_NOTE, Kind.VOUCHER, Kind.PROFORMA})
"""Messages that bring a document: linked, and attached where the channel can carry it."""


@dataclass(frozen=True)
class Occasion:
    """What the words depend on. Amounts in paise."""

    seller: str
    customer: str
    plan: str
    """Empty where no subscription is concerned."""
    status: str = ""
    amount_paise: int = 0
    reason: str = ""
    rung: int = 0
    """Failed attempts in this billing period, this one included."""
    payment_link: str | None = None
    """The gateway's page where the customer pays or changes the method."""
    document_kind: str = ""
    """A `domain.document.DocumentKind`."""
    document_number: str = ""
    document_link: str | None = None
    attached: bool = False
    """Whether the document comes with the message."""
    access_until: datetime | None = None
    due_at: datetime | None = None
    open_until: datetime | None = None
    reminder: int = 0
    """How often it was asked for before."""
    by_ladder: bool = True
    """Razorpay's ladder of one debit and three retries; else our own."""
    month: date | None = None
    """A day of the month that a budget is for."""
    used_percent: int = 0
    wallet_paise: int = 0
    """What is left in the wallet."""
    from_wallet_paise: int = 0
    """What the wallet pays of an invoice."""


@dataclass(frozen=True)
class Letter:
    """A message before it takes a form."""

    subject: str
    paragraphs: tuple[str, ...]
    """The last one is who speaks."""
    action: tuple[str, str] | None = None
    """Label and address of the one thing to do."""


def kind_for(event_type: str, data: Mapping[str, object]) -> Kind | None:
    """The message an event calls for; None for none."""
    if event_type == EventType.PAYMENT_FAILED:
        remedy = explain(str(data.get("reason", ""))).remedy
        if remedy is Remedy.NONE:
            return None
        return Kind.NEW_METHOD_NEEDED if remedy is Remedy.NEW_METHOD else Kind.PAYMENT_FAILED
    if event_type == EventType.SUBSCRIPTION_CANCELLED and not data.get("period_end"):
        return None  # never paid for: a checkout that was left, or Free giving way to a paid plan
    if event_type == EventType.USAGE_BUDGET_WARNED and _whole(data, "used_percent") >= 100:
        return None  # used up at one go: one letter says that
    return _BY_EVENT.get(event_type)


def _whole(data: Mapping[str, object], name: str) -> int:
    value = data.get(name)
    return value if isinstance(value, int) else 0


_BY_EVENT: dict[str, Kind] = {
    EventType.PAYMENT_DUE: Kind.PAYMENT_DUE,
    EventType.SUBSCRIPTION_HALTED: Kind.HALTED,
    EventType.SUBSCRIPTION_CANCELLED: Kind.CANCELLED,
    EventType.INVOICE_DOCUMENT_READY: Kind.RECEIPT,
    EventType.CREDIT_NOTE_DOCUMENT_READY: Kind.CREDIT_NOTE,
    EventType.VOUCHER_DOCUMENT_READY: Kind.VOUCHER,
    EventType.PROFORMA_DOCUMENT_READY: Kind.PROFORMA,
    EventType.PAYMENT_REFUNDED: Kind.REFUND,
    EventType.USAGE_BUDGET_WARNED: Kind.BUDGET_WARNED,
    EventType.USAGE_BUDGET_USED_UP: Kind.BUDGET_USED_UP,
}


def write(kind: Kind, occasion: Occasion) -> Letter:
    """The message in words."""
    letter = _WRITERS[kind](occasion)
    greeting = f"Dear {occasion.customer}," if occasion.customer else "Hello,"
    return replace(letter, paragraphs=(greeting, *letter.paragraphs, occasion.seller))


def _payment_failed(occasion: Occasion) -> Letter:
    amount, reason = rupees(occasion.amount_paise), explain(occasion.reason)
    happened = (
        f"Your payment of {amount} for the {occasion.plan} plan did not go through because {reason.words}."
    )
    subject = f"Your payment of {amount} did not go through"
    if occasion.status == Status.CREATED:
        again = "Nothing was charged. You can try again whenever you like."
        return Letter(subject, (happened, again), _pay(occasion, "Try again"))
    if not occasion.by_ladder:
        next_step = (
            "We will try again in the coming days, and your bank tells you a day before. "
            "You can also pay now, on a page."
        )
        return Letter(subject, (happened, next_step), _pay(occasion, "Pay now"))
    left = max(LADDER_RUNGS - occasion.rung, 0)
    ladder = f"This was attempt {min(occasion.rung, LADDER_RUNGS)} of {LADDER_RUNGS}."
    if left == 0:
        next_step = "There will be no further attempt. To go on, please pay with another method."
    elif reason.remedy is Remedy.MONEY:
        next_step = (
            f"The next attempt is made in about a day. Please see that {amount} can be taken then, "
            "or choose another way to pay."
        )
    else:
        next_step = "The next attempt is made in about a day. You need not do anything."
    if reason.remedy is Remedy.OPERATOR:
        happened += " We are sorry, and are looking into it."
    return Letter(subject, (happened, f"{ladder} {next_step}"), _pay(occasion, "Change how you pay"))


def _payment_due(occasion: Occasion) -> Letter:
    amount = rupees(occasion.amount_paise)
    when = f" on {_long_day(occasion.due_at)}" if occasion.due_at else ""
    happened = f"{amount} for your {occasion.plan} plan is due{when}. Please pay it on our page."
    until = f"The page is open until {_long_day(occasion.open_until)}." if occasion.open_until else ""
    subject = f"{'Reminder: ' if occasion.reminder else ''}{amount} for your {occasion.plan} plan"
    return Letter(subject, tuple(filter(None, (happened, until))), _pay(occasion, f"Pay {amount}"))


def _long_day(moment: datetime) -> str:
    day = india_date(moment)
    return f"{day.day} {day:%B %Y}"


def _new_method_needed(occasion: Occasion) -> Letter:
    amount, reason = rupees(occasion.amount_paise), explain(occasion.reason)
    happened = f"We could not collect {amount} for the {occasion.plan} plan because {reason.words}."
    wanted = "Trying again will not help. Please choose another way to pay; it takes a minute."
    return Letter("Please choose another way to pay", (happened, wanted), _pay(occasion, "Choose how to pay"))


def _halted(occasion: Occasion) -> Letter:
    happened = (
        f"We tried several times to collect the payment for your {occasion.plan} plan and could not, "
        "so it is on hold."
    )
    wanted = "Your data is safe. To have it back, please choose another way to pay."
    return Letter(
        f"Your {occasion.plan} plan is on hold", (happened, wanted), _pay(occasion, "Choose how to pay")
    )


def _receipt(occasion: Occasion) -> Letter:
    amount, number = rupees(occasion.amount_paise), occasion.document_number
    bill = occasion.document_kind == DocumentKind.BILL_OF_SUPPLY
    short, formal = ("bill of supply", "bill of supply") if bill else ("invoice", "tax invoice")
    bought = f" for the {occasion.plan} plan" if occasion.plan else ""
    if occasion.from_wallet_paise:
        happened = f"You used {amount} beyond your plan. Your wallet has paid it: nothing is left to pay."
        where = _attached(occasion, f"The {formal} is number {number}.")
        return Letter(
            f"{short.capitalize()} {number}, paid from your wallet",
            (happened, where),
            _download(occasion, short),
        )
    happened = f"Thank you: we have received {amount}{bought}."
    where = _attached(occasion, f"The {formal} is number {number}.")
    return Letter(f"Receipt for {amount}, {short} {number}", (happened, where), _download(occasion, short))


def _credit_note(occasion: Occasion) -> Letter:
    amount, number = rupees(occasion.amount_paise), occasion.document_number
    happened = f"We have issued credit note {number} over {amount}. Please keep it with your invoice."
    return Letter(
        f"Credit note {number} over {amount}",
        (_attached(occasion, happened),),
        _download(occasion, "credit note"),
    )


def _voucher(occasion: Occasion) -> Letter:
    amount, number = rupees(occasion.amount_paise), occasion.document_number
    if occasion.document_kind == DocumentKind.REFUND_VOUCHER:
        name, happened = "refund voucher", f"We are giving {amount} of your advance payment back to you."
    else:
        name, happened = "receipt voucher", f"We have received {amount} from you as an advance payment."
    where = _attached(occasion, f"The {name} is number {number}; please keep it for your records.")
    return Letter(f"{name.capitalize()} {number} over {amount}", (happened, where), _download(occasion, name))


def _proforma(occasion: Occasion) -> Letter:
    amount, number = rupees(occasion.amount_paise), occasion.document_number
    happened = _attached(occasion, f"This is proforma invoice {number} over {amount}, as you asked.")
    what = "It is not a tax invoice; you get that once you have paid."
    return Letter(
        f"Proforma invoice {number} over {amount}",
        (happened, what),
        _download(occasion, "proforma invoice"),
    )


def _attached(occasion: Occasion, said: str) -> str:
    return f"{said} You find it attached to this mail." if occasion.attached else said


def _download(occasion: Occasion, what: str) -> tuple[str, str] | None:
    return None if occasion.document_link is None else (f"Download the {what}", occasion.document_link)


def _refund(occasion: Occasion) -> Letter:
    amount = rupees(occasion.amount_paise)
    happened = f"We have sent {amount} back to you, the way you paid."
    when = "Your bank may take five to seven working days to show it."
    return Letter(f"Your refund of {amount}", (happened, when))


def _cancelled(occasion: Occasion) -> Letter:
    happened = f"Your subscription to the {occasion.plan} plan is cancelled. Nothing more will be charged."
    paragraphs = [happened]
    if occasion.access_until is not None:
        last = india_date(occasion.access_until - timedelta(microseconds=1))
        paragraphs.append(f"What you have paid for stays yours up to and including {last.day} {last:%B %Y}.")
    return Letter(f"Your {occasion.plan} plan is cancelled", tuple(paragraphs))


def _budget_warned(occasion: Occasion) -> Letter:
    budget = _budget(occasion)
    happened = f"You have used {occasion.used_percent} % of {budget}."
    return Letter(f"{occasion.used_percent} % of your usage budget is used", (happened, _beyond(occasion)))


def _budget_used_up(occasion: Occasion) -> Letter:
    happened = f"You have used up {_budget(occasion)}."
    return Letter("Your usage budget is used up", (happened, _beyond(occasion)))


def _budget(occasion: Occasion) -> str:
    of_plan = f" that comes with the {occasion.plan} plan" if occasion.plan else ""
    of_month = f" for {occasion.month:%B %Y}" if occasion.month else ""
    return f"the budget{of_month}{of_plan}"


def _beyond(occasion: Occasion) -> str:
    if occasion.wallet_paise:
        return (
            f"What you use beyond it is taken from your wallet, which holds {rupees(occasion.wallet_paise)}."
        )
    return "Your wallet is empty: put money into it to go on beyond the budget, or choose a larger plan."


def _pay(occasion: Occasion, label: str) -> tuple[str, str] | None:
    link = occasion.payment_link or ""
    return (label, link) if link.startswith(("https://", "http://")) else None


_WRITERS = {
    Kind.PAYMENT_DUE: _payment_due,
    Kind.PAYMENT_FAILED: _payment_failed,
    Kind.NEW_METHOD_NEEDED: _new_method_needed,
    Kind.HALTED: _halted,
    Kind.RECEIPT: _receipt,
    Kind.CANCELLED: _cancelled,
    Kind.CREDIT_NOTE: _credit_note,
    Kind.VOUCHER: _voucher,
    Kind.REFUND: _refund,
    Kind.PROFORMA: _proforma,
    Kind.BUDGET_WARNED: _budget_warned,
    Kind.BUDGET_USED_UP: _budget_used_up,
}

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def as_text(letter: Letter) -> str:
    """For mail clients that show plain text."""
    *body, farewell = letter.paragraphs
    action = [] if letter.action is None else [f"{letter.action[0]}: {letter.action[1]}"]
    return "\n\n".join([*body, *action, farewell]) + "\n"


def as_html(letter: Letter) -> str:
    """For those that show pages; every value is escaped, nothing is loaded from elsewhere."""
    return _TEMPLATES.get_template("letter.html").render(letter=letter)
