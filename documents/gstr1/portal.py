"""The GSTR-1 file as the portal takes it (gst.md 6.1)."""

import json
from datetime import date
from typing import Any

from documents.gstr1.checks import check
from documents.gstr1.entries import entries
from documents.gstr1.filing import Filing
from documents.gstr1.sections import b2b, b2cl, b2cs, cdnr, cdnur, exp, nil
from documents.gstr1.tables import advance_groups, advances, doc_issue, hsn


def gstr1(filing: Filing) -> dict[str, Any]:
    """The return, its keys in the order of gst.md 6.1, "Envelope"; empty members are left out.

    Whole rupees are ints, other amounts what their two-decimal text reads as. Raises NotFileable
    naming each document and fault that the portal would refuse, InvalidInput for a bad period.
    """
    check(filing)
    filed = entries(filing)
    received, adjusted = advance_groups(filing)
    members = {
        "gstin": filing.gstin,
        "fp": filing.month.portal,
        "version": filing.settings.version,
        "hash": "hash",
        "b2b": b2b(filed),
        "b2cl": b2cl(filed),
        "b2cs": b2cs(filed),
        "nil": nil(filed),
        "exp": exp(filed),
        "at": advances(received),
        "cdnr": cdnr(filed),
        "cdnur": cdnur(filed),
        "doc_issue": doc_issue(filing),
        "hsn": hsn(filing, filed),
        "txpd": advances(adjusted),
    }
    pruned = _without_empty(members)
    assert isinstance(pruned, dict)
    return pruned


def _without_empty(value: Any) -> Any:
    """Without empty lists and objects at any depth; a 0 stays (gst.md 6.1)."""
    if isinstance(value, dict):
        kept = {key: _without_empty(member) for key, member in value.items()}
        return {key: member for key, member in kept.items() if member not in ({}, [], "")}
    if isinstance(value, list):
        return [_without_empty(member) for member in value]
    return value


def portal_file(filing: Filing) -> bytes:
    """`gstr1` as the bytes to upload; the same filing gives the same bytes. Raises as `gstr1` does."""
    return json.dumps(gstr1(filing), separators=(",", ":")).encode()


def file_name(filing: Filing, generated_on: date) -> str:
    """The offline tool's own pattern, day and month without leading zeros (gst.md 6.1)."""
    return f"returns_{generated_on.day}{generated_on.month}{generated_on.year}_R1_{filing.gstin}_offline.json"
