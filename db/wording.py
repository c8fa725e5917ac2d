"""Rows in words that a support person understands: a title and a detail for each."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from db.models import Notification, Payment, WebhookInbox
from domain.events import EventType
from domain.money import rupees
from domain.periods import india_date

Data = Mapping[str, Any]
Told = tuple[str, str]

_REASONS = {
    "insufficient_fund": "not enough money in the account",
    "insufficient_funds": "not enough money in the account",
    "adequate_funds_not_available_blocked": "not enough money in the account",
    "transaction_limit_exceeded": "over the payer's limit",
    "per_transaction_limit_exceeded": "over the payer's limit for one payment",
    "limit_exceeded_remitting_bank": "over the limit of the payer's bank",
    "card_expired": "the card has expired",
    "card_declined": "the bank declined the card",
    "card_disabled_for_online_payments": "the card is switched off for online payments",
    "payment_cancelled": "the payer cancelled it",
    "payment_timed_out": "the payer did not finish in time",
    "authentication_failed": "the payer was not recognised (OTP or PIN)",
    "payment_risk_check_failed": "the bank's risk check stopped it",
    "mandate_cancelled": "the payer has withdrawn the mandate",
    "mandate_paused": "the payer has paused the mandate",
    "mandate_expired": "the mandate has expired",
    "debit_instrument_blocked": "the card or account is blocked",
    "remitter_account_dormant": "the payer's account is dormant",
    "bank_technical_error": "a fault at the bank",
    "bank_not_available": "the bank was not available",
    "gateway_technical_error": "a fault at the gateway",
    "server_error": "a fault at the gateway",
    "payment_failed": "declined without a reason",
    "declined": "declined without a reason",
}
"""The gateway's reasons that support meets most (razorpay.md 5.4)."""

_CODE = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")


def event_told(event: EventType, data: Data) -> Told:
    """An announced fact."""
    title, sentences = _EVENTS[event]
    detail = [sentence for tell in sentences if (sentence := tell(data))]
    return title(data), " ".join(detail)


def payment_told(payment: Payment) -> Told:
    """A payment by itself."""
    money = rupees(payment.amount_paise) if payment.currency == "INR" else f"A payment in {payment.currency}"
    ending = {"captured": "received", "failed": "could not be collected", "quarantined": "set aside"}
    told = {"reason": payment.reason, "method": payment.method}
    return f"{money} {ending[payment.status]}", " ".join(filter(None, (_why(told), _method(told))))


def message_told(message: Notification) -> Told:
    """A message to the customer."""
    about = message.kind.replace("_", " ").replace(".", " ")
    title = {
        "sent": f"Customer was told: {about}",
        "sending": f"Customer is being told: {about}",
        "failed": f"Customer could not be told: {about}",
        "unknown": f"Customer was perhaps told: {about}",
    }[message.status]
    error = f" {_sentence(message.last_error)}" if message.last_error else ""
    way = {"log": "Written to the log", "smtp": "By e-mail"}.get(message.channel, f"By {message.channel}")
    return title, f"{way}.{error}"


def call_told(call: WebhookInbox) -> Told:
    """A gateway's call."""
    became = {
        "received": "Not handed on yet.",
        "signalled": "Handed on; the subscription then reads the gateway's books.",
        "known": "It tells what is already in our books.",
        "duplicate": "The same call came before.",
        "unhandled": "Nothing to do for a call of this kind.",
        "orphan": "No subscription of ours is meant.",
        "late": "The subscription had already ended.",
    }[call.status]
    error = f" {_sentence(call.last_error)}" if call.last_error else ""
    return f"{call.source.capitalize()} reported {call.event_type}", f"{became}{error}"


def reason_told(reason: str) -> str:
    """The gateway's machine-readable reason in words; any other text as it is."""
    if _CODE.fullmatch(reason):
        return _REASONS.get(reason, reason.replace("_", " "))
    return reason


def _sentence(text: str) -> str:
    text = text.strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."


def _why(data: Data) -> str:
    reason = data.get("reason")
    return _sentence(f"because: {reason_told(str(reason))}") if reason else ""


