"""Reads a request's fields and refuses what Razorpay would refuse, in its words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.books import Page, Record
from simulator.ids import well_formed
from simulator.refusals import Refusal, bad_id, missing, unexpected

_ABSENT = (None, "")
_LIST_FIELDS = ("count", "skip", "from", "to")
MOST_NOTES = 15
LONGEST_NOTE = 256
LEAST_AMOUNT = 100  # paise


@dataclass(frozen=True)
class Call:
    """One API call: the ids in its path, its query, body and headers (names in lower case)."""

    ids: tuple[str, ...]
    query: dict[str, str]
    body: Record
    headers: Mapping[str, str]


class Fields:
    """The fields of one body. Making it refuses every field that is not among `allowed`."""

    def __init__(self, body: Mapping[str, Any], allowed: Iterable[str]) -> None:
        extra = [name for name in body if name not in set(allowed)]
        if extra:
            raise unexpected(extra)
        self._body = body

    def has(self, name: str) -> bool:
        """Whether a value was sent."""
        return self._body.get(name) not in _ABSENT

    def raw(self, name: str, *, required: bool = False) -> Any:
        """The value as sent."""
        if self.has(name):
            return self._body[name]
        if required:
            raise missing(name)
        return None

    def integer(self, name: str, *, default: int | None = None, least: int | None = None) -> int:
        """A whole number; required unless it has a default. Digits in a string count, as forms send them."""
        value = self.raw(name, required=default is None)
        if value is None:
            assert default is not None
            return default
        if isinstance(value, str) and value.lstrip("-").isdigit():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Refusal(f"The {name} must be an integer.", field=name)
        if least is not None and value < least:
            raise Refusal(f"The {name} must be at least {least}.", field=name)
        return value

    def instant(self, name: str) -> int | None:
        """Unix seconds, if sent."""
        return self.integer(name) if self.has(name) else None

    def text(self, name: str, *, required: bool = False, most: int | None = None) -> str | None:
        """A string, if sent."""
        value = self.raw(name, required=required)
        if value is None:
            return None
        if not isinstance(value, str):
            raise Refusal(f"The {name} must be a string.", field=name)
        if most is not None and len(value) > most:
            raise Refusal(f"The {name} may not be greater than {most} characters.", field=name)
        return value

    def choice(self, name: str, options: Iterable[str], *, default: str | None = None) -> str:
        """One of a few words; required unless it has a default."""
        value = self.raw(name, required=default is None)
        if value is None:
            assert default is not None
            return default
        if value not in tuple(options):
            raise Refusal(f"The selected {name} is invalid.", field=name)
        return str(value)

    def flag(self, name: str, *, default: bool) -> bool:
        """A yes or no: booleans, and the older 0 and 1."""
        value = self._body.get(name)
        if value in _ABSENT and value is not False:
            return default
        if value in (True, False, 1, 0, "1", "0", "true", "false"):
            return value in (True, 1, "1", "true")
        raise Refusal(f"The {name} field must be true or false.", field=name)

    def id_of(self, name: str, prefix: str, *, required: bool = False) -> str | None:
        """An id of the given kind, if sent."""
        value = self.raw(name, required=required)
        if value is None:
            return None
        if not isinstance(value, str) or not well_formed(value, prefix):
            raise bad_id(value)
        return value

    def amount(self, name: str = "amount", *, least: int = LEAST_AMOUNT) -> int:
        """A required sum in paise."""
        value = self.raw(name, required=True)
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Refusal("The amount must be an integer", field=name)
        if value < least:
            raise Refusal("The amount must be at least INR 1.00", field=name)
        return value

    def currency(self) -> str:
        """A required ISO currency code."""
        value = self.text("currency", required=True) or ""
        if len(value) != 3 or not value.isalpha() or not value.isupper():
            raise Refusal("The currency is not valid.", field="currency")
        return value

    def mapping(self, name: str, *, required: bool = False) -> Record:
        """A nested object; empty if not sent."""
        value = self.raw(name, required=required)
        if value is None or value == []:
            return {}
        if not isinstance(value, dict):
            raise Refusal(f"The {name} must be an array.", field=name)
        return value

    def notes(self, longest: int = LONGEST_NOTE) -> Record:
        """The merchant's own pairs: at most 15, each value at most 256 characters."""
        pairs = self.mapping("notes")
        if len(pairs) > MOST_NOTES:
            raise Refusal(
                f"Number of fields in notes should be less than or equal to {MOST_NOTES}", field="notes"
            )
        for name, value in pairs.items():
            if isinstance(value, dict | list):
                raise Refusal("notes can only contain one level of key-value pairs.", field="notes")
            if len(str(value)) > longest:
                raise Refusal(
                    f"The notes.{name} may not be greater than {longest} characters.", field="notes"
                )
        return pairs


def line_item(sent: Any, *, kind: str) -> Record:
    """The name, sum and currency of a plan's or add-on's item."""
    if not isinstance(sent, dict):
        raise missing("item")
    fields = Fields(sent, ("name", "amount", "currency", "description", "unit_amount"))
    name = fields.text("name", required=True)
    return {
        "name": name,
        "description": fields.text("description"),
        "amount": fields.amount(),
        "currency": fields.currency(),
        "type": kind,
    }


def list_page(query: Mapping[str, str], filters: Iterable[str] = ()) -> Page:
    """The page a list call asks for. Refuses counts above 100 and unknown filters."""
    fields = Fields(query, (*_LIST_FIELDS, *filters))
    count = fields.integer("count", default=10, least=1)
    if count > 100:
        raise Refusal("The count may not be greater than 100.", field="count")
    skip = fields.integer("skip", default=0, least=0)
    return Page(count, skip, fields.instant("from"), fields.instant("to"))


def collection(items: list[Record]) -> Record:
    """A list as Razorpay wraps it; `count` is the number of items on this page."""
    return {"entity": "collection", "count": len(items), "items": items}
