"""Everything that the simulator knows and that a test can arrange, in one place."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from devstack.business_central import errors
from devstack.business_central.clock import Clock
from devstack.business_central.conditions import Conditions
from devstack.business_central.late import LateWrites
from devstack.business_central.limits import Throttle
from devstack.business_central.models import Catalogue
from devstack.business_central.request_log import RequestLog

SANDBOX, PRODUCTION = "sandbox", "production"
_SEEDS = {SANDBOX: "catalogue.json", PRODUCTION: "production.json"}


class World:
    """Two environments and the conditions under which they are reached; ``seed`` replaces the sandbox's catalogue."""

    def __init__(self, seed: Mapping[str, Any] | None = None) -> None:
        self.clock = Clock()
        self.conditions = Conditions(self.clock)
        self.throttle = Throttle(self.clock)
        self.late = LateWrites(self.clock)
        self.log = RequestLog()
        self.environments = {
            name: Catalogue((name == SANDBOX and seed) or _seed(file), self.clock.now) for name, file in _SEEDS.items()
        }

    @property
    def sandbox(self) -> Catalogue:
        """The environment that the catalogue page shows and that on-premises addresses lead to."""
        return self.environments[SANDBOX]

    def reset(self) -> None:
        """Begin again: the seeds, BC's limits, no faults, the machine's time. What waits is dropped without effect."""
        self.late.clear()
        self.conditions.reset()
        self.throttle.reset()
        self.clock.reset()
        for catalogue in self.environments.values():
            catalogue.reset()
        self.log.clear()

    def environment(self, name: str) -> Catalogue:
        """Return an environment; the case of its name does not count."""
        if name.lower() not in self.environments:
            raise errors.environment_not_found()
        return self.environments[name.lower()]

    def with_company(self, company_id: UUID) -> Catalogue:
        """Return the environment that has this company, or raise Internal_CompanyNotFound."""
        for catalogue in self.environments.values():
            if any(company.id == company_id for company in catalogue.companies()):
                return catalogue
        raise errors.company_not_found(company_id)

    def with_item(self, item_id: UUID) -> Catalogue:
        """Return the environment that has this item, the sandbox where none has."""
        having = (each for each in self.environments.values() if each.find_item(item_id))
        return next(having, self.sandbox)


def _seed(file: str) -> Mapping[str, Any]:
    seed: Mapping[str, Any] = json.loads(Path(__file__).with_name(file).read_text(encoding="utf-8"))
    return seed
