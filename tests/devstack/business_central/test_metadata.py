"""``$metadata`` and the service document describe exactly what the simulator serves."""

from xml.etree import ElementTree as ET

import pytest

from devstack.business_central.assumptions import Assumption
from tests.support.simulator_client import (
    CRONUS,
    DESK,
    ITEMS,
    ON_PREMISES_V1,
    ON_PREMISES_V2,
    V1,
    V2,
    Client,
    assumptions,
    picture,
)

evidence = pytest.mark.evidence
EDM = {"edm": "http://docs.oasis-open.org/odata/ns/edm"}
everywhere = pytest.mark.parametrize(
    "bc",
    [V2, V1, ON_PREMISES_V2, ON_PREMISES_V1],
    ids=["v2.0", "v1.0", "on-premises v2.0", "on-premises v1.0"],
    indirect=True,
)


def types(bc: Client) -> dict[str, dict[str, str]]:
    """Return each entity type in ``$metadata`` with the types of its properties."""
    root = ET.fromstring(bc.get("/$metadata").content)  # noqa: S314 - from our own simulator
    return {
        entity.attrib["Name"]: {
            node.attrib["Name"]: node.attrib["Type"]
            for node in (*entity.findall("edm:Property", EDM), *entity.findall("edm:NavigationProperty", EDM))
        }
        for entity in root.iter("{http://docs.oasis-open.org/odata/ns/edm}EntityType")
    }


@evidence("DOC")
@everywhere
def test_the_metadata_names_exactly_what_is_served(bc: Client) -> None:
    bc.upload(picture())
    described = types(bc)
    company = bc.get(f"/companies({CRONUS})").json()
    item = bc.get(f"{ITEMS}({DESK})", params={"$expand": "picture"}).json()
    first = item["picture"][0] if isinstance(item["picture"], list) else item["picture"]
    for name, document in (("company", company), ("item", item), ("picture", first)):
        served = {field.partition("@")[0] for field in document} - {""}
        assert served | {"items"} == set(described[name]) | {"items"}
    assert described["picture"][bc.api.stream] == "Edm.Stream"
    assert described["item"]["picture"].startswith("Collection(") is isinstance(item["picture"], list)


@evidence("UNK")
@everywhere
def test_both_documents_state_their_assumptions(bc: Client) -> None:
    metadata, service = bc.get("/$metadata"), bc.get(bc.base)
    assert metadata.headers["Content-Type"].startswith("application/xml")
    assert assumptions(metadata) == {Assumption.METADATA}
    assert assumptions(service) == {Assumption.SERVICE_DOCUMENT}
    assert service.json()["@odata.context"] == f"{bc.base}/$metadata"
    assert {entity_set["url"] for entity_set in service.json()["value"]} >= {"companies", "items"}
    assert bc.get(f"{bc.base}/").json() == service.json()
