"""Reads the JSON bodies of the control API, and says what is wrong with them."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from devstack.business_central.errors import BusinessCentralError


def body() -> dict[str, Any]:
    """Return the request's body, or raise TypeError if it is not a JSON object."""
    content = request.get_json()
    if not isinstance(content, dict):
        raise TypeError("the body must be a JSON object")
    return content


def explain_problems(api: Blueprint) -> None:
    """Answer a body that the routes do not understand with 400 and the problem."""
    for problem in (TypeError, ValueError, KeyError, OverflowError, BusinessCentralError):
        api.register_error_handler(problem, _refuse)


def _refuse(problem: Exception) -> tuple[Response, int]:
    status = problem.status if isinstance(problem, BusinessCentralError) else 400
    text = f"{problem} is missing" if isinstance(problem, KeyError) else str(problem)
    return jsonify(problem=text), status
