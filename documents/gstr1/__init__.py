"""GSTR-1: the month's outward supplies as the tax portal takes them (gst.md 6.1)."""

from documents.gstr1.checks import Fault, NotFileable
from documents.gstr1.filing import Adjustment, Filing, PortalSettings, Series, adjustments_of, used_up
from documents.gstr1.portal import file_name, gstr1, portal_file
from documents.gstr1.summary import summary

__all__ = [
    "Adjustment",
    "Fault",
    "Filing",
    "NotFileable",
    "PortalSettings",
    "Series",
    "adjustments_of",
    "file_name",
    "gstr1",
    "portal_file",
    "summary",
    "used_up",
]
