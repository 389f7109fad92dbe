"""Makes the credentials that ask for tokens: a managed identity, an app registration, a developer; never a key."""

from azure.core.credentials import TokenCredential
from azure.identity import (
    AzureCliCredential,
    AzureDeveloperCliCredential,
    AzurePowerShellCredential,
    ChainedTokenCredential,
    ClientAssertionCredential,
    ManagedIdentityCredential,
)

_TOKEN_EXCHANGE = "api://AzureADTokenExchange/.default"  # noqa: S105 - the scope of assertions for Entra ID


def own_identity(client_id: str | None, *, is_development: bool) -> TokenCredential:
    """Return the user-assigned identity with this client id, else the app's own; in development, the developer."""
    if is_development:
        return ChainedTokenCredential(AzureCliCredential(), AzureDeveloperCliCredential(), AzurePowerShellCredential())
    return ManagedIdentityCredential(client_id=client_id)


def app_registration(tenant_id: str, client_id: str, identity: TokenCredential) -> TokenCredential:
    """Return an app registration that trusts ``identity``: a token of that identity serves as its password."""
    return ClientAssertionCredential(tenant_id, client_id, lambda: identity.get_token(_TOKEN_EXCHANGE).token)
