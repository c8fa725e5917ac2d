"""PhonePe that answers at once from nothing, so that what is measured is our engine.

Every mandate stands, every payer is told at once, and every debit that is asked for brings its money.
"""

from datetime import timedelta

from domain.debit import AttemptState, State
from domain.lawful import PHONEPE
from domain.mandate import Mandate, MandateStatus
from domain.orders import DebitStarted, MandateAtGateway, Notice, OrderAtGateway, OrderAttempt
from gateways.base import NewDebit
from gateways.phonepe import PhonePeGateway

MANDATE_CAP_PAISE = PHONEPE.limits.max_amount_cap_paise


def mandate(mandate_id: str) -> Mandate:
    """As our side knew it all along: reading it changes nothing."""
    return Mandate(mandate_id, MANDATE_CAP_PAISE, status=MandateStatus.ACTIVE)


class CannedPhonePe(PhonePeGateway):
    """What a paid cycle asks; anything else has no connection to go by."""

    def __init__(self) -> None:
        self._announced: dict[str, NewDebit] = {}
        self._debited: set[str] = set()

    async def close(self) -> None:
        """Nothing is open."""

    async def find_mandate(self, mandate_id: str) -> MandateAtGateway | None:
        """Active."""
        return MandateAtGateway(mandate(mandate_id), f"OMS{mandate_id}", "ACTIVE", is_strange=False)

    async def notify(self, new: NewDebit) -> OrderAtGateway:
        """The payer knows."""
        self._announced[new.order_id] = new
        return self._order(new)

    async def find_debit(self, order_id: str) -> OrderAtGateway | None:
        """Announced, or paid since it was debited."""
        new = self._announced.get(order_id)
        return None if new is None else self._order(new)

    async def redeem(self, order_id: str) -> DebitStarted:
        """Started; the order then shows the money."""
        self._debited.add(order_id)
        return DebitStarted(f"OM{order_id}")

    def _order(self, new: NewDebit) -> OrderAtGateway:
        """The run's clock is skipped, and shows in the order's end alone."""
        assert new.expires_at is not None
        notified_at = new.expires_at - PHONEPE.asked_window
        paid = new.order_id in self._debited
        attempt = OrderAttempt(
            f"OM{new.order_id}", AttemptState.COMPLETED, new.amount_paise, "UPI_AUTO_PAY",
            notified_at + timedelta(hours=30), reference="412345678901",
        )  # fmt: skip
        return OrderAtGateway(
            new.order_id,
            f"OMO{new.order_id}",
            State.COMPLETED if paid else State.NOTIFIED,
            "COMPLETED" if paid else "NOTIFIED",
            is_strange=False,
            amount_paise=new.amount_paise,
            currency="INR",
            expires_at=new.expires_at,
            attempts=(attempt,) if paid else (),
            notice=Notice(notified_at, notified_at + PHONEPE.notice_wait, new.expires_at),
            mandate_id=new.mandate_id,
        )
