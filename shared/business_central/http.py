"""Sends authorised requests to Business Central: token, headers, time-outs, and answers of bounded size."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from math import inf

import requests
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError
from requests.auth import AuthBase
from urllib3.exceptions import ConnectTimeoutError, HTTPError
from urllib3.util import Timeout

from shared import __version__
from shared.business_central.connections import new_session
from shared.business_central.retries import Throttle, under_claim
from shared.errors import Reason, Transient

SCOPE = "https://api.businesscentral.dynamics.com/.default"
ANSWER_MAX = 16 * 1024 * 1024  # bytes; no answer that we need comes near
_CACHE_BYPASS_CLAIMS = '{"access_token":{}}'  # any claims challenge makes azure-identity ask for a fresh token
SLOWEST_REQUEST = 8.0  # seconds that BC may work on one request; in line for BC, a read waits for up to 19 others
_CHUNK_MAX = 64 * 1024  # bytes
_PIECE = 16 * 1024  # bytes sent at a time, one TLS record
_COMMON_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # a compressed answer could unpack to any size
    "Accept-Language": "en-US",
    "User-Agent": f"item-picture-sync/{__version__}",
}


@dataclass(frozen=True)
class Timeouts:
    """Seconds to connect, to wait for a read, to send a PATCH, and for all of it before its outcome is in doubt.

    Whoever gives up a read early leaves BC working for nobody, and everybody else waits longer: ``read`` outlasts the
    line that all slots together make at ``SLOWEST_REQUEST``.
    """

    connect: float = 5.0
    read: float = 60.0
    send: float = 60.0
    write: float = 120.0


@dataclass(frozen=True)
class Answer:
    """Holds the status and the whole body of an answer."""

    status: int
    body: bytes

    @property
    def document(self) -> object:
        """The body as JSON, None if it is not JSON."""
        try:
            parsed: object = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return parsed


@dataclass(frozen=True)
class _Call:
    """Describes one request, with the longest time (seconds) and the largest size (bytes) of its answer."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    timeout: float
    max_bytes: int = ANSWER_MAX
    begin_by: float = inf


class _Bearer(AuthBase):
    """Puts the token on one request; an object of its own, so that no repr and no log shows the token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Body:
    """Hands over a body by pieces within ``seconds``: over TLS, a socket's time-out counts anew for each record."""

    def __init__(self, content: bytes, seconds: float, clock: Callable[[], float]) -> None:
        self._content, self._seconds, self._clock = content, seconds, clock

    def __len__(self) -> int:
        return len(self._content)

    def __iter__(self) -> Iterator[bytes]:
        deadline = self._clock() + self._seconds
        for start in range(0, len(self._content), _PIECE):
            if self._clock() > deadline:
                raise TimeoutError(f"sending the picture took longer than {self._seconds:g} seconds")
            yield self._content[start : start + _PIECE]


class HttpClient:
    """Sends requests as one identity; one per process, safe to use from threads."""

    def __init__(self, credential: TokenCredential, throttle: Throttle, timeouts: Timeouts) -> None:
        self._credential, self._throttle, self._timeouts = credential, throttle, timeouts
        self._session = new_session(throttle)

    def get(self, url: str, upload_id: str, max_bytes: int = ANSWER_MAX, begin_by: float = inf) -> Answer:
        """Read ``url``.

        With ``begin_by`` (throttle's clock) an item is claimed meanwhile: the request begins by then or not at all, and
        waits and is repeated for no longer than a write.

        Raises:
            Transient: no token, or no complete answer in time and within ``max_bytes``.
        """
        call = _Call("GET", url, {"client-request-id": upload_id}, None, self._timeouts.read, max_bytes, begin_by)
        return self._send(call)

    def patch(self, url: str, upload_id: str, content: bytes, begin_by: float = inf) -> Answer:
        """Write ``content`` to ``url``, whatever is there; raises as ``get`` does.

        Nothing is sent if the request cannot begin by ``begin_by`` (throttle's clock).
        """
        headers = {
            "client-request-id": upload_id,
            "If-Match": "*",
            # BC's documentation of this call is wrong about body and type: the media edit link takes the raw bytes.
            "Content-Type": "application/octet-stream",
        }
        return self._send(_Call("PATCH", url, headers, content, self._timeouts.write, begin_by=begin_by))

    def _send(self, call: _Call) -> Answer:
        """Return the answer; after a 401, the answer to the same request with a fresh token."""
        answer = self._attempt(call, self._token())
        if answer.status == HTTPStatus.UNAUTHORIZED:
            answer = self._attempt(call, self._token(_CACHE_BYPASS_CLAIMS))
        return answer

    def _attempt(self, call: _Call, auth: AuthBase) -> Answer:
        if self._throttle.clock() > call.begin_by:
            detail = "The request to Business Central could not begin in time. The next delivery tries again."
            raise Transient(Reason.BC_UNAVAILABLE, detail)
        try:
            with (
                under_claim(is_claimed=call.begin_by < inf),
                self._session.request(
                    call.method,
                    call.url,
                    headers={**_COMMON_HEADERS, **call.headers},
                    data=call.body and _Body(call.body, self._timeouts.send, self._throttle.clock),
                    auth=auth,
                    timeout=self._time_out(call),  # type: ignore[arg-type] # requests hands urllib3's own object on
                    allow_redirects=False,  # a redirect could carry the token elsewhere, and BC never sends one
                    stream=True,
                ) as response,
            ):
                return Answer(response.status_code, self._read(response, call))
        except requests.RequestException as error:
            raise _no_answer(error, write=call.method == "PATCH") from error

    def _time_out(self, call: _Call) -> Timeout:
        """Return urllib3's limits: the whole of a write, from its first byte to its answer, has to fit."""
        total = None if call.method == "GET" else call.timeout
        return Timeout(total, connect=self._timeouts.connect, read=call.timeout)

    def _read(self, response: requests.Response, call: _Call) -> bytes:
        """Return the body; a body that is too large or too slow counts as no answer."""
        body, deadline = bytearray(), self._throttle.clock() + call.timeout
        try:
            while chunk := response.raw.read1(_CHUNK_MAX):  # read() would wait until a whole chunk has arrived
                body += chunk
                if len(body) > call.max_bytes or self._throttle.clock() > deadline:
                    limits = f"{call.timeout:.0f} seconds and {call.max_bytes / 2**20:.0f} MiB"
                    raise requests.Timeout(f"the answer did not end within {limits}")
        except HTTPError as error:
            raise requests.ConnectionError(error) from error
        return bytes(body)

    def _token(self, claims: str | None = None) -> AuthBase:
        try:
            return _Bearer(self._credential.get_token(SCOPE, claims=claims).token)
        # The last four: the identity endpoint answered with something else than a token in JSON.
        except (AzureError, ValueError, TypeError, AttributeError, KeyError) as error:
            detail = f"The identity gave no token for {SCOPE}: {type(error).__name__}: {str(error)[:500]}"
            raise Transient(Reason.IDENTITY, detail) from error


def _no_answer(error: requests.RequestException, *, write: bool) -> Transient:
    """Return what a missing answer means: a write may have happened unless the request was certainly never sent."""
    cause = getattr(error.args[0], "reason", None) if error.args else None
    never_sent = isinstance(cause, ConnectTimeoutError)  # the base of urllib3's errors for a failed connection
    reason = Reason.BC_NO_ANSWER if write and not never_sent else Reason.BC_UNAVAILABLE
    return Transient(reason, f"Business Central did not answer: {type(error).__name__}: {str(error)[:500]}")
