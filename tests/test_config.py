"""The app settings have the documented defaults, report every problem at once, and never show a key."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.config import SETTINGS, ConfigurationError, Settings, read

KEY = "c2VjcmV0LWFjY291bnQta2V5"
LOCAL = {
    "PICTURE_STORAGE": f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey={KEY};",
    "BC_BASE_URL": "http://127.0.0.1:7048/v2.0/t/e/api/v2.0",
}
CLOUD = {
    "PICTURE_STORAGE__blobServiceUri": "https://pictures.blob.core.windows.net",
    "PICTURE_STORAGE__queueServiceUri": "https://pictures.queue.core.windows.net",
    "PICTURE_STORAGE__credential": "managedidentity",
    "BC_TENANT_ID": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "BC_ENVIRONMENT": "Production",
}
WORDS = (
    "https://",
    "http://",
    "[",
    "]",
    "localhost",
    "::1",
    "@",
    "/api/v2.0",
    "{item}",
    "P",
    "T",
    "7",
    "D",
    "#",
)


def settings(**changed: str | None) -> Settings:
    """Read the local settings with these changes; None removes a setting."""
    merged = {**LOCAL, **changed}
    return read({name: value for name, value in merged.items() if value is not None})


def problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as error:
        read(environ)
    assert all(problem in str(error.value) for problem in error.value.problems)
    return error.value.problems


def test_defaults_are_as_documented() -> None:
    defaults = settings()
    rendition, limits = defaults.rendition, defaults.limits
    assert (rendition.max_side, rendition.max_bytes, rendition.quality) == (1024, 262_144, 85)
    assert rendition.background == (255, 255, 255)
    assert (limits.max_bytes, limits.max_pixels) == (67_108_864, 120_000_000)
    assert timedelta(days=7) == defaults.item_wait
    assert defaults.trigger_source == "EventGrid"
    assert [t.text for t in defaults.templates] == ["{company}/{item}.{extension}", "{item}.{extension}"]
    assert defaults.business_central.company is None
    assert defaults.business_central.client_id is None


def test_the_base_url_is_built_from_tenant_and_environment() -> None:
    cloud = read({**CLOUD, "BC_ENVIRONMENT": "My Sandbox/1"})
    expected = (
        "https://api.businesscentral.dynamics.com/v2.0/3fa85f64-5717-4562-b3fc-2c963f66afa6/My%20Sandbox%2F1/api/v2.0"
    )
    assert expected == cloud.business_central.base_url


def test_a_blank_setting_counts_as_not_set() -> None:
    unset = {name for name in SETTINGS if name not in LOCAL and not name.startswith("PICTURE_STORAGE")}
    assert settings() == settings(**dict.fromkeys(unset, "  "))


@pytest.mark.parametrize("name", ["PICTURE_STORAGE__blobServiceUri", "PICTURE_STORAGE__clientId"])
def test_a_blank_storage_setting_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        settings(**{name: ""})
    assert refused.value.problems == [f"{name}: found ''; remove it"]


BAD = {
    "PICTURE_TRIGGER_SOURCE": ("Polling", "EventGrid or LogsAndContainerScan"),
    "BLOB_PATH_TEMPLATE": ("{company}.jpg", "{item} or {gtin}"),
    "BC_BASE_URL": ("ftp://bc/api/v2.0", "https://"),
    "AZURE_CLIENT_ID": ("my-identity", "GUID"),
    "PICTURE_STORAGE__clientId": ("1234", "GUID"),
    "PICTURE_MAX_SIDE": ("63", "64 to 8192"),
    "PICTURE_MAX_BYTES": ("256k", "whole number"),
    "PICTURE_QUALITY": ("100", "40 to 95"),
    "PICTURE_FIT": ("crop", "inside or pad"),
    "PICTURE_BACKGROUND": ("white", "#FFFFFF"),
    "SOURCE_MAX_BYTES": ("-1", "whole number"),
    "SOURCE_MAX_PIXELS": ("1e8", "whole number"),
    "RENDER_MEMORY": ("1G", "whole number"),
    "ITEM_WAIT": ("7 days", "P7D"),
    "SWEEP_SCHEDULE": ("every hour", "six fields"),
    "SWEEP_MIN_AGE": ("2 minutes", "P7D"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_problem_names_setting_value_and_expectation(name: str) -> None:
    value, expected = BAD[name]
    (problem,) = problems({**LOCAL, name: value, "BC_COMPANY": "CRONUS"})
    assert problem.startswith(f"{name}: ")
    assert repr(value) in problem
    assert expected in problem


def test_all_problems_are_reported_together() -> None:
    reported = [p.partition(":")[0] for p in problems({name: value for name, (value, _) in BAD.items()})]
    assert {*BAD, "PICTURE_STORAGE"} == set(reported)
    assert len(reported) == len(set(reported))


def test_missing_settings_are_listed() -> None:
    reported = [problem.partition(":")[0] for problem in problems({})]
    assert reported == ["PICTURE_STORAGE", "BC_TENANT_ID", "BC_ENVIRONMENT"]


def test_a_template_without_company_needs_the_default_company() -> None:
    (problem,) = problems({**LOCAL, "BLOB_PATH_TEMPLATE": "{item}.{extension}"})
    assert problem.startswith("BC_COMPANY: not set")
    assert settings(BLOB_PATH_TEMPLATE="{item}.{extension}", BC_COMPANY="C").business_central.company == "C"


@pytest.mark.parametrize("missing", ["PICTURE_STORAGE__blobServiceUri", "PICTURE_STORAGE__queueServiceUri"])
def test_storage_by_identity_needs_both_addresses(missing: str) -> None:
    assert any(missing in problem for problem in problems({k: v for k, v in CLOUD.items() if k != missing}))


def test_key_and_identity_exclude_each_other() -> None:
    (problem,) = problems({**CLOUD, "PICTURE_STORAGE": LOCAL["PICTURE_STORAGE"]})
    assert "both" in problem
    assert KEY not in problem


def test_storage_by_identity_needs_a_managed_identity() -> None:
    (problem,) = problems({**CLOUD, "PICTURE_STORAGE__credential": "workloadidentity"})
    assert "'workloadidentity'" in problem


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1:80", "localhost:7048", "LOCALHOST", "[::1]:80"])
def test_plain_http_is_accepted_on_loopback(host: str) -> None:
    assert settings(BC_BASE_URL=f"http://{host}/api/v2.0").business_central.base_url.startswith("http:")


@pytest.mark.parametrize(
    "url",
    [
        "http://bc.example.com/api/v2.0",
        "http://127.0.0.1.example.com/api/v2.0",
        "http://localhost.example.com/api/v2.0",
        "http://localhost@example.com/api/v2.0",
        "http://example.com\\@localhost/api/v2.0",
        "http://0.0.0.0/api/v2.0",
        "http://10.0.0.1/api/v2.0",
        "http:///api/v2.0",
        "https:///api/v2.0",
        "https://[/api/v2.0",
        "https://[nonsense]/api/v2.0",
        "//localhost/api/v2.0",
        "localhost/api/v2.0",
    ],
)
def test_elsewhere_a_token_never_travels_without_tls(url: str) -> None:
    (problem,) = problems({**LOCAL, "BC_BASE_URL": url})
    assert problem.startswith("BC_BASE_URL: ")


@pytest.mark.parametrize("url", ["https://bc.example.com", "https://bc.example.com/api/v2.0/companies"])
def test_the_base_url_must_be_complete(url: str) -> None:
    assert "/api/v2.0" in problems({**LOCAL, "BC_BASE_URL": url})[0]


def test_settings_print_no_key_in_a_traceback() -> None:
    local = settings()
    assert local.storage.connection_string is not None
    assert KEY in local.storage.connection_string
    for printed in (repr(local), str(local), f"{local.storage}"):
        assert KEY not in printed
        assert "AccountName" not in printed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P7D", timedelta(days=7)),
        ("p1w", timedelta(weeks=1)),
        ("PT12H", timedelta(hours=12)),
        ("P1DT1H1M1S", timedelta(days=1, hours=1, minutes=1, seconds=1)),
        ("PT90S", timedelta(seconds=90)),
        ("P0D", timedelta(0)),
    ],
)
def test_item_wait_is_an_iso_duration(text: str, expected: timedelta) -> None:
    assert expected == settings(ITEM_WAIT=text).item_wait


@pytest.mark.parametrize(
    "text", ["P", "PT", "P7DT", "7D", "P1Y", "P1M", "P-7D", "P7D ago", "P\u0667D", "PT1S1M", "P1.5D"]
)
def test_anything_but_a_fixed_duration_is_refused(text: str) -> None:
    assert problems({**LOCAL, "ITEM_WAIT": text})[0].startswith("ITEM_WAIT: ")


@pytest.mark.parametrize(("text", "rgb"), [("#FFFFFF", (255, 255, 255)), ("#0a80Ff", (10, 128, 255))])
def test_a_background_is_six_hex_digits(text: str, rgb: tuple[int, int, int]) -> None:
    assert rgb == settings(PICTURE_BACKGROUND=text).rendition.background


@pytest.mark.parametrize(
    "text", ["#FFF", "FFFFFF", "#GGGGGG", "#FFFFFF00", "# FFFFF", "#\u0661\u0661\u0661\u0661\u0661\u0661"]
)
def test_any_other_colour_is_refused(text: str) -> None:
    assert problems({**LOCAL, "PICTURE_BACKGROUND": text})[0].startswith("PICTURE_BACKGROUND: ")


def test_a_client_id_is_accepted_in_every_spelling() -> None:
    guid = CLOUD["BC_TENANT_ID"]
    assert guid == settings(AZURE_CLIENT_ID=f"{{{guid.upper()}}}").business_central.client_id


VALUES: Any = st.one_of(
    st.text(max_size=40),
    st.text(alphabet=st.characters(), max_size=5),  # with lone surrogates: bad bytes in the environment become these
    st.lists(st.sampled_from(WORDS), max_size=6).map("".join),
)


@given(st.dictionaries(st.sampled_from((*SETTINGS, "PATH")), VALUES), st.sampled_from(({}, LOCAL, CLOUD)))
@example({"BC_TENANT_ID": "\udcff"}, CLOUD)
@example({"BC_BASE_URL": "https://["}, LOCAL)
def test_any_settings_are_accepted_or_refused_by_name(environ: dict[str, str], base: dict[str, str]) -> None:
    try:
        result = read({**base, **environ})
    except ConfigurationError as error:
        assert {problem.partition(":")[0] for problem in error.problems} <= set(SETTINGS)  # noqa: PT017 - both results are right
    else:
        assert isinstance(result, Settings)