def _who(data: Data) -> str:
    actor = str(data.get("actor") or "")
    told_already = f"by the {actor}" in str(data.get("reason"))
    return "" if actor in ("", "gateway") or told_already else _sentence(f"by {actor}")


def _method(data: Data) -> str:
    names = {
        "upi": "UPI",
        "upi_autopay": "UPI Autopay",
        "card": "card",
        "emandate": "bank mandate",
        "netbanking": "net banking",
    }
    method = str(data.get("method") or "")
    return f"By {names.get(method, method)}." if method else ""


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _moment(data: Data, key: str) -> datetime | None:
    written = data.get(key)
    return datetime.fromisoformat(str(written)) if written else None


def _period(data: Data) -> str:
    start, end = _moment(data, "period_start"), _moment(data, "period_end")
    if start is None or end is None:
        return ""
    last = india_date(end - timedelta(microseconds=1))
    return f"Paid from {_day(india_date(start))} to {_day(last)}."


def _invoice(data: Data) -> str:
    number = data.get("invoice_number")
    return f"Invoice {number}." if number else ""


_KINDS = {
    "bill_of_supply": "Bill of supply",
    "credit_note": "Credit note",
    "proforma": "Proforma invoice",
    "receipt_voucher": "Receipt voucher",
    "refund_voucher": "Refund voucher",
}


def _document(data: Data) -> str:
    """`Invoice BH26-27/000001`; older events of invoices say only that number."""
    number = data.get("document_number") or data.get("invoice_number") or ""
    return f"{_KINDS.get(str(data.get('document_kind')), 'Invoice')} {number}"


def _issued(data: Data) -> str:
    return f"{_document(data)} issued"


def _drawn(data: Data) -> str:
    return f"PDF of {_document(data)} ready"


def _acknowledged(data: Data) -> str:
    number = data.get("acknowledgement_number")
    return f"Acknowledgement {number}." if number else ""


def _refusal(data: Data) -> str:
    refusal = data.get("refusal")
    return _sentence(str(refusal)) if refusal else ""


def _without_note(data: Data) -> str:
    unexplained = int(data.get("unexplained_paise") or 0)
    return (
        f"{rupees(unexplained)} of it has no credit note." if unexplained and data.get("invoice_id") else ""
    )


def _over(data: Data) -> str:
    return f"Over {_amount(data)}." if data.get("amount_paise") else ""


def _access(data: Data) -> str:
    until = _moment(data, "access_until")
    return f"Access stays until {_day(india_date(until - timedelta(microseconds=1)))}." if until else ""


def _access_to_the_end(data: Data) -> str:
    return _access({**data, "access_until": data.get("period_end")})


def _amount(data: Data) -> str:
    paise = data.get("amount_paise")
    return rupees(paise) if isinstance(paise, int) else "A payment"


def _asked_for(data: Data) -> str:
    charge, interval = data.get("charge_paise"), data.get("interval")
    plan = str(data.get("plan_id") or "").removeprefix("plan_").capitalize()
    if not isinstance(charge, int):
        return _sentence(plan) if plan else ""
    each = {"monthly": " a month", "annual": " a year"}.get(str(interval), "")
    return f"{plan}, {rupees(charge)}{each} with tax." if plan else f"{rupees(charge)}{each} with tax."


def _failed(data: Data) -> str:
    rung = data.get("rung")
    which = f" (attempt {rung})" if isinstance(rung, int) and rung > 1 else ""
    return f"{_amount(data)} could not be collected{which}"


def _uncollected(data: Data) -> str:
    cycles = data.get("uncollected_cycles")
    if not isinstance(cycles, int) or cycles < 1:
        return ""
    return f"{cycles} period{'s' if cycles > 1 else ''} unpaid that nobody tries to collect any more."


def _on(data: Data, key: str) -> str:
    moment = _moment(data, key)
    return f"on {_day(india_date(moment))}" if moment else "soon"


def _asked_on_a_page(data: Data) -> str:
    again = ", once more" if data.get("reminder") else ""
    return f"{_amount(data)} asked for on a page{again}"


