"""A model on films with known colours: how steady, and how near the truth, with and without motion.

The film's own luma is the black-and-white film. It is coloured twice, frame by frame and steadily,
and all three go the way to the screen alike: 8-bit Y, U, V at half resolution, then RGB.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photochrom import __version__
from photochrom.atomic import write_atomically
from photochrom.color.borders import NO_BORDERS, Borders
from photochrom.engine import Network
from photochrom.errors import InputError
from photochrom.evaluation.flicker import ColorConsistency, Correspondence
from photochrom.evaluation.lpips import Lpips
from photochrom.evaluation.metrics import psnr
from photochrom.pipeline import DEFAULT_VIVIDNESS, Size, guess_chroma
from photochrom.video.converter import Converter
from photochrom.video.io.damage import DamageLog
from photochrom.video.io.frame import Frame
from photochrom.video.io.pictures import Planes420, planes_420, rgb_from_420
from photochrom.video.io.probe import probe
from photochrom.video.temporal.guess_interval import ASK_EVERY
from photochrom.video.temporal.propagation import KnownColors, guess_frame
from photochrom.video.temporal.smoothing import DEFAULT_STEADY, WorkingFrame, steady_chroma

TRUE, PER_FRAME, STEADY = "true", "per frame", "steady"
"""The three films that are measured."""


@dataclass(frozen=True)
class FilmEvaluationOptions:
    """How films are coloured and measured; read by the command's help and the JSON."""

    size: Size = "auto"
    """Working size of the network, short side in px."""
    vividness: float = DEFAULT_VIVIDNESS
    """Factor on the predicted chroma."""
    steady: float = DEFAULT_STEADY
    """How long colours last, as in ``photochrom film``."""
    ask_every: int = ASK_EVERY
    """The network is asked for every so many frames at least, as for `steady_chroma`."""
    limit: int | None = None
    """Number of frames, from the film's first; None takes all."""
    lpips_every: int = 3
    """LPIPS is measured on every so many frames."""


@dataclass(frozen=True)
class FilmScores:
    """One of the three films. cdc, warp: see `flicker`; psnr (dB), lpips: means over frames, None
    where not measured, as for the true film.
    """

    cdc: float
    warp: float
    psnr: float | None
    lpips: float | None


@dataclass(frozen=True)
class FilmReport:
    """One film: scores by `TRUE`, `PER_FRAME` and `STEADY`."""

    path: Path
    frames: int
    scores: dict[str, FilmScores] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """Where the film is damaged, and how many frames were left out for it."""

    def excess(self, metric: str) -> float:
        """What the steady film has of the per-frame one's flicker beyond the true film's.

        metric: "cdc" or "warp". 0: as steady as the truth; 1: as unsteady as frame by frame; nan
        where the single guesses are not less steady than the truth.
        """
        true, single, steady = (
            float(getattr(self.scores[name], metric)) for name in (TRUE, PER_FRAME, STEADY)
        )
        return (steady - true) / (single - true) if single > true else float("nan")

    def to_json(self) -> dict[str, object]:
        """Everything, for a JSON file; None for what was not measured."""
        scores = {
            name: {
                key: None if value is None or math.isnan(value) else value
                for key, value in asdict(of_film).items()
            }
            for name, of_film in self.scores.items()
        }
        film = {"film": str(self.path), "frames": self.frames, "scores": scores}
        return {**film, "notes": list(self.notes)}


