"""replay puts back what was named, says of each what became of it, and changes nothing in a dry run."""

import pytest

from shared.errors import Reason
from shared.report import Outcome
from shared.storage import names
from tests.operate.command import Ended, Operator
from tests.support.item_pictures import BLUE, BY_ID, GREEN, PNG, RED, colour_in_bc, deliver, picture_of, upload
from tests.support.local_stack import DESK, LocalStack
from tests.support.replays import archived_original, set_aside, without_its_item
from tests.test_waiting import UNKNOWN_ITEM

BROKEN = b"no picture at all, but long enough to be judged"
LAMP = "CRONUS USA, Inc/1928-S.jpg"


ITEMS = [f"CRONUS USA, Inc/NEW-{number}.jpg" for number in range(8)]
DRAFT, GOOD = picture_of(RED), picture_of(GREEN)


def uploaded_twice(local: LocalStack) -> dict[str, list[str]]:
    """Set aside two originals of each name, the draft first; of eight, hardly ever all sort by hash as by time."""
    found: dict[str, list[str]] = {path: [set_aside(local, path, DRAFT)] for path in ITEMS}
    local.pass_time(minutes=1)
    for path in ITEMS:
        found[path].append(set_aside(local, path, GOOD))
    return found


def states(ended: Ended) -> dict[str, str]:
    return {each["place"]: each["state"] for each in ended.document["originals"]}


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
    assert {place.partition("~")[0]: state for place, state in states(ended).items()} == {
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
    assert ended.code == 1
    assert states(ended)[f"quarantine/{blocked}"] == "refused"
    assert sorted(states(ended).values()) == ["refused", "replayed"]
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


def test_of_each_name_the_newest_comes_back_first(local: LocalStack, operator: Operator) -> None:
    found = uploaded_twice(local)
    command = ("--json", "replay", "--reason", "item_not_found")
    foretold, ended = operator.run(*command, "--dry-run"), operator.run(*command)
    assert states(ended) == {
        f"quarantine/{place}": state for pair in found.values() for place, state in zip(pair, _OLD_NEW, strict=True)
    }
    assert states(foretold) == {p: s.replace("replayed", "would be replayed") for p, s in states(ended).items()}
    assert (foretold.code, ended.code) == (1, 1)
    assert {each["detail"][:29] for each in ended.document["originals"]} == {"", "A newer original of this name"}
    assert {path: local.read(names.INCOMING, path) for path in ITEMS} == dict.fromkeys(ITEMS, GOOD)
    for path in ITEMS:
        local.incoming(path).delete_blob()  # as if it were taken up
    assert states(operator.run(*command)) == {f"quarantine/{draft}": "replayed" for draft, _ in found.values()}


_OLD_NEW = ("refused", "replayed")


def test_none_of_several_comes_back_as_new_unless_it_is_named(local: LocalStack, operator: Operator) -> None:
    """Whichever came last would be on the item; and a draft that stays would be the newest in the next run."""
    found = uploaded_twice(local)
    alone = without_its_item(local)
    before = local.names(names.QUARANTINE)
    command = ("--json", "replay", "--as-new", "--reason", "item_not_found")
    foretold, ended = operator.run(*command, "--dry-run"), operator.run(*command)
    refused = {f"quarantine/{place}": "refused" for pair in found.values() for place in pair}
    assert states(foretold) == refused | {f"quarantine/{alone}": "would be replayed"}
    assert states(ended) == refused | {f"quarantine/{alone}": "replayed"}
    assert states(operator.run(*command)) == refused
    assert local.names(names.INCOMING) == [UNKNOWN_ITEM]
    assert set(before) - set(local.names(names.QUARANTINE)) == {alone, f"{alone}.txt"}
    assert "2 of these originals mean one item." in ended.document["originals"][0]["detail"]
    _, good = found[ITEMS[0]]
    assert operator.run("replay", "--as-new", f"quarantine/{good}").code == 0
    assert local.read(names.INCOMING, ITEMS[0]) == GOOD


@pytest.mark.parametrize("other", [PNG, "cronus usa, inc./1896-s.jpg"])
def test_files_of_one_item_exclude_each_other_only_as_new(other: str, local: LocalStack, operator: Operator) -> None:
    places = [f"quarantine/{set_aside(local, path, BROKEN)}" for path in (DESK, other, LAMP)]
    as_new = operator.run("--json", "replay", "--as-new", "--dry-run", "--reason", "not_an_image")
    assert [states(as_new)[place] for place in places] == ["refused", "refused", "would be replayed"]
    assert operator.run("replay", "--reason", "not_an_image").code == 0
    assert local.names(names.INCOMING) == sorted([DESK, other, LAMP])


@pytest.mark.parametrize("by_name", [True, False])
def test_the_oldest_upload_comes_back_first(by_name: bool, local: LocalStack, operator: Operator) -> None:
    """Paths alone do not tell that a number and an id mean one item: there, what comes last is on it."""
    places = []
    for path in (LAMP, DESK, "NORDWIND/1000.jpg", BY_ID, "1.jpg/1.jpg"):
        places.append(f"quarantine/{set_aside(local, path, BROKEN)}")
        local.pass_time(minutes=1)
    asked = sorted(places) if by_name else ("--reason", "not_an_image")
    assert list(states(operator.run("--json", "replay", "--as-new", *asked))) == places


def test_two_of_one_name_and_second_are_left_to_somebody(local: LocalStack, operator: Operator) -> None:
    """Of two replays of one second, the one that is taken up first stays on the item."""
    marks = {"source_name": DESK, "uploaded_at": "2026-03-01T08:00:00+00:00", "upload_id": "x"}
    places = []
    for etag in ("0x1", "0x2"):
        places.append(names.quarantine_name(Reason.NOT_AN_IMAGE, DESK, etag))
        blob = local.storage.get_blob_client(names.QUARANTINE, places[-1])
        blob.upload_blob(BROKEN, metadata=names.encode_metadata({**marks, "source_etag": etag}))
    ended = operator.run("--json", "replay", "--reason", "not_an_image")
    assert (ended.code, states(ended)) == (1, {f"quarantine/{place}": "refused" for place in places})
    assert "in the same second" in ended.document["originals"][0]["detail"]
    assert operator.run("replay", f"quarantine/{places[0]}").code == 0


def test_what_is_named_twice_comes_back_once(local: LocalStack, operator: Operator) -> None:
    place = f"quarantine/{without_its_item(local)}"
    ended = operator.run("--json", "replay", place, UNKNOWN_ITEM, "quarantine/item_not_found/none~0.jpg")
    assert states(ended) == {place: "replayed", "quarantine/item_not_found/none~0.jpg": "refused"}
    assert ended.code == 1


def test_of_two_that_are_named_the_newest_comes_back(local: LocalStack, operator: Operator) -> None:
    draft = f"quarantine/{set_aside(local, DESK, BROKEN)}"
    local.pass_time(minutes=1)
    good = f"quarantine/{set_aside(local, DESK, BROKEN + b'!')}"
    for named in ((draft, good), (good, draft)):
        ended = operator.run("--json", "replay", "--dry-run", *named)
        assert states(ended) == {draft: "refused", good: "would be replayed"}
    assert set(states(operator.run("--json", "replay", "--as-new", draft, good)).values()) == {"refused"}
    assert local.names(names.INCOMING) == []


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
