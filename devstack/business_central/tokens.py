"""Who may call the API: bearer tokens are checked as Business Central checks Microsoft Entra's."""

from collections.abc import Callable
from typing import Any

import jwt

from devstack.business_central import errors

AUDIENCE = "https://api.businesscentral.dynamics.com"

KeyResolver = Callable[[str], Any]
"""Returns the public key that a token (its header's ``kid``) claims to be signed with, or raises PyJWTError."""


def keys_from(jwks_url: str) -> KeyResolver:
    """Look keys up in the JSON Web Key Set at ``jwks_url``, which is fetched when it is first needed."""
    client = jwt.PyJWKClient(jwks_url)
    return lambda token: client.get_signing_key_from_jwt(token).key


def check(authorization: str | None, signing_key: KeyResolver) -> None:
    """Raise Authentication_InvalidCredentials unless the header carries a valid token for BC's audience.

    A key set that cannot be fetched is this stack's fault, not the caller's, and raises PyJWKClientConnectionError.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise errors.credentials_rejected()
    try:
        key = signing_key(token)
        jwt.decode(token, key, ["RS256"], {"require": ["exp", "nbf", "aud"]}, audience=AUDIENCE)
    except jwt.PyJWKClientConnectionError:
        raise
    except jwt.PyJWTError:
        raise errors.credentials_rejected() from None
