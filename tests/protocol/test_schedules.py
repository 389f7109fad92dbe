"""The scheduler of the tests of orders: it tries each order that could make a difference, and no order twice."""

from collections.abc import Callable
from math import factorial

import pytest

from tests.protocol.schedules import Actor, Explorer, run
from tests.support.outgoing_requests import Effect

READ, WRITE = "GET", "PUT"


def orders(*actors: list[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Return the orders that are tried of actors that touch these blobs so."""
    explorer, found = Explorer(), []
    while True:
        made = [Actor(str(number), does(*steps)) for number, steps in enumerate(actors)]
        happened, complete = run(made, explorer.choose)
        if complete:
            found.append(tuple(str(event) for event in happened))
        if not explorer.next_order(happened):
            return found


def does(*steps: tuple[str, str]) -> Callable[[Actor], None]:
    def body(actor: Actor) -> None:
        for method, blob in steps:
            actor.step(Effect(method, "archive", blob), lambda: None)

    return body


def test_what_touches_different_things_is_tried_in_one_order() -> None:
    assert len(orders([(WRITE, "a")] * 3, [(WRITE, "b")] * 3, [(WRITE, "c")] * 3)) == 1


def test_what_only_reads_is_tried_in_one_order() -> None:
    assert len(orders([(READ, "a")] * 3, [(READ, "a")] * 3)) == 1


@pytest.mark.parametrize(("first", "second"), [(1, 1), (2, 2), (3, 3), (1, 4)])
def test_what_touches_the_same_is_tried_in_every_order(first: int, second: int) -> None:
    found = orders([(WRITE, "a")] * first, [(WRITE, "a")] * second)
    assert len(found) == len(set(found))
    assert len(found) == factorial(first + second) // factorial(first) // factorial(second)


def test_three_that_touch_the_same_are_tried_in_every_order() -> None:
    assert len(set(orders(*[[(WRITE, "a")] * 2] * 3))) == 90


def test_a_read_is_tried_before_and_after_each_write() -> None:
    assert len(orders([(READ, "a")], [(WRITE, "a")] * 4)) == 5


def test_what_lies_between_does_not_hide_a_race() -> None:
    """Both write ``b`` after something of their own, of which the other one knows nothing."""
    found = orders([(WRITE, "a"), (WRITE, "b")], [(WRITE, "c"), (WRITE, "b")])
    assert len(found) == 2


def test_two_races_are_tried_in_all_four_ways_and_in_those_that_are_possible() -> None:
    """Each writes ``a`` and ``b``, the other way round: not both can be last in what they did first."""
    found = orders([(WRITE, "a"), (WRITE, "b")], [(WRITE, "b"), (WRITE, "a")])
    decided = {
        (
            order.index("0: PUT archive/a") < order.index("1: PUT archive/a"),
            order.index("0: PUT archive/b") < order.index("1: PUT archive/b"),
        )
        for order in found
    }
    assert decided == {(True, True), (False, False), (True, False)}
    assert len(found) == 3
