"""States and Union Territories: GST codes, and the PIN codes their addresses have.

Sources: gst.md 3.1 (codes), 3.2 (PIN codes, taken from the e-invoice master).
"""

import re

from domain.errors import InvalidInput

STATES: dict[str, str] = {
    "01": "Jammu and Kashmir", "02": "Himachal Pradesh", "03": "Punjab", "04": "Chandigarh",
    "05": "Uttarakhand", "06": "Haryana", "07": "Delhi", "08": "Rajasthan", "09": "Uttar Pradesh",
    "10": "Bihar", "11": "Sikkim", "12": "Arunachal Pradesh", "13": "Nagaland", "14": "Manipur",
    "15": "Mizoram", "16": "Tripura", "17": "Meghalaya", "18": "Assam", "19": "West Bengal",
    "20": "Jharkhand", "21": "Odisha", "22": "Chhattisgarh", "23": "Madhya Pradesh", "24": "Gujarat",
    "26": "Dadra and Nagar Haveli and Daman and Diu", "27": "Maharashtra", "29": "Karnataka", "30": "Goa",
    "31": "Lakshadweep", "32": "Kerala", "33": "Tamil Nadu", "34": "Puducherry",
    "35": "Andaman and Nicobar Islands", "36": "Telangana", "37": "Andhra Pradesh", "38": "Ladakh",
    "97": "Other Territory",
}  # fmt: skip
"""Live State and Union Territory codes (gst.md 3.1)."""

CLOSED: dict[str, str] = {"25": "26", "28": "37"}
"""Codes no longer given out, and the one to use instead (gst.md 3.1)."""

WITHOUT_LEGISLATURE = frozenset({"04", "26", "31", "35", "38", "97"})
"""Where the local half of the tax is UTGST (CGST Act s.2(114), gst.md 2.2)."""

PIN_PREFIXES: dict[str, tuple[tuple[int, int], ...]] = {
    "01": ((180, 194),), "02": ((171, 177),), "03": ((140, 160),), "04": ((140, 140), (160, 160)),
    "05": ((244, 263),), "06": ((121, 136),), "07": ((110, 110),), "08": ((301, 345),), "09": ((201, 285),),
    "10": ((800, 855),), "11": ((737, 737),), "12": ((790, 792),), "13": ((797, 798),), "14": ((795, 795),),
    "15": ((796, 796),), "16": ((799, 799),), "17": ((793, 794),), "18": ((781, 788),), "19": ((700, 743),),
    "20": ((813, 835),), "21": ((751, 770),), "22": ((490, 497),), "23": ((450, 488),), "24": ((360, 396),),
    "26": ((362, 362), (396, 396)), "27": ((400, 445),), "29": ((560, 591),), "30": ((403, 403),),
    "31": ((682, 682),), "32": ((670, 695),), "33": ((600, 643),),
    "34": ((533, 533), (605, 605), (607, 607), (609, 609), (673, 673)), "35": ((744, 744),),
    "36": ((500, 509),), "37": ((500, 535),), "38": ((180, 181), (184, 184), (190, 194)), "97": ((999, 999),),
}  # fmt: skip
"""First three digits of a State's PIN codes, both ends included. They overlap, so they only ever warn."""

_PIN = re.compile(r"[1-9][0-9]{5}", re.ASCII)


def parse_state_code(text: str, field: str = "state_code") -> str:
    """A live two-digit State code (gst.md 3.1). Raises InvalidInput."""
    if text in CLOSED:
        successor = CLOSED[text]
        raise InvalidInput(
            field,
            f"{text} is no longer in use: give {successor} for {STATES[successor]}; "
            "State codes are two digits such as 29 for Karnataka.",
        )
    if text not in STATES:
        raise InvalidInput(field, f"{text!r} is not a State code; give two digits such as 29 for Karnataka.")
    return text


def parse_pin(text: str, field: str = "pin") -> str:
    """A PIN code of an Indian address: six digits, the first not 0 (gst.md 3.2). Raises InvalidInput."""
    pin = text.strip().replace(" ", "")
    if not _PIN.fullmatch(pin):
        raise InvalidInput(field, f"{text!r} is not a PIN code; give six digits such as 560001.")
    return pin


def states_of_pin(pin: str) -> tuple[str, ...]:
    """State codes whose addresses may have this PIN, to propose one to the buyer (gst.md 2.3, 3.2)."""
    prefix = int(pin[:3])
    return tuple(
        code for code, ranges in PIN_PREFIXES.items() if any(low <= prefix <= high for low, high in ranges)
    )


def pin_warning(pin: str, state_code: str) -> str | None:
    """What looks wrong between PIN and State, or None. A warning, never a refusal (gst.md 3.2)."""
    likely = states_of_pin(pin)
    if state_code in likely:
        return None
    where = " or ".join(STATES[code] for code in likely) or "no State we know"
    return f"PIN {pin} belongs to {where}, the address says {STATES[state_code]}: please check both."
