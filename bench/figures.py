"""A measured figure, its floor, and what we aim at."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Aim:
    """A bound on the ratio to the floor, or on the figure itself."""

    at_least: float | None = None
    at_most: float | None = None
    of_ratio: bool = True

    def is_met(self, figure: "Figure") -> bool:
        """Whether `figure` keeps the bound."""
        measured = figure.ratio if self.of_ratio else figure.value
        if self.at_least is not None and measured < self.at_least:
            return False
        return self.at_most is None or measured <= self.at_most

    def __str__(self) -> str:
        bound = f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"
        return f"{bound} of floor" if self.of_ratio else bound


@dataclass(frozen=True)
class Figure:
    """Medians over the rounds; `samples` and `floor_samples` are the rounds themselves."""

    bench: str
    name: str
    unit: str
    samples: Sequence[float]
    floor_name: str
    floor_samples: Sequence[float]
    aim: Aim | None = None
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    """Whatever else was measured on the way; goes into the file only."""

    @property
    def value(self) -> float:
        """What we reach."""
        return median(self.samples)

    @property
    def floor(self) -> float:
        """What the same machine does with nothing of ours."""
        return median(self.floor_samples)

    @property
    def ratio(self) -> float:
        """Ours over the floor's."""
        return self.value / self.floor

    @property
    def verdict(self) -> str:
        """Empty where nothing is aimed at."""
        if self.aim is None:
            return ""
        return "met" if self.aim.is_met(self) else "missed"

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return {
            "bench": self.bench,
            "name": self.name,
            "unit": self.unit,
            "value": round(self.value, 4),
            "floor": round(self.floor, 4),
            "floor_name": self.floor_name,
            "ratio": round(self.ratio, 4),
            "aim": None if self.aim is None else str(self.aim),
            "verdict": self.verdict,
            "note": self.note,
            "samples": [round(sample, 4) for sample in self.samples],
            "floor_samples": [round(sample, 4) for sample in self.floor_samples],
            "details": self.details,
        }


def table(figures: Sequence[Figure]) -> Table:
    """All figures, grouped by bench."""
    shown = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    shown.add_column("What", overflow="fold")
    shown.add_column("Measured", justify="right", no_wrap=True)
    shown.add_column("Floor", justify="right", no_wrap=True)
    shown.add_column("… which is", style="dim", overflow="fold")
    shown.add_column("Ratio", justify="right", style="bold", no_wrap=True)
    shown.add_column("Aim", no_wrap=True)
    shown.add_column("", no_wrap=True)
    bench = ""
    for figure in figures:
        if bench and figure.bench != bench:
            shown.add_row()
        bench = figure.bench
        what = f"{figure.name}, {figure.unit}" + (f" [dim]({figure.note})[/dim]" if figure.note else "")
        style = {"met": "[green]met[/green]", "missed": "[red]missed[/red]"}.get(figure.verdict, "")
        aim = "" if figure.aim is None else str(figure.aim)
        shown.add_row(
            what,
            _readable(figure.value),
            _readable(figure.floor),
            figure.floor_name,
            f"{figure.ratio:.2f}",
            aim,
            style,
        )
    return shown


def _readable(number: float) -> str:
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}" if abs(number) < 10 else f"{number:.1f}"
