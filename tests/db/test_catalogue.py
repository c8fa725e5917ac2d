import asyncio
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from db.catalogue import Change, load_file
from db.catalogue_file import parse
from db.session import Database
from domain.errors import CatalogueInvalid
from tests.db.rows import add, count, customer, subscription
from tests.postgres import CATALOGUE

LATER = datetime(2026, 6, 1, tzinfo=UTC)

SMALL = """\
plans:
  - id: plan_free
    name: Free
    code: FREE
    rank: 0
    fallback: true
    features: {seats: 1}
    prices:
      - {interval: monthly, amount: 0, tax: on_top}
  - id: plan_pro
    name: Pro
    code: PRO
    rank: 10
    features:
      seats: 5
      support: true
      region: "in-south"
    highlights: [Five seats]
    monthly_budget_usd: "12.50"
    prices:
      - interval: monthly
        amount: 4999
        tax: inside
      - interval: annual
        amount: "49990.50"
        tax: on_top
        sac: "998314"
"""


async def load(database: Database, folder: Path, content: str) -> list[Change]:
    file = folder / "catalogue.yaml"
    file.write_text(content)
    return await load_file(database, file, LATER)


async def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    async with database.reading() as session:
        return [tuple(row) for row in (await session.execute(text(query))).all()]


def edited(pattern: str, replacement: str, times: int = 1) -> str:
    changed, made = re.subn(pattern, replacement, SMALL, count=times)
    assert made == times
    return changed


def test_amounts_are_read_to_the_paisa() -> None:
    free, pro = parse(SMALL)
    assert [price.amount_paise for price in pro.prices] == [499900, 4999050]
    assert [price.tax_inclusive for price in pro.prices] == [True, False]
    assert [price.sac for price in pro.prices] == ["998315", "998314"]
    assert pro.plan.monthly_budget_usd_cents == 1250
    assert pro.plan.features == {"seats": 5, "support": True, "region": "in-south"}
    assert (free.fallback, pro.fallback) == (True, False)


def test_a_budget_may_be_in_rupees() -> None:
    _, pro = parse(edited("monthly_budget_usd", "monthly_budget_inr"))
    assert (pro.plan.monthly_budget_usd_cents, pro.plan.monthly_budget_paise) == (None, 1250)


