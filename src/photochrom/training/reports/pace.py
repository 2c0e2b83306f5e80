"""How far a run is, how fast it goes, and when it will be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from photochrom.training.checkpoint import Position
from photochrom.training.recipe.stage import Stage

_RATE_MEMORY = 0.95


@dataclass
class Window:
    """Losses added up since the last row of the log, and a smoothed speed."""

    rate: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, values: dict[str, float], rate: float) -> None:
        """The losses of one step, and its images/s."""
        self.rate = _RATE_MEMORY * self.rate + (1 - _RATE_MEMORY) * rate if self.rate else rate
        for key, value in values.items():
            self.sums[key] = self.sums.get(key, 0.0) + value
            self.counts[key] = self.counts.get(key, 0) + 1

    def take(self) -> dict[str, float]:
        """The means since the last call."""
        row = {key: total / self.counts[key] for key, total in self.sums.items()}
        self.sums, self.counts = {}, {}
        return row | {"images_per_s": self.rate}


def stage_share(stage: Stage, position: Position) -> float:
    """How much of the stage is done, 0 to 1."""
    if stage.images:
        return min(1.0, position.stage_images / stage.images)
    return min(1.0, position.stage_seconds / (60 * stage.minutes))


def seconds_left(stages: Sequence[Stage], position: Position, rate: float) -> float:
    """Estimate of the training time that is left in this and all later stages, s.

    rate: images/s of late; above 0.
    """
    seconds = 0.0
    for number, stage in enumerate(stages[position.stage :]):
        share = 1.0 if number else 1.0 - stage_share(stage, position)
        seconds += share * (stage.images / rate + 60 * stage.minutes)
    return seconds
