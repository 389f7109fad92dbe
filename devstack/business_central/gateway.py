"""What every API request passes before and after it is handled: log, faults, token, limits, latency, permissions."""

import re
import time
from collections.abc import Callable
from io import BytesIO
from uuid import uuid4

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from devstack.business_central import errors, responses, tokens
from devstack.business_central.conditions import Fault, Patience
from devstack.business_central.request_log import Record
from devstack.business_central.server import CONNECTION, Connection
from devstack.business_central.world import World

_API = re.compile(r"/v2\.0/|/[^/]+/api(?:/|$)")  # online, and on-premises


def guard(app: Flask, world: World, signing_key: tokens.KeyResolver) -> None:
    """Let only requests with a valid token reach the API, under the conditions that a test has set."""

    def enter() -> Response | None:
        if "replayed" in g:
            return None
        world.late.apply_due()
        return _Passage(app, world, signing_key).enter() if _is_api() else None

    def leave(response: Response) -> Response:
        if "replayed" in g or not _is_api():
            return response
        if g.turn:
            world.throttle.leave(g.turn)
        if g.fault:
            g.pop("assumed", None)
            response = _faulty(g.fault)
        elif retry_after := world.throttle.limits.retry_after.get(str(response.status_code)):
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
    """One request on its way in."""

    def __init__(self, app: Flask, world: World, signing_key: tokens.KeyResolver) -> None:
        self._app, self._world, self._signing_key = app, world, signing_key

    def enter(self) -> Response | None:
        """Return None where the request may be handled; ``leave`` puts a fault in its place."""
        world, method, path = self._world, request.method, request.path
        patience = world.conditions.patience(method, path)
        arrived = world.clock.seconds()
        g.started, g.turn = time.perf_counter(), None
        g.fault = fault = world.conditions.take_fault(method, path)
        world.log.begin()  # from here on a reset ends the wait
        if fault is None or fault.drop != "unread":
            _read_body(patience)
        if fault and not fault.applied:
            patience.gate.wait(patience.seconds, arrived)
            return self._dropped() if patience.gate.dropped else responses.no_content()
        return self._admit(patience, arrived)

    def _admit(self, patience: Patience, arrived: float) -> Response | None:
        header = request.headers.get("Authorization")
        claims = tokens.claims(header, self._signing_key, self._world.clock.now())
        if claims is None:
            patience.gate.wait(patience.seconds, arrived)
        else:
            user = tokens.users(claims)[0]
            g.turn = self._world.throttle.enter(user, arrived, lambda: patience.gate.dropped)
            self._work(patience, arrived, g.turn.began)
        if patience.gate.dropped:
            return self._dropped()
        if claims is None:
            raise errors.credentials_rejected()
        self._check_permission(tokens.users(claims))
        if g.fault and g.fault.applied == "later":
            self._apply_later(g.fault.delay)
            return responses.no_content()
        return None

    def _work(self, patience: Patience, arrived: float, began: float) -> None:
        """Take as long as a test has said, or as long as BC allows."""
        limits = self._world.throttle.limits
        seconds, verdict = limits.allowance(patience.seconds, began - arrived)
        patience.gate.wait(seconds, began)
        if verdict is None or patience.gate.opened:
            return
        if verdict == 504 and patience.seconds <= limits.operation_seconds:  # noqa: PLR2004 - HTTP's
            self._apply_later(patience.seconds - seconds)  # the gateway has given up, BC has not
        raise errors.took_too_long(verdict)

    def _check_permission(self, users: tuple[str, ...]) -> None:
        permission = "Read" if request.method in ("GET", "HEAD") else "Modify"
        denial = self._world.conditions.denial(permission, users) if "/items" in request.path else None
        if denial:
            raise errors.permission_denied(permission, denial.status)

    def _apply_later(self, delay: float | None) -> None:
        replay = _replay(self._app, request.get_data())
        self._world.late.add(request.method, request.path, delay, replay)

    def _dropped(self) -> Response:
        g.fault = Fault(drop=True)
        return responses.no_content()


def _read_body(patience: Patience) -> None:
    connection: Connection = request.environ[CONNECTION]
    connection.request_speed = patience.speed.request
    connection.answer_speed = patience.speed.answer
    connection.wait = patience.gate.wait
    request.get_data()


def _replay(app: Flask, body: bytes) -> Callable[[], None]:
    """Return what handles the current request again, with its effect, while nobody waits for the answer."""
    environ = {**request.environ, "wsgi.input": BytesIO(body)}

    def replay() -> None:
        with app.request_context(environ):
            g.replayed = True
            app.full_dispatch_request()

    return replay


def _is_api() -> bool:
    return _API.match(request.path) is not None


def _faulty(fault: Fault) -> Response:
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
        "time": responses.timestamp(world.clock.now()),
    }
