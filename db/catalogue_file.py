"""Reading the plan catalogue: YAML whose every fault is reported with its line. Amounts are never floats."""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TypeVar

import yaml

from domain.errors import CatalogueInvalid
from domain.periods import Interval
from domain.plans import DEFAULT_SAC, Plan
from domain.rates import has_rate

_PLAN_ID = re.compile(r"plan_[a-z0-9_]{1,40}")
_PLAN_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
_FEATURE = re.compile(r"[a-z][a-z0-9_]*")
_SAC = re.compile(r"99[0-9]{4}")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,8}")
_MONEY = re.compile(r"(0|[1-9][0-9]{0,8})(?:\.([0-9]{2}))?")
_T = TypeVar("_T")
_BUDGETS = ("monthly_budget_usd", "monthly_budget_inr")
_LARGEST_BUDGET = 1_000_000_000
_TAX = {"inside": True, "on_top": False}


@dataclass(frozen=True)
class PriceTerms:
    """What one cycle of a plan costs, as the file says."""

    interval: Interval
    amount_paise: int
    tax_inclusive: bool
    sac: str


@dataclass(frozen=True)
class Offer:
    """One plan of the file with its prices, at most one per interval."""

    plan: Plan
    fallback: bool
    prices: tuple[PriceTerms, ...]
    seller_key: str | None = None


def parse(text: str, seller_keys: Collection[str] = ()) -> tuple[Offer, ...]:
    """The whole catalogue, in the file's order. Raises CatalogueInvalid at the first fault.

    `seller_keys` are those of the seller's registrations, of which a plan may name one.
    """
    root = _compose(text)
    top = _mapping(root, "the catalogue", required=("plans",))
    nodes = _sequence(top["plans"], "plans")
    offers = [(node, _offer(node, seller_keys)) for node in nodes]
    _refuse_repeats(((node, offer.plan.id) for node, offer in offers), "plan id")
    _refuse_repeats(((node, offer.plan.code) for node, offer in offers), "plan code")
    _refuse_repeats(((node, str(offer.plan.rank)) for node, offer in offers), "rank")
    fallbacks = [node for node, offer in offers if offer.fallback]
    if len(fallbacks) != 1:
        at = fallbacks[1] if fallbacks else top["plans"]
        raise _fault(at, f"{len(fallbacks)} plans have `fallback: true`; exactly one must")
    return tuple(offer for _, offer in offers)


def _compose(text: str) -> yaml.Node:
    """The node tree: values stay the text they were written as."""
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise CatalogueInvalid(f"not YAML: {error.problem}", line=mark.line + 1 if mark else 1) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise CatalogueInvalid(
            f"not YAML: a character that may not stand here ({error.reason})", line=line
        ) from error
    if root is None:
        raise CatalogueInvalid("the catalogue is empty; it needs `plans:`", line=1)
    return root


def _offer(node: yaml.Node, seller_keys: Collection[str]) -> Offer:
    fields = _mapping(
        node,
        "a plan",
        required=("id", "name", "code", "rank", "features", "prices"),
        optional=("description", "highlights", *_BUDGETS, "fallback", "seller"),
    )
    prices = tuple(_price(price) for price in _sequence(fields["prices"], "prices"))
    _refuse_repeats(
        zip(_sequence(fields["prices"], "prices"), (price.interval.value for price in prices), strict=True),
        "interval",
    )
    fallback = "fallback" in fields and _truth(fields["fallback"], "fallback")
    if fallback and any(price.amount_paise for price in prices):
        raise _fault(
            fields["fallback"], "the fallback plan must cost nothing: everybody without a plan has it"
        )
    budgets = {name: _budget(fields[name], name) for name in _BUDGETS if name in fields}
    if len(budgets) > 1:
        raise _fault(fields[_BUDGETS[1]], f"a plan has one budget: {' or '.join(_BUDGETS)}; leave one out")
    plan = Plan(
        id=_matching(fields["id"], "id", _PLAN_ID, "plan_ and then a-z, 0-9 or _, such as plan_pro"),
        name=_text(fields["name"], "name"),
        code=_matching(fields["code"], "code", _PLAN_CODE, "A-Z, 0-9 or _, such as PRO"),
        description=_text(fields["description"], "description") if "description" in fields else "",
        features=_features(fields["features"]),
        highlights=tuple(_text(line, "a highlight") for line in _sequence(fields["highlights"], "highlights"))
        if "highlights" in fields
        else (),
        monthly_budget_usd_cents=budgets.get("monthly_budget_usd"),
        monthly_budget_paise=budgets.get("monthly_budget_inr"),
        rank=_whole(fields["rank"], "rank"),
    )
    seller = _seller(fields["seller"], seller_keys) if "seller" in fields else None
    return Offer(plan, fallback, prices, seller)


def _seller(node: yaml.Node, seller_keys: Collection[str]) -> str:
    key = _text(node, "seller")
    if key not in seller_keys:
        known = f"there is {', '.join(sorted(seller_keys))}" if seller_keys else "there is none"
        raise _fault(node, f"no seller registration has the key {key!r}: {known}; correct it or leave it out")
    return key


