"""Where a request has come in: which version of the API, which environment, and what links begin with."""

from dataclasses import dataclass
from uuid import UUID

from devstack.business_central.models import Catalogue


@dataclass(frozen=True)
class Version:
    """What differs between the two versions: the name of the picture's stream, and how many pictures an item has."""

    name: str
    stream: str
    is_collection: bool

    def picture(self, item_id: UUID) -> str:
        """Return an item's picture relative to the item."""
        return f"picture({item_id})" if self.is_collection else "picture"


V1 = Version("v1.0", "content", is_collection=True)
V2 = Version("v2.0", "pictureContent", is_collection=False)


@dataclass(frozen=True)
class Address:
    """The API that a request speaks to; ``base`` is its URL as links name it."""

    version: Version
    catalogue: Catalogue
    base: str

    def items(self, company_id: UUID) -> str:
        """Return the URL of a company's items."""
        return f"{self.base}/companies({company_id})/items"

    def context(self, fragment: str) -> str:
        """Return the value of ``@odata.context``."""
        return f"{self.base}/$metadata#{fragment}"
