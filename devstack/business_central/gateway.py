"""What every API request passes before and after it is handled: log, latency, faults, the bearer token."""

import time
from datetime import UTC, datetime
from uuid import uuid4

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from devstack.business_central import errors, responses, tokens
from devstack.business_central.conditions import Conditions, Fault
from devstack.business_central.request_log import Record, RequestLog
from devstack.business_central.server import DROP

API_PREFIX = "/v2.0/"


def guard(app: Flask, conditions: Conditions, log: RequestLog, signing_key: tokens.KeyResolver) -> None:
    """Let only requests with a valid token reach the API, under the conditions that a test has set."""

    def enter() -> Response | None:
        if not _is_api():
            return None
        g.started, g.fault = time.perf_counter(), None
        wait = conditions.patience(request.method, request.path)
        log.begin()  # from here on a reset ends the wait
        if not wait():
            g.fault = Fault(drop=True)
            return responses.no_content()
        g.fault = conditions.take_fault(request.method, request.path)
        if g.fault and not g.fault.applied:
            return responses.no_content()  # leave() puts the fault in its place
        tokens.check(request.headers.get("Authorization"), signing_key)
        return None

    def leave(response: Response) -> Response:
        if not _is_api():
            return response
        if g.fault:
            response = _faulty(g.fault)
        response.headers["odata-version"] = "4.0"
        response.headers["request-id"] = str(uuid4())
        log.end(_record(response))
        return response

    app.before_request(enter)
    app.after_request(leave)
    app.register_error_handler(errors.BusinessCentralError, responses.refusal)
    app.register_error_handler(HTTPException, _http_refusal)


def _is_api() -> bool:
    return request.path.startswith(API_PREFIX)


def _faulty(fault: Fault) -> Response:
    if fault.status is None:
        request.environ[DROP].set()
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


def _record(response: Response) -> Record:
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
        "time": responses.timestamp(datetime.now(UTC)),
    }
