"""Reads Azure Resource Manager and Microsoft Graph as whoever runs the command."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from azure.core import PipelineClient
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy, UserAgentPolicy
from azure.core.rest import HttpRequest

from operate.errors import first_line
from shared import __version__

RESOURCE_MANAGER, GRAPH = "https://management.azure.com", "https://graph.microsoft.com"
_NO_ACCESS, _MISSING = (401, 403), 404

Document = dict[str, Any]


class Refused(Exception):
    """Azure's answer is an error: its status, its code, its message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}" if code else f"{status}: {message}")
        self.status, self.code = status, code

    @property
    def is_missing(self) -> bool:
        """Whether what was asked for does not exist."""
        return self.status == _MISSING

    @property
    def is_forbidden(self) -> bool:
        """Whether whoever asks may not."""
        return self.status in _NO_ACCESS


class Unreachable(Exception):
    """Nobody is signed in, or there is no answer; the message says what was tried."""


class Rest:
    """Reads one of both; paths begin with a slash."""

    def __init__(self, address: str, credential: TokenCredential) -> None:
        self._address = address
        policies = [
            UserAgentPolicy(f"item-picture-sync/{__version__}"),
            RetryPolicy(retry_total=3, retry_backoff_factor=0.5),
            BearerTokenCredentialPolicy(credential, f"{address}/.default"),
        ]
        self._client: PipelineClient[Any, Any] = PipelineClient(address, policies=policies)

    def get(self, path: str, **query: str) -> Document:
        """Return a document.

        Raises:
            Refused: the answer is an error.
            Unreachable: nobody is signed in, or there is no answer.
        """
        return self._send("GET", path, query)

    def post(self, path: str, **query: str) -> Document:
        """Ask for what Azure gives by POST alone, because it may be secret; changes nothing. Raises as ``get``."""
        return self._send("POST", path, query)

    def all(self, path: str, **query: str) -> Iterator[Document]:
        """Yield the entries of a list, page by page; raises as ``get``."""
        page = self.get(path, **query)
        yield from page.get("value", [])
        # Only the part behind the address: the token goes nowhere else.
        while link := str(page.get("nextLink") or page.get("@odata.nextLink") or "").removeprefix(self._address):
            page = self.get(link)
            yield from page.get("value", [])

    def _send(self, method: str, path: str, query: dict[str, str]) -> Document:
        if not path.startswith("/"):  # ".example/" would become a part of the host's name, and get the token
            raise Unreachable(f"{self._address} refers to another host; nothing was sent there")
        given = "&".join(
            f"{name.replace('api_version', 'api-version')}={quote(value)}" for name, value in query.items()
        )
        url = f"{self._address}{quote(path, safe='/?&=$%,()-_.~:')}{f'?{given}' if given else ''}"
        try:
            answer = self._client.send_request(HttpRequest(method, url))
            document = _document(answer)
        except ClientAuthenticationError as error:
            raise Unreachable(f"nobody is signed in whom {self._address} knows: {first_line(error)}") from error
        except AzureError as error:
            raise Unreachable(f"{self._address} gave no answer: {first_line(error)}") from error
        if answer.status_code not in range(200, 300):
            raise _refusal(answer.status_code, document)
        return document


def _document(answer: Any) -> Document:  # noqa: ANN401 - the SDK's
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _refusal(status: int, document: Document) -> Refused:
    found = document.get("error", document)
    error = found if isinstance(found, dict) else {"message": found}
    # Microsoft.Web writes the names in capitals, and without "error" around them.
    code, message = (error.get(name) or error.get(name.capitalize()) or "" for name in ("code", "message"))
    return Refused(status, str(code), str(message).partition("\n")[0])
