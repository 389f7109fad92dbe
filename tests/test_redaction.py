"""Messages about settings show enough of a wrong value to recognise it, and nothing that may be a secret."""

import pytest

from shared.config import SETTINGS, ConfigurationError, read
from shared.redaction import redacted, without_queries

KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
SECRETS = {
    "https://apim.example.com/bc?subscription-key=hunter2": ["hunter2"],
    "https://apim.example.com/bc/api/v2.0#hunter2": ["hunter2"],
    "https://user:hunter2@bc.example.com/api/v2.0": ["user", "hunter2"],
    "https://user:hun/ter2@bc.example.com/api/v2.0": ["hun", "ter2"],
    "https://user:hun@ter2@bc.example.com/api/v2.0": ["hun", "ter2"],
    "https://user%3Ahunter2%40bc.example.com/api/v2.0": ["hunter2"],
    "user:hunter2@bc.example.com": ["hunter2"],
    "ftp://user:hunter2/api/v2.0": ["hunter2"],
    "user:hunter2": ["hunter2"],
    f"DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={KEY};EndpointSuffix=core.windows.net": [KEY[:20]],
    "https://shop.blob.core.windows.net/?sv=2024-11-04&ss=b&sig=hunter2%3D": ["hunter2"],
    "sv=2024-11-04&ss=b&sig=hunter2": ["hunter2"],
    "BlobEndpoint=https://shop.blob.core.windows.net;SharedAccessSignature=sv=2024&sig=hunter2": ["hunter2"],
    KEY: [KEY[:12], "K1SZFPTOtr", "KBHBeksoGMGw"],
    "Bearer eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL2FwaSJ9.c2lnbmF0dXJl": ["eyJ", "c2lnbmF0dXJl"],
    "abC8Q~d0nOtPrintThisClientSecretEver1234": ["d0nOt", "Secret"],
    "0123456789abcdef0123456789abcdef": ["0123456789abcdef"],
    "{company}/{item}?sig=hunter2": ["hunter2"],
    "https://user:hunter2@bc.example.com/{sig=hunter2}/{item}.{extension}": ["hunter2"],
    "{item}{https://user:hunter2@bc.example.com?sig=hunter2}": ["hunter2"],
    "https://user:hunter2}@bc.example.com/{item}": ["hunter2"],
    '{"clientSecret": "hunter2"}': ["hunter2"],
    "password hunter2": ["hunter2"],
    "https://user:hunter2\n@bc.example.com/api/v2.0": ["hunter2"],
}


@pytest.mark.parametrize("value", SECRETS, ids=range(len(SECRETS)))
@pytest.mark.parametrize("name", SETTINGS)
def test_no_setting_prints_a_secret_that_it_complains_about(name: str, value: str) -> None:
    storage = {"PICTURE_STORAGE": "UseDevelopmentStorage=true"}
    if name.startswith("PICTURE_STORAGE__"):
        address = "https://shop.blob.core.windows.net"
        storage = {"PICTURE_STORAGE__blobServiceUri": address, "PICTURE_STORAGE__queueServiceUri": address}
    message = ""
    try:
        read({**storage, name: value})
    except ConfigurationError as refused:
        message = str(refused)
    assert [secret for secret in SECRETS[value] if secret in message] == []


@pytest.mark.parametrize(
    "value",
    [
        "ftp://bc/api/v2.0",
        "http://bc.example.com:7048/BC270/api/v2.0",
        "https://mystorageaccount1234567.blob.core.windows.net/",
        "ed8c4463-bbf3-5e8d-8254-829373e2e2d",
        "https://api.businesscentral.dynamics.com/v2.0/3fa85f64-5717-4562-b3fc-2c963f66afa6/Sandbox/api/v1.0",
        "{company}/{item}-{name}.{extension}",
        "workloadidentity",
        "LogsAndContainerScans",
        "7 days",
        "#FFF",
        "256k",
        "CRONUS USA, Inc.",
    ],
)
def test_what_holds_no_secret_is_shown_in_full(value: str) -> None:
    assert redacted(value) == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://user:hunter2@bc.example.com/api/v2.0", "https://…@bc.example.com/api/v2.0"),
        ("https://apim.example.com/bc?subscription-key=hunter2", "https://apim.example.com/bc?…"),
        ("AccountName=shop;AccountKey=hunter2", "AccountName=…;AccountKey=…"),
        ("x" * 30 + " " + "y" * 200, "x" * 30 + " …"),
    ],
)
def test_the_rest_of_a_redacted_value_stays(value: str, shown: str) -> None:
    assert redacted(value) == shown


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("url: /images/a%20b.jpg?sv=2024&sig=hunter2%3D (Caused by …)", "url: /images/a%20b.jpg?… (Caused by …)"),
        ("https://a/?sig=hunter2 and https://b/c?sig=hunter2", "https://a/?… and https://b/c?…"),
        ("Is the account open? Nobody knows.", "Is the account open? Nobody knows."),
    ],
)
def test_a_foreign_message_loses_the_queries_of_addresses(message: str, shown: str) -> None:
    assert without_queries(message) == shown
