"""Texts as the invoice registration portal takes them (gst.md 6.3)."""

import re
import unicodedata

from domain.errors import InvalidInput

_EMAIL = re.compile(r"[a-zA-Z0-9+_.-]+@[a-zA-Z0-9.-]+", re.ASCII)


def sanitised(text: str, longest: int) -> str:
    """Trimmed, white space made single spaces, `"` made `'`, `\\` dropped, cut at the limit (gst.md 6.3)."""
    visible = "".join(" " if unicodedata.category(each) == "Cc" else each for each in text)
    return " ".join(visible.replace('"', "'").replace("\\", "").split())[:longest].rstrip()


def required(text: str, field: str, whose: str, shortest: int, longest: int) -> str:
    """The sanitised text. Raises InvalidInput naming `whose` and the field if too little is left of it."""
    clean = sanitised(text, longest)
    if len(clean) < shortest:
        raise InvalidInput(field, f"{whose} is {text!r}: e-invoices need {shortest} to {longest} characters.")
    return clean


def optional(text: str, shortest: int, longest: int) -> str | None:
    """The sanitised text, or None where it is too short to be sent."""
    clean = sanitised(text, longest)
    return clean if len(clean) >= shortest else None


def phone(text: str) -> str | None:
    """Its digits, if there are 6 to 12 (gst.md 6.3)."""
    digits = re.sub(r"[^0-9]", "", text)
    return digits if 6 <= len(digits) <= 12 else None


def email(text: str) -> str | None:
    """The address, if the portal takes it: 6 to 100 characters of its alphabet (gst.md 6.3)."""
    return text if 6 <= len(text) <= 100 and _EMAIL.fullmatch(text) else None
