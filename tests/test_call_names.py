"""Calls of one kind have one name, in the cloud and locally; other people's calls have none."""

import pytest

from shared.call_names import call_name

BC = {"client-request-id": "0"}
STORAGE = {"x-ms-version": "2024-11-04"}
COPY = {**STORAGE, "x-ms-copy-source": "https://pictures.blob.core.windows.net/product-images/a.jpg"}
API = "https://api.businesscentral.dynamics.com/v2.0/t/e/api/v2.0/companies(1)"
CLOUD, LOCAL = "https://pictures.blob.core.windows.net", "http://127.0.0.1:10000/devstoreaccount1"


@pytest.mark.parametrize(
    ("method", "url", "name"),
    [
        ("GET", "https://bc/api/v2.0/companies?$select=id", "read companies"),
        ("GET", f"{API}/items?$filter=number eq '1'", "find items"),
        ("GET", f"{API}/items(2)/picture/pictureContent", "read picture"),
        ("PATCH", f"{API}/items(2)/picture/pictureContent", "write picture"),
        ("PATCH", "https://bc/api/v1.0/companies(1)/items(2)/picture(2)/content", "write picture"),
    ],
)
def test_calls_to_bc(method: str, url: str, name: str) -> None:
    assert call_name(method, url, BC) == name


@pytest.mark.parametrize("account", [CLOUD, LOCAL])
@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "product-images/archive/a.jpg", "read upload"),
        ("HEAD", "product-images/a.jpg", "look at upload"),
        ("DELETE", "product-images/a.jpg", "delete upload"),
        ("GET", "product-images?restype=container&comp=list&prefix=x", "list product-images"),
        ("GET", "records/e/c/i.json", "read record"),
        ("PUT", "records/e/c/i.json", "write record"),
        ("PUT", "records/sweep.json?comp=lease", "lease record"),
        ("PUT", "quarantine/a.txt", "write quarantine"),
        ("PUT", "archive/a.jpg?comp=metadata", "mark archive"),
    ],
)
def test_calls_to_storage(account: str, method: str, path: str, name: str) -> None:
    assert call_name(method, f"{account}/{path}", STORAGE) == name


def test_a_copy_is_no_write() -> None:
    assert call_name("PUT", f"{CLOUD}/archive/a.jpg", COPY) == "copy to archive"


@pytest.mark.parametrize("url", ["http://127.0.0.1/msi/token", f"{CLOUD}/other/a.jpg", "", CLOUD])
def test_other_calls_have_no_name(url: str) -> None:
    assert call_name("GET", url, {}) is None
