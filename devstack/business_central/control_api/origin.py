"""Refuses what a foreign web page in a browser could send to the control API."""

from http import HTTPStatus

from flask import Blueprint, Response, jsonify, request

_READS = ("GET", "HEAD", "OPTIONS")


def refuse_foreign_pages(api: Blueprint) -> None:
    """Let only this machine's programs, and pages of this very address, change something.

    A browser sends a POST without a preflight if its body is a form, plain text or empty; it then states the page's
    origin. Programs state none.
    """

    @api.before_request
    def check() -> tuple[Response, int] | None:
        if request.method in _READS:
            return None
        if _is_foreign():
            return jsonify(problem="only pages of this address may change something"), HTTPStatus.FORBIDDEN
        if request.mimetype not in ("", "application/json"):
            return jsonify(problem="the body must be JSON (application/json)"), HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        return None


def _is_foreign() -> bool:
    own = request.host_url.rstrip("/")
    origin, site = request.headers.get("Origin", own), request.headers.get("Sec-Fetch-Site", "none")
    return origin != own or site not in ("none", "same-origin")
