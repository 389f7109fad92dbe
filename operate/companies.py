"""Finds the company that a file's path means, as the app does."""

from shared.business_central.client import BusinessCentral
from shared.business_central.companies import Company
from shared.errors import Reason, Waiting
from shared.paths import ItemKey


def company_of(bc: BusinessCentral, key: ItemKey, default: str | None, request_id: str) -> Company:
    """Return the company that ``key`` names, or the default one.

    Raises:
        Waiting: ``company_not_found``.
        Transient: BC did not answer.
    """
    named = key.company or default
    if not named:
        raise Waiting(Reason.COMPANY_NOT_FOUND, "The path names no company, and there is no default (BC_COMPANY).")
    return bc.company(named, request_id)
