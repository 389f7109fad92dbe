"""Says times and ages: in words for people, by ISO 8601 and in seconds for programs. Pure."""

from datetime import UTC, datetime, timedelta

from operate.output import duration

_DAY = timedelta(days=1)


def words(age: timedelta) -> str:
    """Return an age as exact as anybody needs it."""
    return f"{age.days} days" if age >= 2 * _DAY else duration(max(age.total_seconds(), 0))


def seconds(age: timedelta) -> int:
    """Return an age in whole seconds."""
    return round(age.total_seconds())


def moment(at: datetime) -> str:
    """Return a time for people."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(at: datetime | None) -> str | None:
    """Return a time for programs."""
    return at.astimezone(UTC).isoformat() if at else None
