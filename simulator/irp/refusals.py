"""Refusals of the portal.

2150, 2154 and 2305 are its codes (gst.md 6.3); 2270, 9999, `invalid` and all texts are not in the reference.
"""

from typing import Any

Json = dict[str, Any]


class PortalRefusal(Exception):
    """The portal says no. `info` is what it adds, as with a duplicate."""

    def __init__(self, code: str, message: str, info: Json | None = None) -> None:
        super().__init__(message)
        self.body: Json = {
            "Status": 0,
            "Data": None,
            "ErrorDetails": [{"ErrorCode": code, "ErrorMessage": message}],
            "InfoDtls": [info] if info else None,
        }


def invalid(field: str, message: str) -> PortalRefusal:
    """A field is wrong."""
    return PortalRefusal("invalid", f"{field}: {message}")


def duplicate(known: Json) -> PortalRefusal:
    """The number has its IRN already."""
    told = {name: known[name] for name in ("AckNo", "AckDt", "Irn")}
    return PortalRefusal("2150", "Duplicate IRN", {"InfCd": "DUPIRN", "Desc": told})


def not_found() -> PortalRefusal:
    """No registration for these details."""
    return PortalRefusal("2154", "IRN details are not found")


def too_old() -> PortalRefusal:
    """Older than 30 days."""
    return PortalRefusal("2305", "The document is older than 30 days; it cannot be registered")


def too_late() -> PortalRefusal:
    """Cancelled more than a day later."""
    return PortalRefusal("2270", "The time for cancelling this IRN, 24 hours, is over")
