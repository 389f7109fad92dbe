"""Who asks for tokens: the managed identity, an app registration that trusts it, or a developer. No keys."""

from collections.abc import Callable

from azure.core.credentials import TokenCredential
from azure.identity import (
    AzureCliCredential,
    AzureDeveloperCliCredential,
    AzurePowerShellCredential,
    ChainedTokenCredential,
    ClientAssertionCredential,
    ManagedIdentityCredential,
)

from shared.config import BusinessCentralSettings, Settings

_TOKEN_EXCHANGE = "api://AzureADTokenExchange/.default"  # noqa: S105 - the scope of assertions for Entra ID


def for_business_central(settings: Settings) -> TokenCredential:
    """Return who asks for BC's tokens."""
    bc = settings.business_central
    own = _own(bc.client_id, is_development=settings.is_development)
    return _federated(bc, own) if bc.federated_client_id else own


def for_storage(settings: Settings) -> TokenCredential | None:
    """Return who opens the pictures account, None where a connection string does."""
    if settings.storage.connection_string:
        return None
    return _own(settings.storage.client_id, is_development=settings.is_development)


def _own(client_id: str | None, *, is_development: bool) -> TokenCredential:
    """Return the user-assigned identity with this client id, else the app's own; on a desk, its developer."""
    if is_development:
        return ChainedTokenCredential(
            AzureCliCredential(), AzureDeveloperCliCredential(), AzurePowerShellCredential()
        )
    return ManagedIdentityCredential(client_id=client_id)


def _federated(bc: BusinessCentralSettings, own: TokenCredential) -> TokenCredential:
    """Return the app registration, whose password is a token of our own identity for Entra's token exchange."""
    return ClientAssertionCredential(str(bc.tenant_id), str(bc.federated_client_id), _assertion(own))


def _assertion(own: TokenCredential) -> Callable[[], str]:
    return lambda: own.get_token(_TOKEN_EXCHANGE).token
