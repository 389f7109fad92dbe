"""``item-pictures doctor``: what is misconfigured, why it matters, and what mends it."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from operate.arm import GRAPH, RESOURCE_MANAGER, Rest
from operate.connection import Connection
from operate.doctor.access import AccessChecks
from operate.doctor.azure import AppChecks, DeployedApp, Place
from operate.doctor.business_central import BusinessCentralChecks
from operate.doctor.events import EventChecks
from operate.doctor.findings import Check, Checked, Grade, made
from operate.doctor.storage import StorageChecks
from operate.doctor.telemetry import TelemetryChecks
from operate.errors import ExitCode, Problem
from operate.output import Output, visible
from shared.business_central.client import BusinessCentral
from shared.config import API_VERSIONS

if TYPE_CHECKING:
    from operate.session import Session

_STYLES = {Grade.PROBLEM: "red", Grade.UNKNOWN: "yellow", Grade.NOTE: "cyan", None: "green"}


def doctor(
    context: typer.Context,
    *,
    deployed: Annotated[bool, typer.Option("--deployed", help="Look at what is deployed in Azure, too.")] = False,
) -> None:
    """Look for what is misconfigured, before the first upload does; changes nothing."""
    session: Session = context.obj
    output, connection = session.output, session.connection
    checks = [*_deployed(connection), *_seen_from_here(connection)] if deployed else _seen_from_here(connection)
    checked = []
    for each in made(checks):
        checked.append(each)
        _show(output, each)
    problems, unknown = (
        sum(f.grade is grade for c in checked for f in c.findings) for grade in Grade if grade is not Grade.NOTE
    )
    output.document({"problems": problems, "unknown": unknown, "checks": [_document(each) for each in checked]})
    output.say(_verdict(problems, unknown))
    if problems or unknown:
        raise typer.Exit(ExitCode.INCOMPLETE if problems else ExitCode.UNREACHABLE)


def _seen_from_here(connection: Connection) -> list[Check]:
    """Return the checks that need no right in Azure Resource Manager."""
    settings = connection.installation.settings
    bc = settings.business_central
    root = bc.base_url.removesuffix(bc.api_version)
    versions = {v: BusinessCentral(f"{root}{v}", v, connection.http, time.monotonic) for v in API_VERSIONS}
    return [
        *StorageChecks(connection.blobs, bc.environment).checks(),
        *BusinessCentralChecks(versions, bc.api_version, bc.company, bc.environment, connection.blobs).checks(),
    ]


def _deployed(connection: Connection) -> list[Check]:
    """Return the checks of what is deployed.

    Raises:
        Problem: the installation is not in Azure.
    """
    where = connection.installation
    if not (where.subscription and where.function_app):
        raise Problem(f"{where.path} describes a stack on this machine; --deployed is for one in Azure.")
    place = Place(
        where.subscription, where.resource_group, where.function_app, where.host_account, where.pictures_account
    )
    arm, graph = (Rest(address, connection.credential) for address in (RESOURCE_MANAGER, GRAPH))
    app = DeployedApp(arm, place)
    return [
        *AppChecks(app, where.app_settings).checks(),
        *EventChecks(arm, app, where.dead_letter).checks(),
        *AccessChecks(arm, graph, app).checks(),
        *TelemetryChecks(app).checks(),
    ]


def _show(output: Output, checked: Checked) -> None:
    grade = checked.grade
    output.say(Text.assemble((f"{grade or 'ok':<8}", _STYLES[grade]), visible(checked.title)))
    for finding in checked.findings:
        output.indented(finding.what, 2)
        output.indented(f"Why: {finding.why}", 4)
        if finding.mend:
            output.indented(f"Do: {finding.mend}", 4)


def _document(checked: Checked) -> dict[str, Any]:
    return {
        "title": checked.title,
        "grade": checked.grade or "ok",
        "findings": [asdict(finding) for finding in checked.findings],
    }


def _verdict(problems: int, unknown: int) -> str:
    if problems:
        return f"{problems} {'problem' if problems == 1 else 'problems'} found."
    return "Nothing wrong was found, but not everything could be looked at." if unknown else "Nothing wrong was found."
