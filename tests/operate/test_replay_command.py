"""replay puts back what was named, says of each what became of it, and changes nothing in a dry run."""

import pytest

from shared.report import Outcome
from shared.storage import names
from tests.operate.command import Operator
from tests.support.item_pictures import BLUE, GREEN, RED, colour_in_bc, deliver, picture_of, upload
from tests.support.local_stack import DESK, LocalStack
from tests.support.replays import archived_original, set_aside, without_its_item
from tests.test_waiting import UNKNOWN_ITEM

BROKEN = b"no picture at all, but long enough to be judged"
LAMP = "CRONUS USA, Inc/1928-S.jpg"


def everything(local: LocalStack) -> dict[str, list[str]]:
    return {container: local.names(container) for container in (names.INCOMING, names.QUARANTINE, names.ARCHIVE)}


def test_all_of_one_reason_come_back(local: LocalStack, operator: Operator) -> None:
    set_aside(local, DESK, BROKEN)
    set_aside(local, LAMP, BROKEN)
    other = without_its_item(local)
    originals = operator.asked("replay", "--reason", "not_an_image")["originals"]
    assert sorted(each["name"] for each in originals) == [DESK, LAMP]
    assert {each["state"] for each in originals} == {"replayed"}
    assert local.names(names.INCOMING) == [DESK, LAMP]
    assert local.names(names.QUARANTINE) == [other, f"{other}.txt"]


def test_only_those_of_the_company_come_back(local: LocalStack, operator: Operator) -> None:
    set_aside(local, DESK, BROKEN)
    set_aside(local, "NORDWIND/1000.jpg", BROKEN)
    originals = operator.asked("replay", "--reason", "not_an_image", "--company", "nordwind")["originals"]
    assert [each["name"] for each in originals] == ["NORDWIND/1000.jpg"]
    assert local.names(names.INCOMING) == ["NORDWIND/1000.jpg"]


def test_a_file_comes_back_by_its_own_name(local: LocalStack, operator: Operator) -> None:
    without_its_item(local)
    ended = operator.run("replay", UNKNOWN_ITEM)
    assert (ended.code, local.names(names.INCOMING)) == (0, [UNKNOWN_ITEM])
    assert "1 replayed." in ended.out


def test_a_dry_run_says_what_would_happen_and_does_nothing(local: LocalStack, operator: Operator) -> None:
    set_aside(local, DESK, BROKEN)
    set_aside(local, LAMP, BROKEN)
    local.upload(LAMP, picture_of(BLUE))
    before = everything(local)
    ended = operator.run("--json", "replay", "--reason", "not_an_image", "--dry-run")
    states = {each["place"].partition("~")[0]: each["state"] for each in ended.document["originals"]}
    assert states == {
        "quarantine/not_an_image/CRONUS USA, Inc/1896-S": "would be replayed",
        "quarantine/not_an_image/CRONUS USA, Inc/1928-S": "refused",
    }
    assert (ended.code, everything(local)) == (1, before)


def test_an_older_picture_comes_back_only_as_new(local: LocalStack, operator: Operator) -> None:
    upload(local, BLUE)
    local.pass_time(minutes=1)
    upload(local, RED)
    operator.asked("replay", f"archive/{archived_original(local, BLUE)}")
    assert (deliver(local).outcome, colour_in_bc(local)) == (Outcome.SUPERSEDED, RED)
    operator.asked("replay", "--as-new", f"archive/{archived_original(local, BLUE)}")
    assert (deliver(local).outcome, colour_in_bc(local)) == (Outcome.UPDATED, BLUE)


def test_what_is_refused_stays_and_the_others_come_back(local: LocalStack, operator: Operator) -> None:
    blocked = set_aside(local, DESK, BROKEN)
    set_aside(local, LAMP, BROKEN)
    local.upload(DESK, picture_of(GREEN))
    ended = operator.run("--json", "replay", "--reason", "not_an_image")
    states = [(each["place"], each["state"]) for each in ended.document["originals"]]
    assert ended.code == 1
    assert (f"quarantine/{blocked}", "refused") in states
    assert sorted(state for _, state in states) == ["refused", "replayed"]
    assert local.names(names.INCOMING) == [DESK, LAMP]
    assert local.read(names.QUARANTINE, blocked) == BROKEN
    assert local.read(names.INCOMING, DESK) == picture_of(GREEN)


def test_a_name_that_two_originals_have_is_not_guessed(local: LocalStack, operator: Operator) -> None:
    first = set_aside(local, DESK, BROKEN)
    second = set_aside(local, DESK, BROKEN + b"!")
    ended = operator.run("replay", DESK)
    assert (ended.code, ended.err.count("\n"), local.names(names.INCOMING)) == (2, 1, [])
    assert f"quarantine/{first}" in ended.err
    assert f"quarantine/{second}" in ended.err
    assert operator.run("replay", f"quarantine/{second}").code == 0
    assert local.read(names.INCOMING, DESK) == BROKEN + b"!"


def test_an_unknown_name_stops_before_the_first_replay(local: LocalStack, operator: Operator) -> None:
    set_aside(local, DESK, BROKEN)
    ended = operator.run("replay", DESK, "never uploaded.jpg")
    assert (ended.code, local.names(names.INCOMING)) == (2, [])
    assert "Nothing in quarantine was uploaded as 'never uploaded.jpg'" in ended.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "name files, or a reason"),
        (("x.jpg", "--reason", "bad_path"), "name files, or a reason"),
        (("--reason", "settling"), "'settling' is no reason for quarantine"),
        (("x.jpg", "--company", "C"), "is for --reason"),
    ],
)
def test_a_command_line_without_sense_says_what_it_lacks(
    arguments: tuple[str, ...], problem: str, operator: Operator
) -> None:
    ended = operator.run("replay", *arguments)
    assert ended.code == 2
    assert problem in " ".join(ended.err.split())


def test_nothing_to_replay_is_no_failure(operator: Operator) -> None:
    ended = operator.run("replay", "--reason", "bad_path")
    assert ended.code == 0
    assert "Nothing to replay." in ended.out
