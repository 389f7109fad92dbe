"""Runs the script that uploads the package against stand-ins for Resource Manager and the host that takes it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.azure_api import TOKEN, Answer, Api, Caller, Request, Script, refused, serving

SUBSCRIPTION = "5a7b7c0e-8f5c-4f0e-9a6e-3d1f2b4c5d6e"
GROUP, APP, ID = "rg-itempic-test", "func-itempic-test", "8a4b9c1e-3f60-4ab8-91d6-0e1f2a3b4c5d"
MANAGER, HOST = "management.azure.com", "func-itempic-test-a1b2c3.scm.westeurope-01.azurewebsites.net"
SITE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Web/sites/{APP}"
PUBLISH, DEPLOYMENT = "/api/publish", f"/api/deployments/{ID}"
PACKAGE = bytes(range(256)) * 1000
QUICK = ("--pause", "0.001")
# As az answers, whichever of its two commands it is asked for.
AZ = f"""import sys
print({SUBSCRIPTION!r} if "show" in sys.argv else {{token!r}})"""

ACCEPTED: Answer = (202, json.dumps(ID))


def going(status: int, **more: Any) -> Answer:
    """Answer as the host does while the deployment goes on; an interim answer may also have the status 200."""
    return 202, {"id": ID, "status": status, "status_text": "", "complete": False, **more}


def ended(status: int, **more: Any) -> Answer:
    return 200, {"id": ID, "status": status, "status_text": "", "complete": True, **more}


DONE = ended(4)
GONE: Answer = (404, "<html>Not Found</html>")
# As people have pasted it: Azure/azure-functions-core-tools #4346 and others.
NO_STORAGE = ended(
    3,
    status_text="InaccessibleStorageException: Failed to access storage account for deployment: "
    "BlobUploadFailedException: Response status code does not indicate success: 403 (This request is not authorized to "
    "perform this operation using this permission.)",
)


def site(*hosts: str) -> Answer:
    """Answer as Resource Manager does about the app."""
    states = [{"name": f"{APP}.azurewebsites.net", "sslState": "Disabled", "hostType": "Standard"}]
    states += [{"name": host, "sslState": "Disabled", "hostType": "Repository"} for host in hosts]
    return 200, {"name": APP, "properties": {"state": "Running", "hostNameSslStates": states}}


@contextmanager
def azure(
    folder: Path,
    states: Script | None = None,
    *,
    found: Answer | None = None,
    accepted: Script | None = None,
    leads_to: str = HOST,
) -> Iterator[tuple[Api, Caller]]:
    """Stand in for Azure: what it says of the app, whether it takes the package, how the deployment is going."""
    states, found, accepted = states or Script(DONE), found or site(HOST), accepted or Script(ACCEPTED)

    def answer(request: Request) -> Answer:
        if (request.host, request.method, request.path) == (MANAGER, "GET", SITE):
            return found
        if (request.host, request.method, request.path) == (HOST, "POST", PUBLISH):
            return accepted()
        if (request.host, request.method, request.path) == (HOST, "GET", DEPLOYMENT):
            return states()
        return refused(404, "NotFound", f"{request.host}{request.path}")

    with serving(MANAGER, answer, folder, leads_to) as (api, caller):
        token = json.dumps({"accessToken": TOKEN, "expires_on": 4_000_000_000})
        caller.program("az", AZ.format(token=token))
        (folder / "package.zip").write_bytes(PACKAGE)
        yield api, caller


def upload(caller: Caller, *arguments: str, **variables: str) -> Any:
    package = str(caller.folder / "package.zip")
    return caller.run("upload_package.py", GROUP, APP, "--package", package, *QUICK, *arguments, **variables)
