"""Folders, extensions and odd names: each path means one item, waits, is ignored, or is refused."""

import contextlib
import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.errors import Permanent, Reason
from shared.paths import ItemKey, KeyKind, fold_company, is_temporary, parse_templates
from tests.support.blob_paths import BLOB_PATHS, DEFAULT, GUID, TEMPLATES, key, refused


@pytest.mark.parametrize("company", ["CRONUS USA, Inc", "My.Company", "Köln & Söhne", GUID])
def test_the_folder_names_the_company(company: str) -> None:
    assert key(f"{company}/1896-S.jpg") == ItemKey(company, KeyKind.NUMBER, "1896-S")


@pytest.mark.parametrize("extension", ["jpg", "JPG", "Jpeg", "weird"])
def test_the_extension_does_not_matter(extension: str) -> None:
    assert key(f"1896-S.{extension}").value == "1896-S"


@pytest.mark.parametrize(
    "path", ["", "1896-S", "C/2026/1896-S.jpg", "C//1896-S.jpg", "/1896-S.jpg", ".jpg", "C/.jpg", "1896-S."]
)
def test_a_path_of_another_form_is_refused_with_all_forms(path: str) -> None:
    detail = refused(path)
    assert all(template.text in detail for template in DEFAULT)


@pytest.mark.parametrize("path", ["CRONUS/10/20.jpg", "C/1/2/3.png"])
def test_a_number_with_a_slash_gets_the_advice_to_use_the_id(path: str) -> None:
    assert "use the item's id" in refused(path)
    assert "use the item's id" not in refused(path.split("/", 1)[0])


@pytest.mark.parametrize("company", [" ", " . ", ". .", "..."])
def test_a_blank_company_is_refused(company: str) -> None:
    assert "no company" in refused(f"{company}/1896-S.jpg")


@pytest.mark.parametrize(
    "path", ["../archive/x.jpg", "./1896-S.jpg", "CRONUS/../1896-S.jpg", "CRONUS/..", "..", r"CRONUS\..\1896-S.jpg"]
)
def test_a_part_of_dots_is_refused(path: str) -> None:
    assert "'.' or '..'" in refused(path, "{name}/{item}.{extension}|{item}.{extension}|{item}")


@pytest.mark.parametrize("name", ["2016.01", "1896-S", "1896.5-S", "1896-S.2026", "1896-S.photograph", "1896-S.j p g"])
def test_what_has_no_extension_is_a_bad_path(name: str) -> None:
    """Letters first, and five characters at most: the end of an item number is not an extension."""
    assert "{extension}" in refused(name)


@pytest.mark.parametrize("extension", ["jpg", "JPEG", "webp", "jp2", "j2k", "tiff", "heic"])
def test_extensions_of_pictures_are_recognised(extension: str) -> None:
    assert key(f"2016.01.{extension}") == ItemKey(None, KeyKind.NUMBER, "2016.01")


def test_a_gtin_ends_where_its_digits_end() -> None:
    path = "08032413630316_A1C1_s03.png"
    assert key(path, "{gtin}_{name}.{extension}") == ItemKey(None, KeyKind.GTIN, "08032413630316")
    assert key("C/front-4006381333931-2.jpg", "{company}/{name}-{gtin}-2.{extension}")


@pytest.mark.parametrize(
    "name",
    [
        *("1896-S.jpg.filepart", "1896-S.part", "C/x.jpg.crdownload", "x.TMP", "C/.~1896-S.jpg", "~wrd0000.tmp"),
        *("C/.1896-S.jpg.aB3xYz", "C/.in.1896-S.jpg.", "x.jpg.ffs_tmp", "x.jpg._COPYING_", "x.jpg~", "x.jpg.aria2"),
    ],
)
def test_names_that_tools_use_while_they_write_are_known(name: str) -> None:
    assert is_temporary(name)


@pytest.mark.parametrize("name", ["1896-S.jpg", "tmp/1896-S.png", "filepart", "~1896-S.jpg", "temp.jpeg", ".jpg"])
def test_finished_names_are_not_temporary(name: str) -> None:
    assert not is_temporary(name)


@pytest.mark.parametrize(
    "name",
    [".DS_Store", "Thumbs.db", "THUMBS.DB", "desktop.ini", "._1896-S.jpg", "._", "._a\nb", "~$list.docx", ".~lock.a#"],
)
@pytest.mark.parametrize("folder", ["", "C/", "C/2026/"])
def test_files_left_by_operating_systems_are_ignored(folder: str, name: str) -> None:
    with pytest.raises(Permanent) as failure:
        key(folder + name)
    assert failure.value.reason is Reason.IGNORED


@pytest.mark.parametrize("path", ["C/", "/", "C/1896-S.jpg/"])
def test_a_path_that_ends_in_a_slash_is_a_bad_path(path: str) -> None:
    """Only its bytes show whether it is a folder's marker or a misnamed picture."""
    with pytest.raises(Permanent) as failure:
        key(path)
    assert failure.value.reason is Reason.BAD_PATH


@pytest.mark.parametrize("name", ["DS_Store", "Thumbs.dba", "_.x", "~1", ".DS_Store2"])
def test_files_that_only_resemble_those_are_not_ignored(name: str) -> None:
    assert key(f"{name}.jpg").value == name.upper()


@given(BLOB_PATHS, st.sampled_from(TEMPLATES))
@example("-" * 1024, TEMPLATES[3])
@example("a/" + "-" * 1021 + ".", TEMPLATES[3])
@example("/" * 1023 + "a", TEMPLATES[2])
@example("a (" * 341, TEMPLATES[4])
@settings(max_examples=300)
def test_every_path_is_accepted_or_refused_at_once(path: str, template: str) -> None:
    started = time.process_time()
    result: ItemKey | Permanent
    try:
        result = key(path, template)
    except Permanent as failure:
        result = failure
    assert time.process_time() - started < 1
    if isinstance(result, ItemKey):
        assert result.value
        assert not any(unicodedata.category(c) == "Cc" for c in result.value)
        assert len(result.value) <= 20 or result.kind is KeyKind.ID
    else:
        assert repr(path) in result.detail
        names_template = any(form.text in result.detail for form in parse_templates(template))
        assert result.reason is (Reason.BAD_PATH if names_template else Reason.IGNORED)


@pytest.mark.parametrize(
    "template", ["{company}_{item}_{name}.{extension}", "{company}_{name}_{item}", "{name}_{company}_{item}"]
)
@pytest.mark.parametrize("ending", [".", "/", "", "_x/."])
def test_a_hostile_path_does_not_block_a_worker(template: str, ending: str) -> None:
    """With separators everywhere and an end that never fits, the time must not grow with a power of the length."""
    started = time.process_time()
    with contextlib.suppress(Permanent):
        key("_" * 1020 + ending, template)
    assert time.process_time() - started < 2


@given(st.text(max_size=20))
def test_every_spelling_of_a_company_folds_alike(name: str) -> None:
    folded = fold_company(name)
    for form in ("NFC", "NFD"):
        assert folded == fold_company(unicodedata.normalize(form, name))
    assert folded == fold_company(f" {name}. ")


@pytest.mark.parametrize(
    ("name", "spelling"),
    [("CRONUS USA, Inc.", "cronus usa, inc"), ("Straße", "STRASSE"), ("\u0390", "\u0399\u0308\u0301")],
)
def test_a_company_folds_alike_in_capitals(name: str, spelling: str) -> None:
    assert fold_company(name) == fold_company(spelling)
