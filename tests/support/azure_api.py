"""Stands in for the few calls of Azure Resource Manager and Microsoft Graph that the deployment's scripts make.

The scripts run as programs of their own, as azd runs them, with the real azure-identity and requests. They ask for the
real hosts, and the proxy of ``loopback_proxy`` leads them here. Programs named ``azd`` and ``az`` give the tokens.
"""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from devstack.machine.children import clean_environment
from devstack.machine.setup import ROOT
from tests.conftest import NOT_ON_WINDOWS
from tests.support import loopback_proxy

SCRIPTS = ROOT / "infra" / "scripts"
SECONDS = 60
TOKEN = "the-token"  # noqa: S105 - only this stand-in knows it

Answer = tuple[int, dict[str, Any] | str]  # status, and an object, a page, or a text that is half an object


@dataclass
class Request:
    """One request that came in; a file's content is its body as it is."""

    method: str
    path: str
    body: Any
    query: dict[str, list[str]] = field(default_factory=dict)
    host: str = ""


@dataclass
class Api:
    """Answers by a function of the request; ``requests`` shows what came in with a token that ``knows`` accepts."""

    answer: Callable[[Request], Answer]
    knows: Callable[[str], bool] = TOKEN.__eq__
    requests: list[Request] = field(default_factory=list)
    unauthorized: int = 0

    def named(self, method: str, part: str) -> list[Request]:
        return [each for each in self.requests if each.method == method and part in each.path]


def refused(status: int, code: str, message: str, **more: Any) -> Answer:
    return status, {"error": {"code": code, "message": message, **more}}


class Script:
    """Gives one answer after the other, and the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)

    def __call__(self) -> Answer:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def _handler(api: Api) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = urlsplit(self.path)
            is_file = self.headers.get("Content-Type") == "application/zip"
            body = json.loads(content) if content and not is_file else content or None
            host = self.headers.get("X-Forwarded-Host", "")
            request = Request(self.command, unquote(url.path), body, parse_qs(url.query), host)
            if api.knows(self.headers.get("Authorization", "").removeprefix("Bearer ")):
                api.requests.append(request)
                status, document = api.answer(request)
            else:
                api.unauthorized += 1
                status, document = refused(401, "AuthenticationFailed", "Authentication failed.")
            text = document if isinstance(document, str) else json.dumps(document)
            answer = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if text.startswith("<") else "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def serving(
    host: str, answer: Callable[[Request], Answer], folder: Path, *others: str
) -> Iterator[tuple[Api, "Caller"]]:
    """Serve ``host``, and others, to the scripts that the yielded caller runs."""
    api = Api(answer)
    with leading_to(api, folder, host, *others) as proxy:
        yield api, Caller(proxy, folder)


@contextmanager
def leading_to(api: Api, folder: Path, *hosts: str) -> Iterator[loopback_proxy.Proxy]:
    """Run a proxy that leads ``hosts`` to ``api``."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(api)) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            with loopback_proxy.running(hosts, f"http://127.0.0.1:{server.server_port}", folder) as proxy:
                yield proxy
        finally:
            server.shutdown()
            thread.join()


SIGNED_IN = {
    "azd": {"token": TOKEN, "expiresOn": "2099-01-01T00:00:00Z"},
    "az": {"accessToken": TOKEN, "expires_on": 4_000_000_000, "expiresOn": "2099-01-01 00:00:00.000000"},
}


SIGNED_OUT = {
    "azd": "ERROR: not logged in, run `azd auth login` to login",
    "az": "ERROR: Please run 'az login' to setup account.",
}


class Caller:
    """Runs a script as azd does, in an environment that has nothing but what azd gives it."""

    def __init__(self, proxy: loopback_proxy.Proxy, folder: Path) -> None:
        self.folder, self.proxy, self._bin = folder, proxy, folder / "bin"
        self._bin.mkdir()
        self.sign_in("azd", "az")

    def sign_in(self, *programs: str) -> None:
        """Let these programs give tokens, and the others say that nobody is signed in."""
        for program, answer in SIGNED_IN.items():
            if program in programs:
                self.program(program, f"print({json.dumps(answer)!r})")
            else:
                self.program(program, f"raise SystemExit({SIGNED_OUT[program]!r})")

    def program(self, name: str, python: str) -> Path:
        """Put a program on the scripts' PATH."""
        if os.name == "nt":  # it would look for az.exe or az.cmd
            pytest.skip(NOT_ON_WINDOWS)
        path = self._bin / name
        path.write_text(f"#!{sys.executable}\n{python}\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def environment(self, **variables: str) -> dict[str, str]:
        """Return the environment in which the programs come first and the stand-in is in Azure's place."""
        environment = {
            **clean_environment({}),
            "PATH": f"{self._bin}{os.pathsep}{os.environ['PATH']}",
            "HTTPS_PROXY": self.proxy.url,
            "REQUESTS_CA_BUNDLE": str(self.proxy.certificate),
            "PYTHONDONTWRITEBYTECODE": "1",
            **variables,
        }
        # Of dev.py, which azd does not know: its way to modules.
        for name in ("NO_PROXY", "no_proxy", "PYTHONSAFEPATH", "PYTHONPATH"):
            environment.pop(name, None)
        return environment

    def run(self, script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return run_program(SCRIPTS / script, arguments, self.environment(**variables))


def run_program(
    script: Path, arguments: Sequence[str], environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", str(script), *arguments],
        cwd=script.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
