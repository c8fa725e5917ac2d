"""What the end of an attempt, or of an order's time, leads to for each kind of order."""

from simulator.books import Job, Record
from simulator.phonepe import errors, mandates, orders, redemptions, webhooks
from simulator.phonepe.refusals import bad_request
from simulator.phonepe.world import World


def attempt_due(world: World, job: Job) -> None:
    """The bank's answer has come."""
    order = orders.find(world, job.subject)
    attempt = orders.waiting(order)
    if attempt is not None and attempt["transactionId"] == job.payload["transaction"]:
        _conclude(world, order, attempt, job.payload["code"], final=job.payload["final"])


def settle_pending(world: World, order: Record, code: str | None) -> None:
    """Decide a pending attempt now: paid, or failed for `code`. Raises Refusal when there is none."""
    attempt = orders.waiting(order)
    if attempt is None:
        raise bad_request("No attempt of this order is pending")
    world.books.unschedule(order["id"], "settle_attempt")
    _conclude(world, order, attempt, code, final=True)


def expiry_due(world: World, job: Job) -> None:
    """The order's time is over."""
    order = orders.find(world, job.subject)
    if orders.expire(world, order):
        _told_failed(world, order)


def give_up(world: World, order: Record, code: str) -> None:
    """The payer left, or opted out."""
    orders.close(world, order, "FAILED", errors.failure(code))
    _told_failed(world, order)


def _told_failed(world: World, order: Record) -> None:
    if order["kind"] == "setup":
        mandates.setup_failed(world, order)
    webhooks.order_event(world, order, failed=True)


def _conclude(world: World, order: Record, attempt: Record, code: str | None, *, final: bool) -> None:
    orders.end_attempt(world, attempt, code)
    if order["kind"] == "redemption":
        redemptions.attempt_ended(world, order, attempt)
        return
    if code is None:
        orders.close(world, order, "COMPLETED")
        if order["kind"] == "setup":
            mandates.activate(world, order)
        webhooks.order_event(world, order, failed=False)
    elif final or world.now >= order["expireAt"] // 1000:
        orders.close(world, order, "FAILED", errors.failure(code))
        _told_failed(world, order)
    else:
        orders.save(world, order)
        if order["kind"] == "checkout":
            webhooks.emit(world, "checkout.transaction.attempt.failed", order["id"],
                          orders.show(world, order, event=True))  # fmt: skip