def _price(node: yaml.Node) -> PriceTerms:
    fields = _mapping(node, "a price", required=("interval", "amount", "tax"), optional=("sac",))
    interval = _choice(fields["interval"], "interval", {item.value: item for item in Interval})
    sac = DEFAULT_SAC
    if "sac" in fields:
        sac = _matching(fields["sac"], "sac", _SAC, 'six digits that begin with 99, such as "998315"')
        if not has_rate(sac):
            raise _fault(fields["sac"], f"no GST rate is known for SAC {sac}; correct it or add its rate")
    return PriceTerms(
        interval=interval,
        amount_paise=_money(fields["amount"], "amount"),
        tax_inclusive=_choice(fields["tax"], "tax", _TAX),
        sac=sac,
    )


def _features(node: yaml.Node) -> dict[str, bool | int | str]:
    features: dict[str, bool | int | str] = {}
    for name, value in _mapping(node, "features").items():
        if not _FEATURE.fullmatch(name):
            raise _fault(value, f"feature name {name!r} must be a-z, 0-9 and _")
        readers: dict[str, Callable[[yaml.Node, str], bool | int | str]] = {
            "tag:yaml.org,2002:bool": _truth,
            "tag:yaml.org,2002:int": _whole,
            "tag:yaml.org,2002:str": _text,
        }
        if value.tag not in readers:
            raise _fault(value, f"feature {name} must be true, false, a whole number or a text")
        features[name] = readers[value.tag](value, f"feature {name}")
    return features


def _mapping(
    node: yaml.Node, what: str, required: tuple[str, ...] = (), optional: tuple[str, ...] | None = None
) -> dict[str, yaml.Node]:
    """Fields by name. With `required` given, no others than these and `optional` may stand there."""
    if not isinstance(node, yaml.MappingNode):
        raise _fault(node, f"{what} must be a list of `name: value` lines")
    fields: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = _text(key, "a field's name")
        if required and name not in required and name not in (optional or ()):
            known = ", ".join((*required, *(optional or ())))
            raise _fault(key, f"{what} has no field {name!r}; its fields are {known}")
        if name in fields:
            raise _fault(key, f"{name!r} is given twice")
        fields[name] = value
    for name in required:
        if name not in fields:
            raise _fault(node, f"{what} needs the field {name!r}")
    return fields


def _sequence(node: yaml.Node, what: str) -> list[yaml.Node]:
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise _fault(node, f"{what} must be a list with at least one entry")
    entries: list[yaml.Node] = node.value
    return entries


def _written(node: yaml.Node, what: str, *kinds: str) -> str:
    """The text of a plain value as written in the file."""
    if not isinstance(node, yaml.ScalarNode):
        raise _fault(node, f"{what} must be a single value")
    if kinds and node.tag.rpartition(":")[2] not in kinds:
        raise _fault(node, f"{what} may not be {node.value!r}; {_wanted(kinds)}")
    written: str = node.value
    return written


def _wanted(kinds: tuple[str, ...]) -> str:
    return {
        "bool": "write true or false",
        "int": "write a whole number",
    }.get(kinds[0], "write a text, in quotes where YAML takes it for something else")


def _text(node: yaml.Node, what: str) -> str:
    value = _written(node, what, "str")
    if not value.strip() or not value.isprintable():
        raise _fault(node, f"{what} must be one line of text")
    return value


def _matching(node: yaml.Node, what: str, pattern: re.Pattern[str], meaning: str) -> str:
    value = _written(node, what)
    if not pattern.fullmatch(value):
        raise _fault(node, f"{what} may not be {value!r}; it must be {meaning}")
    return value


def _choice(node: yaml.Node, what: str, options: dict[str, _T]) -> _T:
    value = _written(node, what)
    if value not in options:
        raise _fault(node, f"{what} may not be {value!r}; it is one of {', '.join(options)}")
    return options[value]


def _whole(node: yaml.Node, what: str) -> int:
    value = _written(node, what, "int")
    if not _WHOLE.fullmatch(value):
        raise _fault(node, f"{what} may not be {value!r}; write a whole number such as 90")
    return int(value)


def _truth(node: yaml.Node, what: str) -> bool:
    value = _written(node, what, "bool").lower()
    if value not in ("true", "false"):
        raise _fault(node, f"{what} may not be {value!r}; write true or false")
    return value == "true"


def _money(node: yaml.Node, what: str) -> int:
    """Hundredths, from `4999` or `4999.50` as written."""
    written = _MONEY.fullmatch(value := _written(node, what))
    if not written:
        raise _fault(node, f'{what} may not be {value!r}; write 4999 or "4999.50"')
    whole, hundredths = written.groups()
    return int(whole) * 100 + int(hundredths or 0)


def _budget(node: yaml.Node, what: str) -> int:
    budget = _money(node, what)
    if budget > _LARGEST_BUDGET:
        raise _fault(node, f"{what} may not be above ten million; leave it out where there is no limit")
    return budget


def _refuse_repeats(values: Iterable[tuple[yaml.Node, str]], what: str) -> None:
    seen: set[str] = set()
    for node, value in values:
        if value in seen:
            raise _fault(node, f"{what} {value} is given twice")
        seen.add(value)


def _fault(node: yaml.Node, message: str) -> CatalogueInvalid:
    return CatalogueInvalid(message, line=node.start_mark.line + 1)
