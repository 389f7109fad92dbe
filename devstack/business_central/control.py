"""The control API under /_control: how a test sets the scene and reads what happened. README.md describes it."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from devstack.business_central import errors, responses
from devstack.business_central.conditions import Denial, Fault, Latency, Speed
from devstack.business_central.control_catalogue import edit_catalogue
from devstack.business_central.limits import Limits
from devstack.business_central.world import World


def blueprint(world: World) -> Blueprint:
    """Return the routes; a body that they do not understand is answered with 400 and the reason."""
    api = Blueprint("control", __name__)
    for problem in (TypeError, ValueError, KeyError, OverflowError, errors.BusinessCentralError):
        api.register_error_handler(problem, _refuse)
    _arrange(api, world)
    _limit(api, world)
    _move_time(api, world)
    edit_catalogue(api, world, body)

    @api.get("/requests")
    def requests() -> Response:
        return jsonify(world.log.summary())

    @api.delete("/requests")
    def clear_requests() -> Response:
        world.log.clear()
        return responses.no_content()

    return api


def _arrange(api: Blueprint, world: World) -> None:
    conditions = world.conditions

    @api.post("/reset")
    def reset() -> Response:
        world.reset()
        return responses.no_content()

    @api.post("/latency")
    def latency() -> Response:
        conditions.add_latency(Latency(**body()))
        return responses.no_content()

    @api.delete("/latency")
    def no_latency() -> Response:
        conditions.remove_latency()
        return responses.no_content()

    @api.post("/speed")
    def speed() -> Response:
        conditions.add_speed(Speed(**body()))
        return responses.no_content()

    @api.post("/faults")
    def faults() -> Response:
        conditions.add_fault(Fault(**body()))
        return responses.no_content()

    @api.post("/paging")
    def paging() -> Response:
        size = body()["page_size"]
        conditions.page_size = size and int(size)
        return responses.no_content()

    @api.post("/links")
    def links() -> Response:
        origin = body()["origin"]
        conditions.link_origin = origin and str(origin).rstrip("/")
        return responses.no_content()


def _limit(api: Blueprint, world: World) -> None:
    @api.get("/limits")
    def users() -> Response:
        return jsonify(limits=world.throttle.limits, users=world.throttle.summary())

    @api.post("/limits")
    def limits() -> Response:
        world.throttle.configure(Limits(**body()))
        return responses.no_content()

    @api.post("/permissions")
    def permissions() -> Response:
        world.conditions.add_denial(Denial(**body()))
        return responses.no_content()

    @api.delete("/permissions")
    def no_denials() -> Response:
        world.conditions.remove_denials()
        return responses.no_content()


def _move_time(api: Blueprint, world: World) -> None:
    @api.get("/clock")
    def clock() -> Response:
        return jsonify(now=responses.timestamp(world.clock.now()), ahead=world.clock.ahead)

    @api.post("/clock")
    def advance() -> Response:
        world.clock.advance(float(body()["advance"]))
        world.late.apply_due()
        return clock()

    @api.get("/late")
    def late() -> Response:
        return jsonify(pending=world.late.pending())

    @api.post("/late")
    def apply_late() -> Response:
        return jsonify(applied=world.late.apply_all())


def body() -> dict[str, Any]:
    """Return the request's body."""
    sent = request.get_json()
    if not isinstance(sent, dict):
        raise TypeError("the body must be a JSON object")
    return sent


def _refuse(problem: Exception) -> tuple[Response, int]:
    status = problem.status if isinstance(problem, errors.BusinessCentralError) else 400
    return jsonify(problem=f"{type(problem).__name__}: {problem}"), status
