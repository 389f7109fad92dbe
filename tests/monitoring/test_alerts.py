"""Each alert fires on its trouble, stays silent just short of it, and on an ordinary day none fires."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from devstack.ingestion.tables import Telemetry
from shared import config
from shared.errors import REFUSALS
from shared.setting_values import duration
from tests.support.log_alerts import AGGREGATIONS, COMES_IN_WITHIN, OPERATORS, Rule, rules
from tests.support.telemetry_events import FIND, UNANSWERED, UNAVAILABLE, UNREADABLE, Call, History, ordinary_day

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES = {rule.name: rule for rule in rules()}
FAILURES = (
    ("bc_unavailable", (UNAVAILABLE,)),
    ("bc_no_answer", (FIND, UNANSWERED)),
    ("storage", (UNREADABLE,)),
)
LOG_RULES = {name: rule for name, rule in RULES.items() if "query" in rule.facts}


@dataclass(frozen=True)
class Trouble:
    """A trouble that must make ``alert`` fire within ``hours``, for the ``groups`` that it splits by."""

    alert: str
    provoke: Callable[[History], None]
    groups: tuple[tuple[str, ...], ...] = ((),)
    hours: int = 2


def minutes(number: float) -> datetime:
    return START + number * MINUTE


def quarantined(reason: str, history: History) -> None:
    history.deliver(minutes(40), "a.jpg", "quarantined", reason=reason, moved_to="quarantine/a.jpg")


def refused(times: int, history: History) -> None:
    for number in range(times):
        history.deliver(minutes(40 + number), f"{number}.jpg", None, reason="bc_refused", calls=(FIND,))


def refused_once_and_then_by_sweeps(reason: str, history: History) -> None:
    for seconds in (0, 2):
        history.deliver(minutes(41) + timedelta(seconds=seconds), "a.jpg", None, reason=reason, calls=(FIND,))
    for number in range(45, 70, 5):
        history.sweep(minutes(number + 0.1), reason=reason, incoming=1, detail="Refused.")


def refused_for_a_moment(history: History) -> None:
    for seconds in (0, 2):
        history.deliver(minutes(41) + timedelta(seconds=seconds), "a.jpg", None, reason="identity")
    history.put(minutes(45.1), "a.jpg")


def sweeps_without_bc(sweeps: int, incoming: int, history: History) -> None:
    for number in range(sweeps):
        history.sweep(minutes(40.1 + 5 * number), reason="bc_unavailable", incoming=incoming, detail="BC answered 503.")


def failing(failures: int, others: int, history: History) -> None:
    for number in range(failures):
        reason, calls = FAILURES[number % len(FAILURES)]
        history.deliver(minutes(40 + number), f"{number}.jpg", None, reason=reason, calls=calls)
    for number in range(others):
        history.put(minutes(40.5 + number), f"good {number}.jpg")


def out_for_an_hour(history: History) -> None:
    for number in range(30):
        history.deliver(minutes(40 + 2 * number), f"{number}.jpg", None, reason="bc_unavailable", calls=(UNAVAILABLE,))


def refused_by_sweeps(every: int, oldest_age_s: float, history: History) -> None:
    for number in range(0, 120, every):
        facts = {"reason": "bc_refused", "incoming": 1, "detail": "CRONUS: BC answered 403."}
        history.sweep(minutes(number + 0.1), oldest_age_s=oldest_age_s, **facts)


def left_by_sweeps(oldest_age_s: float, history: History) -> None:
    for number in range(60, 120, 5):  # right after the sweeps that find nothing
        history.sweep(minutes(number + 0.1), oldest_age_s=oldest_age_s)


def gone_by_the_last_sweep(history: History) -> None:
    for number in range(60, 120, 5):  # right before them
        history.sweep(minutes(number - 0.1), oldest_age_s=3700)


def old_one_gone(history: History) -> None:
    history.sweep(START - 121 * MINUTE, oldest_age_s=25 * 3600, incoming=1)


def waits(days: float, history: History) -> None:
    history.sweep(minutes(61), oldest_waiting_s=days * 86400, waiting=1)


def unknown_company(hours: int, history: History) -> None:
    for hour in range(hours):  # an old upload has its turn once an hour
        history.sweep(minutes(60 * hour + 1), companies='["Nordwind", "Südwind"]' if hour else '["Nordwind"]')


def mistaken_twice(history: History) -> None:
    for minute in (1, 6, 11, 26 * 60 + 1, 26 * 60 + 6):
        history.sweep(minutes(minute), companies='["Nordwind"]')


def throttled(first: float, periods: int, share: float, history: History) -> None:
    for number in range(15 * periods):
        write = Call(name="write picture", ms=1000 - FIND.ms, method="PATCH", status=204)
        history.put(minutes(first + number), f"{number}.jpg", throttled_s=share, calls=(FIND, write))


def slow(uploads: int, seconds: float, history: History) -> None:
    for number in range(uploads):
        history.put(minutes(40 + number), f"{number}.jpg", seconds=seconds)
        history.put(minutes(40 + number), f"replayed {number}.jpg", seconds=None, replay=True)


def slow_after_waiting(uploads: int, history: History) -> None:
    for number in range(uploads):
        history.deliver(minutes(number), f"{number}.jpg", "waiting", reason="item_not_found")
        history.put(minutes(40 + number), f"{number}.jpg", seconds=2400)
        history.put(minutes(40 + number), f"for days {number}.jpg", seconds=3 * 86400)


def slow_twice(uploads: int, history: History) -> None:
    slow(uploads, 400, history)
    slow(uploads, 400, history)


TROUBLES = (
    Trouble("Pictures quarantined", lambda history: quarantined("not_an_image", history), (("not_an_image",),)),
    Trouble("Identity or permission refused", lambda history: refused(3, history), (("bc_refused",),)),
    *(
        Trouble(
            "Identity or permission refused",
            lambda history, reason=reason: refused_once_and_then_by_sweeps(reason, history),
            ((reason,),),
        )
        for reason in REFUSALS
    ),
    Trouble("Identity or permission refused", lambda history: refused_by_sweeps(5, 0, history), (("bc_refused",),)),
    Trouble("BC or storage failing", lambda history: failing(10, 9, history)),
    Trouble("BC or storage failing", out_for_an_hour),
    Trouble("BC or storage failing", lambda history: sweeps_without_bc(8, 1, history)),
    Trouble("An upload is stuck", lambda history: left_by_sweeps(3700, history)),
    Trouble("An upload is stuck", lambda history: refused_by_sweeps(60, 3 * 86400, history)),
    Trouble("An upload waits for long", lambda history: waits(5.7, history), hours=4),
    Trouble("Unknown company", lambda history: unknown_company(27, history), (("Nordwind",), ("Südwind",)), hours=28),
    Trouble("BC throttles", lambda history: throttled(45, 2, 0.11, history)),
    Trouble("Time to item", lambda history: slow(20, 301, history)),
)
NOT_QUITE = (
    Trouble("Pictures quarantined", lambda history: quarantined("ignored", history)),
    Trouble("Identity or permission refused", lambda history: refused(2, history)),
    Trouble("Identity or permission refused", refused_for_a_moment),
    Trouble("BC or storage failing", lambda history: failing(9, 0, history)),
    Trouble("BC or storage failing", lambda history: sweeps_without_bc(4, 1, history)),
    Trouble("BC or storage failing", lambda history: sweeps_without_bc(6, 0, history)),
    Trouble("BC or storage failing", lambda history: failing(10, 10, history)),
    Trouble("An upload is stuck", lambda history: left_by_sweeps(3500, history)),
    Trouble("An upload is stuck", gone_by_the_last_sweep),
    Trouble("An upload is stuck", old_one_gone),
    Trouble("An upload waits for long", lambda history: waits(5.5, history), hours=4),
    Trouble("Unknown company", lambda history: unknown_company(24, history), hours=26),
    Trouble("Unknown company", mistaken_twice, hours=28),
    Trouble("BC throttles", lambda history: throttled(45, 2, 0.09, history)),
    Trouble("BC throttles", lambda history: throttled(45, 1, 0.5, history)),
    Trouble("Time to item", lambda history: slow(19, 400, history)),
    Trouble("Time to item", lambda history: slow(30, 299, history)),
    Trouble("Time to item", lambda history: slow_after_waiting(30, history)),
    Trouble("Time to item", lambda history: slow_twice(19, history)),
)


def fired(trouble: Trouble, alerts: Iterable[Rule]) -> dict[str, set[tuple[str, ...]]]:
    """Return those of the alerts that fire, with their groups, when nothing happens but sweeps and the trouble."""
    history = History()
    until = START + timedelta(hours=trouble.hours)
    history.sweep_every_five_minutes(START, until)
    trouble.provoke(history)
    return firing(alerts, Telemetry(history.rows), until - 80 * MINUTE, until, trouble.alert)


def firing(
    alerts: Iterable[Rule], telemetry: Telemetry, after: datetime, until: datetime, expected: str = ""
) -> dict[str, set[tuple[str, ...]]]:
    found = {rule.name: rule.fires_between(telemetry, after, until, is_quick=rule.name != expected) for rule in alerts}
    return {name: groups for name, groups in found.items() if groups}


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.alert)
def test_an_alert_fires_on_its_trouble_and_no_other_does(trouble: Trouble) -> None:
    assert fired(trouble, LOG_RULES.values()) == {trouble.alert: set(trouble.groups)}


@pytest.mark.parametrize("trouble", NOT_QUITE, ids=lambda trouble: trouble.alert)
def test_an_alert_is_silent_just_short_of_its_trouble(trouble: Trouble) -> None:
    assert fired(trouble, [LOG_RULES[trouble.alert]]) == {}


@pytest.mark.parametrize(("gap", "expected"), [(20, {}), (35, {"No sweep": {()}})])
def test_no_sweep_for_half_an_hour_is_an_alert(gap: int, expected: dict[str, set[tuple[str, ...]]]) -> None:
    history = History()
    history.sweep_every_five_minutes(START, minutes(60))
    history.sweep_every_five_minutes(minutes(55 + gap), minutes(120))
    assert firing(LOG_RULES.values(), Telemetry(history.rows), minutes(29), minutes(120), "No sweep") == expected


def test_an_old_upload_is_an_alert_as_long_as_it_is_stuck() -> None:
    """Once a day old, it has a turn in one sweep of twelve."""
    history, rule = History(), LOG_RULES["An upload is stuck"]
    for number in range(0, 240, 5):
        age = 25 * 3600 + 60 * number if number in range(60, 181, 60) else 0
        history.sweep(minutes(number), incoming=int(number <= 180), oldest_age_s=age)
    telemetry = Telemetry(history.rows)
    after = {number: bool(rule.fires(telemetry, minutes(number))) for number in range(52, 240, 15)}
    assert after == {number: number > 60 for number in after}
    assert not rule.fires(telemetry, minutes(180 + 121))


def test_an_app_that_sends_nothing_at_all_is_an_alert() -> None:
    assert [name for name, rule in LOG_RULES.items() if rule.fires(Telemetry([]), minutes(60))] == ["No sweep"]


def test_a_dead_lettered_event_is_an_alert() -> None:
    rule = RULES["Dead-lettered events"]
    assert rule.facts["metric"]["name"] == "DeadLetteredCount"
    total = AGGREGATIONS[rule.facts["aggregation"]]
    assert rule.is_violated(total([0, 0, 1]))
    assert not rule.is_violated(total([0, 0, 0]))


@cache
def ordinary() -> Telemetry:
    return Telemetry(ordinary_day(START).rows)


@pytest.mark.parametrize("rule", LOG_RULES.values(), ids=lambda rule: rule.name)
def test_an_ordinary_day_fires_no_alert(rule: Rule) -> None:
    busy = START + timedelta(hours=5.5), START + timedelta(hours=14)
    assert rule.fires_between(ordinary(), *busy, is_quick=True) == set()


def test_every_alert_is_provoked_here() -> None:
    elsewhere = {"No sweep", "Dead-lettered events"}
    assert {trouble.alert for trouble in TROUBLES} | elsewhere == set(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_azure_takes_an_alerts_figures(rule: Rule) -> None:
    """The lists are those of Microsoft.Insights/scheduledQueryRules; metric alerts have fewer windows."""
    facts = rule.facts
    of_both = {"PT5M", "PT15M", "PT30M", "PT1H", "PT6H", "P1D"}
    assert facts["window"] in of_both | ({"PT2H", "P2D"} if "query" in facts else set())
    assert facts["frequency"] in {"PT5M", "PT15M", "PT30M", "PT1H"}
    assert rule.window * rule.periods <= timedelta(days=2)
    assert 1 <= facts.get("failing", 1) <= rule.periods <= 6
    assert facts["operator"] in OPERATORS
    assert facts["aggregation"] in {"Count", *AGGREGATIONS}
    assert facts["severity"] in range(5)
    assert isinstance(facts["threshold"], int), "Bicep knows no other numbers"


@pytest.mark.parametrize("rule", LOG_RULES.values(), ids=lambda rule: rule.name)
def test_no_row_comes_in_between_two_evaluations_unseen(rule: Rule) -> None:
    assert rule.window * rule.periods - COMES_IN_WITHIN >= duration(rule.facts["frequency"])


def test_an_alerts_default_setting_is_the_apps() -> None:
    defaults = config.read(
        {"PICTURE_STORAGE": "UseDevelopmentStorage=true", "BC_TENANT_ID": "t", "BC_ENVIRONMENT": "e"}
    )
    parameter = RULES["An upload waits for long"].parameters["item_wait_s"]
    assert parameter["setting"] in config.SETTINGS
    assert parameter["value"] == defaults.item_wait.total_seconds()


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_an_alert_says_what_it_means_and_what_to_do(rule: Rule) -> None:
    assert rule.facts["means"].endswith(".")
    assert rule.facts["first"].endswith(".")
