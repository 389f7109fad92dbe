"""Makes the routes that every page of the stack has: itself, its icon, the common stylesheet; and protects them."""

from pathlib import Path

from flask import Blueprint, Response, send_from_directory

_COMMON = Path(__file__).parent / "static"
# A page loads what comes with it, and nothing else.
_SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def page(name: str, folder: Path) -> Blueprint:
    """Return the routes of the page ``static/{name}.html`` in ``folder``, at /."""
    static = folder / "static"
    routes = Blueprint(name, __name__, static_folder=static, static_url_path=f"/{name}/static")

    @routes.after_request
    def secure(response: Response) -> Response:
        response.headers.update(_SECURITY)
        return response

    @routes.get("/")
    def index() -> Response:
        return send_from_directory(static, f"{name}.html")

    @routes.get("/favicon.ico")
    def favicon() -> Response:
        return send_from_directory(static, "favicon.svg")

    @routes.get("/page.css")
    def common_style() -> Response:
        return send_from_directory(_COMMON, "page.css")

    return routes
