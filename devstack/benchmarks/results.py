"""Holds a benchmark's results and derives ratios, means and the report. Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OURS = "ours"
NATIVE = ("libvips", "sharp")  # the fastest tools we know; we compare with the better one
TUNED = ("libvips_tuned", "sharp_tuned")  # the same, with our settings of the allocator


@dataclass(frozen=True)
class Run:
    """One renderer's results for one picture; ``refusal`` is its reason for refusing the picture."""

    milliseconds: Sequence[float] = ()
    bytes_out: int | None = None
    ssim: float | None = None
    peak_mb: float | None = None
    refusal: str | None = None

    @property
    def least(self) -> float | None:
        """The shortest time, because noise only adds."""
        return None if self.refusal else min(self.milliseconds, default=None)

    @property
    def median(self) -> float | None:
        """The median time of all rounds."""
        return None if self.refusal or not self.milliseconds else statistics.median(self.milliseconds)


@dataclass(frozen=True)
class Picture:
    """One picture and each renderer's results for it.

    ``ceiling`` is the SSIM of the reference itself after JPEG at our quality, which no resampling exceeds.
    ``resampled`` is our SSIM at the highest quality, which shows what decoding and resampling alone change.
    """

    name: str
    runs: dict[str, Run] = field(default_factory=dict)
    ceiling: float | None = None
    resampled: float | None = None

    @property
    def ratio(self) -> float | None:
        """Our least time ÷ that of the best native tool; None if we or one of them refused the picture."""
        return self._ratio_to(NATIVE)

    @property
    def tuned_ratio(self) -> float | None:
        """The same, but they run with our settings of the allocator; None also if they did not."""
        return self._ratio_to(TUNED)

    def _ratio_to(self, peers: Sequence[str]) -> float | None:
        ours, *native = (self.runs.get(name, Run()).least for name in (OURS, *peers))
        times = [time for time in native if time is not None]
        return ours / min(times) if ours is not None and len(times) == len(peers) else None

    @property
    def refusals(self) -> dict[str, str]:
        """The reason of each renderer that refused the picture."""
        return {name: run.refusal for name, run in self.runs.items() if run.refusal}


def geometric_mean(pictures: Sequence[Picture]) -> float | None:
    """Return the geometric mean of the ratios (2 and ½ average to 1). Pictures without a ratio do not count."""
    return _mean(picture.ratio for picture in pictures)


def tuned_mean(pictures: Sequence[Picture]) -> float | None:
    """Return the same of the ratios to the tuned peers."""
    return _mean(picture.tuned_ratio for picture in pictures)


def _mean(ratios: Iterable[float | None]) -> float | None:
    known = [ratio for ratio in ratios if ratio is not None]
    return statistics.geometric_mean(known) if known else None


def worst(pictures: Sequence[Picture]) -> Picture | None:
    """Return the picture with the highest ratio."""
    with_ratio = [picture for picture in pictures if picture.ratio is not None]
    return max(with_ratio, key=lambda picture: picture.ratio or 0, default=None)


def report(pictures: Sequence[Picture]) -> dict[str, Any]:
    """Return the run as JSON: milliseconds are the least ones, MB are 10^6 bytes."""
    return {
        "geometric_mean": geometric_mean(pictures),
        "pictures": [_report_picture(picture) for picture in pictures],
        "geometric_mean_tuned": tuned_mean(pictures),
    }


def _report_picture(picture: Picture) -> dict[str, Any]:
    ours = picture.runs[OURS]
    return {
        "name": picture.name,
        **{f"{name}_ms": run.least for name, run in picture.runs.items() if name not in TUNED},
        "ratio": picture.ratio,
        "ssim": picture.resampled,
        "bytes_out": ours.bytes_out,
        "peak_mb": ours.peak_mb,
        "ssim_delivered": ours.ssim,
        "ssim_ceiling": picture.ceiling,
        "rounds": len(ours.milliseconds),
        "refused": picture.refusals,
        **{f"{name}_ms": run.least for name, run in picture.runs.items() if name in TUNED},
        "ratio_tuned": picture.tuned_ratio,
        "renderers": {
            name: {"median_ms": run.median, "ssim": run.ssim, "bytes_out": run.bytes_out, "peak_mb": run.peak_mb}
            for name, run in picture.runs.items()
        },
    }
