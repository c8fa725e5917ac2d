"""Posting to the books; the database refuses a transaction that does not balance."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from domain.ledger import Posting


async def post(
    session: AsyncSession,
    *,
    reference: str,
    kind: str,
    customer_id: str,
    occurred_at: datetime,
    postings: Sequence[Posting],
    document_id: str | None = None,
) -> None:
    """Book `postings` under `reference`, which can be booked once. `document_id`: what they book."""
    transaction = models.LedgerTransaction(
        reference=reference,
        kind=kind,
        customer_id=customer_id,
        document_id=document_id,
        occurred_at=occurred_at,
    )
    session.add(transaction)
    await session.flush()
    session.add_all(
        models.LedgerPosting(
            transaction_id=transaction.id, account=posting.account.value, amount_paise=posting.amount_paise
        )
        for posting in postings
    )
