"""A payer's standing permission to debit: its facts, and what it allows today.

Life, limits and what is observed rather than documented: phonepe.md 3.2, 3.3, 5.3, 5.5; tokens:
razorpay.md 1.9. Amounts are paise, moments aware UTC.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.money import BASIS_POINTS, round_half_up, rupees


class MandateKind(StrEnum):
    """The rail that the permission was given on."""

    UPI = "upi"
    CARD = "card"
    BANK = "bank"


class AmountType(StrEnum):
    """Whether each debit is of one amount, or of any up to the maximum."""

    FIXED = "fixed"
    VARIABLE = "variable"


class Frequency(StrEnum):
    """How often may be debited; ON_DEMAND alone allows a ladder past the period's end (phonepe.md 5.5)."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    FORTNIGHTLY = "FORTNIGHTLY"
    MONTHLY = "MONTHLY"
    BIMONTHLY = "BIMONTHLY"
    QUARTERLY = "QUARTERLY"
    HALFYEARLY = "HALFYEARLY"
    YEARLY = "YEARLY"
    ON_DEMAND = "ON_DEMAND"


class MandateStatus(StrEnum):
    """Where a mandate stands. A state "in progress" counts as the one it leads away from, except that
    a pause, revocation or cancellation under way counts as done: the payer's wish is known."""

    CREATED = "created"
    ACTIVE = "active"
    PAUSED = "paused"
    REVOKED = "revoked"
    EXPIRED = "expired"
    FAILED = "failed"


DEAD = frozenset({MandateStatus.REVOKED, MandateStatus.EXPIRED, MandateStatus.FAILED})
"""Nothing brings these back; the payer must give a new mandate."""


@dataclass(frozen=True)
class Limits:
    """What the law and the gateways allow; amounts they disagree upon are settings."""

    no_pin_cap_paise: int = 15_000_00
    """Above it each debit needs the payer's PIN: RBI E-mandate Framework 2026, para 8(a) as reported."""
    max_amount_cap_paise: int = 15_000_00
    """The largest `max_amount_paise` a gateway takes at set-up (phonepe.md 3.2)."""
    min_debit_paise: int = 1_00
    head_room_basis_points: int = 10_000
    """Room above today's charge for upgrades and tax: 10,000 doubles it."""
    trusts_pause_end: bool = True
    """A pause whose announced end has passed counts as over (phonepe.md 3.3)."""


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Mandate:
    """A mandate as last read from the gateway."""

    id: str
    max_amount_paise: int
    kind: MandateKind = MandateKind.UPI
    status: MandateStatus = MandateStatus.CREATED
    amount_type: AmountType = AmountType.VARIABLE
    frequency: Frequency = Frequency.ON_DEMAND
    valid_until: datetime | None = None
    pause_ends_at: datetime | None = None


class Refusal(StrEnum):
    """Why a debit is not allowed."""

    NOT_YET_GIVEN = "not_yet_given"
    PAUSED = "paused"
    ENDED = "ended"
    OVER_MANDATE = "over_mandate"
    OVER_NO_PIN_CAP = "over_no_pin_cap"
    TOO_SMALL = "too_small"
    NOT_THE_FIXED_AMOUNT = "not_the_fixed_amount"


@dataclass(frozen=True)
class Verdict:
    """Whether a debit is allowed; `reason` is for people and says what to do."""

    refusal: Refusal | None = None
    reason: str = ""

    @property
    def allowed(self) -> bool:
        """Nothing speaks against it."""
        return self.refusal is None


_ALLOWED = Verdict()


def with_head_room(charge_paise: int, limits: Limits = DEFAULT_LIMITS) -> int | None:
    """The maximum to ask the payer for, in whole rupees; None if no mandate can carry `charge_paise`.

    The charge plus head-room, but never above the caps: a smaller permission that debits in silence is
    worth more than a large one that asks for a PIN each time.
    """
    cap = min(limits.no_pin_cap_paise, limits.max_amount_cap_paise)
    if not limits.min_debit_paise <= charge_paise <= cap:
        return None
    wanted = round_half_up(charge_paise * (BASIS_POINTS + limits.head_room_basis_points), BASIS_POINTS)
    return min(-(-wanted // 100) * 100, cap)


def standing(mandate: Mandate, at: datetime, limits: Limits = DEFAULT_LIMITS) -> MandateStatus:
    """Its status at `at`, if nothing happens until then."""
    if mandate.status in DEAD:
        return mandate.status
    if mandate.valid_until is not None and mandate.valid_until <= at:
        return MandateStatus.EXPIRED
    if mandate.status is MandateStatus.PAUSED and limits.trusts_pause_end:
        over = mandate.pause_ends_at is not None and mandate.pause_ends_at <= at
        return MandateStatus.ACTIVE if over else MandateStatus.PAUSED
    return mandate.status


def may_debit(mandate: Mandate, amount_paise: int, at: datetime, limits: Limits = DEFAULT_LIMITS) -> Verdict:
    """Whether `amount_paise` may be debited in silence at `at`."""
    amount = _may_carry(mandate, amount_paise, limits)
    if not amount.allowed:
        return amount
    status = standing(mandate, at, limits)
    if status is MandateStatus.ACTIVE:
        return _ALLOWED
    if status is MandateStatus.PAUSED:
        return Verdict(Refusal.PAUSED, "The payer has paused the mandate: wait until it is taken up again.")
    if status is MandateStatus.CREATED:
        return Verdict(
            Refusal.NOT_YET_GIVEN, "The payer has not approved the mandate yet: send its page again."
        )
    return Verdict(
        Refusal.ENDED, f"The mandate is {status}: ask for a new one, or for payment on a pay page."
    )


def _may_carry(mandate: Mandate, amount_paise: int, limits: Limits) -> Verdict:
    said, most = rupees(amount_paise), mandate.max_amount_paise
    if amount_paise < limits.min_debit_paise:
        return Verdict(
            Refusal.TOO_SMALL, f"{said} is less than a gateway takes: carry it to the next period."
        )
    if amount_paise > most:
        return Verdict(
            Refusal.OVER_MANDATE,
            f"{said} is above the mandate's {rupees(most)}: use a pay page, or ask for a new mandate.",
        )
    if mandate.amount_type is AmountType.FIXED and amount_paise != most:
        return Verdict(
            Refusal.NOT_THE_FIXED_AMOUNT, f"The mandate is for {rupees(most)} exactly, not {said}."
        )
    if amount_paise > limits.no_pin_cap_paise:
        return Verdict(
            Refusal.OVER_NO_PIN_CAP,
            f"{said} is above {rupees(limits.no_pin_cap_paise)} and needs the payer's PIN: use a pay page.",
        )
    return _ALLOWED


def interrupted(mandate: Mandate, at: datetime, limits: Limits = DEFAULT_LIMITS) -> bool:
    """Whether notices given so far are void: whatever its announced end, a pause makes them so."""
    return mandate.status is MandateStatus.PAUSED or standing(mandate, at, limits) is not MandateStatus.ACTIVE
