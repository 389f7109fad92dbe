"""Tests the explorer of orders: it tries each order that could make a difference, and no order twice."""

from collections.abc import Callable
from math import factorial

import pytest

from tests.protocol.actors import Actor, run
from tests.protocol.schedules import Explorer
from tests.support.outgoing_requests import Effect

READ, WRITE = "GET", "PUT"


def orders(*steps_of_actors: list[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Return the orders in which the explorer runs actors that read and write these blobs."""
    explorer, tried = Explorer(), []
    while True:
        actors = [Actor(str(number), body(*steps)) for number, steps in enumerate(steps_of_actors)]
        events, complete = run(actors, explorer.choose)
        if complete:
            tried.append(tuple(str(event) for event in events))
        if not explorer.next_order(events):
            return tried


def body(*steps: tuple[str, str]) -> Callable[[Actor], None]:
    def take_steps(actor: Actor) -> None:
        for method, blob in steps:
            actor.step(Effect(method, "archive", blob), lambda: None)

    return take_steps


def test_writes_to_different_blobs_are_tried_in_one_order() -> None:
    assert len(orders([(WRITE, "a")] * 3, [(WRITE, "b")] * 3, [(WRITE, "c")] * 3)) == 1


def test_reads_of_one_blob_are_tried_in_one_order() -> None:
    assert len(orders([(READ, "a")] * 3, [(READ, "a")] * 3)) == 1


@pytest.mark.parametrize(("first", "second"), [(1, 1), (2, 2), (3, 3), (1, 4)])
def test_writes_to_one_blob_are_tried_in_every_order(first: int, second: int) -> None:
    tried = orders([(WRITE, "a")] * first, [(WRITE, "a")] * second)
    assert len(tried) == len(set(tried))
    assert len(tried) == factorial(first + second) // factorial(first) // factorial(second)


def test_three_writers_of_one_blob_are_tried_in_every_order() -> None:
    assert len(set(orders(*[[(WRITE, "a")] * 2] * 3))) == 90


def test_a_read_is_tried_before_and_after_each_write() -> None:
    assert len(orders([(READ, "a")], [(WRITE, "a")] * 4)) == 5


def test_effects_in_between_do_not_hide_a_race() -> None:
    """Both write ``b`` after a blob that the other does not touch."""
    tried = orders([(WRITE, "a"), (WRITE, "b")], [(WRITE, "c"), (WRITE, "b")])
    assert len(tried) == 2


def test_two_races_are_tried_in_every_possible_combination() -> None:
    """Each writes ``a`` and ``b``, in opposite order: not both can come last in what they write first."""
    tried = orders([(WRITE, "a"), (WRITE, "b")], [(WRITE, "b"), (WRITE, "a")])
    combinations = {
        (
            order.index("0: PUT archive/a") < order.index("1: PUT archive/a"),
            order.index("0: PUT archive/b") < order.index("1: PUT archive/b"),
        )
        for order in tried
    }
    assert combinations == {(True, True), (False, False), (True, False)}
    assert len(tried) == 3
