"""Giving back: credit notes against invoices, refund vouchers against receipt vouchers.

Sources: gst.md 1.3 (CGST Act s.34, rule 53), 1.4 (rules 50, 51), 5.6 (running remainder). Whatever is
asked for, all parts of one original together never exceed it, per line, per head, and in total; once
everything is given back they equal it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from domain.document import DocumentKind, ForeignValue, Line, Original, TaxDocument
from domain.errors import InvalidInput, Refused
from domain.gst import TaxedAmount, share_among_lines
from domain.money import round_half_up, rupees
from domain.tax import amount_of


class Part(Protocol):
    """What was given back of an original before: a `Portion`, or the document made from one."""

    @property
    def lines(self) -> tuple[Line, ...]: ...
    @property
    def amount(self) -> TaxedAmount: ...
    @property
    def gst_adjusting(self) -> bool: ...


@dataclass(frozen=True)
class Portion:
    """Part of an original: its lines say which ones they take from, at the original's rate."""

    lines: tuple[Line, ...]
    amount: TaxedAmount
    gst_adjusting: bool = True


@dataclass(frozen=True)
class _Sums:
    """Of one line of the original, what is already given back, in paise."""

    taxable: int = 0
    cgst: int = 0
    sgst: int = 0
    igst: int = 0

    @property
    def total(self) -> int:
        return self.taxable + self.cgst + self.sgst + self.igst


def unused_share(taxable_paise: int, unused_days: int, period_days: int) -> int:
    """Taxable value of the days not used, in paise: tax follows from it (gst.md 5.6).

    Raises InvalidInput unless `0 ≤ unused_days ≤ period_days`.
    """
    if not 0 <= unused_days <= period_days or period_days == 0:
        raise InvalidInput(
            "unused_days", f"{unused_days} of {period_days} days: give 0 up to the whole period."
        )
    return round_half_up(taxable_paise * unused_days, period_days)


def last_day_to_adjust(supplied_on: date, annual_return_filed_on: date | None = None) -> date:
    """Last day on which a credit note still lowers tax: CGST Act s.34(2), gst.md 1.3.

    30 November after the end of the financial year of the supply, or the annual return if that was earlier.
    """
    end_year = supplied_on.year + (supplied_on.month >= 4)
    limit = date(end_year, 11, 30)
    return limit if annual_return_filed_on is None else min(limit, annual_return_filed_on)


def credit_lines(
    original: TaxDocument,
    earlier: Sequence[Part],
    taxable_by_line: Mapping[int, int],
    issued_on: date,
    annual_return_filed_on: date | None = None,
) -> Portion:
    """Credit of a taxable value, in paise, per line of the original (gst.md 1.3, 5.6).

    Past the time limit the note carries no tax and `gst_adjusting` is False. Raises InvalidInput for a line
    that is not there, and Refused where more is asked than is left.
    """
    adjusting = _may_adjust(original, earlier, issued_on, annual_return_filed_on)
    taken = _taken(original, earlier)
    asked = {position: paise for position, paise in sorted(taxable_by_line.items()) if paise}
    if _left(original, earlier) <= 0:
        raise _too_much(original, sum(asked.values()), 0, "")
    if not asked:
        raise InvalidInput("lines", "A credit note needs an amount for at least one line.")
    for position, paise in asked.items():
        if not 0 <= position < len(original.lines) or paise < 0:
            raise InvalidInput(
                "lines", f"line {position} is not on {original.number}, or {paise} is below nothing."
            )
        left = max(0, original.lines[position].taxable_paise - taken[position].taxable)
        if paise > left:
            raise _too_much(original, paise, left, f"of line {position + 1} before tax")
    if not adjusting:
        return _without_gst(original, earlier, asked)
    lines = [_slice(original, position, taken[position], paise) for position, paise in asked.items()]
    return _portion(original, earlier, lines, _completes(original, earlier, lines))


def credit_total(
    original: TaxDocument,
    earlier: Sequence[Part],
    total_paise: int,
    issued_on: date,
    annual_return_filed_on: date | None = None,
) -> Portion:
    """Credit of a sum with tax inside, such as a refund, in paise: the note's total is exactly that.

    It is spread over the lines by what is left of them. The paisa that no taxable value reaches is
    round-off, and never adds up over notes. Otherwise as `credit_lines`.
    """
    adjusting = _may_adjust(original, earlier, issued_on, annual_return_filed_on)
    _within(original, earlier, total_paise)
    if adjusting:
        return _by_total(original, earlier, total_paise)
    taken = _taken(original, earlier)
    left = [max(0, _total(line) - sums.total) for line, sums in zip(original.lines, taken, strict=True)]
    weights = left if any(left) else [_total(line) for line in original.lines]
    shares = share_among_lines(total_paise, weights)
    return _without_gst(original, earlier, {at: share for at, share in enumerate(shares) if share})


