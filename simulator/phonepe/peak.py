"""NPCI's hours: debits run outside the peaks, in PhonePe's stricter minutes (phonepe.md, 3.5 and 5.1)."""

from datetime import datetime

from simulator.cycles import IST

RETRY_GAP = 90 * 60
_NIGHT = 21 * 60 + 31
_MORNING = 9 * 60 + 59
_AFTERNOON = (13 * 60 + 1, 16 * 60 + 59)


def off_peak(instant: int) -> bool:
    """Whether unix seconds lie in 21:31-09:59 or 13:01-16:59 in India."""
    moment = datetime.fromtimestamp(instant, IST)
    minute = moment.hour * 60 + moment.minute
    return minute >= _NIGHT or minute <= _MORNING or _AFTERNOON[0] <= minute <= _AFTERNOON[1]


def next_off_peak(instant: int) -> int:
    """The first moment from `instant` on that is off-peak."""
    while not off_peak(instant):
        instant += 60 - instant % 60
    return instant
