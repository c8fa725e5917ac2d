"""Reading a request. Nulls count as absent and unknown fields are let through (phonepe.md, 2.1)."""

import re
from dataclasses import dataclass, field
from typing import Any

from simulator.books import Record
from simulator.phonepe.refusals import bad_request

_ID = re.compile(r"[A-Za-z0-9_-]{1,63}")
_NARROW = re.compile(r"[A-Za-z0-9_\- @.+]{0,50}")
_UDF = re.compile(r"udf([1-9]|1[0-5])")


@dataclass(frozen=True)
class Call:
    """A request past the door."""

    body: Record
    query: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def flag(self, name: str) -> bool:
        """A query switch; SDKs write True, true and False."""
        return self.query.get(name, "").lower() == "true"


def block(body: Record, name: str) -> Record:
    """A nested object; absent is empty. Raises Refusal."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_request(f"{name} must be an object")
    return value


def text(body: Record, name: str, *, required: bool = False) -> str | None:
    """A string. Raises Refusal."""
    value = body.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, str) or not value:
        raise bad_request(f"{name} must be a text")
    return value


def identifier(body: Record, name: str) -> str:
    """A merchant's id: up to 63 letters, digits, _ and - (phonepe.md, 1.4). Raises Refusal."""
    value = body.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise bad_request(f"{name} must be 1 to 63 letters, digits, underscores or hyphens")
    return value


def number(body: Record, name: str, least: int, most: int | None = None) -> int:
    """An integer within bounds. Raises Refusal."""
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_request(f"{name} must be an integer")
    if value < least or (most is not None and value > most):
        raise bad_request(f"{name} must be at least {least}" + (f" and at most {most}" if most else ""))
    return value


def choice(body: Record, name: str, among: tuple[str, ...], default: str | None = None) -> str:
    """One of a few words. Raises Refusal."""
    value = body.get(name)
    if value is None and default is not None:
        return default
    if value not in among:
        raise bad_request(f"{name} must be one of {', '.join(among)}")
    return str(value)


def truth(body: Record, name: str) -> bool:
    """A boolean, false when absent. Raises Refusal."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise bad_request(f"{name} must be true or false")
    return bool(value)


def meta(body: Record) -> Record | None:
    """metaInfo: udf1 to udf10 free up to 256 characters, udf11 to udf15 narrow up to 50. Raises Refusal."""
    given = {name: value for name, value in block(body, "metaInfo").items() if value is not None}
    for name, value in given.items():
        found = _UDF.fullmatch(name)
        if found is None:
            continue
        if not isinstance(value, str) or len(value) > 256:
            raise bad_request(f"metaInfo.{name} must be a text of at most 256 characters")
        if int(found[1]) > 10 and not _NARROW.fullmatch(value):
            raise bad_request(f"metaInfo.{name} must be at most 50 letters, digits and _-+@. characters")
    return given or None


def urls(flow: Record) -> dict[str, Any]:
    """Where the payer goes back to."""
    given = block(flow, "merchantUrls")
    return {name: text(given, name) for name in ("redirectUrl", "cancelRedirectUrl")}