def credit_rest(
    original: TaxDocument,
    earlier: Sequence[Part],
    issued_on: date,
    annual_return_filed_on: date | None = None,
) -> Portion:
    """Credit of everything that is left. Raises Refused where nothing is."""
    left = _left(original, earlier)
    return credit_total(original, earlier, left, issued_on, annual_return_filed_on)


def part_of_advance(voucher: TaxDocument, earlier: Sequence[Part], total_paise: int) -> Portion:
    """Part of an advance, tax inside, in paise: refunded, or used for an invoice (rules 50, 51; gst.md 1.4).

    `earlier` are all refunds and uses so far. Raises Refused where more is asked than is left.
    """
    if voucher.kind is not DocumentKind.RECEIPT_VOUCHER:
        raise InvalidInput(
            "voucher", f"{voucher.number} is no receipt voucher: credit an invoice by a credit note."
        )
    _within(voucher, earlier, total_paise)
    return _by_total(voucher, earlier, total_paise)


@dataclass(frozen=True)
class MoneyBack:
    """How money went back to the buyer: the refund's id, and the day in India."""

    reference: str
    on: date


def as_credit_note(
    original: TaxDocument,
    earlier: Sequence[Part],
    portion: Portion,
    *,
    document_id: str,
    number: str,
    issued_on: date,
    reason: str,
    back: MoneyBack | None = None,
) -> TaxDocument:
    """The credit note: parties, place and rates of the original (rule 53(1A), gst.md 1.3).

    Without `back` no money went with it, and it speaks of none.
    """
    return _issued(
        original, earlier, portion, DocumentKind.CREDIT_NOTE, document_id, number, issued_on, reason, back
    )


def as_refund_voucher(
    voucher: TaxDocument,
    earlier: Sequence[Part],
    portion: Portion,
    *,
    document_id: str,
    number: str,
    issued_on: date,
    reason: str,
    back: MoneyBack | None = None,
) -> TaxDocument:
    """The refund voucher: parties, place and rate of the receipt voucher (rule 51, gst.md 1.4)."""
    return _issued(
        voucher, earlier, portion, DocumentKind.REFUND_VOUCHER, document_id, number, issued_on, reason, back
    )


def _issued(
    original: TaxDocument,
    earlier: Sequence[Part],
    portion: Portion,
    kind: DocumentKind,
    document_id: str,
    number: str,
    issued_on: date,
    reason: str,
    back: MoneyBack | None,
) -> TaxDocument:
    if issued_on < original.issued_on:
        raise InvalidInput(
            "issued_on", f"{original.number} is of a later day: date the note that day or after."
        )
    return replace(
        original,
        id=document_id,
        kind=kind,
        number=number,
        issued_on=issued_on,
        lines=portion.lines,
        amount=portion.amount,
        payment_reference=back.reference if back else "",
        payment_method=original.payment_method if back else "",
        paid_on=back.on if back else None,
        original=Original(original.number, original.issued_on, original.amount.total_paise),
        reason=reason,
        gst_adjusting=portion.gst_adjusting,
        foreign=_foreign_part(original, earlier, portion),
        adjusts=(),
    )


def _foreign_part(original: TaxDocument, earlier: Sequence[Part], portion: Portion) -> ForeignValue | None:
    """The foreign price in proportion to rupees, at the original's rate, also by running remainder."""
    whole = original.foreign
    if whole is None:
        return None
    before = sum(part.amount.total_paise for part in earlier)
    upto = before + portion.amount.total_paise
    paise = original.amount.total_paise
    given = [round_half_up(whole.total_minor * so_far, paise) for so_far in (before, upto)]
    return replace(whole, total_minor=given[1] - given[0])


def _may_adjust(
    original: TaxDocument, earlier: Sequence[Part], issued_on: date, annual_return_filed_on: date | None
) -> bool:
    if original.kind not in (DocumentKind.TAX_INVOICE, DocumentKind.BILL_OF_SUPPLY):
        raise InvalidInput("original", f"{original.number} is no invoice: only an invoice can be credited.")
    supplied_on = original.supplied_on or original.issued_on
    adjusting = issued_on <= last_day_to_adjust(supplied_on, annual_return_filed_on)
    if adjusting and not all(part.gst_adjusting for part in earlier):
        raise Refused(
            f"{original.number} has a credit note without GST: date this one past the time limit too.",
            state="credited_without_gst",
            allowed=(),
        )
    return adjusting


def _left(original: TaxDocument, earlier: Sequence[Part]) -> int:
    return original.amount.total_paise - sum(part.amount.total_paise for part in earlier)


def _within(original: TaxDocument, earlier: Sequence[Part], total_paise: int) -> None:
    left = _left(original, earlier)
    if left <= 0:
        raise _too_much(original, total_paise, left, "")
    if total_paise <= 0:
        raise InvalidInput(
            "amount", f"Give an amount above nothing; {rupees(left)} of {original.number} is left."
        )
    if total_paise > left:
        raise _too_much(original, total_paise, left, "")


