"""Pages to pay on: opening one where none can be paid, and reading what came of them.

The row is the intent: written before the gateway is asked. An order whose answer was lost can be paid by
nobody, for only that answer tells its address (phonepe.md 2.1).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import or_, select, update
from temporalio import activity

from db import models
from db.session import Database
from domain.debit import AttemptState, State
from domain.errors import GatewayRefused, Misconfigured, OutcomeUnknown
from domain.mandate import Mandate
from domain.merchant_ids import Purpose, merchant_id
from domain.orders import MandateAtGateway, OrderAtGateway
from domain.paying import LINGERS, Page, PagesRead, Paid, page_ended, pages_state
from domain.renewal import as_read
from gateways.base import ClosingGateway, CollectingGateway, NewMandate, NewPage, PageAtGateway, Payer
from workflows.collecting_ports import OpenPage, PageOpened, PageSubject, ReadPages

PAGE_LASTS = timedelta(minutes=30)
_NOT_OUR_CUSTOMERS_FAULT = (401, 403)
"""Keys or products of our account: an operator must mend them."""
_MOST_TRIES = 3
"""Names taken before in a row: each belonged to a lost answer."""


@dataclass(frozen=True)
class _Seen:
    """A row with its order as the gateway has it; None if it has none."""

    row: models.PayPage
    order: OrderAtGateway | None


class Pages:
    """Implements `open_page` and `read_pages`."""

    def __init__(
        self, database: Database, gateways: Mapping[str, CollectingGateway], public_url: str
    ) -> None:
        self._database = database
        self._gateways = gateways
        self._public_url = public_url.rstrip("/")

    @activity.defn(name="open_page")
    async def open_page(self, request: OpenPage) -> PageOpened:
        """The page that is open, or a new one; a refusal by the gateway is an answer."""
        subject = request.subject
        read = await self.read_pages(ReadPages(subject, request.at))
        for _ in range(_MOST_TRIES):
            if read.state is not State.OPEN or read.page is not None:
                return PageOpened(read)
            row = await self._next_row(request)
            try:
                made = await self._ask(row, subject)
            except GatewayRefused as error:
                if error.status in _NOT_OUR_CUSTOMERS_FAULT:
                    raise Misconfigured(f"{subject.gateway} does not let us in: {error}") from error
                await self._set(row.order_id, state="over")
                return PageOpened(read, refused=str(error))
            if made.url is None:
                await self._set(row.order_id, state="over", gateway_order_id=made.gateway_order_id)
                continue
            expires_at = made.expires_at or request.at + PAGE_LASTS
            await self._set(
                row.order_id, gateway_order_id=made.gateway_order_id, url=made.url, expires_at=expires_at
            )
            page = Page(row.order_id, made.url, request.at, expires_at)
            return PageOpened(PagesRead(State.OPEN, request.at, page))
        raise OutcomeUnknown(f"no fresh name for a page of {subject.id}; trying again")

    @activity.defn(name="read_pages")
    async def read_pages(self, request: ReadPages) -> PagesRead:
        """All that may still be paid, or was, and the one that a webhook spoke of."""
        subject, at = request.subject, request.at
        rows = await self._rows(subject.id, request.order_id)
        seen = [_Seen(row, await self._find(row, closing=request.closing)) for row in rows]
        for each in seen:
            state = _state_of(each, request)
            if state != each.row.state:
                await self._set(each.row.order_id, state=state)
                each.row.state = state
        done = [each for each in seen if each.row.state == "completed"]
        latest = seen[-1] if seen else None
        page = _page_of(latest) if latest is not None else None
        state = pages_state(
            latest.order if latest else None, page, at, completed=bool(done), closing=request.closing
        )
        ended = latest is None or latest.row.state in ("completed", "over")
        return PagesRead(
            state,
            at,
            None if ended else page,
            tuple(_paid(each) for each in done if each.row.amount_paise),
            await self._mandate(done, subject),
        )

    async def _rows(self, subject_id: str, order_id: str | None) -> list[models.PayPage]:
        row = models.PayPage
        query = select(row).where(
            row.subject == subject_id, or_(row.state != "over", row.order_id == order_id)
        )
        async with self._database.reading() as session:
            return list(await session.scalars(query.order_by(row.attempt)))

    async def _find(self, row: models.PayPage, *, closing: bool) -> OrderAtGateway | None:
        """Where pages can be taken down, one that nobody may pay any more is."""
        gateway = self._gateways[row.gateway]
        if closing and row.mandate_id is None and isinstance(gateway, ClosingGateway):
            return await gateway.close_page(row.order_id)
        if row.mandate_id is not None:
            return await gateway.find_setup(row.order_id)
        return await gateway.find_order(row.order_id)

    async def _next_row(self, request: OpenPage) -> models.PayPage:
        """A row whose order is not at the gateway yet: the last one's if its request did not arrive."""
        subject, row = request.subject, models.PayPage
        async with self._database.transaction() as session:
            query = select(row).where(row.subject == subject.id).order_by(row.attempt.desc()).limit(1)
            last = await session.scalar(query.with_for_update())
            if last is not None and last.state == "open" and last.url is None:
                return last
            attempt = last.attempt + 1 if last is not None else 1
            sets_up = subject.mandate is not None
            purpose = Purpose.SETUP if sets_up else Purpose.PAGE
            new = row(
                order_id=merchant_id(purpose, subject.id, attempt=attempt),
                gateway=subject.gateway,
                subject=subject.id,
                attempt=attempt,
                customer_id=subject.customer_id,
                subscription_id=subject.subscription_id,
                top_up_id=subject.top_up_id,
                mandate_id=merchant_id(Purpose.MANDATE, subject.id, attempt=attempt) if sets_up else None,
                amount_paise=subject.amount_paise,
                state="open",
                opened_at=request.at,
            )
            session.add(new)
            return new

    async def _ask(self, row: models.PayPage, subject: PageSubject) -> PageAtGateway:
        gateway, payer = self._gateways[subject.gateway], await self._payer(subject)
        address = f"{self._public_url}/pay/{subject.subscription_id or subject.top_up_id}"
        back = f"{address}/back"
        if subject.mandate is None or row.mandate_id is None:
            return await gateway.open_page(
                NewPage(
                    row.order_id, subject.amount_paise, back, subject.message, PAGE_LASTS, subject.id, payer
                )
            )
        terms = subject.mandate
        return await gateway.open_mandate(
            NewMandate(
                mandate_id=row.mandate_id,
                order_id=row.order_id,
                first_charge_paise=subject.amount_paise if terms.charges else None,
                max_amount_paise=terms.max_amount_paise,
                valid_until=terms.valid_until,
                return_url=back,
                cancel_url=back,
                message=subject.message,
                lasts=PAGE_LASTS,
                reference=subject.id,
                payer=payer,
            )
        )

    async def _payer(self, subject: PageSubject) -> Payer:
        async with self._database.reading() as session:
            customer = await session.get_one(models.Customer, subject.customer_id)
        return Payer(customer.name, customer.email, customer.phone)

    async def _mandate(self, done: list[_Seen], subject: PageSubject) -> MandateAtGateway | None:
        """Of the first page that was paid; what the gateway does not show yet is as good as asked for."""
        first = next((each for each in done if each.row.mandate_id is not None), None)
        if first is None or subject.mandate is None:
            return None
        mandate_id = str(first.row.mandate_id)
        found = await self._gateways[first.row.gateway].find_mandate(mandate_id)
        asked = Mandate(mandate_id, subject.mandate.max_amount_paise, valid_until=subject.mandate.valid_until)
        if found is None:
            return MandateAtGateway(asked, None, "", is_strange=False)
        return replace(found, mandate=as_read(asked, found.mandate))

    async def _set(self, order_id: str, **values: object) -> None:
        row = models.PayPage
        async with self._database.transaction() as session:
            await session.execute(update(row).where(row.order_id == order_id).values(**values))


def _state_of(seen: _Seen, request: ReadPages) -> str:
    row, order = seen.row, seen.order
    if order is None:
        lasted = row.expires_at is not None and request.at >= row.expires_at + LINGERS
        return "over" if lasted else row.state
    if order.state is State.COMPLETED:
        return "completed"
    if row.url is None or row.expires_at is None or page_ended(order, row.expires_at, request.at):
        return "over"
    busy = any(attempt.state is AttemptState.PENDING for attempt in order.attempts)
    return "pending" if busy else "open"


def _page_of(seen: _Seen) -> Page | None:
    row = seen.row
    if row.url is None or row.expires_at is None:
        return None
    return Page(row.order_id, row.url, row.opened_at, row.expires_at)


def _paid(seen: _Seen) -> Paid:
    order, row = seen.order, seen.row
    assert order is not None
    payment = order.payment
    return Paid(
        row.gateway,
        order.refund_name(row.gateway),
        row.order_id,
        order.amount_paise,
        order.currency,
        (payment.method if payment else "") or "upi",
        payment.attempted_at if payment and payment.attempted_at else row.opened_at,
        payment.reference if payment else None,
    )
