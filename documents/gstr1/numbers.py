"""Table 13 must add up: every number of a series is on one document or is cancelled (gst.md 1.6)."""

from collections.abc import Iterator
from itertools import islice

from documents.gstr1.filing import Filing, Series
from domain.document import DocumentKind

_SHOWN = 5
_CLASS = {DocumentKind.BILL_OF_SUPPLY: DocumentKind.TAX_INVOICE}
"""Invoices and bills of supply must not share a number; notes and vouchers count for themselves."""


def series_faults(filing: Filing) -> Iterator[tuple[str, str]]:
    """Numbers given twice, outside of every series, or neither issued nor cancelled, with the fault.

    Compared without regard to case, as the portal does (gst.md 1.6).
    """
    issued: dict[DocumentKind, set[str]] = {}
    for document in filing.documents:
        numbers = issued.setdefault(_CLASS.get(document.kind, document.kind), set())
        if document.number.upper() in numbers:
            yield document.number, "the number is there twice; capital and small letters count as one."
        numbers.add(document.number.upper())
    if filing.series:
        yield from _gaps(filing, issued)


def _gaps(filing: Filing, issued: dict[DocumentKind, set[str]]) -> Iterator[tuple[str, str]]:
    counted: dict[DocumentKind, set[str]] = {}
    for series in filing.series:
        kind = _CLASS.get(series.kind, series.kind)
        numbers = {number.upper() for number in series.numbers()}
        if numbers & counted.setdefault(kind, set()):
            yield f"{series.first} to {series.last}", "the series overlaps another of its kind."
        counted[kind] |= numbers
        yield from _faults_of(series, numbers, issued.get(kind, set()))
    for kind, numbers in issued.items():
        for number in sorted(numbers - counted.get(kind, set())):
            yield number, f"no series of kind {kind} given for Table 13 holds this number."


def _faults_of(series: Series, numbers: set[str], issued: set[str]) -> Iterator[tuple[str, str]]:
    cancelled = {number.upper() for number in series.cancelled}
    if len(cancelled) != len(series.cancelled) or not cancelled <= numbers:
        yield (
            f"{series.first} to {series.last}",
            "a cancelled number is there twice, or not in the series.",
        )
    for number in sorted(cancelled & issued):
        yield number, "the number is both cancelled and on a document."
    missing = numbers - cancelled - issued
    for number in islice(sorted(missing), _SHOWN):
        yield number, "the number is neither on a document of the period nor cancelled."
    if len(missing) > _SHOWN:
        yield f"{series.first} to {series.last}", f"{len(missing)} numbers in all are missing."
