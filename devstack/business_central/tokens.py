"""Checks bearer tokens as Business Central checks Microsoft Entra's."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import jwt

AUDIENCE = "https://api.businesscentral.dynamics.com"

KeyResolver = Callable[[str], Any]
"""Returns the public key for a token by the ``kid`` in its header, or raises PyJWTError."""

_OPTIONS: Any = {
    "require": ["exp", "nbf", "aud"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


def keys_from(jwks_url: str) -> KeyResolver:
    """Look keys up in the JSON Web Key Set at ``jwks_url``; the first look-up fetches it."""
    client = jwt.PyJWKClient(jwks_url)
    return lambda token: client.get_signing_key_from_jwt(token).key


def claims(authorization: str | None, signing_key: KeyResolver, now: datetime) -> Mapping[str, Any] | None:
    """Return the claims of a bearer token that is valid ``now`` and for BC's audience, or None.

    Failing to fetch the key set is this stack's fault, not the caller's, and raises PyJWKClientConnectionError.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        decoded: dict[str, Any] = jwt.decode(token, signing_key(token), ["RS256"], _OPTIONS, audience=AUDIENCE)
        return decoded if float(decoded["nbf"]) <= now.timestamp() < float(decoded["exp"]) else None
    except jwt.PyJWKClientConnectionError:
        raise
    except (jwt.PyJWTError, TypeError, ValueError):
        return None


def user_ids(token_claims: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of the token's user; BC counts requests under the first."""
    return tuple(str(token_claims[name]) for name in ("oid", "appid", "azp") if token_claims.get(name)) or ("",)
