"""Defines what the doctor finds, and runs its checks."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from operate.arm import Refused, Unreachable
from operate.pages import located
from shared.errors import Failure


class Grade(StrEnum):
    """How much a finding matters."""

    PROBLEM = "problem"  # something does not work, or will not
    UNKNOWN = "unknown"  # the doctor could not look
    NOTE = "note"  # worth knowing; nothing to mend


@dataclass(frozen=True)
class Finding:
    """One thing that was found: what it is, why it matters, and the one command or page that mends it.

    ``name`` stays the same in later versions: scripts look for it.
    """

    name: str
    what: str
    why: str
    mend: str
    grade: Grade = Grade.PROBLEM


@dataclass(frozen=True)
class Check:
    """Looks at one thing; ``look`` yields what it finds, if the checks that it ``needs`` have found nothing."""

    title: str
    look: Callable[[], Iterable[Finding]]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checked:
    """A check that was made, and what it found."""

    title: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def grade(self) -> Grade | None:
        """The gravest grade of what was found; None if nothing was."""
        grades = {finding.grade for finding in self.findings}
        return next((grade for grade in Grade if grade in grades), None)


def made(checks: Iterable[Check]) -> Iterator[Checked]:
    """Make the checks, one after the other; leaves out those that cannot tell anything new.

    A check that cannot look does not keep others from looking that do not need it.
    """
    in_vain: set[str] = set()
    for check in checks:
        if in_vain.intersection(check.needs):
            in_vain.add(check.title)
            continue
        yield (checked := _made(check))
        if checked.grade in (Grade.PROBLEM, Grade.UNKNOWN):
            in_vain.add(check.title)


def _made(check: Check) -> Checked:
    found: list[Finding] = []
    try:
        found.extend(check.look())
    except Refused as refused:
        found.append(_not_allowed(check.title, refused))
    except (Unreachable, Failure) as failure:
        found.append(_not_reached(check.title, failure))
    return Checked(check.title, [replace(each, why=located(each.why), mend=located(each.mend)) for each in found])


def _not_allowed(title: str, refused: Refused) -> Finding:
    right = (
        "Your roles do not let you look. docs/operating.md#rights lists those that the doctor needs."
        if refused.is_forbidden
        else "Azure answered with an error."
    )
    return Finding(
        "could_not_look",
        f"{title}: could not look ({refused}).",
        f"{right} Whatever is wrong there stays unseen.",
        "docs/operating.md#rights" if refused.is_forbidden else "Run the doctor again.",
        Grade.UNKNOWN,
    )


def _not_reached(title: str, failure: Exception) -> Finding:
    detail = failure.detail if isinstance(failure, Failure) else str(failure)
    return Finding(
        "could_not_look",
        f"{title}: could not look: {detail}",
        "Whatever is wrong there stays unseen.",
        "az login, then run the doctor again.",
        Grade.UNKNOWN,
    )
