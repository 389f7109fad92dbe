"""The simulator runs as a program, as the local stack starts it, and serves its catalogue page."""

import io
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from PIL import Image

ROOT = Path(__file__).parents[3]
CRONUS = "ed8c4463-bbf3-5e8d-8254-829373e2e2dd"
DESK = "f61949dd-c5e1-5f1c-ba9f-058c838c1a04"
API = "/v2.0/tenant/sandbox/api/v2.0"

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class KeySet(BaseHTTPRequestHandler):
    """Serves ``KEY`` as a JSON Web Key Set."""

    def do_GET(self) -> None:
        """Answer every path with the key set."""
        key = {**RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "one", "use": "sig"}
        body = json.dumps({"keys": [key]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def jwks_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), KeySet) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/keys"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def program(jwks_url: str) -> Iterator[str]:
    """Run the program and yield its URL."""
    command = [sys.executable, "-m", "devstack.business_central", "--jwks-url", jwks_url, "--with-parent"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        announcement = json.loads(process.stdout.readline())
        assert announcement["ready"] == "business_central"
        yield announcement["url"]
        process.stdin.close()


@pytest.fixture
def url(program: str) -> str:
    requests.post(f"{program}/_control/reset", timeout=10)
    return program


def bearer(kid: str = "one") -> dict[str, str]:
    now = int(time.time())
    claims = {"aud": "https://api.businesscentral.dynamics.com", "nbf": now, "exp": now + 3600}
    return {"Authorization": "Bearer " + jwt.encode(claims, KEY, "RS256", {"kid": kid})}


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(buffer, "JPEG")
    return buffer.getvalue()


def upload(url: str) -> None:
    content = f"{url}{API}/companies({CRONUS})/items({DESK})/picture/pictureContent"
    response = requests.patch(content, jpeg(), headers={**bearer(), "If-Match": "*"}, timeout=10)
    assert response.status_code == 204


def desk(url: str) -> dict:
    companies = requests.get(f"{url}/catalogue/state", timeout=10).json()["companies"]
    return next(item for company in companies for item in company["items"] if item["id"] == DESK)


def test_tokens_are_checked_against_the_key_set(url: str) -> None:
    assert requests.get(f"{url}{API}/companies", headers=bearer(), timeout=10).status_code == 200
    assert requests.get(f"{url}{API}/companies", headers=bearer("another"), timeout=10).status_code == 401


def test_it_prints_one_line_and_ends_with_its_standard_input(jwks_url: str) -> None:
    command = [sys.executable, "-m", "devstack.business_central", "--jwks-url", jwks_url, "--with-parent"]
    run = subprocess.run(command, cwd=ROOT, input="", capture_output=True, text=True, timeout=30, check=True)
    assert len(run.stdout.splitlines()) <= 1
    assert run.stderr == ""


def test_the_catalogue_shows_an_upload_at_once(url: str) -> None:
    assert None is desk(url)["picture"]
    upload(url)
    picture = desk(url)["picture"]
    assert (40, 30, len(jpeg())) == (picture["width"], picture["height"], picture["bytes"])
    response = requests.get(url + picture["href"], timeout=10)
    assert ("image/jpeg", jpeg()) == (response.headers["Content-Type"], response.content)


def test_polling_transfers_nothing_until_something_changes(url: str) -> None:
    first = requests.get(f"{url}/catalogue/state", timeout=10)
    unless_changed = {"If-None-Match": first.headers["ETag"]}
    assert requests.get(f"{url}/catalogue/state", headers=unless_changed, timeout=10).status_code == 304
    upload(url)
    assert requests.get(f"{url}/catalogue/state", headers=unless_changed, timeout=10).status_code == 200


def test_a_missing_catalogue_picture_is_not_found(url: str) -> None:
    assert requests.get(f"{url}/catalogue/pictures/{DESK}", timeout=10).status_code == 404


@pytest.mark.parametrize(
    "path", ["/", "/catalogue/state", "/catalogue/static/catalogue.js", "/favicon.ico", "/page.css"]
)
def test_the_page_allows_only_its_own_origin(url: str, path: str) -> None:
    headers = requests.get(url + path, timeout=10).headers
    assert headers["Content-Security-Policy"].startswith(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_refers_only_to_what_the_simulator_serves(url: str) -> None:
    page = requests.get(url, timeout=10).text
    references = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert references
    for path in references:
        assert requests.get(url + path, timeout=10).status_code == 200
