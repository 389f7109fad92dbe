"""Routes the control API: how a test arranges a scenario and reads what happened. README.md describes it."""

from flask import Blueprint, Response, jsonify, request

from devstack.business_central.api import responses
from devstack.business_central.api.documents import timestamp
from devstack.business_central.control_api.body import body, explain_problems
from devstack.business_central.control_api.catalogue import add_catalogue
from devstack.business_central.control_api.origin import refuse_foreign_pages
from devstack.business_central.scenario.limits import Limits
from devstack.business_central.scenario.rules import Denial, Fault, Latency, Speed
from devstack.business_central.world import World


def blueprint(world: World) -> Blueprint:
    """Return all routes of the control API."""
    api = Blueprint("control", __name__)
    refuse_foreign_pages(api)
    explain_problems(api)
    _add_conditions(api, world)
    _add_limits(api, world)
    _add_time(api, world)
    _add_log(api, world)
    add_catalogue(api, world)
    return api


def _add_conditions(api: Blueprint, world: World) -> None:
    conditions = world.conditions

    @api.post("/reset")
    def reset() -> Response:
        world.reset()
        return responses.no_content()

    @api.post("/latency")
    def add_latency() -> Response:
        conditions.add_latency(Latency(**body()))
        return responses.no_content()

    @api.delete("/latency")
    def remove_delays() -> Response:
        conditions.remove_delays()
        return responses.no_content()

    @api.post("/speed")
    def add_speed() -> Response:
        conditions.add_speed(Speed(**body()))
        return responses.no_content()

    @api.post("/faults")
    def add_fault() -> Response:
        conditions.add_fault(Fault(**body()))
        return responses.no_content()

    @api.delete("/faults")
    def remove_faults() -> Response:
        conditions.remove_faults()
        return responses.no_content()

    @api.post("/paging")
    def set_page_size() -> Response:
        size = body()["page_size"]
        conditions.page_size = size and int(size)
        return responses.no_content()

    @api.post("/links")
    def set_link_origin() -> Response:
        origin = body()["origin"]
        conditions.link_origin = origin and str(origin).rstrip("/")
        return responses.no_content()


def _add_limits(api: Blueprint, world: World) -> None:
    @api.get("/limits")
    def read_limits() -> Response:
        return jsonify(limits=world.admission.limits, users=world.admission.summary())

    @api.post("/limits")
    def set_limits() -> Response:
        world.admission.configure(Limits(**body()))
        return responses.no_content()

    @api.post("/permissions")
    def deny() -> Response:
        world.conditions.add_denial(Denial(**body()))
        return responses.no_content()

    @api.delete("/permissions")
    def remove_denials() -> Response:
        world.conditions.remove_denials()
        return responses.no_content()


def _add_time(api: Blueprint, world: World) -> None:
    @api.get("/clock")
    def read_clock() -> Response:
        return jsonify(now=timestamp(world.clock.now()), ahead=world.clock.ahead)

    @api.post("/clock")
    def advance_clock() -> Response:
        world.clock.advance(float(body()["advance"]))
        world.late_writes.apply_due()
        return read_clock()

    @api.get("/late")
    def read_late_writes() -> Response:
        return jsonify(pending=world.late_writes.pending())

    @api.post("/late")
    def apply_late_writes() -> Response:
        return jsonify(applied=world.late_writes.apply_all())


def _add_log(api: Blueprint, world: World) -> None:
    @api.get("/requests")
    def read_log() -> Response:
        return jsonify(world.log.summary(after=int(request.args.get("after", 0))))

    @api.delete("/requests")
    def clear_log() -> Response:
        world.log.clear()
        return responses.no_content()