def _open_until(data: Data) -> str:
    moment = _moment(data, "open_until")
    return f"It can be paid until {_day(india_date(moment))}." if moment else ""


def _up_to(data: Data) -> str:
    most = data.get("max_amount_paise")
    return f"For debits of up to {rupees(most)} each." if isinstance(most, int) else ""


def _who_tries_again(data: Data) -> str:
    if data.get("collection") == "engine":
        return "Access stays while it is collected by the dunning ladder."
    return "The gateway tries again on the next days; access stays meanwhile."


def _always(text: str) -> Callable[[Data], str]:
    return lambda _: text


def _entitlement(data: Data) -> str:
    plan = str(data.get("plan_id") or "").removeprefix("plan_").capitalize() or "the plan"
    return f"Access to {plan} {'given' if data.get('granted') else 'ended'}"


_ENDED = ("CANCELLED", "COMPLETED", "EXPIRED")


def _nearly_used(data: Data) -> str:
    percent = data.get("used_percent")
    return f"Usage budget {percent} % used" if percent else "Usage budget nearly used"


def _budget(data: Data) -> str:
    budget, month = data.get("budget_paise"), data.get("month")
    return f"It is {rupees(budget)} for {month}." if isinstance(budget, int) and month else ""


def _in_wallet(data: Data) -> str:
    wallet = data.get("wallet_paise")
    if not isinstance(wallet, int):
        return ""
    return f"The wallet holds {rupees(wallet)}." if wallet else "The wallet is empty."


