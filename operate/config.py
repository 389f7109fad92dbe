"""Reads where everything is from one JSON file: what the infrastructure puts out as ``INSTALLATION``.

``dev.py up`` writes the same for the local stack, as ``installation`` in ``.local/endpoints.json``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from operate.errors import Problem
from operate.text_files import encoding_of
from shared import config
from shared.config import ConfigurationError, Settings

LOCAL_STACKS = Path(".local", "endpoints.json")
HOW_TO_GET_IT = (
    "azd env get-value INSTALLATION > installation.json (other ways: docs/operating.md#say-where-everything-is)"
)


@dataclass(frozen=True)
class Local:
    """What a stack on this machine has instead of Azure's sign-in."""

    connection_string: str
    identity_endpoint: str
    identity_header: str

    def __repr__(self) -> str:
        return "Local(…)"  # keys end up in tracebacks


@dataclass(frozen=True)
class Installation:
    """One installation of the app: where it is, and its settings as far as the infrastructure knows them.

    ``app_settings`` are those from which ``settings`` were read: whoever knows more of them reads them again. The
    Azure names are empty for the local stack.
    """

    path: Path
    app_settings: Mapping[str, str] = field(repr=False)  # may contain a key
    settings: Settings
    subscription: str
    resource_group: str
    function_app: str
    workspace: str
    host_account: str
    pictures_account: str
    dead_letter: str
    knows_pictures: bool  # the settings of the picture; files of earlier versions do not have them
    local: Local | None

    @property
    def company(self) -> str:
        """The company that a path without one means."""
        return self.settings.business_central.company or ""


def read(path: Path) -> Installation:
    """Read the file.

    Raises:
        Problem: it is missing, or something in it is.
    """
    document = _document(path)
    try:
        return _installation(path, document)
    except KeyError as error:
        raise Problem(f"{path} lacks {error.args[0]!r}. Write it anew: {HOW_TO_GET_IT}") from None
    except ConfigurationError as error:
        raise Problem(f"{path} does not describe a usable installation: {'; '.join(error.problems)}.") from None


def _document(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding=encoding_of(path))  # Windows PowerShell 5.1 writes UTF-16
    except FileNotFoundError:
        how = f"Name the file with --config; you get it by: {HOW_TO_GET_IT}"
        if path.name == LOCAL_STACKS.name:
            how = f"Start the local stack (python3 dev.py up); for Azure: {HOW_TO_GET_IT}, and --config."
        raise Problem(f"{path} does not exist. {how}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"{path} cannot be read: {error}.") from None
    try:
        document = json.loads(text)
        if isinstance(document, str):  # azd hands an object on as a string of JSON
            document = json.loads(document)
    except ValueError as error:
        raise Problem(f"{path} is not JSON: {error}. Write it anew: {HOW_TO_GET_IT}") from None
    if not isinstance(document, dict):
        raise Problem(f"{path} is not an object in JSON. Write it anew: {HOW_TO_GET_IT}")
    inner = document.get("installation", document)
    return inner if isinstance(inner, dict) else document


def _installation(path: Path, document: Mapping[str, Any]) -> Installation:
    accounts, bc = document["accounts"], document["businessCentral"]
    local = _local(document.get("local"))
    app_settings = {
        **_known(document.get("settings") or {}),
        **_storage_settings(accounts, local),
        "BLOB_PATH_TEMPLATE": document["pathTemplate"],
        "BC_TENANT_ID": bc["tenantId"],
        "BC_ENVIRONMENT": bc["environment"],
        "BC_COMPANY": bc["company"],
        "BC_API_VERSION": bc["apiVersion"],
        "BC_BASE_URL": bc.get("baseUrl") or "",
        "BC_CLIENT_ID": bc.get("clientId") or "",
    }
    return Installation(
        path=path,
        app_settings=app_settings,
        settings=config.read(app_settings),
        subscription=document["subscription"],
        resource_group=document["resourceGroup"],
        function_app=document["functionApp"],
        workspace=document["workspace"],
        host_account=accounts["host"],
        pictures_account=accounts["pictures"],
        dead_letter=document["containers"]["deadLetter"],
        knows_pictures="settings" in document,
        local=local,
    )


def _known(given: Mapping[str, Any]) -> dict[str, str]:
    """Return what the file says of settings beyond where things are: those of the picture, of waiting, of the sweep."""
    return {name: str(value) for name, value in given.items() if name in config.SETTINGS}


def _local(document: Mapping[str, str] | None) -> Local | None:
    if not document:
        return None
    return Local(document["storageConnectionString"], document["identityEndpoint"], document["identityHeader"])


def _storage_settings(accounts: Mapping[str, str], local: Local | None) -> dict[str, str]:
    if local and local.connection_string:
        return {"PICTURE_STORAGE": local.connection_string}
    return {
        "PICTURE_STORAGE__blobServiceUri": accounts["picturesBlobUrl"],
        "PICTURE_STORAGE__queueServiceUri": accounts["picturesQueueUrl"],
        "PICTURE_STORAGE__credential": "managedidentity",
    }
