"""Cursors: where a page ended, opaque to the caller."""

import base64
import binascii
import re
from datetime import datetime, timedelta

from domain.errors import InvalidInput

_ROW_ID = re.compile(r"[a-z0-9_]{1,64}")


def cursor_after(moment: datetime, row_id: str) -> str:
    """Names the last row of a page."""
    return base64.urlsafe_b64encode(f"{moment.isoformat()} {row_id}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[datetime, str]:
    """What `cursor_after` was given. Raises InvalidInput."""
    wrong = InvalidInput("cursor", "This is not a cursor we gave; start without one.")
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        moment, _, row_id = text.partition(" ")
        at = datetime.fromisoformat(moment)
    except (binascii.Error, ValueError):
        raise wrong from None
    # In UTC, as we write it: other offsets may lie outside the calendar.
    if at.utcoffset() != timedelta(0) or not _ROW_ID.fullmatch(row_id):
        raise wrong
    return at, row_id