async def test_a_plan_may_be_billed_by_another_registration(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_text(edited("    rank: 10\n", "    rank: 10\n    seller: mh\n"))
    await load_file(database, file, LATER, ["ka", "mh"])
    query = "SELECT seller_key FROM plans WHERE id = 'plan_pro'"
    assert await rows(database, query) == [("mh",)]
    (change,) = await load(database, tmp_path, SMALL)
    assert change == Change("plan_pro", "plan changed", "seller_key")
    assert await rows(database, query) == [(None,)]


def test_a_registration_that_is_not_there_is_refused_with_those_that_are() -> None:
    text = edited("    rank: 10\n", "    rank: 10\n    seller: tn\n")
    with pytest.raises(CatalogueInvalid, match=r"line 14: .*'tn': there is ka, mh;"):
        parse(text, ["mh", "ka"])
    with pytest.raises(CatalogueInvalid, match="there is none"):
        parse(text)


def test_an_amount_without_quotes_is_no_float_either() -> None:
    _, pro = parse(edited("amount: 4999\n", "amount: 1234567.89\n"))
    assert pro.prices[0].amount_paise == 123456789


FAULTS = {
    "not YAML": ("name: Free", "name: [Free", 4, "not YAML"),
    "a tab": ("    name: Free", "\tname: Free", 3, "not YAML"),
    "a control character": ("name: Free", "name: Fr\x07ee", 3, "not YAML"),
    "second document": ("prices:\n", "prices:\n---\n", 9, "not YAML"),
    "unknown plan field": ("    code: PRO", "    colour: red\n    code: PRO", 12, "no field 'colour'"),
    "unknown price field": ("tax: on_top}", "tax: on_top, vat: 3}", 9, "no field 'vat'"),
    "unknown top field": ("plans:", "version: 1\nplans:", 1, "no field 'version'"),
    "field given twice": ("    code: PRO", "    code: PRO\n    code: PRO", 13, "'code' is given twice"),
    "missing field": ("    code: PRO\n", "", 10, "needs the field 'code'"),
    "no prices": (r"prices:\n      - \{.*\}", "prices: []", 8, "prices must be a list"),
    "prices no list": (r"prices:\n      - \{.*\}", "prices: 7", 8, "prices must be a list"),
    "bad plan id": ("id: plan_pro", "id: Pro", 10, "plan_ and then"),
    "bad code": ("code: PRO", "code: pro", 12, "A-Z, 0-9"),
    "code that YAML takes for no": ("name: Pro", "name: No", 11, "in quotes"),
    "plan id twice": ("id: plan_pro", "id: plan_free", 10, "plan id plan_free is given twice"),
    "plan code twice": ("code: PRO", "code: FREE", 10, "plan code FREE is given twice"),
    "rank twice": ("rank: 10", "rank: 0", 10, "rank 0 is given twice"),
    "rank no number": ("rank: 10", "rank: high", 13, "whole number"),
    "rank in octal": ("rank: 10", "rank: 010", 13, "whole number"),
    "negative rank": ("rank: 10", "rank: -1", 13, "whole number"),
    "negative amount": ("amount: 4999", "amount: -4999", 22, '4999 or "4999.50"'),
    "amount with one decimal": ("amount: 4999", "amount: 4999.5", 22, '4999 or "4999.50"'),
    "amount with three decimals": ("amount: 4999", "amount: 4999.505", 22, '4999 or "4999.50"'),
    "amount with a separator": ("amount: 4999", "amount: 4_999", 22, '4999 or "4999.50"'),
    "amount as 4.999e3": ("amount: 4999", "amount: 4.999e3", 22, '4999 or "4999.50"'),
    "amount in words": ("amount: 4999", "amount: a lot", 22, '4999 or "4999.50"'),
    "amount as a list": ("amount: 4999", "amount: [4999]", 22, "single value"),
    "amount missing": ("amount: 4999", "amount:", 22, '4999 or "4999.50"'),
    "unknown interval": ("interval: annual", "interval: yearly", 24, "one of monthly, annual"),
    "interval twice": ("interval: annual", "interval: monthly", 24, "interval monthly is given twice"),
    "unknown tax": ("tax: inside", "tax: maybe", 23, "one of inside, on_top"),
    "SAC of goods": ('sac: "998314"', 'sac: "852380"', 27, "six digits that begin with 99"),
    "feature with decimals": ("seats: 5", "seats: 5.5", 15, "feature seats"),
    "feature that is a list": ("seats: 5", "seats: [5]", 15, "feature seats"),
    "feature name in capitals": ("seats: 5", "Seats: 5", 15, "feature name"),
    "features no mapping": (r"features: \{seats: 1\}", "features: 3", 7, "features must be"),
    "feature yes": ("support: true", "support: yes", 16, "true or false"),
    "empty highlight": (r"\[Five seats\]", '[""]', 18, "one line of text"),
    "two budgets": (
        '    monthly_budget_usd: "12.50"\n',
        '    monthly_budget_usd: "12.50"\n    monthly_budget_inr: 100\n',
        20,
        "one budget",
    ),
    "budget as good as none": ('usd: "12.50"', "usd: 10000001", 19, "leave it out"),
    "no fallback": ("    fallback: true\n", "", 2, "0 plans have"),
    "fallback false": ("fallback: true", "fallback: false", 2, "0 plans have"),
    "two fallbacks": (
        r"    code: PRO\n(?s:.*)",
        "    code: PRO\n    rank: 1\n    fallback: true\n    features: {}\n"
        "    prices: [{interval: monthly, amount: 0, tax: on_top}]\n",
        10,
        "2 plans have",
    ),
    "fallback that costs": ("amount: 0", "amount: 1", 6, "must cost nothing"),
    "plan that is a text": (r"  - id: plan_pro(?s:.*)", "  - plan_pro\n", 10, "a plan must be"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_line(fault: str) -> None:
    pattern, replacement, line, message = FAULTS[fault]
    with pytest.raises(CatalogueInvalid, match=re.escape(message)) as caught:
        parse(edited(pattern, replacement))
    assert caught.value.line == line, str(caught.value)


async def test_a_file_with_a_fault_changes_nothing(database: Database, tmp_path: Path) -> None:
    """Although everything before the fault would have changed the catalogue."""
    everything = "SELECT * FROM plans LEFT JOIN prices ON plan_id = plans.id"
    before = await rows(database, everything)
    with pytest.raises(CatalogueInvalid, match="line 27"):
        await load(database, tmp_path, edited('sac: "998314"', "sac: none"))
    assert await rows(database, everything) == before
    assert await load(database, tmp_path, SMALL) != []


@pytest.mark.parametrize("content", ["", "# nothing\n", "--- \n"])
def test_an_empty_file_is_refused(content: str) -> None:
    with pytest.raises(CatalogueInvalid):
        parse(content)


async def test_a_file_that_cannot_be_read_is_refused(database: Database, tmp_path: Path) -> None:
    with pytest.raises(CatalogueInvalid, match="No such file"):
        await load_file(database, tmp_path / "absent.yaml", LATER)
    (tmp_path / "latin.yaml").write_bytes(b"plans:\n  - name: Caf\xe9\n")
    with pytest.raises(CatalogueInvalid, match=r"line 2: .* is not UTF-8"):
        await load_file(database, tmp_path / "latin.yaml", LATER)


async def test_loading_again_changes_nothing(database: Database) -> None:
    everything = "SELECT *, plans.xmin::text, prices.xmin::text FROM plans JOIN prices ON plan_id = plans.id"
    before = await rows(database, everything)
    assert await load_file(database, CATALOGUE, LATER) == []
    assert await rows(database, everything) == before


async def test_loading_at_once_from_several_places_is_loading_once(
    database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_text(SMALL)
    changes = await asyncio.gather(*(load_file(database, file, LATER) for _ in range(4)))
    assert sorted(bool(each) for each in changes) == [False, False, False, True]


async def test_another_amount_tax_or_sac_is_a_new_version(database: Database, tmp_path: Path) -> None:
    """Running subscriptions keep their price: the old row stays as it was."""
    await load(database, tmp_path, SMALL)
    versions = (
        "SELECT id, amount_paise, tax_inclusive, sac, superseded_at IS NULL FROM prices "
        "WHERE plan_id = 'plan_pro' AND interval = 'annual' ORDER BY version"
    )
    first = ("price_pro_annual_v1", 4999050, False, "998314", True)
    assert await rows(database, versions) == [first]
    await add(database, customer(), subscription(price_id="price_pro_annual_v1"))
    for pattern, replacement in (
        ('"49990.50"', "50000"),
        ("tax: on_top\n", "tax: inside\n"),
        ("998314", "998315"),
    ):
        (change,) = [
            each
            for each in await load(database, tmp_path, edited(pattern, replacement))
            if "annual" in each.detail
        ]
        assert change.what == "price changed"
    assert await rows(database, versions) == [
        ("price_pro_annual_v1", 4999050, False, "998314", False),
        ("price_pro_annual_v2", 5000000, False, "998314", False),
        ("price_pro_annual_v3", 4999050, True, "998314", False),
        ("price_pro_annual_v4", 4999050, False, "998315", True),
    ]
    assert await rows(database, "SELECT price_id FROM subscriptions") == [("price_pro_annual_v1",)]


async def test_other_edits_change_the_plan_and_no_price(database: Database, tmp_path: Path) -> None:
    await load(database, tmp_path, SMALL)
    changes = await load(database, tmp_path, edited("seats: 5", "seats: 6"))
    assert changes == [Change("plan_pro", "plan changed", "features")]
    assert await rows(database, "SELECT features->'seats' FROM plans WHERE id = 'plan_pro'") == [(6,)]


async def test_a_plan_taken_out_is_no_longer_offered_and_comes_back_as_it_was(
    database: Database, tmp_path: Path
) -> None:
    changes = await load(database, tmp_path, SMALL)
    gone = {change.plan_id for change in changes if change.what == "no longer offered"}
    assert gone == {"plan_basic", "plan_starter", "plan_growth", "plan_enterprise"}
    async with database.reading() as session:
        assert await count(session, "plans") == 6
    back = await load_file(database, CATALOGUE, LATER + timedelta(days=1))
    assert {change.plan_id for change in back if change.detail == "offered"} == gone
    prices = await rows(database, "SELECT id FROM prices WHERE plan_id = 'plan_basic'")
    assert prices == [("price_basic_monthly_v1",)]


async def test_an_interval_taken_out_is_withdrawn(database: Database, tmp_path: Path) -> None:
    await load(database, tmp_path, SMALL)
    changes = await load(database, tmp_path, edited(r"      - interval: annual\n(?s:.*)", ""))
    assert [change.what for change in changes] == ["price withdrawn"]
    current = "SELECT id FROM prices WHERE plan_id = 'plan_pro' AND superseded_at IS NULL"
    assert await rows(database, current) == [("price_pro_monthly_v1",)]


async def test_the_fallback_can_move_to_another_plan(database: Database, tmp_path: Path) -> None:
    await load(database, tmp_path, SMALL)
    moved = edited("    fallback: true\n", "") + (
        "  - id: plan_a_gift\n    name: Gift\n    code: GIFT\n    rank: 5\n    fallback: true\n"
        "    features: {}\n    prices: [{interval: monthly, amount: 0, tax: on_top}]\n"
    )
    changes = await load(database, tmp_path, moved)
    assert Change("plan_free", "no longer the fallback") in changes
    assert await rows(database, "SELECT id FROM plans WHERE fallback") == [("plan_a_gift",)]


async def test_the_catalogue_holds_what_the_two_documents_ask_for(database: Database) -> None:
    offered = await rows(
        database,
        "SELECT plans.id, code, interval, amount_paise / 100, tax_inclusive, monthly_budget_usd_cents "
        "FROM plans JOIN prices ON plan_id = plans.id ORDER BY rank, interval DESC",
    )
    assert offered == [
        ("plan_free", "FREE", "monthly", 0, False, 100),
        ("plan_free", "FREE", "annual", 0, False, 100),
        ("plan_starter", "STARTER", "monthly", 799, False, 1000),
        ("plan_starter", "STARTER", "annual", 7990, False, 1000),
        ("plan_basic", "BASIC", "monthly", 999, True, None),
        ("plan_growth", "GROWTH", "monthly", 2999, False, 5000),
        ("plan_growth", "GROWTH", "annual", 29990, False, 5000),
        ("plan_pro", "PRO", "monthly", 4999, True, None),
        ("plan_enterprise", "ENTERPRISE", "monthly", 9999, False, 20000),
        ("plan_enterprise", "ENTERPRISE", "annual", 99990, False, 20000),
    ]
    features = await rows(database, "SELECT features FROM plans WHERE id = 'plan_pro'")
    assert features == [({"live_ingestion": True, "phone_alerts": True, "retention_days": 90},)]


async def test_the_command_line_says_what_changed_or_what_is_wrong(database_url: str, tmp_path: Path) -> None:
    async def run(content: str) -> tuple[int | None, str, str]:
        (tmp_path / "mine.yaml").write_text(content)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "db.catalogue", str(tmp_path / "mine.yaml"),
            env={"BAHI_DATABASE_URL": database_url, "COLUMNS": "200"},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    code, out, _ = await run(SMALL)
    assert code == 0
    assert "price_pro_monthly_v2" not in out
    assert "₹49,990.50 annual, tax on top, SAC 998314" in out
    code, out, _ = await run(SMALL)
    assert (code, "nothing changed" in out) == (0, True)
    code, _, err = await run(SMALL.replace("amount: 4999", "amount: 4,999"))
    assert code == 1
    assert "line 22: amount may not be '4,999'" in err
