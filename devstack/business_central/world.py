"""Brings together everything that the simulator holds: the environments' catalogues and the scenario."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from devstack.business_central import errors
from devstack.business_central.catalogue.store import Catalogue
from devstack.business_central.scenario.admission import Admission
from devstack.business_central.scenario.clock import SimulatedClock
from devstack.business_central.scenario.conditions import Conditions
from devstack.business_central.scenario.late_writes import LateWrites
from devstack.business_central.scenario.request_log import RequestLog

SANDBOX, PRODUCTION = "sandbox", "production"
_SEEDS = {SANDBOX: "catalogue.json", PRODUCTION: "production.json"}


class World:
    """Holds two environments, and the conditions under which clients reach them."""

    def __init__(self) -> None:
        self.clock = SimulatedClock()
        self.conditions = Conditions(self.clock)
        self.admission = Admission(self.clock)
        self.late_writes = LateWrites(self.clock)
        self.log = RequestLog()
        self.environments = {name: Catalogue(_seed(file), self.clock.now) for name, file in _SEEDS.items()}

    @property
    def sandbox(self) -> Catalogue:
        """Return the environment behind the catalogue page and the on-premises addresses."""
        return self.environments[SANDBOX]

    def reset(self) -> None:
        """Start again: the seeds, BC's limits, no faults, the machine's time. Waiting requests end without effect."""
        self.late_writes.clear()
        self.conditions.reset()
        self.admission.reset()
        self.clock.reset()
        for catalogue in self.environments.values():
            catalogue.reset()
        self.log.clear()

    def environment(self, name: str) -> Catalogue:
        """Return the environment with this name in any case, or raise NoEnvironment."""
        if name.lower() not in self.environments:
            raise errors.environment_not_found()
        return self.environments[name.lower()]

    def environment_of_company(self, company_id: UUID) -> Catalogue:
        """Return the environment that has this company, or raise Internal_CompanyNotFound."""
        for catalogue in self.environments.values():
            if catalogue.has_company(company_id):
                return catalogue
        raise errors.company_not_found(company_id)

    def environment_of_item(self, item_id: UUID) -> Catalogue:
        """Return the environment that has this item, or the sandbox if neither has it."""
        matches = (catalogue for catalogue in self.environments.values() if catalogue.find_item(item_id))
        return next(matches, self.sandbox)


def _seed(file: str) -> Mapping[str, Any]:
    seed: Mapping[str, Any] = json.loads(Path(__file__).with_name(file).read_text(encoding="utf-8"))
    return seed