def evaluate_film(
    path: Path,
    network: Network,
    settings: FilmEvaluationOptions,
    lpips: Lpips | None = None,
    advance: Callable[[], None] = lambda: None,
    known_colors: KnownColors | None = None,
) -> FilmReport:
    """Measure a model on one film. advance: called after each frame. known_colors: for the steady
    film, as of `steady_chroma`.

    Frames that may be damaged are left out, and the report tells of it. Memory does not grow with
    the film's length. Raises InputError for a film that cannot be read,
    has no colour or fewer than two frames, ModelError when the network fails.
    """
    network.card.check_photographs("an evaluation on films")
    info = probe(path)
    if info.monochrome:
        raise InputError(f"{path} has no colours to compare with; take a film in colour")
    converter = Converter(replace(info, bits=8), network.card, settings.size)
    guesses: deque[NDArray[np.float32]] = deque()
    waiting: deque[tuple[Frame, Planes420]] = deque()
    damage = DamageLog()

    def working_frames() -> Iterator[WorkingFrame]:
        for index, true in enumerate(islice(planes_420(info, damage), settings.limit)):
            frame = Frame(index, true.luma, 0)
            working = converter.working_frame(frame)
            waiting.append((frame, true))
            guesses.append(guess_frame(guess, working.L, None, None, working.fine_L))
            yield working

    def guess(
        L: NDArray[np.float32],
        hint_ab: NDArray[np.float32],
        mask: NDArray[np.float32],
        borders: Borders = NO_BORDERS,
        fine_L: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        return guess_chroma(network, L, hint_ab, mask, settings.vividness, borders, fine_L)

    meters = {name: _Meter() for name in (TRUE, PER_FRAME, STEADY)}
    previous: NDArray[np.uint8] | None = None
    frames = 0
    with closing(
        steady_chroma(
            working_frames(),
            guess,
            steady=settings.steady,
            known_colors=known_colors,
            ask_every=settings.ask_every,
        )
    ) as colors:
        for index, ab, _ in colors:
            (frame, true), single = waiting.popleft(), guesses.popleft()
            luma = true.luma
            pictures = {TRUE: rgb_from_420(true, info)}
            for name, chroma in ((PER_FRAME, single), (STEADY, ab)):
                colored = Planes420(luma, converter.chroma(frame, chroma))
                pictures[name] = rgb_from_420(colored, info)
            if not true.continues:
                previous = None
            motion = None if previous is None else Correspondence(previous, luma)
            lpips_now = lpips if index % settings.lpips_every == 0 else None
            for name, meter in meters.items():
                truth = None if name == TRUE else pictures[TRUE]
                if not true.continues:
                    meter.interrupt()
                meter.add(pictures[name], truth, motion, lpips_now)
            previous, frames = luma, index + 1
            advance()
    if frames < 2:
        raise InputError(
            f"fewer than two frames of {path} were measured; flicker needs at least 2; take a "
            "longer film, or a larger --limit"
        )
    scores = {name: meter.scores() for name, meter in meters.items()}
    return FilmReport(path, frames, scores, damage.sentences(info))


def write_json(
    path: Path,
    reports: Sequence[FilmReport],
    settings: FilmEvaluationOptions,
    model: str,
    *,
    overwrite: bool,
) -> None:
    """Everything in one JSON file; model: its title. Raises OutputError."""
    content = {
        "photochrom": __version__,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "model": model,
        "settings": asdict(settings),
        "films": [report.to_json() for report in reports],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(path, f"{text}\n".encode("utf-8", "backslashreplace"), overwrite=overwrite)


def to_table(reports: Sequence[FilmReport]) -> list[list[str]]:
    """Rows of text: three lines for each film, and the share of excess flicker that is left."""
    rows = [["film", "frames", "colours", "CDC 10^-3", "warp 10^-3", "PSNR", "LPIPS"]]
    for report in reports:
        first = [report.path.name, str(report.frames)]
        for name, scores in report.scores.items():
            figures = [f"{1e3 * scores.cdc:.2f}", f"{1e3 * scores.warp:.2f}"]
            figures.append("" if scores.psnr is None else f"{scores.psnr:.2f}")
            figures.append("" if scores.lpips is None else f"{scores.lpips:.4f}")
            rows.append([*first, name, *figures])
            first = ["", ""]
        left = [_to_share(report.excess(metric)) for metric in ("cdc", "warp")]
        rows.append(["", "", "excess left", *left, "", ""])
    return rows


def _to_share(excess: float) -> str:
    """The excess that is left in per cent; a film as steady as the truth, or steadier, has none."""
    return "-" if math.isnan(excess) else f"{max(100 * excess, 0):.0f} %"


class _Meter:
    """The figures of one film, frame by frame."""

    def __init__(self) -> None:
        self._consistency = ColorConsistency()
        self._warp: list[float] = []
        self._psnr: list[float] = []
        self._lpips: list[float] = []
        self._previous: NDArray[np.uint8] | None = None

    def add(
        self,
        rgb: NDArray[np.uint8],
        truth: NDArray[np.uint8] | None,
        motion: Correspondence | None,
        lpips: Lpips | None,
    ) -> None:
        self._consistency.add(rgb)
        if motion is not None and self._previous is not None and motion.visible.any():
            self._warp.append(motion.warp_error(self._previous, rgb))
        if truth is not None:
            self._psnr.append(psnr(rgb, truth))
            if lpips is not None:
                self._lpips.append(float(lpips.distances(truth, rgb[None])[0]))
        self._previous = rgb

    def interrupt(self) -> None:
        """What comes next does not follow what was before."""
        self._consistency.interrupt()
        self._previous = None

    def scores(self) -> FilmScores:
        warp = float(np.mean(self._warp)) if self._warp else float("nan")
        mean_psnr, mean_lpips = (
            float(np.mean(values)) if values else None for values in (self._psnr, self._lpips)
        )
        return FilmScores(self._consistency.value, warp, mean_psnr, mean_lpips)
