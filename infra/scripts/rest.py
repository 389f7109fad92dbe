"""Calls one of Azure's REST interfaces as whoever is signed in."""

import re
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import AzureCliCredential, AzureDeveloperCliCredential, ChainedTokenCredential
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import Retry

_Program = AzureDeveloperCliCredential | AzureCliCredential
_TIMEOUTS = (10, 60)  # seconds to connect, seconds without an answer
_SIGN_IN_SECONDS = 60
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


class Rest:
    """One interface, for instance https://management.azure.com; paths begin with a slash."""

    def __init__(self, address: str, tenant: str | None, *programs: type[_Program]) -> None:
        """Take the token from the first of ``programs`` in which somebody is signed in."""
        self._address = address
        self._credential = ChainedTokenCredential(
            *(program(tenant_id=tenant or "", process_timeout=_SIGN_IN_SECONDS) for program in programs)
        )
        self._session = requests.Session()
        self._session.mount("https://", HTTPAdapter(max_retries=_BUSY))

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Document:
        """Make one call and return the answer's document.

        Raises:
            Refused: The answer is an error.
            Problem: Nobody is signed in, there is no answer or none of Azure's, or the path would lead to another host.
        """
        if not path.startswith("/"):  # ".example/" would become a part of the host's name, and get the token
            raise Problem(f"{self._address} refers to another host. Nothing was sent there.")
        bearer = _Bearer(self._token())
        try:
            answer = self._session.request(
                method, self._address + path, json=body, auth=bearer, timeout=_TIMEOUTS, allow_redirects=False
            )
        except requests.RequestException as error:
            raise Problem(f"{self._address} gave no answer: {error}. Run this again.") from None
        document = _document(answer)
        if answer.status_code not in range(200, 300):  # a redirection too: it is not followed, so nothing was done
            raise _refusal(answer, (document or Document()).get("error", document))
        if document is None:
            raise Problem(
                f"{self._address} answered with something other than a JSON object: {answer.status_code} "
                f"{_seen(answer)}. Does a proxy or a sign-in page stand in between? If not, run this again."
            )
        return document

    def _token(self) -> str:
        try:
            return self._credential.get_token(f"{self._address}/.default").token
        except ClientAuthenticationError as error:
            raise Problem(
                f"Nobody is signed in whom {self._address} knows. Run 'azd auth login' or 'az login'.\n{error.message}"
            ) from None


def _refusal(answer: requests.Response, found: object) -> Refused:
    error = found if isinstance(found, dict) else {"message": found}
    # Microsoft.Web writes the names in capitals, and without "error" around them.
    message = error.get("message") or error.get("Message") or answer.reason
    return Refused(answer.status_code, str(error.get("code") or error.get("Code") or ""), without_keys(str(message)))


def _document(answer: requests.Response) -> Document | None:
    """Return the object that the answer holds, or None; an answer without any content is an empty one."""
    if not answer.content:
        return Document()
    try:
        document = answer.json(object_hook=Document)
    except ValueError:
        return None
    return document if isinstance(document, Document) else None


def _seen(answer: requests.Response) -> str:
    """Return how a page begins, in one line. Of anything else only the kind: half an object may hold keys."""
    kind = answer.headers.get("Content-Type", "no content type")
    page = f": {' '.join(answer.text.split())[:_SHOWN]!r}" if kind.startswith("text/html") else ""
    return f"{kind}{page}"


def without_keys(text: str) -> str:
    """Return a message without the keys that addresses in it may contain."""
    return re.sub(r"(?i)\b(code|sig|key)=[^&\s\"')]+", r"\1=…", text)


def run(script: Callable[[], None]) -> NoReturn:
    """Run a script; a problem ends it with its message and the exit code 1."""
    try:
        script()
    except Problem as problem:
        sys.exit(f"{problem}")
    except Refused as refused:
        sys.exit(f"Azure refused: {refused}")
    sys.exit(0)
