"""Acts of customers, banks and dashboard users, as the control API and the checkout page perform them."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from simulator import (
    billing,
    invoices,
    links,
    mandates,
    payments,
    recurring,
    refunds,
    registrations,
    shapes,
    subscriptions,
    tokens,
)  # fmt: skip
from simulator.books import Record
from simulator.payments import Instrument
from simulator.refusals import Refusal
from simulator.world import World

Act = Callable[[World, str, Record], Record]
_OUTCOMES = ("success", "failure", "late_success", "wrong_amount", "wrong_currency")


def checkout_signature(world: World, payment_id: str, subscription_id: str) -> str:
    """What the browser brings back after a subscription payment, signed with the API key's secret."""
    message = f"{payment_id}|{subscription_id}".encode()
    return hmac.new(world.options.key_secret.encode(), message, hashlib.sha256).hexdigest()


def _known_outcome(outcome: object) -> str:
    if outcome not in _OUTCOMES:
        raise Refusal(f"{outcome} is not an outcome: {', '.join(_OUTCOMES)}", field="outcome")
    return str(outcome)


def _authenticate(world: World, entity_id: str, body: Record) -> Record:
    subscription = world.get("subscription", entity_id)
    _known_outcome(body.get("outcome", "success"))
    payment = mandates.authenticate(world, subscription, body)
    answer: Record = {"subscription": subscription, "payment": payment}
    if payment:
        answer["signature"] = checkout_signature(world, payment["id"], entity_id)
    return answer


def _next_charge(world: World, entity_id: str, body: Record) -> Record:
    subscription = world.get("subscription", entity_id)
    asked = body.get("outcomes") or [body]
    queue: list[Record] = [] if body.get("replace") else subscription["_outcomes"]
    for each in asked:
        outcome: Record = {"outcome": each} if isinstance(each, str) else dict(each)
        _known_outcome(outcome.get("outcome"))
        queue.append(outcome)
    subscription["_outcomes"] = queue
    world.save("subscription", subscription)
    return {"subscription": subscription, "queue": list(queue)}


def _charge_invoice(world: World, entity_id: str, body: Record) -> Record:
    subscription = world.get("subscription", entity_id)
    if subscription["status"] not in ("active", "pending", "halted"):
        raise Refusal(f"Invoices cannot be charged in {subscription['status']} status.", field="status")
    if (subscription["_instrument"] or {}).get("origin") == "domestic":
        raise Refusal("Invoices cannot be charged manually when payment mode is domestic card")
    unpaid = [
        each for each in world.books.find("invoice", subscription_id=entity_id) if each["status"] == "issued"
    ]
    if body.get("invoice_id"):
        invoice = world.get("invoice", body["invoice_id"])
        if invoice["subscription_id"] != entity_id or invoice["status"] != "issued":
            raise Refusal(f"Operation not allowed for Invoice in {invoice['status']} status.")
    elif unpaid:
        invoice = unpaid[0]
    else:
        raise Refusal("There is no unpaid invoice to charge")
    outcome: Record = {name: body[name] for name in ("error_reason", "amount", "currency") if name in body}
    outcome["outcome"] = _known_outcome(body.get("outcome", "success"))
    payment = billing.debit(world, subscription, invoice, outcome, rung=False)
    return {"subscription": subscription, "payment": payment}


def _change_method(world: World, entity_id: str, body: Record) -> Record:
    subscription = world.get("subscription", entity_id)
    _known_outcome(body.get("outcome", "success"))
    return {"subscription": subscription, "payment": mandates.change_method(world, subscription, body)}


def _simple(perform: Callable[[World, Record], None]) -> Act:
    def act(world: World, entity_id: str, _body: Record) -> Record:
        subscription = world.get("subscription", entity_id)
        perform(world, subscription)
        return {"subscription": subscription}

    return act


def _dashboard_cancel(world: World, entity_id: str, body: Record) -> Record:
    subscription = world.get("subscription", entity_id)
    at_end = bool(body.get("cancel_at_cycle_end", False))
    subscriptions.cancel_subscription(world, subscription, at_end=at_end)
    return {"subscription": subscription}


def _pay_order(world: World, entity_id: str, body: Record) -> Record:
    order = world.get("order", entity_id)
    by = Instrument(**mandates.make_instrument(world, body))
    reason = body.get("error_reason", "payment_cancelled")
    return {"payment": payments.pay_order(world, order, by, body.get("outcome", "success"), reason)}


def _pay_link(world: World, entity_id: str, body: Record) -> Record:
    link = world.get("payment_link", entity_id)
    by = Instrument(**mandates.make_instrument(world, body))
    reason = body.get("error_reason", "payment_cancelled")
    return {"payment": links.pay(world, link, by, body.get("outcome", "success"), reason)}


