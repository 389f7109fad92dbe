"""Passes every API request through log, faults, token, limits, delays and permissions, before and after its route."""

import re
import time
from collections.abc import Callable
from io import BytesIO
from urllib.parse import unquote_plus
from uuid import uuid4

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from devstack.business_central import errors, tokens
from devstack.business_central.api import responses
from devstack.business_central.api.documents import timestamp
from devstack.business_central.scenario.conditions import Delays
from devstack.business_central.scenario.request_log import Record
from devstack.business_central.scenario.rules import Fault
from devstack.business_central.server import CONNECTION, Connection
from devstack.business_central.world import World

_API = re.compile(r"/v2\.0/|/[^/]+/api(?:/|$)")  # online, and on-premises


def guard(app: Flask, world: World, signing_key: tokens.KeyResolver) -> None:
    """Let only requests with a valid token reach the API, under the conditions that a test has set."""

    def enter() -> Response | None:
        if "replayed" in g:
            return None
        world.late_writes.apply_due()
        return _Passage(app, world, signing_key).enter() if _is_api() else None

    def leave(response: Response) -> Response:
        if "replayed" in g or not _is_api():
            return response
        if turn := g.get("turn"):
            world.admission.leave(turn)
        if g.get("fault"):
            g.pop("assumed", None)
            response = _fault_response(g.fault)
        elif retry_after := world.admission.limits.retry_after.get(str(response.status_code)):
            response.headers["Retry-After"] = retry_after
        response.headers["odata-version"] = "4.0"
        response.headers["request-id"] = str(uuid4())
        responses.state_assumptions(response)
        world.log.end(_record(world, response))
        return response

    app.before_request(enter)
    app.after_request(leave)
    app.register_error_handler(errors.BusinessCentralError, responses.refusal)
    app.register_error_handler(HTTPException, _http_refusal)


class _Passage:
    """Leads one request to its route."""

    def __init__(self, app: Flask, world: World, signing_key: tokens.KeyResolver) -> None:
        self._app, self._world, self._signing_key = app, world, signing_key

    def enter(self) -> Response | None:
        """Return None if the route may handle the request, or a placeholder that ``leave`` replaces by the fault."""
        world, method, path = self._world, request.method, request.path
        delays = world.conditions.delays(method, path)
        arrived = world.clock.seconds()
        g.started, g.turn = time.perf_counter(), None
        query = f"?{unquote_plus(request.query_string.decode(errors='replace'))}"
        g.fault = fault = world.conditions.next_fault(method, path, query)
        world.log.begin()  # from here on a reset ends the wait
        if fault is None or fault.drop != "unread":
            _read_body(delays)
        if fault and not fault.applied:
            delays.hold.wait(delays.latency, arrived)
            return self._drop() if delays.hold.dropping else responses.no_content()
        return self._admit(delays, arrived)

    def _admit(self, delays: Delays, arrived: float) -> Response | None:
        header = request.headers.get("Authorization")
        claims = tokens.claims(header, self._signing_key, self._world.clock.now())
        if claims is None:
            delays.hold.wait(delays.latency, arrived)
        else:
            user = tokens.user_ids(claims)[0]
            g.turn = self._world.admission.enter(user, arrived, lambda: delays.hold.dropping)
            self._work(delays, arrived, g.turn.started)
        if delays.hold.dropping:
            return self._drop()
        if claims is None:
            raise errors.credentials_rejected()
        self._check_permission(tokens.user_ids(claims))
        if g.fault and g.fault.applied == "later":
            self._apply_later(g.fault.delay)
            return responses.no_content()
        return None

    def _work(self, delays: Delays, arrived: float, started: float) -> None:
        """Take as long as a test has set, or as long as BC allows."""
        limits = self._world.admission.limits
        seconds, status = limits.allowance(delays.latency, started - arrived)
        delays.hold.wait(seconds, started)
        if status is None or delays.hold.ended:
            return
        if status == 504 and delays.latency <= limits.operation_seconds:  # noqa: PLR2004 - HTTP's
            self._apply_later(delays.latency - seconds)  # the gateway has given up, BC has not
        raise errors.took_too_long(status)

    def _check_permission(self, user_ids: tuple[str, ...]) -> None:
        permission = "Read" if request.method in ("GET", "HEAD") else "Modify"
        conditions, path = self._world.conditions, request.path
        denial = conditions.denial(permission, user_ids, path) if "/items" in path else None
        if denial:
            raise errors.permission_denied(permission, denial.status)

    def _apply_later(self, delay: float | None) -> None:
        replay = _replay(self._app, request.get_data())
        self._world.late_writes.add(request.method, request.path, delay, replay)

    def _drop(self) -> Response:
        g.fault = Fault(drop=True)
        return responses.no_content()


def _read_body(delays: Delays) -> None:
    connection: Connection = request.environ[CONNECTION]
    connection.request_speed = delays.speed.request
    connection.answer_speed = delays.speed.answer
    connection.wait = delays.hold.wait
    request.get_data()


def _replay(app: Flask, body: bytes) -> Callable[[], None]:
    """Return a function that handles the current request again, with its effect and without an answer."""
    environ = {**request.environ, "wsgi.input": BytesIO(body)}

    def replay() -> None:
        # A context of its own, for a ``g`` of its own: the write may fall due inside another request.
        with app.app_context(), app.request_context(environ):
            g.replayed = True
            app.full_dispatch_request()

    return replay


def _is_api() -> bool:
    return _API.match(request.path) is not None


def _fault_response(fault: Fault) -> Response:
    if fault.status is None:
        connection: Connection = request.environ[CONNECTION]
        connection.dropped, connection.unread = True, fault.drop == "unread"
        return responses.no_content()
    response = responses.refusal(errors.BusinessCentralError(fault.status, fault.code or "", fault.message))
    response.headers.update(fault.headers)
    return response


def _http_refusal(error: HTTPException) -> Response | HTTPException:
    if not _is_api():
        return error
    if isinstance(error, NotFound):
        return responses.refusal(errors.segment_not_found(request.path))
    if isinstance(error, MethodNotAllowed):
        return responses.refusal(errors.method_not_allowed(request.method))
    if isinstance(error, RequestEntityTooLarge):
        return responses.refusal(errors.too_large())
    code, message = "Internal_ServerError", error.description or error.name
    return responses.refusal(errors.BusinessCentralError(error.code or 500, code, message))


def _record(world: World, response: Response) -> Record:
    headers = request.headers
    return {
        "method": request.method,
        "path": request.path,
        "query": request.args.to_dict(),
        "status": None if g.fault and g.fault.drop else response.status_code,
        "client_request_id": headers.get("client-request-id"),
        "user_agent": headers.get("User-Agent"),
        "accept_language": headers.get("Accept-Language"),
        "if_match": headers.get("If-Match"),
        "content_type": headers.get("Content-Type"),
        "content_length": request.content_length,
        "milliseconds": round((time.perf_counter() - g.started) * 1000, 1),
        "time": timestamp(world.clock.now()),
    }
