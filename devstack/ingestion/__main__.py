"""Runs the endpoint: HTTPS for exporters, which come by identity, and a control address for whoever reads the rows.

At the control address, ``/`` is the page that shows them to people.
``GET /rows`` returns all rows, ``DELETE /rows`` forgets them; ``GET /bodies`` returns the text of everything that was
sent. ``PUT /status`` lets the endpoint answer with that status from then on.

With KEEP_IN in the environment, everything that is sent is also kept in a file in that folder, for whoever looks at
the telemetry of many stacks.
"""

import gzip
import json
import os
from pathlib import Path
from threading import Thread
from typing import Annotated

import jwt
import typer
from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server

from devstack.ingestion.received import Received
from devstack.machine import lifeline, loopback
from devstack.telemetry_page import routes as page
from devstack.workbook import WORKBOOK

KEEP_IN = "DEVSTACK_KEEP_TELEMETRY_IN"
AUDIENCES = ["https://monitor.azure.com", "https://monitor.azure.com/"]


def _body() -> str:
    raw = request.get_data()
    return (gzip.decompress(raw) if request.headers.get("Content-Encoding") == "gzip" else raw).decode()


def create_endpoint(received: Received, keys: jwt.PyJWKClient) -> Flask:
    """Return what exporters talk to: the track API, and live metrics, to which nobody ever subscribes."""
    app = Flask("ingestion")

    def is_authorised() -> bool:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            jwt.decode(token, keys.get_signing_key_from_jwt(token).key, ["RS256"], audience=AUDIENCES)
        except jwt.PyJWTError:
            return False
        return True

    @app.post("/v2.1/track")
    def track() -> tuple[Response, int]:
        if received.status != 200:  # noqa: PLR2004 - HTTP's
            return jsonify(errors=[]), received.status
        if not is_authorised():
            return jsonify(errors=[]), 401
        body = _body()
        received.keep(body)
        envelopes = json.loads(body)
        received.take(envelopes)
        return jsonify(itemsReceived=len(envelopes), itemsAccepted=len(envelopes), errors=[]), 200

    @app.post("/QuickPulseService.svc/<_verb>")
    def live_metrics(_verb: str) -> Response:
        received.keep(_body())
        return Response(headers={"x-ms-qps-subscribed": "false"})

    return app


def create_control(received: Received, workbook: Path = WORKBOOK) -> Flask:
    """Return what tests talk to, with the page for people."""
    app = Flask("control", static_folder=None)
    # Against DNS rebinding: a web site that points its own name at this machine is refused.
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost"]
    app.register_blueprint(page.blueprint(received, workbook))

    @app.get("/rows")
    def rows() -> Response:
        return jsonify(received.since(0)[0])

    @app.delete("/rows")
    def forget() -> Response:
        received.forget()
        return Response(status=204)

    @app.get("/bodies")
    def bodies() -> Response:
        return jsonify(received.all_bodies())

    @app.put("/status")
    def status() -> Response:
        received.status = int(request.get_data())
        return Response(status=204)

    return app


def main(
    jwks_url: Annotated[str, typer.Option(help="The key set that tokens are checked against.")],
    certificate: Annotated[Path, typer.Option(help="The endpoint's certificate.")],
    key: Annotated[Path, typer.Option(help="The certificate's private key.")],
    with_parent: Annotated[bool, typer.Option("--with-parent", help="End when standard input closes.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Serve the endpoint on loopback."""
    loopback.forbid_everything_else()
    folder = os.environ.get(KEEP_IN)
    received = Received(copy=Path(folder, f"{os.getpid()}.jsonl") if folder else None)
    tls = (str(certificate), str(key))
    app = create_endpoint(received, jwt.PyJWKClient(jwks_url))
    endpoint = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=tls)
    control = make_server("127.0.0.1", 0, create_control(received), threaded=True)
    Thread(target=endpoint.serve_forever, daemon=True).start()
    if with_parent:
        lifeline.end_with_parent()
    addresses = {
        "url": f"https://127.0.0.1:{endpoint.server_port}",
        "control": f"http://127.0.0.1:{control.server_port}",
    }
    lifeline.announce(ready="ingestion", **addresses)
    control.serve_forever()


if __name__ == "__main__":
    typer.run(main)
