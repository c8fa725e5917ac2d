"""What every gateway's requests must hold, checked before they leave."""

import re

from domain.errors import InvalidInput
from domain.merchant_ids import LONGEST

LEAST_PAISE = 100

_ID = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST}}}")


def plain_id(field: str, value: str) -> str:
    """An id that may stand in a request or a path. Raises InvalidInput."""
    if not _ID.fullmatch(value):
        raise InvalidInput(
            field, f"{field}: {value!r} is no id; use 1 to {LONGEST} letters, digits, hyphens or underscores"
        )
    return value


def paise(field: str, amount: int, least: int = LEAST_PAISE) -> int:
    """Truly an integer: a float, or a truth value, must not slip through to money. Raises InvalidInput."""
    if type(amount) is not int or amount < least:
        raise InvalidInput(field, f"{field}: {amount!r} will not do; give whole paise, at least {least}")
    return amount
