"""The scenarios of PhonePe's own test app, by name: what a mandate's coming notices and debits lead to.

Who retries, and whether PhonePe debits by itself, the merchant says with each notice (phonepe.md, 3.4 and 9).
"""

from simulator.books import Record
from simulator.phonepe import fields
from simulator.phonepe.redemptions import TRIES

_RETRIES = (
    "merchant-controlled retries",
    "PhonePe retries, auto-debit true",
    "PhonePe retries, auto-debit false",
)
_ALL_FAIL: Record = {"notify": [], "debits": ["failure"] * TRIES}
SCENARIOS: dict[str, Record] = {
    **{f"setup, notify & redemption success with {each}": {"notify": [], "debits": []} for each in _RETRIES},
    **{f"setup & notify success, redemption failure with {each}": _ALL_FAIL for each in _RETRIES},
    "setup success & notify failure": {"notify": ["failure"], "debits": []},
}


def outcomes(body: Record) -> Record:
    """Those of the scenario that `name` names, in place of what was planned. Raises Refusal."""
    return SCENARIOS[fields.choice(body, "name", tuple(SCENARIOS))] | {"replace": True}
