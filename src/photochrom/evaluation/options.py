"""Every choice of an evaluation with its default: read by the command's help and the JSON."""

from __future__ import annotations

from dataclasses import dataclass

from photochrom.errors import InputError
from photochrom.pipeline import DEFAULT_VIVIDNESS, Size


@dataclass(frozen=True)
class EvaluationOptions:
    """How to evaluate."""

    limit: int | None = None
    """Number of pictures, drawn at random by ``seed``; None takes all."""
    seed: int = 0
    """Of the draw of pictures and of the bootstrap."""
    size: Size = "auto"
    """Working size of the network, short side in px, as in ``photochrom image``."""
    vividness: float = DEFAULT_VIVIDNESS
    """Factor on the predicted chroma, as in ``photochrom image``."""
    device: str = "auto"
    """Where the network runs, as in ``photochrom image``."""
    crop: int | None = None
    """Bring the short side to this many px and take the centre square first; None: as it is."""
    points: tuple[int, ...] = (0,)
    """Hints that each picture is coloured with, of its true colours at random places; of several
    numbers, each makes a row of its own."""
    skin: bool = False
    """Measure the skin in portraits by its tone, too."""
    resamples: int = 2000
    """Bootstrap data sets behind the 95 % intervals."""
    sort_by: str = "ciede2000"
    """Metric that orders gallery and contact sheet from worst to best."""
    thumbnail_px: int = 320
    """Longest side of the pictures in the gallery."""
    sheet_pictures: int = 60
    """Pictures on the contact sheet, evenly spaced from the worst to the best."""

    def __post_init__(self) -> None:
        """Raises InputError for numbers that nothing can be measured by."""
        for name in ("limit", "crop"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}; it must be at least 1, or None")
        if not self.points or min(self.points) < 0:
            raise InputError(f"points is {self.points}; give at least one number, and none below 0")
