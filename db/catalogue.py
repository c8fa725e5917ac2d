"""Loading the plan catalogue: `python -m db.catalogue catalogue.yaml`. Nothing is ever deleted."""

import asyncio
import sys
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.catalogue_file import Offer, PriceTerms, parse
from db.models import Plan, Price
from db.session import Database
from domain.errors import BahiError, CatalogueInvalid
from domain.money import rupees


@dataclass(frozen=True)
class Change:
    """One thing that loading changed."""

    plan_id: str
    what: str
    detail: str = ""


async def load_file(
    database: Database, path: Path, at: datetime, seller_keys: Collection[str] = ()
) -> list[Change]:
    """Load the catalogue at `path` in one transaction. Raises CatalogueInvalid; then nothing is changed.

    `seller_keys` are those of the seller's registrations, of which a plan may name one.
    """
    try:
        text = await asyncio.to_thread(path.read_text, "utf-8")
    except OSError as error:
        raise CatalogueInvalid(f"{path} cannot be read: {error.strerror}", line=1) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise CatalogueInvalid(f"{path} is not UTF-8", line=line) from error
    offers = parse(text, seller_keys)
    async with database.transaction() as session:
        return await load(session, offers, at)


async def load(session: AsyncSession, offers: tuple[Offer, ...], at: datetime) -> list[Change]:
    """Make the catalogue say what `offers` say; what that changed, nothing when it did already.

    A price with other terms becomes a new version and supersedes the old one at `at`.
    """
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("catalogue", 0))))
    plans = {plan.id: plan for plan in await session.scalars(select(Plan))}
    changes = await _give_up_fallback(session, plans, offers)
    for offer in offers:
        changes += _put_plan(session, plans.get(offer.plan.id), offer)
    await session.flush()
    for offer in offers:
        changes += await _put_prices(session, offer, at)
    offered = {offer.plan.id for offer in offers}
    for plan in plans.values():
        if plan.id not in offered and plan.offered:
            plan.offered = False
            changes.append(Change(plan.id, "no longer offered"))
    await session.flush()
    return changes


async def _give_up_fallback(
    session: AsyncSession, plans: dict[str, Plan], offers: tuple[Offer, ...]
) -> list[Change]:
    """There is one fallback at any time: the old one ends before the new one begins."""
    staying = {offer.plan.id for offer in offers if offer.fallback}
    ending = [plan for plan in plans.values() if plan.fallback and plan.id not in staying]
    for plan in ending:
        plan.fallback = False
    await session.flush()
    return [Change(plan.id, "no longer the fallback") for plan in ending]


def _put_plan(session: AsyncSession, row: Plan | None, offer: Offer) -> list[Change]:
    plan = offer.plan
    values = {
        "name": plan.name,
        "code": plan.code,
        "description": plan.description,
        "features": dict(plan.features),
        "highlights": list(plan.highlights),
        "monthly_budget_usd_cents": plan.monthly_budget_usd_cents,
        "monthly_budget_paise": plan.monthly_budget_paise,
        "rank": plan.rank,
        "fallback": offer.fallback,
        "seller_key": offer.seller_key,
        "offered": True,
    }
    if row is None:
        session.add(Plan(id=plan.id, **values))
        return [Change(plan.id, "plan added", plan.name)]
    changed = [name for name, value in values.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, values[name])
    return [Change(plan.id, "plan changed", ", ".join(changed))] if changed else []


async def _put_prices(session: AsyncSession, offer: Offer, at: datetime) -> list[Change]:
    plan_id = offer.plan.id
    versions = list(await session.scalars(select(Price).where(Price.plan_id == plan_id)))
    current = {price.interval: price for price in versions if price.superseded_at is None}
    wanted = {terms.interval.value: terms for terms in offer.prices}
    changes: list[Change] = []
    for interval, price in current.items():
        if interval not in wanted:
            price.superseded_at = at
            changes.append(Change(plan_id, "price withdrawn", _described(price)))
    for interval, terms in wanted.items():
        old = current.get(interval)
        if old is not None and _same(old, terms):
            continue
        if old is not None:
            old.superseded_at = at
        await session.flush()
        version = 1 + max((price.version for price in versions if price.interval == interval), default=0)
        new = _price_row(plan_id, terms, version, at)
        session.add(new)
        if old is None:
            changes.append(Change(plan_id, "price added", _described(new)))
        else:
            changes.append(Change(plan_id, "price changed", f"{_described(old)} → {_described(new)}"))
    return changes


def price_id(plan_id: str, interval: str, version: int) -> str:
    """`price_pro_monthly_v1`."""
    return f"price_{plan_id.removeprefix('plan_')}_{interval}_v{version}"


def _price_row(plan_id: str, terms: PriceTerms, version: int, at: datetime) -> Price:
    return Price(
        id=price_id(plan_id, terms.interval.value, version),
        plan_id=plan_id,
        interval=terms.interval.value,
        version=version,
        amount_paise=terms.amount_paise,
        currency="INR",
        tax_inclusive=terms.tax_inclusive,
        sac=terms.sac,
        created_at=at,
    )


def _same(price: Price, terms: PriceTerms) -> bool:
    return (price.amount_paise, price.tax_inclusive, price.sac, price.currency) == (
        terms.amount_paise,
        terms.tax_inclusive,
        terms.sac,
        "INR",
    )


def _described(price: Price) -> str:
    tax = "tax inside" if price.tax_inclusive else "tax on top"
    return f"{price.id}: {rupees(price.amount_paise)} {price.interval}, {tax}, SAC {price.sac}"


async def _main(path: Path, url: str, seller_keys: Collection[str]) -> int:
    console = Console()
    database = Database.connect(url, pool_size=1)
    try:
        changes = await load_file(database, path, datetime.now(UTC), seller_keys)
    except BahiError as error:
        Console(stderr=True).print(f"{path}: {error}", style="red", markup=False)
        return 1
    finally:
        await database.close()
    if not changes:
        console.print(f"{path}: nothing changed", markup=False)
        return 0
    table = Table("plan", "what", "detail", title=f"{path}: {len(changes)} changes")
    for change in changes:
        table.add_row(change.plan_id, change.what, change.detail)
    console.print(table)
    return 0


if __name__ == "__main__":
    from config import Settings  # only here: the library itself does not read the environment

    settings = Settings()
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else settings.catalogue_path
    keys = [each.key for each in settings.registrations.all]
    sys.exit(asyncio.run(_main(file, settings.database_url.get_secret_value(), keys)))
