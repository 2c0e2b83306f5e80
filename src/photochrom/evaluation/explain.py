"""What a model does with one photograph: its colours taken apart, its doubts, its judge.

The views are those of the papers: RGB, L, a and b; the colours moved to their bins (Zhang et al.
2016); the entropy of the predicted distribution; and the critic's map of real and coloured
patches (Isola et al. 2017).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.bins import ColorBins
from photochrom.color.compose import compose_upsampled
from photochrom.engine import Network
from photochrom.errors import OutputError
from photochrom.evaluation.dataset import grey_to_rgb, to_grey
from photochrom.evaluation.metrics import GREY_COLORFULNESS, colorfulness, to_lab
from photochrom.evaluation.views import (
    View,
    balance_view,
    bins_view,
    channel_view,
    map_view,
    sheet,
)
from photochrom.imageio import Picture, write
from photochrom.pipeline import Size, predict

SHEET_NAME = "sheet.png"
"""Of all views together, in a folder."""

_LARGEST_PX = 1024


@dataclass(frozen=True)
class Explanation:
    """A photograph and what a model made of it, at most 1024 px long.

    true: (H, W, 3) uint8, or None where the photograph has no colours. grey: (H, W) uint8.
    coloured: (H, W, 3) uint8. doubt: (h, w) float32 in [0, 1], the entropy of the predicted
    distribution as a share of the largest, or None for a network without one.
    """

    true: NDArray[np.uint8] | None
    grey: NDArray[np.uint8]
    colored: NDArray[np.uint8]
    doubt: NDArray[np.float32] | None


@dataclass(frozen=True)
class CriticJudgement:
    """What a critic says: maps of the true (where there is one) and the coloured picture.

    Each (h, w) float32: a probability that the patch is real, or a score without bounds.
    """

    true: NDArray[np.float32] | None
    colored: NDArray[np.float32]
    probability: bool

    def scale(self) -> tuple[float, float]:
        """The value that is shown white, and the distance of the strongest colours from it.

        A probability has its middle at one half. Scores have theirs between the two pictures,
        because only some losses give the 0 a meaning.
        """
        if self.probability:
            return 0.5, 0.5
        maps = [self.colored] if self.true is None else [self.true, self.colored]
        middle = 0.0 if self.true is None else float(np.mean([m.mean() for m in maps]))
        return middle, max(float(np.abs(m - middle).max()) for m in maps)


def explain(rgb: NDArray[np.uint8], network: Network, size: Size = "auto") -> Explanation:
    """Colour a photograph and keep what is needed to look into it.

    rgb: (H, W, 3) uint8, with or without colours; larger ones are shrunk. size: working size as in
    ``photochrom image``. Raises InputError or ModelError as `predict` does.
    """
    scale = _LARGEST_PX / max(rgb.shape[:2])
    if scale < 1:
        shape = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
        rgb = np.asarray(cv2.resize(rgb, shape, interpolation=cv2.INTER_AREA), np.uint8)
    grey = to_grey(rgb)
    guess = predict(grey, network, size=size)
    return Explanation(
        true=rgb if colorfulness(rgb) >= GREY_COLORFULNESS else None,
        grey=grey,
        colored=compose_upsampled(grey, guess.ab),
        doubt=None if guess.confidence is None else 1.0 - guess.confidence,
    )


def views(explanation: Explanation, judgement: CriticJudgement | None) -> list[list[View]]:
    """Rows of views: the photograph, where it has colours, and what the model made of it."""
    bins = ColorBins.in_gamut()
    rows = []
    if explanation.true is not None:
        true_map = None if judgement is None else judgement.true
        rows.append(list(_row("true", explanation.true, bins, judgement, true_map)))
    colored_map = None if judgement is None else judgement.colored
    rows.append(list(_row("coloured", explanation.colored, bins, judgement, colored_map)))
    # Last, so that what both rows have stands below each other: L is the photograph's, the doubts
    # are the model's.
    lightness = channel_view(to_lab(grey_to_rgb(explanation.grey)), 0)
    rows[0].append(View("L", "L", "what the network sees", lightness))
    if explanation.doubt is not None:
        note = f"mean {explanation.doubt.mean():.2f} of the largest"
        doubt = map_view(explanation.doubt, (lightness.shape[0], lightness.shape[1]))
        rows[-1].append(View("entropy", "entropy: black is sure", note, doubt))
    return rows


def _row(
    which: str,
    rgb: NDArray[np.uint8],
    bins: ColorBins,
    judgement: CriticJudgement | None,
    patches: NDArray[np.float32] | None,
) -> Iterator[View]:
    lab = to_lab(rgb)
    yield View(f"{which}-rgb", f"{which}: RGB", f"colourfulness {colorfulness(rgb):.1f}", rgb)
    for channel, name in ((1, "a"), (2, "b")):
        values = lab[..., channel]
        note = f"{values.mean():+.1f}, spread {values.std():.1f}"
        yield View(f"{which}-{name}", f"{which}: {name}", note, channel_view(lab, channel))
    binned, used = bins_view(lab, bins)
    yield View(f"{which}-bins", f"{which}: bins", f"{used} of {len(bins)} bins occur", binned)
    if judgement is not None and patches is not None:
        kind = "P(real)" if judgement.probability else "score"
        note = f"{kind}: mean {patches.mean():.2f}, {patches.min():.2f} to {patches.max():.2f}"
        view = balance_view(patches, *judgement.scale(), (rgb.shape[0], rgb.shape[1]))
        yield View(f"{which}-critic", "critic: blue is real, red is not", note, view)


def write_views(rows: Sequence[Sequence[View]], out: Path, *, overwrite: bool) -> list[Path]:
    """Write the sheet into a picture file, or the sheet and every view into a folder.

    out: a picture file by its suffix, else a folder, made where it is missing. Returns the files.
    Raises OutputError where one cannot be written.
    """
    pictures = {out: sheet(rows)}
    if not out.suffix or out.is_dir():
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {out}: {error.strerror}") from error
        pictures = {out / SHEET_NAME: pictures[out]}
        pictures |= {out / f"{view.name}.png": view.rgb for row in rows for view in row}
    for path, rgb in pictures.items():
        write(path, Picture(np.ascontiguousarray(rgb)), overwrite=overwrite)
    return list(pictures)
