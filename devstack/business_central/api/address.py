"""Says how a request reached the API: version, environment, and the URL that links begin with."""

from dataclasses import dataclass
from uuid import UUID

from devstack.business_central.catalogue.store import Catalogue


@dataclass(frozen=True)
class Version:
    """Says how an API version serves pictures: the name of the stream, and whether they are a collection."""

    name: str
    stream: str
    is_collection: bool

    def picture(self, item_id: UUID) -> str:
        """Return the path of an item's picture relative to the item."""
        return f"picture({item_id})" if self.is_collection else "picture"


V1 = Version("v1.0", "content", is_collection=True)
V2 = Version("v2.0", "pictureContent", is_collection=False)


@dataclass(frozen=True)
class Address:
    """Identifies the API that a request addresses; ``base`` is its URL as links show it."""

    version: Version
    catalogue: Catalogue
    base: str

    def items(self, company_id: UUID) -> str:
        """Return the URL of a company's items."""
        return f"{self.base}/companies({company_id})/items"

    def context(self, fragment: str) -> str:
        """Return the value of ``@odata.context``."""
        return f"{self.base}/$metadata#{fragment}"
