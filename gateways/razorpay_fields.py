"""Reading one field of a Razorpay entity. Amounts are integer paise, times unix seconds.

Whatever is missing or of another kind than it must be raises Unreadable: money is never guessed.
"""

from datetime import UTC, datetime
from typing import Any

from gateways.razorpay_errors import Unreadable

Entity = dict[str, Any]


def fields_of(answer: Any) -> Entity:
    """The fields of an entity."""
    if not isinstance(answer, dict):
        raise Unreadable(f"expected an object, found {type(answer).__name__}")
    return answer


def mapping(value: Any) -> Entity:
    """A part that may be missing: empty then, or if it is written as an empty list (razorpay.md 1.0)."""
    return value if isinstance(value, dict) else {}


def notes(entity: Entity) -> dict[str, str]:
    """Our own pairs."""
    return {str(name): str(value) for name, value in mapping(entity.get("notes")).items()}


def text(entity: Entity, name: str) -> str:
    """A text that must be there."""
    value = entity.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"'{name}' is not a text")
    return value


def text_or_none(entity: Entity, name: str) -> str | None:
    """A text, if there is one."""
    value = entity.get(name)
    return value if isinstance(value, str) and value else None


def integer(entity: Entity, name: str) -> int:
    """A whole number that must be there."""
    value = entity.get(name)
    if type(value) is not int:
        raise Unreadable(f"'{name}' is not a whole number")
    return value


def moment(entity: Entity, name: str) -> datetime:
    """A time that must be there."""
    return datetime.fromtimestamp(integer(entity, name), UTC)


def moment_or_none(entity: Entity, name: str) -> datetime | None:
    """A time, if there is one."""
    return None if entity.get(name) is None else moment(entity, name)


def told_moment(entity: Entity, name: str) -> datetime | None:
    """A time that nothing but our telling depends on: 0 and odd ones are as good as none."""
    value = entity.get(name)
    return datetime.fromtimestamp(value, UTC) if type(value) is int and 0 < value < 2**32 else None
