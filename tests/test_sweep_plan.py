"""No upload starves: everything has a turn within an hour, and nobody has too many; waiting ends only after answers."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.storage import sweep_states
from shared.sweep_plan import ALWAYS_DUE, Candidate, SweepState, next_period, shuffled

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUN = timedelta(minutes=5)
OLD, YOUNG = ALWAYS_DUE, ALWAYS_DUE - timedelta(seconds=1)


def run_once(
    state: SweepState, names: list[str], window: int, age: timedelta, page: int = 50
) -> tuple[SweepState, set]:
    """Walk the list as a run does, and return the new state and who had a turn; markers are positions."""
    state = state.begun(NOON, "")
    due: set[str] = set()
    at = int(state.marker or 0)
    while at < len(names) and len(due) < window:
        due |= {name for name in names[at : at + page] if state.is_due(Candidate(name, age))}
        at += page
    return state.listed(str(at) if at < len(names) else None), due


def turns(uploads: int, window: int, age: timedelta, runs: int, page: int = 50) -> dict[str, list[int]]:
    """Return the runs in which each upload had a turn."""
    names = [f"CRONUS/{number:06}.jpg" for number in range(uploads)]
    state, had = SweepState(), {name: [] for name in names}
    for number in range(runs):
        state, due = run_once(state, names, window, age, page)
        for name in due:
            had[name].append(number)
    return had


def longest_wait(runs_of_one: list[int], runs: int) -> int:
    return max(later - earlier for earlier, later in zip([-1, *runs_of_one], [*runs_of_one, runs], strict=True))


@given(st.integers(1, 600), st.integers(50, 700), st.sampled_from([OLD, YOUNG]))
def test_everybody_has_a_turn_within_an_hour(uploads: int, window: int, age: timedelta) -> None:
    had = turns(uploads, window, age, 60)
    assert max(longest_wait(each, 60) for each in had.values()) <= 12


def test_a_hundred_thousand_have_their_turn_within_an_hour() -> None:
    for age in (YOUNG, OLD):
        had = turns(100_000, 20_000, age, 13, page=2000)
        assert max(longest_wait(each, 13) for each in had.values()) <= 12


def test_an_old_upload_has_one_turn_an_hour() -> None:
    had = turns(500, 1000, OLD, 12 * 24)
    assert {len(each) for each in had.values()} <= set(range(24, 27))


def test_a_young_upload_has_a_turn_in_every_run() -> None:
    assert {len(each) for each in turns(500, 1000, YOUNG, 50).values()} == {50}


@given(st.sampled_from([1, 3, 6, 12]), st.integers(1, 40))
def test_a_longer_period_follows_only_a_turn_for_all(period: int, runs: int) -> None:
    following = next_period(period, runs)
    assert following <= period or period == 1
    assert following * runs <= 12 or following == 1


def test_the_companies_take_turns_in_a_new_order_each_run() -> None:
    uploads = [("A", f"A/{number}") for number in range(1000)] + [("B", "B/1"), ("B", "B/2")]
    orders = [shuffled(uploads, run, lambda upload: upload) for run in (1, 2)]
    for order in orders:
        assert sorted(order) == sorted(uploads)
        assert [company for company, _ in order[:4]].count("B") == 2
    assert orders[0] != orders[1]


def after_answers(hours: float, *, every: timedelta = RUN, setup: str = "s") -> SweepState:
    """Return the state after sweeps in which BC answered, for so long."""
    state, now = SweepState(), NOON
    while now <= NOON + timedelta(hours=hours):
        state = state.begun(now, setup).answered(now).company_answered("cronus", now).ended(now)
        now += every
    return state


def may_end(state: SweepState, hours: float, setup: str = "s") -> bool:
    now = NOON + timedelta(hours=hours)
    return state.begun(now, setup).answered(now).ends_waiting("cronus", now)


def test_waiting_ends_once_bc_has_answered_for_a_day() -> None:
    assert not may_end(after_answers(23.8), 23.9)
    assert may_end(after_answers(24), 24.1)


def test_waiting_does_not_end_after_a_gap() -> None:
    assert not may_end(after_answers(48), 48.6)


def test_waiting_does_not_end_after_a_change_of_settings() -> None:
    assert not may_end(after_answers(48), 48.1, setup="another")


def test_waiting_does_not_end_after_an_outage_of_bc() -> None:
    assert not may_end(after_answers(48).unanswered().ended(NOON + timedelta(hours=48)), 48.1)


def test_waiting_does_not_end_in_a_company_that_was_gone() -> None:
    state = after_answers(48)
    back = NOON + timedelta(hours=48)
    assert not may_end(state.company_failed("cronus").company_answered("cronus", back), 48.1)


def test_the_state_survives_storage() -> None:
    state = after_answers(30).listed("marker")
    assert sweep_states.from_json(sweep_states.to_json(state)) == state


@given(st.binary())
def test_what_is_no_state_counts_as_none(text: bytes) -> None:
    assert sweep_states.from_json(text) == SweepState()
    assert sweep_states.from_json(b'{"version": 1, "run": "x"}') == SweepState()
