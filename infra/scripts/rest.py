"""Calls one of Azure's REST interfaces as whoever is signed in."""

import io
import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn, TypeVar

import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import AzureCliCredential, AzureDeveloperCliCredential, ChainedTokenCredential
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import Retry

_Program = AzureDeveloperCliCredential | AzureCliCredential
_Value = TypeVar("_Value")
RESOURCE_MANAGER = "https://management.azure.com"
NAME = re.compile(r"[\w()-](?:[\w.()-]{0,88}[\w()-])?", re.ASCII)  # becomes part of an address
FORBIDDEN, NOT_FOUND = (401, 403), 404
MISSING = ("ResourceNotFound", "ResourceGroupNotFound", "SubscriptionNotFound")
_TIMEOUTS = (10, 60)  # seconds to connect, seconds without an answer
_TIMEOUTS_OF_A_FILE = (60, 300)  # the first is also for each piece that is sent
SIGN_IN_SECONDS = 60
_TOKEN_SECONDS = 300  # a token that lives no longer is asked for anew
_MOST_BYTES, _PIECE = 4 * 1024 * 1024, 64 * 1024  # of an answer
# Nothing has happened yet when a service answers so; any call may be repeated. Retry-After may ask for hours.
_BUSY = Retry(
    total=5,
    status_forcelist=(429, 503),
    allowed_methods=None,
    backoff_factor=1,
    retry_after_max=60,
    raise_on_status=False,
    read=0,
    other=0,
)
_SHOWN = 80  # characters of an answer that nobody expected


class Refused(Exception):
    """Azure's answer to a call is an error: its status, its code, its message, without anything secret."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}" if code else f"{status}: {message}")
        self.status, self.code = status, code


class Problem(Exception):
    """Something that whoever runs the script must know; the message says what to do."""


class Document(dict[str, Any]):
    """An object in an answer."""

    def __missing__(self, name: str) -> NoReturn:
        """Say what is missing: the answer is Azure's, so it is no fault of the script."""
        raise Problem(f"An answer has no {name!r}, only {', '.join(self) or 'nothing'}. Run this again.")


class _Bearer(AuthBase):
    """Adds the token in requests' own way: a mere header would be replaced by an entry in ~/.netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


@dataclass(frozen=True)
class _Answer:
    status: int
    reason: str
    kind: str
    content: bytes

    def value(self) -> object:
        """Return the value that the answer holds, or None; an answer without any content is an empty object."""
        if not self.content:
            return Document()
        try:
            return json.loads(self.content, object_hook=Document)
        except (ValueError, RecursionError):
            return None


class Rest:
    """One interface, for instance https://management.azure.com; paths begin with a slash."""

    def __init__(
        self, address: str, tenant: str | None, *programs: type[_Program], token_for: str | None = None
    ) -> None:
        """Take the token, usually one for ``address``, from the first program in which somebody is signed in."""
        self._address, self._scope = address, f"{token_for or address}/.default"
        self._credential = ChainedTokenCredential(
            *(program(tenant_id=tenant or "", process_timeout=SIGN_IN_SECONDS) for program in programs)
        )
        self._token, self._expires = "", 0
        self._session = requests.Session()
        self._session.mount("https://", HTTPAdapter(max_retries=_BUSY))

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Document:
        """Make one call and return the answer's document.

        Raises:
            Refused: The answer is an error.
            Problem: Nobody is signed in, there is no answer or none of Azure's, or the path would lead to another host.
        """
        answer = self._answer(method, path, body)
        return self._expected(answer, Document, "answered with something other than a JSON object")

    def send(self, path: str, file: BinaryIO, kind: str) -> str:
        """Send a file piece by piece and return the text that the answer holds; raises what ``call`` raises."""
        answer = self._answer("POST", path, file=file, kind=kind)
        return self._expected(answer, str, "answered with something other than a text in JSON")

    def _answer(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        file: BinaryIO | None = None,
        kind: str | None = None,
    ) -> _Answer:
        if not path.startswith("/"):  # ".example/" would become a part of the host's name, and get the token
            raise Problem(f"{self._address} refers to another host. Nothing was sent there.")
        bearer = _Bearer(self._signed_in())
        try:
            with self._session.request(
                method,
                self._address + path,
                json=body,
                data=file,
                headers={"Content-Type": kind} if kind else None,
                auth=bearer,
                timeout=_TIMEOUTS if file is None else _TIMEOUTS_OF_A_FILE,
                allow_redirects=False,
                stream=True,
            ) as response:
                answer = _read(response)
        except requests.RequestException as error:
            raise Problem(f"{self._address} gave no answer: {error}. Run this again.") from None
        if answer is None:
            raise Problem(f"{self._address} answered with more than {_MOST_BYTES} bytes. Run this again.")
        if answer.status not in range(200, 300):  # a redirection too: it is not followed, so nothing was done
            raise _refusal(answer)
        return answer

    def _expected(self, answer: _Answer, kind: type[_Value], otherwise: str) -> _Value:
        value = answer.value()
        if not isinstance(value, kind):
            raise Problem(
                f"{self._address} {otherwise}: {answer.status} {_seen(answer)}. "
                "Does a proxy or a sign-in page stand in between? If not, run this again."
            )
        return value

    def _signed_in(self) -> str:
        """Return the token; each look at a deployment would start a program for it, so it is kept while it lives."""
        if self._expires - time.time() < _TOKEN_SECONDS:
            try:
                token = self._credential.get_token(self._scope)
            except ClientAuthenticationError as error:
                raise Problem(
                    f"Nobody is signed in whom {self._address} knows. Run 'azd auth login' or 'az login'.\n"
                    f"{error.message}"
                ) from None
            self._token, self._expires = token.token, token.expires_on
        return self._token


def _read(response: requests.Response) -> _Answer | None:
    """Return the answer, or None if it is too long to be one of Azure's."""
    content = b""
    for piece in response.iter_content(_PIECE):
        content += piece
        if len(content) > _MOST_BYTES:
            return None
    kind = response.headers.get("Content-Type", "no content type")
    return _Answer(response.status_code, response.reason, kind, content)


def _refusal(answer: _Answer) -> Refused:
    value = answer.value()
    found = value.get("error", value) if isinstance(value, Document) else None
    error = found if isinstance(found, dict) else {"message": found}
    # Microsoft.Web writes the names in capitals, and without "error" around them.
    message = error.get("message") or error.get("Message") or answer.reason
    return Refused(answer.status, str(error.get("code") or error.get("Code") or ""), without_keys(str(message)))


def _seen(answer: _Answer) -> str:
    """Return how a page begins, in one line. Of anything else only the kind: half an object may hold keys."""
    text = answer.content.decode(errors="replace")
    page = f": {' '.join(text.split())[:_SHOWN]!r}" if answer.kind.startswith("text/html") else ""
    return f"{answer.kind}{page}"


def without_keys(text: str) -> str:
    """Return a message without the keys that addresses in it may contain."""
    return re.sub(r"(?i)\b(code|sig|key)=[^&\s\"')]+", r"\1=…", text)


def run(script: Callable[[], None]) -> NoReturn:
    """Run a script; a problem ends it with its message and the exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # whatever language Azure answers in
    try:
        script()
    except Problem as problem:
        sys.exit(f"{problem}")
    except Refused as refused:
        sys.exit(f"Azure refused: {refused}")
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)