def _settle_refund(world: World, entity_id: str, body: Record) -> Record:
    refund = world.get("refund", entity_id)
    outcome = body.get("outcome", "processed")
    if outcome not in ("processed", "failed", "speed_changed"):
        raise Refusal(f"{outcome} is not an outcome: processed, failed, speed_changed", field="outcome")
    refunds.settle(world, refund, outcome)
    return {"refund": refund}


def _dashboard_refund(world: World, entity_id: str, body: Record) -> Record:
    payment = world.get("payment", entity_id)
    return {"refund": refunds.give_back(world, payment, body), "payment": payment}


def _approve(world: World, entity_id: str, body: Record) -> Record:
    payment = registrations.authenticate(world, entity_id, body)
    token = world.books.get("token", payment["token_id"] or "")
    return {"invoice": world.get("invoice", entity_id), "payment": payment, "token": token}


def _of_token(perform: Callable[[World, str], Record]) -> Act:
    return lambda world, entity_id, _body: {"token": perform(world, entity_id)}


def _queue(name: str, words: tuple[str, ...]) -> Act:
    def act(world: World, entity_id: str, body: Record) -> Record:
        token = world.get("token", entity_id)
        queue: list[Record] = [] if body.get("replace") else token.get(name) or []
        for each in body.get("outcomes") or [body]:
            outcome: Record = {"outcome": each} if isinstance(each, str) else dict(each)
            if outcome.get("outcome") not in words:
                text = f"{outcome.get('outcome')} is not an outcome: {', '.join(words)}"
                raise Refusal(text, field="outcome")
            queue.append(outcome)
        token[name] = queue
        return {"token": world.save("token", token), "queue": list(queue)}

    return act


def _show_token(world: World, entity_id: str, body: Record) -> Record:
    token = world.get("token", entity_id)
    tokens.put(world, token, str(body["status"]), event="")
    return {"token": token}


def _end_notice(world: World, entity_id: str, body: Record) -> Record:
    order = world.get("order", entity_id)
    recurring.conclude_notice(world, order, body.get("outcome", "delivered"))
    return {"order": order}


def _show_order(world: World, entity_id: str, body: Record) -> Record:
    order = world.get("order", entity_id)
    if "notice" in body:
        order["notification"]["status"] = body["notice"]
    order["status"] = body.get("status", order["status"])
    return {"order": world.save("order", order)}


def _settle_debit(world: World, entity_id: str, body: Record) -> Record:
    payment = world.get("payment", entity_id)
    recurring.settle(world, payment, body)
    return {"payment": payment}


ACTS: dict[tuple[str, str], Act] = {
    ("subscriptions", "authenticate"): _authenticate,
    ("subscriptions", "next_charge"): _next_charge,
    ("subscriptions", "charge_invoice"): _charge_invoice,
    ("subscriptions", "change_method"): _change_method,
    ("subscriptions", "customer_pause"): _simple(mandates.customer_pause),
    ("subscriptions", "customer_resume"): _simple(mandates.customer_resume),
    ("subscriptions", "revoke"): _simple(mandates.revoke),
    ("subscriptions", "dashboard_cancel"): _dashboard_cancel,
    ("subscriptions", "dashboard_pause"): _simple(subscriptions.pause_subscription),
    ("subscriptions", "dashboard_resume"): _simple(subscriptions.resume_subscription),
    ("orders", "pay"): _pay_order,
    ("payment_links", "pay"): _pay_link,
    ("registrations", "authenticate"): _approve,
    ("tokens", "pause"): _of_token(tokens.pause),
    ("tokens", "resume"): _of_token(tokens.resume),
    ("tokens", "revoke"): _of_token(tokens.revoke),
    ("tokens", "reject"): _of_token(tokens.reject),
    ("tokens", "expire"): _of_token(tokens.expire),
    ("tokens", "show_status"): _show_token,
    ("tokens", "next_debit"): _queue("_debits", recurring.OUTCOMES),
    ("tokens", "next_notice"): _queue("_notices", recurring.NOTICES),
    ("orders", "notice"): _end_notice,
    ("orders", "show_status"): _show_order,
    ("payments", "settle"): _settle_debit,
    ("payments", "dashboard_refund"): _dashboard_refund,
    ("refunds", "settle"): _settle_refund,
}


def refreshed(world: World, answer: Record) -> dict[str, Any]:
    """The answer with its entities as they are after everything due has run."""
    shown: dict[str, Any] = dict(answer)
    for kind in ("subscription", "payment", "refund", "invoice", "order", "token"):
        entity = answer.get(kind)
        if not entity:
            continue
        latest = world.get(kind, entity["id"])
        if kind == "subscription":
            shown[kind] = subscriptions.shown(world, latest)
        elif kind == "invoice":
            shown[kind] = invoices.shown(world, latest)
        else:
            shown[kind] = shapes.visible(latest)
    return shown
