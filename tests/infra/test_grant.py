"""The grant gives the identity its two roles once, says what remains, and explains every refusal."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from devstack.machine.setup import ROOT
from tests.support.azure_api import Answer, Api, Caller, Request, refused, serving

PRINCIPAL, CLIENT = "b6a1d5f0-2c3e-4f70-8a91-0d1e2f3a4b5c", "0d5f3c0e-7a53-4c1b-8a5c-2f1d9b6a4e10"
BC, BC_APP = "11f0a5c2-93b4-4d5e-a6f7-8192a3b4c5d6", "996def3d-b36c-4153-8607-a6fd3c01b89f"
ROLES = {"API.ReadWrite.All": "role-api", "Automation.ReadWrite.All": "role-automation", "app_access": "role-access"}
OTHER = {"appRoleId": "role-api", "resourceId": "another application"}


class Directory:
    """Stands in for Microsoft Graph: one identity, one Business Central, the roles that were assigned."""

    def __init__(self, *assigned: str) -> None:
        self.assignments: list[dict[str, str]] = [OTHER, *({"appRoleId": ROLES[n], "resourceId": BC} for n in assigned)]
        self.roles = dict(ROLES)
        self.refusals: dict[tuple[str, str], Answer] = {}
        self.pages_link = "https://graph.microsoft.com/v1.0/page"

    @property
    def granted(self) -> list[str]:
        return [each["appRoleId"] for each in self.assignments if each["resourceId"] == BC]

    def __call__(self, request: Request) -> Answer:
        for (method, part), refusal in self.refusals.items():
            if method == request.method and part in request.path:
                return refusal
        if request.method == "POST" and request.body["principalId"] in request.path:
            self.assignments.append({key: request.body[key] for key in ("appRoleId", "resourceId")})
            return 201, request.body
        not_found = refused(404, "Request_ResourceNotFound", request.path)
        return self._documents().get(request.path.removeprefix("/v1.0/"), not_found)

    def _documents(self) -> dict[str, Answer]:
        roles = [{"value": name, "id": role} for name, role in self.roles.items()]
        first_page = {"value": self.assignments[:1], "@odata.nextLink": self.pages_link}
        return {
            f"servicePrincipals/{PRINCIPAL}": (
                200,
                {"id": PRINCIPAL, "appId": CLIENT, "displayName": "id-itempic-test"},
            ),
            f"servicePrincipals(appId='{BC_APP}')": (200, {"id": BC, "appRoles": roles}),
            f"servicePrincipals/{PRINCIPAL}/appRoleAssignments": (200, first_page),
            "page": (200, {"value": self.assignments[1:]}),
        }


@contextmanager
def graph(directory: Directory, folder: Path) -> Iterator[tuple[Api, Callable[..., Any]]]:
    with serving("graph.microsoft.com", directory, folder) as (api, caller):
        yield api, lambda *arguments: run(caller, *arguments)


def run(caller: Caller, *arguments: str, **variables: str) -> Any:
    return caller.run("grant_business_central.py", "--principal-id", PRINCIPAL, *arguments, **variables)


def test_the_identity_gets_both_roles_and_no_other(tmp_path: Path) -> None:
    directory = Directory()
    with graph(directory, tmp_path) as (_, grant):
        ended = grant()
    assert ended.returncode == 0, ended.stderr
    assert directory.granted == ["role-api", "role-access"]
    assert "API.ReadWrite.All: given to id-itempic-test." in ended.stdout


def test_the_documents_show_the_same_calls(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "business-central.md").read_text(encoding="utf-8")
    shown = re.findall(r'az rest (--method POST )?--url "\$GRAPH(/[^"?]*)', page)
    for name, value in {"$PRINCIPAL": PRINCIPAL, "$BC_APP": BC_APP}.items():
        shown = [(method, path.replace(name, value)) for method, path in shown]
    with graph(Directory(), tmp_path) as (api, grant):
        grant()
    made = {(each.method, each.path.removeprefix("/v1.0")) for each in api.requests if each.path != "/v1.0/page"}
    assert made == {("POST" if method else "GET", path) for method, path in shown}
    assert all(role in page for role in ("API.ReadWrite.All", "app_access"))


def test_it_says_what_remains_to_be_done_in_bc(tmp_path: Path) -> None:
    with graph(Directory(), tmp_path) as (_, grant):
        remains = grant().stdout
    assert "Microsoft Entra Applications" in remains
    assert CLIENT in remains
    assert "D365 BASIC; D365 ITEM, EDIT" in remains


def test_the_permission_sets_are_the_documented_ones(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "business-central.md").read_text(encoding="utf-8")
    row = re.findall(r"^\| User Permission Sets \| (.*); leave", page, re.MULTILINE)
    assert len(row) == 1
    documented = re.findall(r"`([^`]+)`", row[0])
    with graph(Directory(), tmp_path) as (_, grant):
        (said,) = re.findall(r"^ *User Permission Sets +(.*) \(company", grant().stdout, re.MULTILINE)
    assert said.split("; ") == documented
    assert "SUPER" not in documented, "BC refuses it for applications"
    assert all(documented)


def test_run_again_it_changes_nothing_and_says_so(tmp_path: Path) -> None:
    directory = Directory()
    with graph(directory, tmp_path) as (api, grant):
        grant()
        again = grant()
    assert again.returncode == 0
    assert len(api.named("POST", "appRoleAssignments")) == 2
    assert "API.ReadWrite.All: id-itempic-test has it.\napp_access: id-itempic-test has it.\n" in again.stdout


def test_the_azure_clis_account_comes_before_azds(tmp_path: Path) -> None:
    with serving("graph.microsoft.com", Directory(), tmp_path) as (_, caller):
        caller.program("azd", 'print(\'{"token": "another", "expiresOn": "2099-01-01T00:00:00Z"}\')')
        assert run(caller).returncode == 0
        caller.sign_in("azd")
        assert run(caller, "--check").returncode == 0


def test_half_a_grant_is_completed(tmp_path: Path) -> None:
    directory = Directory("API.ReadWrite.All")
    with graph(directory, tmp_path) as (_, grant):
        assert grant().returncode == 0
    assert directory.granted == ["role-api", "role-access"]


def test_a_check_changes_nothing_and_tells_by_its_exit_code(tmp_path: Path) -> None:
    directory = Directory("app_access")
    with graph(directory, tmp_path) as (api, grant):
        ended = grant("--check")
        assert ended.returncode == 1
        assert "Missing: API.ReadWrite.All." in ended.stderr
        assert api.named("POST", "") == []
        directory.assignments.append({"appRoleId": "role-api", "resourceId": BC})
        assert grant("--check").returncode == 0


@pytest.mark.parametrize(
    ("method", "part", "refusal", "problem"),
    [
        (
            "POST",
            "appRoleAssignments",
            refused(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
            "It takes the role Privileged Role Administrator",
        ),
        (
            "GET",
            PRINCIPAL,
            refused(404, "Request_ResourceNotFound", "does not exist"),
            "no service principal with the object id",
        ),
        (
            "GET",
            BC_APP,
            refused(404, "Request_ResourceNotFound", "does not exist"),
            f"az ad sp create --id {BC_APP}",
        ),
        ("POST", "appRoleAssignments", (302, {}), "Microsoft Graph refused: 302"),
    ],
    ids=["no rights", "no such identity", "no Business Central", "redirected"],
)
def test_a_refusal_is_explained(tmp_path: Path, method: str, part: str, refusal: Answer, problem: str) -> None:
    directory = Directory()
    directory.refusals[method, part] = refusal
    with graph(directory, tmp_path) as (_, grant):
        ended = grant()
    assert ended.returncode == 1
    assert problem in ended.stderr
    assert "Traceback" not in ended.stderr
    assert directory.granted == []


@pytest.mark.parametrize(
    ("part", "answer", "problem"),
    [
        (PRINCIPAL, (200, "<html>Sign in</html>"), "something other than a JSON object: 200 text/html: '<html>Sign in"),
        (BC_APP, (200, {"id": BC}), "An answer has no 'appRoles', only id."),
        ("appRoleAssignments", (200, {}), "An answer has no 'value', only nothing."),
    ],
    ids=["a page", "half an object", "an empty object"],
)
def test_an_answer_unlike_graphs_is_shown(tmp_path: Path, part: str, answer: Answer, problem: str) -> None:
    directory = Directory()
    directory.refusals["GET", part] = answer
    with graph(directory, tmp_path) as (_, grant):
        ended = grant()
    assert ended.returncode == 1
    assert problem in ended.stderr
    assert "Traceback" not in ended.stderr
    assert directory.granted == []


def test_a_role_that_bc_does_not_offer_is_named(tmp_path: Path) -> None:
    directory = Directory()
    del directory.roles["app_access"]
    with graph(directory, tmp_path) as (_, grant):
        ended = grant()
    assert "Business Central offers no app_access" in ended.stderr
    assert directory.granted == []


@pytest.mark.parametrize("host", ["graph.example", "graph.microsoft.com.example", "graph.microsoft.com@graph.example"])
def test_the_token_goes_to_microsoft_graph_only(host: str, tmp_path: Path) -> None:
    """A link to the next page that leads elsewhere is not followed there."""
    directory = Directory()
    directory.pages_link = f"https://{host}/v1.0/page"
    with graph(directory, tmp_path) as (api, grant):
        ended = grant()
    assert ended.returncode == 1
    assert "Nothing was sent there." in ended.stderr
    assert api.named("POST", "") == []


def test_without_a_principal_nothing_is_asked(tmp_path: Path) -> None:
    with serving("graph.microsoft.com", Directory(), tmp_path) as (api, caller):
        ended = caller.run("grant_business_central.py")
    assert ended.returncode == 2
    assert "azd env get-value IDENTITY_PRINCIPAL_ID" in ended.stderr
    assert (api.requests, api.unauthorized) == ([], 0)


@pytest.mark.parametrize("principal", ["id-itempic-test", f"{PRINCIPAL}/../me"])
def test_only_an_object_id_names_the_identity(principal: str, tmp_path: Path) -> None:
    """It becomes part of an address; the identity's name is a usual mistake."""
    with serving("graph.microsoft.com", Directory(), tmp_path) as (api, caller):
        given = caller.run("grant_business_central.py", "--principal-id", principal)
        inherited = caller.run("grant_business_central.py", IDENTITY_PRINCIPAL_ID=principal)
    for ended in (given, inherited):
        assert ended.returncode == 2
        assert f"{principal!r} is not an object id" in ended.stderr
    assert api.requests == []


def test_a_password_of_netrc_never_takes_the_tokens_place(tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password secret\n", encoding="utf-8")
    with serving("graph.microsoft.com", Directory(), tmp_path) as (api, caller):
        ended = run(caller, NETRC=str(netrc))
    assert ended.returncode == 0, ended.stderr
    assert api.unauthorized == 0