_Teller = Callable[[Data], str]
_EVENTS: dict[EventType, tuple[_Teller, tuple[_Teller, ...]]] = {
    EventType.SUBSCRIPTION_CREATED: (_always("Subscription asked for"), (_asked_for, _who)),
    EventType.CHECKOUT_OPENED: (
        _always("Checkout page opened"),
        (lambda data: f"The customer pays at {data['checkout_url']}" if data.get("checkout_url") else "",),
    ),
    EventType.SUBSCRIPTION_AUTHENTICATED: (
        _always("Payment method accepted"),
        (_always("The first charge is not due yet."),),
    ),
    EventType.SUBSCRIPTION_ACTIVATED: (_always("Subscription active"), (_period, _invoice)),
    EventType.SUBSCRIPTION_RENEWED: (_always("Subscription renewed"), (_period, _invoice)),
    EventType.SUBSCRIPTION_RECOVERED: (
        _always("Subscription in order again"),
        (_period, _invoice, _why, _uncollected),
    ),
    EventType.SUBSCRIPTION_PAST_DUE: (
        _always("Renewal overdue"),
        (_why, _who_tries_again),
    ),
    EventType.SUBSCRIPTION_HALTED: (
        _always("Subscription halted"),
        (_always("No attempt is left: Free plan until the customer gives a new payment method."), _why),
    ),
    EventType.SUBSCRIPTION_PAUSED: (_always("Subscription paused"), (_access, _why, _who)),
    EventType.SUBSCRIPTION_RESUMED: (_always("Subscription resumed"), (_why, _who)),
    EventType.SUBSCRIPTION_CANCELLATION_SCHEDULED: (
        _always("Cancellation asked for"),
        (_always("It will not renew."), _access_to_the_end, _why, _who),
    ),
    EventType.SUBSCRIPTION_CANCELLATION_WITHDRAWN: (
        _always("Cancellation taken back"),
        (_always("It will not end."), _why, _who),
    ),
    EventType.SUBSCRIPTION_CANCELLED: (_always("Subscription cancelled"), (_access, _why, _who)),
    EventType.SUBSCRIPTION_COMPLETED: (
        _always("Subscription completed"),
        (_always("All agreed periods are done."), _access),
    ),
    EventType.SUBSCRIPTION_EXPIRED: (
        _always("Subscription expired"),
        (_always("It was not paid in time."), _why),
    ),
    EventType.CHARGE_UNCOLLECTED: (_always("Charge given up"), (_uncollected, _why)),
    **dict.fromkeys(
        (
            EventType.INVOICE_ISSUED,
            EventType.CREDIT_NOTE_ISSUED,
            EventType.PROFORMA_ISSUED,
            EventType.VOUCHER_ISSUED,
        ),
        (_issued, (_over, _why)),
    ),
    **dict.fromkeys(
        (
            EventType.INVOICE_DOCUMENT_READY,
            EventType.CREDIT_NOTE_DOCUMENT_READY,
            EventType.PROFORMA_DOCUMENT_READY,
            EventType.VOUCHER_DOCUMENT_READY,
        ),
        (_drawn, ()),
    ),
    EventType.E_INVOICE_REGISTERED: (
        lambda data: f"{_document(data)} registered as an e-invoice",
        (_acknowledged,),
    ),
    EventType.E_INVOICE_REFUSED: (
        lambda data: f"{_document(data)} not registered as an e-invoice",
        (_refusal,),
    ),
    EventType.E_INVOICE_CANCELLED: (
        lambda data: f"E-invoice registration of {_document(data)} cancelled",
        (_why, _who),
    ),
    EventType.TOP_UP_OPENED: (lambda data: f"Top-up of {_amount(data)} asked for", ()),
    EventType.TOP_UP_PAID: (
        lambda data: f"{_amount(data)} put into the wallet",
        (_always("An advance: its receipt voucher comes by mail."),),
    ),
    EventType.TOP_UP_EXPIRED: (lambda data: f"Top-up of {_amount(data)} was not paid in time", ()),
    EventType.TOP_UP_CANCELLED: (lambda data: f"Top-up of {_amount(data)} called off", (_why,)),
    EventType.PAYMENT_DUE: (_asked_on_a_page, (_open_until,)),
    EventType.DEBIT_ANNOUNCED: (
        lambda data: f"Payer told of a debit of {_amount(data)} {_on(data, 'debit_on')}",
        (_always("Notice is given at least a day before."),),
    ),
    EventType.MANDATE_ACTIVATED: (_always("Mandate given"), (_up_to,)),
    EventType.MANDATE_PAUSED: (
        _always("Mandate paused"),
        (_always("By the payer, in a UPI app; no debit is made meanwhile."),),
    ),
    EventType.MANDATE_RESUMED: (_always("Mandate taken up again"), ()),
    EventType.MANDATE_ENDED: (
        _always("Mandate ended"),
        (
            lambda data: f"It is {data['mandate_status']}." if data.get("mandate_status") else "",
            lambda data: "" if data.get("status") in _ENDED else "What falls due is asked for on a page.",
        ),
    ),
    EventType.PAYMENT_CAPTURED: (lambda data: f"{_amount(data)} received", (_method, _invoice)),
    EventType.PAYMENT_FAILED: (_failed, (_why, _method)),
    EventType.PAYMENT_QUARANTINED: (
        lambda data: f"{_amount(data)} set aside",
        (_why, _always("It counts as unpaid until an operator decides.")),
    ),
    EventType.PAYMENT_KEPT: (
        lambda data: f"{_amount(data)} kept as the customer's advance",
        (_why, _who),
    ),
    EventType.REFUND_REQUESTED: (lambda data: f"Refund of {_amount(data)} asked for", (_why, _who)),
    EventType.REFUND_SPEED_CHANGED: (
        lambda data: f"Refund of {_amount(data)} goes the slow way",
        (_always("The bank could not do it at once; it takes five to seven working days."),),
    ),
    EventType.REFUND_FAILED: (
        lambda data: f"Refund of {_amount(data)} failed",
        (_why, _always("The money is still with us.")),
    ),
    EventType.PAYMENT_REFUNDED: (lambda data: f"{_amount(data)} refunded", (_without_note, _why, _who)),
    EventType.ENTITLEMENT_CHANGED: (_entitlement, ()),
    EventType.USAGE_BUDGET_WARNED: (
        _nearly_used,
        (_budget, _in_wallet),
    ),
    EventType.USAGE_BUDGET_USED_UP: (_always("Usage budget used up"), (_budget, _in_wallet)),
}
