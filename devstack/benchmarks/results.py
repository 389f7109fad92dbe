"""What a run of the benchmark found, and what follows from it. Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

OURS = "ours"
NATIVE = ("libvips", "sharp")  # the fastest tools there are; ours is measured against the better one


@dataclass(frozen=True)
class Run:
    """What one renderer did with one picture; ``refusal`` says why it did nothing."""

    milliseconds: Sequence[float] = ()
    bytes_out: int | None = None
    ssim: float | None = None
    peak_mb: float | None = None
    refusal: str | None = None

    @property
    def least(self) -> float | None:
        """The shortest time: noise only ever adds."""
        return None if self.refusal else min(self.milliseconds, default=None)

    @property
    def median(self) -> float | None:
        """The time of the round in the middle."""
        return None if self.refusal or not self.milliseconds else statistics.median(self.milliseconds)


@dataclass(frozen=True)
class Picture:
    """One picture and what each renderer did with it.

    ``ceiling`` is the SSIM of the reference itself after JPEG at our quality: no way of resampling gets above it.
    ``resampled`` is that of ours at the highest quality: what decoding and resampling alone have changed.
    """

    name: str
    runs: dict[str, Run] = field(default_factory=dict)
    ceiling: float | None = None
    resampled: float | None = None

    @property
    def ratio(self) -> float | None:
        """Our least time ÷ that of the best native tool; None where ours or one of them did not render it."""
        ours, *native = (self.runs[name].least for name in (OURS, *NATIVE))
        known = [time for time in native if time is not None]
        return ours / min(known) if ours is not None and len(known) == len(NATIVE) else None

    @property
    def refusals(self) -> dict[str, str]:
        """Why which renderer did not render it."""
        return {name: run.refusal for name, run in self.runs.items() if run.refusal}


def geometric_mean(pictures: Sequence[Picture]) -> float | None:
    """Return the mean of the ratios: one of 2 and one of ½ make 1. Pictures without a ratio do not count."""
    ratios = [picture.ratio for picture in pictures if picture.ratio is not None]
    return statistics.geometric_mean(ratios) if ratios else None


def worst(pictures: Sequence[Picture]) -> Picture | None:
    """Return the picture with the highest ratio."""
    rated = [picture for picture in pictures if picture.ratio is not None]
    return max(rated, key=lambda picture: picture.ratio or 0, default=None)


def report(pictures: Sequence[Picture]) -> dict[str, Any]:
    """Return the run as JSON: milliseconds are the least ones, MB are 10^6 bytes."""
    return {
        "geometric_mean": geometric_mean(pictures),
        "pictures": [_reported(picture) for picture in pictures],
    }


def _reported(picture: Picture) -> dict[str, Any]:
    ours = picture.runs[OURS]
    return {
        "name": picture.name,
        **{f"{name}_ms": run.least for name, run in picture.runs.items()},
        "ratio": picture.ratio,
        "ssim": picture.resampled,
        "bytes_out": ours.bytes_out,
        "peak_mb": ours.peak_mb,
        "ssim_delivered": ours.ssim,
        "ssim_ceiling": picture.ceiling,
        "rounds": len(ours.milliseconds),
        "refused": picture.refusals,
        "renderers": {
            name: {
                "median_ms": run.median,
                "ssim": run.ssim,
                "bytes_out": run.bytes_out,
                "peak_mb": run.peak_mb,
            }
            for name, run in picture.runs.items()
        },
    }
