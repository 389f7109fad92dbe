"""Lets the app into Business Central, as far as Microsoft Graph can; for the directory's administrator.

Gives a service principal (the app's managed identity) the app roles API.ReadWrite.All and app_access of Dynamics 365
Business Central, and prints what remains to be done in BC itself. Run again, it changes nothing and says what is there;
with --check it never changes anything, and ends with exit code 1 if a role is missing.
"""

import argparse
import os
from uuid import UUID

from azure.identity import AzureCliCredential, AzureDeveloperCliCredential
from rest import FORBIDDEN, NOT_FOUND, Document, Problem, Refused, Rest, run

GRAPH = "https://graph.microsoft.com"
BUSINESS_CENTRAL = "996def3d-b36c-4153-8607-a6fd3c01b89f"  # the same application in every directory
ROLES = ("API.ReadWrite.All", "app_access")
PERMISSION_SETS = ("D365 BASIC", "D365 ITEM, EDIT")  # BC refuses SUPER for applications


def main() -> None:
    """Run the script."""
    options = _options()
    # Whoever is signed in to azd deploys; the administrator who may do this usually has the Azure CLI.
    graph = Rest(GRAPH, options.tenant, AzureCliCredential, AzureDeveloperCliCredential)
    principal = _principal(graph, options.principal_id)
    business_central = _business_central(graph)
    present = _assigned(graph, principal["id"], business_central["id"])
    missing = []
    for role, role_id in _role_ids(business_central).items():
        if role_id in present:
            print(f"{role}: {principal['displayName']} has it.")
        elif options.check:
            missing.append(role)
            print(f"{role}: missing.")
        else:
            _assign(graph, principal["id"], business_central["id"], role_id)
            print(f"{role}: given to {principal['displayName']}.")
    print(_what_remains(principal))
    if missing:
        raise Problem(f"Missing: {', '.join(missing)}. Run this without --check.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Let the app into Business Central.")
    parser.add_argument(
        "--principal-id",
        type=_object_id,
        default=os.environ.get("IDENTITY_PRINCIPAL_ID") or None,
        help="object id of the identity's service principal (the output IDENTITY_PRINCIPAL_ID of the deployment)",
    )
    parser.add_argument("--tenant", default=os.environ.get("AZURE_TENANT_ID"), help="the directory's id")
    parser.add_argument("--check", action="store_true", help="only say what is there")
    options = parser.parse_args()
    if not options.principal_id:
        parser.error("--principal-id is missing: 'azd env get-value IDENTITY_PRINCIPAL_ID' prints it")
    return options


def _object_id(text: str) -> str:
    """Return an id in its usual form; it becomes part of an address."""
    try:
        return str(UUID(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an object id, such as {BUSINESS_CENTRAL}") from None


def _principal(graph: Rest, principal_id: str) -> Document:
    try:
        return graph.call("GET", f"/v1.0/servicePrincipals/{principal_id}?$select=id,appId,displayName")
    except Refused as refused:
        raise _explained(
            refused,
            f"The directory has no service principal with the object id {principal_id}. Give the principal id, not the "
            "client id; a new identity takes a minute to appear; with --tenant, check that it is this directory",
        ) from None


def _business_central(graph: Rest) -> Document:
    try:
        return graph.call("GET", f"/v1.0/servicePrincipals(appId='{BUSINESS_CENTRAL}')?$select=id,appRoles")
    except Refused as refused:
        raise _explained(
            refused,
            "The directory does not know Dynamics 365 Business Central. Is it BC's directory? If so, 'az ad sp create "
            f"--id {BUSINESS_CENTRAL}' makes it known",
        ) from None


def _role_ids(business_central: Document) -> dict[str, str]:
    known = {role["value"]: role["id"] for role in business_central["appRoles"]}
    unknown = [role for role in ROLES if role not in known]
    if unknown:
        raise Problem(f"Business Central offers no {', '.join(unknown)}; it offers {', '.join(sorted(known))}.")
    return {role: known[role] for role in ROLES}


def _assigned(graph: Rest, principal_id: str, resource_id: str) -> set[str]:
    """Return the ids of the resource's roles that the principal has."""
    path, assignments = f"/v1.0/servicePrincipals/{principal_id}/appRoleAssignments", []
    while path:
        page = graph.call("GET", path)
        assignments += page["value"]
        # Only the path: the token goes to Microsoft Graph and nowhere else.
        path = page.get("@odata.nextLink", "").removeprefix(GRAPH)
    return {each["appRoleId"] for each in assignments if each["resourceId"] == resource_id}


def _assign(graph: Rest, principal_id: str, resource_id: str, role_id: str) -> None:
    body = {"principalId": principal_id, "resourceId": resource_id, "appRoleId": role_id}
    try:
        graph.call("POST", f"/v1.0/servicePrincipals/{principal_id}/appRoleAssignments", body)
    except Refused as refused:
        raise _explained(refused, "The identity or Business Central has gone meanwhile") from None


def _explained(refused: Refused, not_found: str) -> Problem:
    """Return what a refusal means for the administrator."""
    if refused.status == NOT_FOUND:
        return Problem(f"{not_found} ({refused}).")
    if refused.status in FORBIDDEN:
        return Problem(
            f"You may not do this ({refused}). It takes the role Privileged Role Administrator or Cloud Application "
            "Administrator in the directory, or an application with the permission AppRoleAssignment.ReadWrite.All."
        )
    return Problem(f"Microsoft Graph refused: {refused}")


def _what_remains(principal: Document) -> str:
    return f"""
In Business Central, in each environment that the app writes to: open the page Microsoft Entra Applications, choose New
and enter

  Client ID             {principal["appId"]}
  Description           {principal["displayName"]}
  User Permission Sets  {"; ".join(PERMISSION_SETS)} (company empty: all companies)
  State                 Enabled

There is no interface that this script could use for it. Restart the app afterwards: tokens that it already has know
nothing of new roles."""


if __name__ == "__main__":
    run(main)
