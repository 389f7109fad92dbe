"""Builds responses: JSON answers, empty answers, error envelopes, and the header that names assumptions."""

import json
from uuid import uuid4

from flask import Response, g

from devstack.business_central.assumptions import Assumption
from devstack.business_central.errors import BusinessCentralError

Document = dict[str, object]

_CONTENT_TYPE = "application/json; odata.metadata=minimal"


def answer(document: Document) -> Response:
    """Return the answer that carries a document."""
    return Response(json.dumps(document, ensure_ascii=False), content_type=_CONTENT_TYPE)


def no_content() -> Response:
    """Return the empty answer to a write, or to reading a missing picture."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def refusal(error: BusinessCentralError) -> Response:
    """Return BC's error envelope."""
    message = f"{error.message}  CorrelationId:  {uuid4()}."
    if error.assumed:
        assume(error.assumed)
    response = answer({"error": {"code": error.code, "message": message}})
    response.status_code = error.status
    if error.code == "Authentication_InvalidCredentials":
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def assume(assumption: Assumption) -> None:
    """Note that the answer to the current request rests on an assumption."""
    g.setdefault("assumed", {})[assumption] = True


def state_assumptions(response: Response) -> None:
    """Name in the answer the assumptions that it rests on."""
    if "assumed" in g:
        response.headers["x-simulator-assumed"] = "; ".join(g.assumed)
