"""Names that we give to orders, mandates and refunds at a gateway where the merchant chooses them.

There they are the only guard against doing a thing twice: the same attempt always has the same name, so
that a repetition is recognised, and no two attempts share one (phonepe.md 1.4: at most 63 letters, digits,
hyphens and underscores, unique for ever).
"""

import hashlib
import json
import re
from enum import StrEnum

LONGEST = 63
_DIGEST_CHARACTERS = 32
"""128 bits: no two subjects will meet."""
_MOST_ATTEMPTS = 10**12


class Purpose(StrEnum):
    """What a name is for; it stands at the front, for whoever reads it in the gateway's dashboard."""

    PAGE = "pay"
    """An order paid on a hosted page."""
    SETUP = "set"
    """The order that sets a mandate up."""
    MANDATE = "man"
    DEBIT = "deb"
    """An order announced and then taken from a mandate."""
    REFUND = "rfd"


def merchant_id(purpose: Purpose, *subject: str, attempt: int) -> str:
    """The name of the `attempt`-th try (from 1) at `purpose` for `subject`, our ids from wide to narrow.

    Another attempt is a number that the caller has stored, never a moment: ids made of the clock collide.
    """
    if not subject or not all(subject):
        raise ValueError("say whose it is")
    if not 1 <= attempt < _MOST_ATTEMPTS:
        raise ValueError("attempts count from 1")
    # As JSON, for ("a", "bc") and ("ab", "c") must not be the same subject.
    digest = hashlib.sha256(json.dumps(subject).encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return f"{purpose}_{digest}_{attempt}"


_MADE = re.compile(r"[a-z]{3}(_[0-9a-f]{32}_[0-9]{1,12})")


def alike(name: str, purpose: Purpose) -> str | None:
    """The name for another purpose of the same subject and attempt, as of a mandate's setup order.

    None if `name` is none of `merchant_id`'s.
    """
    made = _MADE.fullmatch(name)
    return f"{purpose}{made[1]}" if made else None
