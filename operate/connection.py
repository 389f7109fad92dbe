"""The composition root of the commands: signs in as whoever runs them, and hands on the app's own parts."""

import logging
import os
from dataclasses import dataclass
from typing import Any

from azure.core.credentials import AccessToken, TokenCredential
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
from azure.storage.blob import BlobServiceClient, ExponentialRetry

from operate.config import Installation, Local
from shared.business_central.client import BusinessCentral
from shared.business_central.http import HttpClient, Timeouts
from shared.business_central.retries import Throttle
from shared.replay import Replay
from shared.storage import uploads
from shared.storage.moves import Mover
from shared.storage.originals import Originals
from shared.storage.records import ItemRecords
from shared.storage.uploads import PictureStorage


@dataclass(frozen=True)
class _InTenant:
    """Asks for tokens of BC's tenant: whoever is signed in may be at home in another one."""

    credential: TokenCredential
    tenant_id: str | None

    def get_token(self, *scopes: str, claims: str | None = None, **options: Any) -> AccessToken:  # noqa: ANN401, ARG002 - azure-core's signature
        """Return a token. The claims that get past a cache are left out: developers' tools refuse them."""
        return self.credential.get_token(*scopes, tenant_id=self.tenant_id, **options)


@dataclass(frozen=True)
class Connection:
    """What the commands use of the app, opened for one installation; nothing connects before its first use."""

    installation: Installation
    credential: TokenCredential
    blobs: BlobServiceClient
    http: HttpClient
    business_central: BusinessCentral
    pictures: PictureStorage
    originals: Originals
    records: ItemRecords
    replay: Replay


def connect(installation: Installation, *, throttle: Throttle | None = None) -> Connection:
    """Return the parts for ``installation``."""
    logging.getLogger("azure").setLevel(logging.CRITICAL)  # azure-identity logs what each credential lacks
    settings, bc = installation.settings, installation.settings.business_central
    credential, throttle = _credential(installation.local), throttle or Throttle()
    http = HttpClient(_InTenant(credential, bc.tenant_id), throttle, Timeouts())
    business_central = BusinessCentral(bc.base_url, bc.api_version, http, throttle.clock)
    retry = ExponentialRetry(initial_backoff=1, increment_base=2, random_jitter_range=1, retry_total=3)
    storage = settings.storage
    by_identity = None if storage.connection_string else credential
    blobs = uploads.connect(storage.blob_service_uri, by_identity, retry, connection_string=storage.connection_string)
    pictures, originals, records = PictureStorage(blobs), Originals(blobs), ItemRecords(blobs, bc.environment)
    mover = Mover(blobs, by_identity)
    replay = Replay(pictures, originals, mover, records, business_central, settings.templates, bc.company or None)
    return Connection(installation, credential, blobs, http, business_central, pictures, originals, records, replay)


def _credential(local: Local | None) -> TokenCredential:
    if local:
        # The local stack stands in for a managed identity; azure-identity finds it by these two.
        os.environ.update(IDENTITY_ENDPOINT=local.identity_endpoint, IDENTITY_HEADER=local.identity_header)
        return ManagedIdentityCredential()
    return DefaultAzureCredential(additionally_allowed_tenants=["*"])
