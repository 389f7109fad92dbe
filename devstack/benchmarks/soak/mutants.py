"""Takes one safeguard out of the app, in a process of its own: the soak must notice each of them.

Applied after the app's modules are loaded and before the app is built. Nothing of this reaches what is deployed.
"""

import importlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

SETTING = "SOAK_MUTANT"


@dataclass(frozen=True)
class Mutant:
    """A way to break the app: ``what`` it does wrong, and how to make it so."""

    what: str
    apply: Callable[[], None]


def _replace(module: str, name: str, value: Any) -> None:  # noqa: ANN401 - whatever stands there
    """Replace ``name`` in ``module``; a dotted name means a method of a class."""
    owner: Any = importlib.import_module(module)
    *classes, last = name.split(".")
    for part in classes:
        owner = getattr(owner, part)
    if not hasattr(owner, last):
        raise AttributeError(f"{module} has no {name}: the mutant is out of date")
    setattr(owner, last, value)


def _ignore_order() -> None:
    _replace("shared.item_record", "_order", lambda *_: None)


def _drop_doubt() -> None:
    _replace("shared.item_record", "doubted", lambda claimed: replace(claimed.record, claim=None, doubt=None))
    nothing = property(lambda _stored: None)
    _replace("shared.item_record", "StoredRecord.effective_doubt", nothing)


def _overwrite_records() -> None:
    _replace("shared.storage.records", "_only_over", lambda _etag: {"overwrite": True})


def _delete_first() -> None:
    mover: Any = importlib.import_module("shared.storage.moves").Mover
    usual = mover.move

    def move(self: Any, source: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as the original
        if source.content is not None:  # saved from memory, as if it had been replaced meanwhile
            self._delete(source)
        return usual(self, source, *arguments, **options)

    mover.move = move


def _repeat_blindly() -> None:
    retries: Any = importlib.import_module("shared.business_central.retries")
    rules: Any = retries.PatientRetry
    usual = rules.at.__func__

    def at(cls: Any, throttle: Any) -> Any:  # noqa: ANN401 - as the original
        patient = usual(cls, throttle)
        patient.allowed_methods = frozenset({"GET", "PATCH"})
        return patient

    rules.at = classmethod(at)


def _quarantine_when_down() -> None:
    errors: Any = importlib.import_module("shared.errors")
    odata: Any = importlib.import_module("shared.business_central.odata")
    usual = odata.failure_of

    def failure_of(status: int, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as the original
        if status == 503:  # noqa: PLR2004 - HTTP's
            return errors.Permanent(errors.Reason.NOT_AN_IMAGE, "Business Central did not want it.")
        return usual(status, *arguments, **options)

    odata.failure_of = failure_of


def _keep_nothing() -> None:
    _replace("shared.placement", "Placement._keep", lambda *_: False)


def _rename_each_time() -> None:
    names: Any = importlib.import_module("shared.storage.names")
    usual = names.archive_name
    _replace(
        "shared.storage.archive",
        "archive_name",
        lambda *arguments: usual(*arguments).replace("Z-", f"Z-{secrets.token_hex(2)}"),
    )


def _never_sweep() -> None:
    report: Any = importlib.import_module("shared.report")
    _replace("shared.sweep", "Sweep.run", lambda _sweep: report.SweepReport("none"))


MUTANTS = {
    "order": Mutant("the order of uploads is ignored: the last one that is processed wins", _ignore_order),
    "doubt": Mutant("a write without an answer leaves no doubt", _drop_doubt),
    "compare-and-swap": Mutant("records are overwritten whatever is there", _overwrite_records),
    "delete-first": Mutant("an upload is deleted before it is copied", _delete_first),
    "blind-retry": Mutant("a PATCH without an answer is sent again at once", _repeat_blindly),
    "503-quarantine": Mutant("a 503 of Business Central counts as the picture's fault", _quarantine_when_down),
    "no-before": Mutant("the picture that an item had before is not saved", _keep_nothing),
    "unstable-name": Mutant("an upload gets another name in the archive each time", _rename_each_time),
    "no-sweep": Mutant("nothing takes up what is still in incoming", _never_sweep),
}
