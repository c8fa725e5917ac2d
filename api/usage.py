"""Usage: services tell it and ask before they spend; customers see it. Amounts are integers."""

import re
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from api import usage_views
from api.dependencies import CurrentCustomer, Parts, ServicesOnly
from api.entitlements import UserId
from api.ids import new_id
from api.problems import documented
from api.schemas import Answer, Request
from api.usage_views import UsageOut
from db import usage as intake
from db import usage_reads
from domain import usage
from domain.errors import InvalidInput
from domain.usage import Source

router = APIRouter()
MOST_EVENTS = 1_000
EARLY = timedelta(minutes=5)
LATE = timedelta(days=90)
_MOST_MICROUSD = 10_000_000_000
_MOST_PAISE = 100_000_000
_EITHER = "Give cost_microusd or cost_paise: exactly one of them."
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


def _written_out(value: object) -> object:
    """Numbers are no moments: whoever sends them may mean seconds or milliseconds."""
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise PydanticCustomError("moment", "Write it as RFC 3339 has it: 2026-11-30T09:15:00Z")
    return value


class UsageEventIn(Request):
    """One use of the product."""

    event_id: str = Field(
        pattern="^[!-~]{1,128}$",
        description="Your own id of it. It counts once per user, as first told.",
        examples=["run_8f14e45f"],
    )
    user_id: str = Field(
        min_length=1,
        max_length=255,
        pattern="^[^\x00-\x1f\x7f]+$",
        description="The `sub` of the user's token. Users nobody knows are put on the fallback plan.",
        examples=["user_42"],
    )
    occurred_at: Annotated[AwareDatetime, BeforeValidator(_written_out)] = Field(
        description="Not more than 90 days ago; its day and month are those in India.",
        examples=["2026-11-30T09:15:00Z"],
    )
    kind: str = Field(
        pattern="^[a-z][a-z0-9_.-]{0,63}$",
        description="What was used; sums are kept by it.",
        examples=["move"],
    )
    cost_microusd: int | None = Field(
        default=None,
        strict=True,
        ge=0,
        le=_MOST_MICROUSD,
        description="Millionths of a US dollar. This or `cost_paise`.",
        examples=[1250],
    )
    cost_paise: int | None = Field(default=None, strict=True, ge=0, le=_MOST_PAISE, examples=[None])


class UsageIn(Request):
    """Uses, in any order; all of them are taken in, or none."""

    events: list[UsageEventIn] = Field(min_length=1, max_length=MOST_EVENTS)


class UsageReceipt(Answer):
    """What is on record now."""

    received: int = Field(examples=[1000])
    new: int = Field(description="Those whose event id was not known yet.", examples=[998])


class SpendOut(Answer):
    """Whether a cost may be spent now."""

    allowed: bool
    source: Source = Field(
        description="`budget`; `wallet` when it pays all or part; `none` when it is not allowed."
    )
    remaining_microusd: int | None = Field(
        description="The most that would be allowed, by budget and wallet together; null: there is no limit."
    )
    remaining_paise: int | None


@router.post(
    "/internal/usage",
    operation_id="record_usage",
    tags=["services"],
    dependencies=[ServicesOnly],
    responses=documented(401),
)
async def record_usage(services: Parts, given: UsageIn) -> UsageReceipt:
    """Up to 1,000 uses at once. Repeating a call is harmless, and right after one without an answer.

    What happened is never refused for want of money: the plan's budget covers it, then the wallet, and the
    rest is recorded as over budget. To ask before spending there is `GET /internal/spend/{user_id}`.
    """
    now = services.now()
    uses = [_use(place, event, now) for place, event in enumerate(given.events)]
    terms = intake.Intake(
        at=now,
        usd_rate_paise=services.settings.usd_rate_paise,
        new_customer_id=lambda: new_id("cus", now),
        sinks=services.settings.event_sinks,
    )
    async with services.database.transaction() as session:
        new = await intake.take_in(session, uses, terms)
    return UsageReceipt(received=len(uses), new=new)


def _use(place: int, event: UsageEventIn, now: datetime) -> intake.Use:
    """Raises InvalidInput."""
    if (event.cost_microusd is None) == (event.cost_paise is None):
        raise InvalidInput(f"events.{place}.cost_microusd", _EITHER)
    if not now - LATE <= event.occurred_at <= now + EARLY:
        when = "is yet to come: set that machine's clock" if event.occurred_at > now else "is too long ago"
        raise InvalidInput(
            f"events.{place}.occurred_at", f"{event.occurred_at.isoformat()} {when}; at most 90 days are."
        )
    return intake.Use(
        event.event_id, event.user_id, event.kind, event.occurred_at, event.cost_microusd, event.cost_paise
    )


@router.get(
    "/internal/spend/{user_id:path}",
    operation_id="may_spend",
    tags=["services"],
    dependencies=[ServicesOnly],
    response_model=SpendOut,
    responses=documented(401, 404),
)
async def may_spend(
    services: Parts,
    user_id: UserId,
    cost_microusd: Annotated[
        int | None,
        Query(ge=1, le=_MOST_MICROUSD, description="Millionths of a US dollar. This or `cost_paise`."),
    ] = None,
    cost_paise: Annotated[int | None, Query(ge=1, le=_MOST_PAISE)] = None,
) -> Response:
    """May this user spend X now? It reserves nothing: tell what was spent to `POST /internal/usage`."""
    if (cost_microusd is None) == (cost_paise is None):
        raise InvalidInput("cost_microusd", _EITHER)
    async with services.database.reading() as session:
        found = await usage_reads.standing(session, user_id, services.now(), services.settings.usd_rate_paise)
    rate = found.usd_rate_paise
    cost = usage.cost_micropaise(microusd=cost_microusd, paise=cost_paise, usd_rate_paise=rate)
    permission = usage.may_spend(found.month, cost, found.limit_micropaise, found.wallet_paise)
    most = permission.remaining_micropaise
    answer = SpendOut(
        allowed=permission.allowed,
        source=permission.source,
        remaining_microusd=None if most is None else most // rate,
        remaining_paise=None if most is None else most // usage.MICRO,
    )
    return Response(answer.model_dump_json(), media_type="application/json")


@router.get("/v1/usage", operation_id="get_usage", tags=["customers"], responses=documented(401))
async def get_usage(services: Parts, customer: CurrentCustomer) -> UsageOut:
    """What was used by day, kind and month, what the plan's budget still covers, what is in the wallet."""
    async with services.database.reading() as session:
        found = await usage_reads.overview(
            session, customer.user_id, services.now(), services.settings.usd_rate_paise
        )
    return usage_views.usage_out(found)
