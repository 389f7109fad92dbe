"""Assembles the simulator: the API at each of its addresses, the control API and the catalogue page."""

from flask import Flask

from devstack.business_central.api import routes as api
from devstack.business_central.api.address import V1, V2
from devstack.business_central.control_api import routes as control_api
from devstack.business_central.gateway import guard
from devstack.business_central.page import routes as page
from devstack.business_central.tokens import KeyResolver
from devstack.business_central.world import World

LARGEST_BODY = 350 * 1024 * 1024

_ADDRESSES = {
    "online": "/v2.0/<tenant>/<environment>/api",
    "online-without-tenant": "/v2.0/<environment>/api",
    "on-premises": "/<server_instance>/api",
}


def create_app(signing_key: KeyResolver) -> Flask:
    """Return the simulator as a WSGI application with a world of its own."""
    world = World()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    # Against DNS rebinding: a web site that points its own name at this machine is refused.
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost"]
    guard(app, world, signing_key)
    for place, prefix in _ADDRESSES.items():
        for version, name in ((V2, "v2"), (V1, "v1")):
            blueprint = api.blueprint(version, world)
            app.register_blueprint(blueprint, url_prefix=f"{prefix}/{version.name}", name=f"{place}-{name}")
    app.register_blueprint(control_api.blueprint(world), url_prefix="/_control")
    app.register_blueprint(page.blueprint(world.sandbox))
    return app
