"""One authorised call to Business Central: token, headers, time-outs, and an answer of bounded size."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from math import inf

import requests
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError
from requests.auth import AuthBase
from urllib3.exceptions import ConnectTimeoutError, HTTPError

from shared import __version__
from shared.business_central.retries import Throttle, session
from shared.errors import Reason, Transient

SCOPE = "https://api.businesscentral.dynamics.com/.default"
ANSWER_MAX = 16 * 1024 * 1024  # bytes; nothing that we ask for comes near
_PAST_THE_CACHE = '{"access_token":{}}'  # any claims challenge makes azure-identity ask for a fresh token
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Timeouts:
    """Seconds: for the connection, for reads, and for the PATCH after which its outcome is in doubt."""

    connect: float = 5.0
    read: float = 30.0
    write: float = 120.0


@dataclass(frozen=True)
class Answer:
    """What came back: the status, and the whole body."""

    status: int
    body: bytes

    @property
    def document(self) -> object:
        """The body as JSON, None where it is none."""
        try:
            found: object = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return found


@dataclass(frozen=True)
class _Call:
    """One request: what it asks, and how long (seconds) and how large (bytes) its answer may be."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    seconds: float
    at_most: int = ANSWER_MAX
    begin_by: float = inf


class _Bearer(AuthBase):
    """Puts the token on one request; held apart so that no repr and no log shows it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class HttpClient:
    """Sends requests in the name of one identity; one per process, safe to use from threads."""

    def __init__(self, credential: TokenCredential, throttle: Throttle, timeouts: Timeouts) -> None:
        self._credential, self._throttle, self._timeouts = credential, throttle, timeouts
        self._session = session(throttle)

    def get(self, url: str, upload_id: str, at_most: int = ANSWER_MAX) -> Answer:
        """Read ``url``, whose answer has at most so many bytes.

        Raises:
            Transient: there was no token, or no whole answer in time.
        """
        call = _Call("GET", url, {"client-request-id": upload_id}, None, self._timeouts.read, at_most)
        return self._send(call)

    def patch(self, url: str, upload_id: str, content: bytes, begin_by: float = inf) -> Answer:
        """Write ``content`` to ``url``, whatever is there; errors as for ``get``.

        Nothing is sent unless it can begin by the time ``begin_by`` of the throttle's clock.
        """
        headers = {
            "client-request-id": upload_id,
            "If-Match": "*",
            # BC's own documentation of this call is wrong about body and type: raw bytes go to the media edit link.
            "Content-Type": "application/octet-stream",
        }
        return self._send(_Call("PATCH", url, headers, content, self._timeouts.write, begin_by=begin_by))

    def _send(self, call: _Call) -> Answer:
        """Return the answer, with a fresh token where the first one was not good enough."""
        answer = self._attempt(call, self._token())
        if answer.status == HTTPStatus.UNAUTHORIZED:
            answer = self._attempt(call, self._token(_PAST_THE_CACHE))
        return answer

    def _attempt(self, call: _Call, auth: AuthBase) -> Answer:
        if self._throttle.clock() > call.begin_by:
            raise Transient(Reason.BC_UNAVAILABLE, "It took too long until the request could begin.")
        try:
            with self._session.request(
                call.method,
                call.url,
                headers={**_ALWAYS, **call.headers},
                data=call.body,
                auth=auth,
                timeout=(self._timeouts.connect, call.seconds),
                allow_redirects=False,  # one could carry the token elsewhere, and BC never sends one
                stream=True,
            ) as response:
                return Answer(response.status_code, self._read(response, call))
        except requests.RequestException as error:
            raise _unanswered(error, write=call.method == "PATCH") from error

    def _read(self, response: requests.Response, call: _Call) -> bytes:
        """Return the body; an endless or endlessly slow one counts as no answer."""
        body, deadline = bytearray(), self._throttle.clock() + call.seconds
        try:
            while chunk := response.raw.read1(_CHUNK):  # what is there now: read() would wait for all of a chunk
                body += chunk
                if len(body) > call.at_most or self._throttle.clock() > deadline:
                    raise requests.Timeout(
                        f"the answer did not end within {call.seconds:.0f} s or {call.at_most} bytes"
                    )
        except HTTPError as error:
            raise requests.ConnectionError(error) from error
        return bytes(body)

    def _token(self, claims: str | None = None) -> AuthBase:
        try:
            return _Bearer(self._credential.get_token(SCOPE, claims=claims).token)
        except (
            AzureError,
            ValueError,
            TypeError,
            AttributeError,
            KeyError,
        ) as error:  # the last four: no JSON of theirs
            detail = f"The identity gave no token for {SCOPE}: {type(error).__name__}: {str(error)[:500]}"
            raise Transient(Reason.IDENTITY, detail) from error


_ALWAYS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # a compressed answer could unpack to any size
    "Accept-Language": "en-US",
    "User-Agent": f"item-picture-sync/{__version__}",
}


def _unanswered(error: requests.RequestException, *, write: bool) -> Transient:
    """Return what a request without an answer means: harmless only where it surely was never sent."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    never_sent = isinstance(reason, ConnectTimeoutError)  # urllib3's word for every failure to connect
    kind = Reason.BC_NO_ANSWER if write and not never_sent else Reason.BC_UNAVAILABLE
    return Transient(kind, f"Business Central gave no answer: {type(error).__name__}: {str(error)[:500]}")
