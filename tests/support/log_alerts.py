"""Evaluates the rules of alerts.json over telemetry, as Azure's log and metric alerts do.

At each evaluation a rule sees the rows of its window, or of as many windows as it has periods, without the newest,
which have not come in yet. The answer's rows are grouped by the columns to split by, and put into periods by their
``timestamp``; each group's value in each period is compared with the threshold. A count without splitting is 0 where
there is no row; any other value is then missing, and compares with nothing.
"""

import json
import operator
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from devstack.ingestion.tables import Telemetry
from devstack.machine.setup import ROOT
from shared.setting_values import duration

COMES_IN_WITHIN = timedelta(minutes=3)  # Microsoft: usually between 20 seconds and this
ALERTS = ROOT / "infra" / "monitoring" / "alerts.json"
OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqual": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqual": operator.le,
}
AGGREGATIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Average": lambda values: sum(values) / len(values),
    "Maximum": max,
    "Minimum": min,
    "Total": sum,
}


@dataclass(frozen=True)
class Rule:
    """One alert of the file."""

    facts: Mapping[str, Any]
    parameters: Mapping[str, Mapping[str, Any]]

    @property
    def name(self) -> str:
        """The alert's name, which is also its heading in the documents."""
        return str(self.facts["name"])

    @property
    def window(self) -> timedelta:
        """The time of one period."""
        return duration(self.facts["window"])

    @property
    def periods(self) -> int:
        """How many periods one evaluation looks at."""
        return int(self.facts.get("periods", 1))

    @property
    def threshold(self) -> float:
        """The threshold; for some it is a part of a setting's value."""
        percent_of = self.facts.get("percentOf")
        value: float = self.facts["threshold"]
        return value * self.parameters[percent_of]["value"] / 100 if percent_of else value

    def is_violated(self, value: float) -> bool:
        """Tell whether a value counts towards the alert."""
        return OPERATORS[self.facts["operator"]](value, self.threshold)

    def fires(self, telemetry: Telemetry, at: datetime) -> list[tuple[str, ...]]:
        """Return the groups for which the alert fires at this evaluation; an alert without groups has one, ``()``."""
        since = at - self.window * self.periods
        telemetry.between(since, at - COMES_IN_WITHIN)
        values: dict[tuple[str, ...], list[float]] = defaultdict(list)
        answer = telemetry.ask(self.facts["query"])
        for period in range(self.periods):
            rows = answer
            if self.periods > 1:
                start = since + period * self.window
                rows = [row for row in answer if start < row["timestamp"] <= start + self.window]
            for group, value in self._values(rows):
                values[group].append(value)
        needed = self.facts.get("failing", 1)
        return [group for group, found in values.items() if sum(map(self.is_violated, found)) >= needed]

    def _values(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[tuple[str, ...], float]]:
        groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = defaultdict(list)
        by = self.facts.get("by", [])
        for row in rows:
            groups[tuple(str(row[column]) for column in by)].append(row)
        if self.facts["aggregation"] == "Count":
            if not by:
                groups[()] = groups.get((), [])
            yield from ((group, len(members)) for group, members in groups.items())
            return
        for group, members in groups.items():
            known = [member[self.facts["column"]] for member in members if member[self.facts["column"]] is not None]
            if known:
                yield group, AGGREGATIONS[self.facts["aggregation"]](known)

    def fires_between(
        self, telemetry: Telemetry, after: datetime, until: datetime, *, is_quick: bool = False
    ) -> set[tuple[str, ...]]:
        """Return the groups for which the alert fires at any evaluation; Azure does not evaluate on the hour.

        A quick look evaluates seldom, but at least once an hour, and so that each row is in a window.
        """
        fired: set[tuple[str, ...]] = set()
        step, at = duration(self.facts["frequency"]), after + timedelta(minutes=2)
        if is_quick:
            step = min(max(step, self.window * self.periods - COMES_IN_WITHIN), timedelta(hours=1))
        while at <= until:
            fired.update(self.fires(telemetry, at))
            at += step
        return fired


def rules() -> list[Rule]:
    """Return all alerts of the file."""
    content = json.loads(ALERTS.read_text(encoding="utf-8"))
    return [Rule(facts, content["parameters"]) for facts in content["alerts"]]
