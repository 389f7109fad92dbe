"""Stands in for a managed identity: the App Service protocol over loopback, as a separate program.

azure-identity sends the same requests here as in Azure. The key that signs the tokens exists only while this program
runs; services that accept them fetch the public key from ``/keys``. Given a certificate, this is also the authority,
over HTTPS, that exchanges these tokens for those of an app registration that trusts the identity.
"""

import json
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Lock, Thread
from typing import Annotated
from uuid import NAMESPACE_URL, uuid4, uuid5

import jwt
import typer
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server

from devstack.machine import lifeline, loopback

TENANT = str(uuid5(NAMESPACE_URL, "item-picture-sync/tenant"))
SYSTEM_ASSIGNED = str(uuid5(NAMESPACE_URL, "item-picture-sync/system-assigned"))
EXCHANGE = "api://AzureADTokenExchange"
USER_ASSIGNED = str(uuid5(NAMESPACE_URL, "item-picture-sync/user-assigned"))
LIFETIME = 24 * 60 * 60  # seconds, as long as Azure's tokens for managed identities


class Issuer:
    """Signs tokens as Microsoft Entra ID does, and records each."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._key_id = secrets.token_hex(8)
        self._lock = Lock()
        self.issued: list[dict[str, str]] = []

    def token(self, resource: str, client_id: str) -> dict[str, str]:
        """Return the endpoint's response: a token for ``resource``, issued to ``client_id``."""
        now = int(time.time())
        claims = {
            "aud": resource,
            "iss": f"https://sts.windows.net/{TENANT}/",
            "tid": TENANT,
            "appid": client_id,
            "oid": str(uuid5(NAMESPACE_URL, client_id)),
            "idtyp": "app",
            "roles": ["API.ReadWrite.All"],
            "jti": str(uuid4()),
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
        }
        with self._lock:
            self.issued.append({"resource": resource, "client_id": client_id, "jti": str(claims["jti"])})
        signed = jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._key_id})
        return {
            "access_token": signed,
            "client_id": client_id,
            "expires_on": str(claims["exp"]),
            "resource": resource,
            "token_type": "Bearer",
        }

    def exchange(self, form: Mapping[str, str]) -> dict[str, object]:
        """Return the authority's response to an app registration that presents a token of this identity.

        Raises:
            jwt.InvalidTokenError: The assertion is not this identity's, or not meant for the exchange.
        """
        public = self._key.public_key()
        jwt.decode(form.get("client_assertion", ""), public, algorithms=["RS256"], audience=EXCHANGE)
        token = self.token(form["scope"].removesuffix("/.default"), form["client_id"])
        return {"token_type": "Bearer", "expires_in": LIFETIME, "access_token": token["access_token"]}

    def keys(self) -> dict[str, object]:
        """Return the public key as a JSON Web Key Set (RFC 7517)."""
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [{**public, "kid": self._key_id, "use": "sig", "alg": "RS256"}]}


def create_app(issuer: Issuer, header: str) -> Flask:
    """Return the endpoint. It serves two identities, and only callers that send ``header``."""
    app = Flask(__name__)

    @app.get("/msi/token")
    def token() -> Response | tuple[Response, int]:
        if not secrets.compare_digest(request.headers.get("X-IDENTITY-HEADER", ""), header):
            return jsonify(statusCode=401, message="The header X-IDENTITY-HEADER is missing or wrong."), 401
        resource = request.args.get("resource", "")
        if not resource:
            return jsonify(statusCode=400, message="The parameter resource is missing."), 400
        client_id = request.args.get("client_id", SYSTEM_ASSIGNED).lower()
        if client_id not in (SYSTEM_ASSIGNED, USER_ASSIGNED):
            return jsonify(statusCode=400, message=f"No managed identity has the client id {client_id}."), 400
        return jsonify(issuer.token(resource, client_id))

    @app.get("/keys")
    def keys() -> Response:
        return jsonify(issuer.keys())

    @app.get("/issued")
    def issued() -> Response:
        return jsonify(issuer.issued)

    return app


def create_authority(issuer: Issuer) -> Flask:
    """Return the authority's token endpoint (RFC 7523, client credentials with an assertion)."""
    app = Flask(__name__)

    @app.post("/<tenant>/oauth2/v2.0/token")
    def token(tenant: str) -> Response | tuple[Response, int]:
        if tenant != TENANT:
            return _refused("AADSTS90002", f"Tenant '{tenant}' not found.")
        try:
            return jsonify(issuer.exchange(request.form))
        except jwt.InvalidTokenError as error:
            return _refused("AADSTS70021", f"The assertion was rejected: {error}.")

    return app


def _refused(code: str, description: str) -> tuple[Response, int]:
    return jsonify(error="invalid_client", error_description=f"{code}: {description}"), 401


def main(
    header: Annotated[str, typer.Option(envvar="IDENTITY_HEADER", help="Header value that callers must send.")],
    certificate: Annotated[
        Path | None, typer.Option(help="Serve the authority too, with this certificate and its key.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="The certificate's private key.")] = None,
    port: int = 0,
    with_parent: Annotated[bool, typer.Option("--with-parent", help="End when standard input closes.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Serve a managed identity on loopback."""
    loopback.forbid_everything_else()
    issuer = Issuer()
    app = create_app(issuer, header)
    server = make_server("127.0.0.1", port, app, threaded=True)
    facts = {"ready": "identity", "url": f"http://127.0.0.1:{server.server_port}"}
    if certificate and key:
        tls = (str(certificate), str(key))
        authority = make_server("127.0.0.1", 0, create_authority(issuer), threaded=True, ssl_context=tls)
        Thread(target=authority.serve_forever, daemon=True).start()
        facts["authority"] = f"https://127.0.0.1:{authority.server_port}"
    if with_parent:
        lifeline.end_with_parent()
    lifeline.announce(**facts)
    server.serve_forever()


if __name__ == "__main__":
    typer.run(main)
