"""Asking for a top-up: what must be on record before, and the workflow that begins it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field

from api import temporal
from api.auth import CustomerIdentity
from api.dependencies import Services
from api.ids import new_id
from api.schemas import Answer, Paise, Rupees, rupees_or_text
from db import customers, top_ups
from db.models import Customer
from db.models import TopUp as TopUpRow
from domain.errors import InvalidInput, Refused, Unavailable
from domain.periods import india_date
from domain.pricing import supply_for
from domain.top_up import TopUp, TopUpStatus
from workflows.top_up import StartTopUp


class TopUpOut(Answer):
    """Money on its way into the wallet, or in it."""

    top_up_id: str = Field(examples=["top_06f3m1k2p4q8s0t2v4a6c8e0g2"])
    status: TopUpStatus
    pay_url: str | None = Field(
        description="Where the customer pays, while it can be paid.",
        examples=["https://billing.example.com/pay/top_06f3m1k2p4q8s0t2v4a6c8e0g2"],
    )
    amount: Rupees = Field(examples=[500])
    amount_paise: Paise = Field(examples=[50000])
    currency: str = Field(default="INR", examples=["INR"])
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = Field(description="When it was paid, or was over.")
    reason: str | None = Field(description="Why it was cancelled.")
    payment_id: str | None = Field(description="Our id of the payment, by which operators give it back.")
    voucher_id: str | None = Field(description="The receipt voucher, at /v1/documents, once it is paid.")


class TopUpPending(Answer):
    """Accepted, not finished: ask at `ask`, which is also the header Location."""

    top_up_id: str = Field(examples=["top_06f3m1k2p4q8s0t2v4a6c8e0g2"])
    status: TopUpStatus
    pay_url: None = None
    ask: str = Field(examples=["/v1/topups/top_06f3m1k2p4q8s0t2v4a6c8e0g2"])


@dataclass(frozen=True)
class Asked:
    """`status` is that of HTTP: 201 created, 202 not finished."""

    status: int
    body: TopUpOut | TopUpPending


async def top_up(
    services: Services,
    identity: CustomerIdentity,
    amount_paise: int,
    top_up_id: str,
    *,
    field: str = "amount_paise",
) -> Asked:
    """Begins a top-up of the wallet; the same id again gives the same one. `field` is what errors name.

    Raises InvalidInput (the sum, or no State on record), Refused (a zero-rated supply without a letter of
    undertaking), Unavailable.
    """
    settings, now = services.settings, services.now()
    settings.top_up_limits.check(amount_paise, field)
    customer_id = await _customer(services, identity, now)
    expires_at = now + timedelta(seconds=settings.top_up_expires_after_seconds)
    wish = TopUp(top_up_id, customer_id, settings.topped_up_by, amount_paise, now, expires_at)
    try:
        await temporal.open_top_up(services.temporal, StartTopUp(wish, settings.test_clock_offset))
    except temporal.StillWorking:
        ask = f"/v1/topups/{top_up_id}"
        return Asked(202, TopUpPending(top_up_id=top_up_id, status=TopUpStatus.OPEN, ask=ask))
    except temporal.WorkflowOver:
        pass  # a repetition: it ended as it ended
    async with services.database.reading() as session:
        row = await top_ups.top_up(session, top_up_id, user_id=identity.user_id)
    if row is None:
        raise Unavailable(f"{top_up_id} is begun but cannot be read; ask again")
    return Asked(201, shown(row, services.settings.public_url))


def shown(row: TopUpRow, public_url: str) -> TopUpOut:
    """As on record."""
    status = TopUpStatus(row.status)
    return TopUpOut(
        top_up_id=row.id,
        status=status,
        pay_url=f"{public_url}/pay/{row.id}" if status is TopUpStatus.OPEN else None,
        amount=rupees_or_text(row.amount_paise),
        amount_paise=row.amount_paise,
        created_at=row.created_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        reason=row.reason,
        payment_id=row.payment_id,
        voucher_id=row.voucher_id,
    )


async def _customer(services: Services, identity: CustomerIdentity, now: datetime) -> str:
    """Whose wallet; the row is kept only if a voucher can be written."""
    async with services.database.transaction() as session:
        customer = await customers.ensure(
            session,
            customer_id=new_id("cus", now),
            user_id=identity.user_id,
            name=identity.name,
            email=identity.email,
            at=now,
        )
        _check_billable(services, customer, now)
        return customer.id


def _check_billable(services: Services, customer: Customer, now: datetime) -> None:
    """An advance is taxed like what it will pay for (rule 50), so the same must be known (gst.md 2.3)."""
    if customer.country == "IN" and customer.state_code is None:
        raise InvalidInput(
            "state_code",
            "The receipt voucher needs the customer's State: put state_code (and name, address, PIN; a GSTIN "
            "if there is one) with PUT /v1/billing-details, then ask again.",
        )
    registration = services.settings.registrations.chosen(customer_key=customer.seller_key or "")
    supply_for(
        registration, customers.recipient_of(customer), india_date(now), services.settings.supply_rules
    )


def refused(row: TopUpRow) -> Refused:
    """Why it cannot be cancelled."""
    return Refused(f"This top-up is {row.status}.", state=row.status, allowed=())
