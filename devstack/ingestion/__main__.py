"""Runs the endpoint: HTTPS for exporters, which come by identity, and a control address for whoever reads the rows.

``GET /rows`` returns all rows, ``DELETE /rows`` forgets them; ``GET /bodies`` returns the text of everything that was
sent. ``PUT /status`` lets the endpoint answer with that status from then on.
"""

import gzip
import json
from pathlib import Path
from threading import Lock, Thread
from typing import Annotated

import jwt
import typer
from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server

from devstack.ingestion.rows import Row, row_of
from devstack.machine import lifeline, loopback

AUDIENCES = ["https://monitor.azure.com", "https://monitor.azure.com/"]


class Received:
    """Keeps what came in."""

    def __init__(self) -> None:
        self.lock, self.status = Lock(), 200
        self.rows: list[Row] = []
        self.bodies: list[str] = []
        self._count = 0

    def take(self, envelopes: list[dict[str, object]]) -> None:
        """Keep envelopes as rows."""
        with self.lock:
            for envelope in envelopes:
                self.rows.append(row_of(envelope, self._count))
                self._count += 1


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
        received.bodies.append(body)
        envelopes = json.loads(body)
        received.take(envelopes)
        return jsonify(itemsReceived=len(envelopes), itemsAccepted=len(envelopes), errors=[]), 200

    @app.post("/QuickPulseService.svc/<_verb>")
    def live_metrics(_verb: str) -> Response:
        received.bodies.append(_body())
        return Response(headers={"x-ms-qps-subscribed": "false"})

    return app


def create_control(received: Received) -> Flask:
    """Return what tests talk to."""
    app = Flask("control")

    @app.get("/rows")
    def rows() -> Response:
        with received.lock:
            return jsonify(received.rows)

    @app.delete("/rows")
    def forget() -> Response:
        with received.lock:
            received.rows.clear()
        return Response(status=204)

    @app.get("/bodies")
    def bodies() -> Response:
        return jsonify(received.bodies)

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
    received, tls = Received(), (str(certificate), str(key))
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
