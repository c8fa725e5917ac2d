"""Prices in another currency: converted once, with rate, source and date on record.

Source: CGST rule 34(2) (gst.md 5.7): for services, the rate of the accounting standards on the day of
the time of supply. Rates are decimal text, so that no binary fraction comes near money.
"""

import re
from dataclasses import dataclass
from datetime import date

from domain.document import ForeignValue
from domain.errors import InvalidInput
from domain.money import round_half_up

_RATE = re.compile(r"([0-9]{1,7})(?:\.([0-9]{1,8}))?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_NO_DECIMALS = (
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW",
    "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF",
)  # fmt: skip
_THREE_DECIMALS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_DECIMALS = dict.fromkeys(_NO_DECIMALS, 0) | dict.fromkeys(_THREE_DECIMALS, 3)
_PAISE = 100


def minor_digits(currency: str) -> int:
    """Decimals of a currency's smallest unit (ISO 4217): 2 for most."""
    return _DECIMALS.get(currency, 2)


def written(currency: str, minor: int) -> str:
    """`USD 49.00`: an amount in the smallest unit, as people write it."""
    digits = minor_digits(currency)
    whole, fraction = divmod(minor, 10**digits)
    return f"{currency} {whole}.{fraction:0{digits}d}" if digits else f"{currency} {whole}"


@dataclass(frozen=True)
class ForeignRate:
    """Rupees for one unit of a currency, such as `83.1234`, by whom and of which day (rule 34(2)).

    Raises InvalidInput for what is no currency or no positive decimal number.
    """

    currency: str
    rate: str
    source: str
    on: date

    def __post_init__(self) -> None:
        if not _CURRENCY.fullmatch(self.currency) or self.currency == "INR":
            raise InvalidInput(
                "currency", f"{self.currency!r} is not a foreign currency; give a code such as USD."
            )
        if not _RATE.fullmatch(self.rate) or not self.rate.strip("0."):
            raise InvalidInput("rate", f"{self.rate!r} is not an exchange rate; give rupees such as 83.1234.")

    def paise(self, minor: int) -> int:
        """An amount in the currency's smallest unit as paise, rounded half-up once."""
        whole, _, fraction = self.rate.partition(".")
        scaled = int(whole + fraction)
        return round_half_up(minor * scaled * _PAISE, 10 ** (len(fraction) + minor_digits(self.currency)))

    def value(self, total_minor: int) -> ForeignValue:
        """What the document notes of the foreign price."""
        return ForeignValue(self.currency, total_minor, self.rate, self.source, self.on)
