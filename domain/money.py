"""Integer paise, the one rounding and the one allocation."""

from collections.abc import Sequence
from typing import NewType

Paise = NewType("Paise", int)
"""An amount of Indian rupees in paise; 100 paise are one rupee."""

BASIS_POINTS = 10_000


def round_half_up(numerator: int, denominator: int) -> int:
    """`numerator / denominator` to the nearest integer, ties away from zero.

    CGST Act s.170: "fifty paise or more" goes up. `denominator` is positive.
    """
    if denominator <= 0:
        raise ValueError("denominator must be positive")
    magnitude = (2 * abs(numerator) + denominator) // (2 * denominator)
    return magnitude if numerator >= 0 else -magnitude


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` by `weights` so that the parts sum to it exactly.

    Cumulative half-up: no part is off its exact share by a whole unit or more.
    """
    whole = sum(weights)
    if whole <= 0 or any(weight < 0 for weight in weights):
        raise ValueError("weights must be non-negative with a positive sum")
    parts: list[int] = []
    weight_so_far = given = 0
    for weight in weights:
        weight_so_far += weight
        upto = round_half_up(total * weight_so_far, whole)
        parts.append(upto - given)
        given = upto
    return parts


def rupees(amount_paise: int) -> str:
    """`12345678` as `₹1,23,456.78`: Indian digit grouping, always two decimals."""
    sign = "-" if amount_paise < 0 else ""
    whole, paise = divmod(abs(amount_paise), 100)
    digits = str(whole)
    head, tail = digits[:-3], digits[-3:]
    groups: list[str] = []
    while head:
        groups.insert(0, head[-2:])
        head = head[:-2]
    return f"{sign}₹{','.join([*groups, tail])}.{paise:02d}"
