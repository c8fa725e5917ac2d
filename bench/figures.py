"""A measured figure, the floors beside it, and what we aim at."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.table import Table
from rich.text import Text

_VERDICTS = {True: Text("met", style="green"), False: Text("missed", style="red")}


@dataclass(frozen=True)
class Aim:
    """A bound: one of the two."""

    at_least: float | None = None
    at_most: float | None = None

    def is_met(self, measured: float) -> bool:
        """Whether the bound is kept."""
        if self.at_least is not None:
            return measured >= self.at_least
        return self.at_most is None or measured <= self.at_most

    def __str__(self) -> str:
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"


@dataclass(frozen=True)
class Floor:
    """What the same machine did in the same run without ours. `aim` bounds the ratio to it."""

    name: str
    samples: Sequence[float]
    aim: Aim | None = None

    @property
    def value(self) -> float:
        """Median of the rounds."""
        return median(self.samples)


@dataclass(frozen=True)
class Figure:
    """One measure of ours. `aim` bounds the figure itself."""

    bench: str
    name: str
    unit: str
    samples: Sequence[float]
    floors: Sequence[Floor]
    aim: Aim | None = None
    missing: str = ""
    """Why a floor is not there."""

    @property
    def value(self) -> float:
        """Median of the rounds."""
        return median(self.samples)

    def ratio(self, floor: Floor) -> float:
        """Ours over the floor's."""
        return self.value / floor.value

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return {
            "bench": self.bench,
            "name": self.name,
            "unit": self.unit,
            "value": _rounded(self.value),
            "samples": [_rounded(sample) for sample in self.samples],
            **_aimed(self.aim, self.value),
            **({"missing": self.missing} if self.missing else {}),
            "floors": [
                {
                    "name": floor.name,
                    "value": _rounded(floor.value),
                    "samples": [_rounded(sample) for sample in floor.samples],
                    "ratio": _rounded(self.ratio(floor)),
                    **_aimed(floor.aim, self.ratio(floor)),
                }
                for floor in self.floors
            ],
        }


def _rounded(number: float) -> float:
    return round(number, 4)


def _aimed(aim: Aim | None, measured: float) -> dict[str, Any]:
    return {} if aim is None else {"aim": str(aim), "met": aim.is_met(measured)}


def table(figures: Sequence[Figure]) -> Table:
    """Each figure with its floors below it."""
    shown = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    shown.add_column("", overflow="fold")
    for name in ("Measured", "Floor", "Ratio", "Aim", ""):
        shown.add_column(name, justify="right", no_wrap=True)
    for figure in figures:
        measured = Text.assemble((figure.name, "bold"), f", {figure.unit}")
        shown.add_row(measured, _readable(figure.value), "", "", *_verdict(figure.aim, figure.value))
        for floor in figure.floors:
            ratio = figure.ratio(floor)
            beside = Text(f"  beside {floor.name}", style="dim")
            shown.add_row(beside, "", _readable(floor.value), f"{ratio:.2f}", *_verdict(floor.aim, ratio))
    return shown


def _verdict(aim: Aim | None, measured: float) -> tuple[str, Text]:
    return ("", Text()) if aim is None else (str(aim), _VERDICTS[aim.is_met(measured)])


def _readable(number: float) -> str:
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}" if abs(number) < 10 else f"{number:.1f}"