def _too_much(original: TaxDocument, asked: int, left: int, what: str) -> Refused:
    return Refused(
        f"{rupees(asked)} was asked for, but {' '.join([rupees(left), what]).strip()} is left of "
        f"{original.number}: lower the amount.",
        state="fully_credited" if left <= 0 else "partly_credited",
        allowed=() if left <= 0 else ("a lower amount",),
    )


def _taken(original: TaxDocument, earlier: Sequence[Part]) -> list[_Sums]:
    """Given back so far, by line of the original."""
    taken = [_Sums()] * len(original.lines)
    for line in (line for part in earlier for line in part.lines):
        position = line.original_line
        if position is None:
            if len(taken) != 1:
                raise ValueError(f"a note on {original.number} does not say which line it takes from")
            position = 0
        sums = taken[position]
        taken[position] = _Sums(
            sums.taxable + line.taxable_paise,
            sums.cgst + line.cgst_paise,
            sums.sgst + line.sgst_paise,
            sums.igst + line.igst_paise,
        )
    return taken


def _slice(original: TaxDocument, position: int, taken: _Sums, taxable_paise: int) -> Line:
    """The next part of a line: each head is what is due so far less what was given (gst.md 5.6)."""
    line = original.lines[position]
    upto = taken.taxable + taxable_paise

    def due(head_paise: int, given: int) -> int:
        return round_half_up(head_paise * upto, line.taxable_paise) - given if line.taxable_paise else 0

    return replace(
        line,
        quantity=1,
        unit_paise=taxable_paise,
        discount_paise=0,
        taxable_paise=taxable_paise,
        cgst_paise=due(line.cgst_paise, taken.cgst),
        sgst_paise=due(line.sgst_paise, taken.sgst),
        igst_paise=due(line.igst_paise, taken.igst),
        original_line=position,
    )


def _total(line: Line) -> int:
    return line.taxable_paise + line.cgst_paise + line.sgst_paise + line.igst_paise


def _completes(original: TaxDocument, earlier: Sequence[Part], lines: Sequence[Line]) -> int:
    """Round-off of a note by value: the original's, once all value is back; before that only a cap."""
    given = sum(sums.taxable for sums in _taken(original, earlier)) + sum(
        line.taxable_paise for line in lines
    )
    room = _left(original, earlier) - sum(_total(line) for line in lines)
    return room if given == original.amount.taxable_paise else min(0, room)


def _portion(
    original: TaxDocument, earlier: Sequence[Part], lines: Sequence[Line], round_off_paise: int
) -> Portion:
    amount = amount_of(lines, original.supply, round_off_paise)
    if not 0 <= amount.total_paise <= _left(original, earlier):
        raise ValueError(f"a credit of {amount.total_paise} paise exceeds what is left of {original.number}")
    return Portion(tuple(lines), amount)


def _without_gst(original: TaxDocument, earlier: Sequence[Part], shares: Mapping[int, int]) -> Portion:
    """Past the time limit: money goes back, tax stays as it was filed (gst.md 1.3, rule 4)."""
    total = sum(shares.values())
    _within(original, earlier, total)
    lines = tuple(
        replace(
            original.lines[position],
            quantity=1,
            unit_paise=share,
            discount_paise=0,
            taxable_paise=share,
            rate_bp=0,
            cgst_paise=0,
            sgst_paise=0,
            igst_paise=0,
            original_line=position,
        )
        for position, share in shares.items()
    )
    return Portion(lines, TaxedAmount(total, (), 0, total), gst_adjusting=False)


def _by_total(original: TaxDocument, earlier: Sequence[Part], total_paise: int) -> Portion:
    taken = _taken(original, earlier)
    rest = [_total(line) - sums.total for line, sums in zip(original.lines, taken, strict=True)]
    everything = total_paise == _left(original, earlier)
    # What earlier notes gave beyond or short of their lines is made up here, so it never adds up.
    goal = total_paise + sum(part.amount.round_off_paise for part in earlier)
    shares = rest if everything else share_among_lines(max(0, min(goal, sum(rest))), rest)
    lines: list[Line] = []
    missed = 0
    for position, share in enumerate(shares):
        if share == 0:
            continue
        line = _nearest(original, position, taken[position], share + missed)
        missed += share - _total(line)
        if line.taxable_paise:
            lines.append(line)
    if not lines:
        raise Refused(
            f"{rupees(total_paise)} of {original.number} is round-off without value: no note can say that.",
            state="only_round_off",
            allowed=(),
        )
    return _portion(original, earlier, lines, total_paise - sum(_total(line) for line in lines))


def _nearest(original: TaxDocument, position: int, taken: _Sums, goal_paise: int) -> Line:
    """The slice of a line whose total comes nearest to the goal."""
    line = original.lines[position]
    left = line.taxable_paise - taken.taxable
    estimate = round_half_up(goal_paise * line.taxable_paise, _total(line))
    near = {min(max(estimate + step, 0), left) for step in range(-3, 4)}
    slices = [_slice(original, position, taken, taxable) for taxable in sorted(near)]
    return min(slices, key=lambda each: abs(_total(each) - goal_paise))
