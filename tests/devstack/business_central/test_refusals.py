"""The simulator refuses wrong resources, methods, tokens and users as Business Central does."""

import time
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from devstack.business_central.assumptions import Assumption
from tests.support.simulator_client import (
    CONTENT,
    CRONUS,
    DESK,
    ITEMS,
    PICTURE,
    UPLOAD_HEADERS,
    USER,
    Client,
    assert_refused,
    assumptions,
    picture,
    token,
)

evidence = pytest.mark.evidence


@evidence("3P")
def test_a_picture_cannot_be_inserted(bc: Client) -> None:
    message = assert_refused(bc.post(PICTURE, json={}), 405, "BadRequest_MethodNotAllowed")
    assert message == "Entity does not support insert."


@evidence("GT")
def test_pictures_are_reached_through_their_item_only(bc: Client) -> None:
    for path in ("/pictures", f"/companies({CRONUS})/pictures"):
        message = assert_refused(bc.get(path), 400, "Application_DialogException")
        assert message == "You must get to the parent first to get to the picture."


@evidence("INF")
def test_the_properties_of_a_picture_are_read_only(bc: Client) -> None:
    response = bc.patch(PICTURE, json={"width": 5}, headers={"If-Match": "*"})
    assert assert_refused(response, 400, "BadRequest_InvalidOperation") == "Control 'width' is read-only."


@evidence("UNK")
def test_a_missing_if_match_is_refused_before_the_properties(bc: Client) -> None:
    response = bc.patch(PICTURE, json={"width": 5})
    assert_refused(response, 400, "BadRequest_InvalidToken")
    assert assumptions(response) == {Assumption.TOKEN_FIRST}


@evidence("UNK")
def test_an_unknown_item_is_not_found(bc: Client) -> None:
    item = f"{ITEMS}({uuid4()})"
    answers = [
        bc.get(item),
        bc.get(f"{item}/picture"),
        bc.delete(f"{item}/picture"),
        bc.post(f"{item}/picture"),
    ]
    for response in answers:
        assert_refused(response, 404, "BadRequest_ResourceNotFound")
        assert assumptions(response) == {Assumption.UNKNOWN_ITEM}


@evidence("DOC")
def test_an_unknown_company_is_not_found_by_any_request(bc: Client) -> None:
    items = f"/companies({uuid4()})/items"
    response = bc.get(items)
    assert_refused(response, 404, "Internal_CompanyNotFound")
    assert assumptions(response) == {Assumption.COMPANY_MESSAGE}
    content = f"{items}({DESK})/picture/pictureContent"
    assert_refused(bc.patch(content, picture(), headers=UPLOAD_HEADERS), 404, "Internal_CompanyNotFound")


@evidence("DOC")
def test_an_unknown_segment_is_not_found(bc: Client) -> None:
    assert_refused(bc.get("/companys"), 404, "BadRequest_NotFound")
    assert_refused(bc.get("/companies(CRONUS)/items"), 404, "BadRequest_NotFound")
    assert_refused(bc.get(f"{bc.url}/v2.0/tenant/sandbox/api/v3.0/companies"), 404, "BadRequest_NotFound")
    assert_refused(bc.get(f"{bc.url}/BC270/api/v3.0/companies"), 404, "BadRequest_NotFound")


@evidence("DOC")
def test_an_unsupported_method_is_refused(bc: Client) -> None:
    assert_refused(bc.put(CONTENT, picture(), headers=UPLOAD_HEADERS), 405, "BadRequest_MethodNotAllowed")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Basic dXNlcjprZXk=",
        "Bearer ",
        "Bearer not.a.token",
        "Bearer " + token(aud="https://storage.azure.com"),
        "Bearer " + token(exp=int(time.time()) - 1),
        # Made at collection: must still be early when a slow machine runs this test.
        "Bearer " + token(nbf=int(time.time()) + 86_400, exp=int(time.time()) + 90_000),
        "Bearer " + token(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        "Bearer " + jwt.encode({"aud": "https://api.businesscentral.dynamics.com"}, "", "none"),
    ],
    ids=["none", "basic", "empty", "garbage", "audience", "expired", "early", "foreign key", "unsigned"],
)
@evidence("LIVE")
def test_only_a_valid_token_is_accepted(bc: Client, authorization: str | None) -> None:
    bc.headers["Authorization"] = authorization
    response = bc.get("/companies")
    message = assert_refused(response, 401, "Authentication_InvalidCredentials")
    assert message == "The server has rejected the client credentials."
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_expires_by_the_simulated_clock(bc: Client) -> None:
    bc.advance(3590)
    assert bc.get("/companies").status_code == 200
    bc.advance(11)
    assert_refused(bc.get("/companies"), 401, "Authentication_InvalidCredentials")


# Permissions and environments


@evidence("LIVE")
def test_a_denied_permission_is_refused_in_bcs_words(bc: Client) -> None:
    bc.control("POST", "/permissions", permission="Modify", user=USER)
    message = assert_refused(bc.upload(picture()), 400, "Internal_ServerError")
    assert message == (
        "Sorry, the current permissions prevented the action. (TableData 27 Item Modify: Base Application)"
    )
    assert_refused(bc.delete(PICTURE), 400, "Internal_ServerError")
    assert bc.metadata()["width"] == 0
    bc.control("DELETE", "/permissions")
    assert bc.upload(picture()).status_code == 204


@evidence("UNK")
def test_a_test_chooses_the_status_of_a_denied_permission(bc: Client) -> None:
    bc.control("POST", "/permissions", permission="Read", status=500)
    response = bc.get(ITEMS)
    assert "Item Read" in assert_refused(response, 500, "Internal_ServerError")
    assert assumptions(response) == {Assumption.PERMISSION_STATUS}
    assert bc.get("/companies").status_code == 200


def test_permissions_belong_to_one_user(bc: Client) -> None:
    bc.control("POST", "/permissions", permission="Modify", user="somebody-else")
    assert bc.upload(picture()).status_code == 204
    with Client(bc.url, user="somebody-else") as colleague:
        assert_refused(colleague.upload(picture()), 400, "Internal_ServerError")


@evidence("DOC")
def test_environments_have_catalogues_of_their_own(bc: Client) -> None:
    production = f"{bc.url}/v2.0/tenant/Production/api/v2.0"
    query = {"$filter": "number eq '1896-S'"}
    (company,) = bc.get(f"{production}/companies").json()["value"]
    (desk,) = bc.get(f"{production}/companies({company['id']})/items", params=query).json()["value"]
    assert (company["name"], desk["number"]) == ("CRONUS USA, Inc.", "1896-S")
    assert (company["id"], desk["id"]) != (CRONUS, DESK)
    assert_refused(bc.get(f"{production}{ITEMS}"), 404, "Internal_CompanyNotFound")


@evidence("DOC")
def test_the_tenant_may_be_missing_from_the_path(bc: Client) -> None:
    response = bc.get(f"{bc.url}/v2.0/sandbox/api/v2.0/companies({CRONUS})")
    assert response.json()["@odata.context"].startswith(f"{bc.url}/v2.0/sandbox/api/v2.0/$metadata")


@evidence("UNK")
def test_an_unknown_environment_is_not_found(bc: Client) -> None:
    response = bc.get(f"{bc.url}/v2.0/tenant/test/api/v2.0/companies")
    assert assert_refused(response, 404, "NoEnvironment") == "Environment does not exist."
    assert assumptions(response) == {Assumption.ENVIRONMENT}
