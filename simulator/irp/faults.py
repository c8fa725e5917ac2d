"""Faults of the portal, struck on chosen requests. They are forgotten when the process ends."""

import re
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["http_500", "http_503", "timeout", "drop", "latency", "refuse", "number_taken"]


class Rule(BaseModel):
    """Which requests are struck: the first `times` that match, or every one with 0.

    `timeout` says nothing for `seconds` and hangs up, `drop` hangs up at once, `latency` answers late.
    `after_commit` lets the act happen first. `refuse` answers with error `code`. `number_taken` has
    somebody register other content under the number just before.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    method: str | None = None
    path_regex: str = "."
    times: int = Field(default=1, ge=0)
    seconds: float = Field(default=30.0, ge=0)
    after_commit: bool = False
    code: str = "2295"


@dataclass
class Faults:
    """The rules in force and how often each has struck."""

    rules: list[Rule] = field(default_factory=list)
    struck: list[int] = field(default_factory=list)

    def add(self, rule: Rule) -> None:
        """Put a rule in force beside the others."""
        self.rules.append(rule)
        self.struck.append(0)

    def clear(self) -> None:
        """No more faults."""
        self.rules, self.struck = [], []

    def strike(self, method: str, path: str) -> Rule | None:
        """The rule that strikes this request, if any; counts it."""
        for number, rule in enumerate(self.rules):
            if rule.method not in (None, method) or not re.search(rule.path_regex, path):
                continue
            if rule.times == 0 or self.struck[number] < rule.times:
                self.struck[number] += 1
                return rule
        return None

    def shown(self) -> list[dict[str, object]]:
        """For the control API."""
        return [
            rule.model_dump() | {"struck": count} for rule, count in zip(self.rules, self.struck, strict=True)
        ]
