"""What a model does with one photograph: its colours taken apart, its doubts, its judge.

The views are those of the papers: RGB, its three channels, L, a and b; the colours moved to their
bins (Zhang et al. 2016); the entropy of the predicted distribution; the critic's map of real and
coloured patches (Isola et al. 2017); draws of a network whose dropout is left on; and what its
layers see.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.bins import ColorBins
from photochrom.engine import ModelCard, Network
from photochrom.errors import OutputError
from photochrom.evaluation.dataset import grey_to_rgb, to_grey
from photochrom.evaluation.metrics import GREY_COLORFULNESS, colorfulness, to_lab
from photochrom.evaluation.views import (
    View,
    balance_view,
    bins_view,
    channel_view,
    map_view,
    primary_view,
    sheet,
)
from photochrom.imageio import Picture, write
from photochrom.pipeline import Size, predict, put_colors

SHEET_NAME = "sheet.png"
"""Of all views together, in a folder."""

_LARGEST_PX = 1024
_LARGEST_CHANGE = 40.0
_DRAWS_SHOWN = 4


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
class Draws:
    """Several colourings of one photograph by a network whose dropout is left on.

    colored: (H, W, 3) uint8 each. spread: (H, W) float32, the standard deviation of ab over the
    draws, CIELAB units.
    """

    colored: Sequence[NDArray[np.uint8]]
    spread: NDArray[np.float32]


@dataclass(frozen=True)
class LayerView:
    """What one layer sees. layer: its name. channels: how many it has. shown: which of them.
    maps: (K, h, w) float32 in [0, 1], one for each that is shown.
    """

    layer: str
    channels: int
    shown: Sequence[int]
    maps: NDArray[np.float32]


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
        colored=put_colors(grey, guess.ab, network.card),
        doubt=None if guess.confidence is None else 1.0 - guess.confidence,
    )


def card_bins(card: ModelCard) -> ColorBins | None:
    """The grid of a model's colour bins; None where its card tells of none that is known."""
    grids = (ColorBins.zhang(), ColorBins.in_gamut())
    return next((bins for bins in grids if len(bins) == card.bins), None)


def draw(grey: NDArray[np.uint8], network: Network, count: int, size: Size = "auto") -> Draws:
    """Colour a photograph several times by a network that answers differently each time.

    grey: (H, W) uint8. count: how often, from 2 on. size: as in `explain`.
    """
    guesses = [predict(grey, network, size=size).ab for _ in range(count)]
    colored = [put_colors(grey, ab, network.card) for ab in guesses]
    labs = np.stack([to_lab(rgb)[..., 1:] for rgb in colored])
    spread = np.sqrt(labs.var(axis=0).sum(axis=-1))
    return Draws(colored, spread.astype(np.float32))


def size_rows(rgb: NDArray[np.uint8], network: Network, sizes: Sequence[int]) -> list[list[View]]:
    """One photograph at several working sizes, side by side, and what each changes.

    rgb: (H, W, 3) uint8. sizes: short sides that the network sees, px. Below each size but the
    first stands where, and by how much, its colours differ from those of the size before.
    """
    above: list[View] = []
    below: list[View] = []
    before: NDArray[np.float32] | None = None
    for size in sizes:
        explanation = explain(rgb, network, size)
        colored = explanation.colored
        lab = to_lab(colored)
        note = f"colourfulness {colorfulness(colored):.1f}"
        above.append(View(f"size-{size}", f"{size} px", note, colored))
        if before is None:
            grey = grey_to_rgb(explanation.grey)
            below.append(View("size-grey", "the photograph in grey", "", grey))
        else:
            error = np.linalg.norm(lab[..., 1:] - before[..., 1:], axis=-1)
            note = f"ab: mean {error.mean():.1f}, {100 * (error > 10).mean():.0f} % above 10"
            shape = (colored.shape[0], colored.shape[1])
            view = map_view((error / _LARGEST_CHANGE).astype(np.float32), shape)
            below.append(View(f"size-{size}-change", "what it changes: yellow most", note, view))
        before = lab
    return [above, below]


def draw_rows(draws: Draws) -> list[list[View]]:
    """A row: the first draws, and where they differ."""
    pictures = [
        View(f"draw-{number}", f"draw {number}", f"colourfulness {colorfulness(rgb):.1f}", rgb)
        for number, rgb in enumerate(draws.colored[:_DRAWS_SHOWN], start=1)
    ]
    shape = (draws.spread.shape[0], draws.spread.shape[1])
    note = f"deviation of ab: mean {draws.spread.mean():.2f}, largest {draws.spread.max():.1f}"
    largest = max(float(draws.spread.max()), 1e-6)
    view = map_view(draws.spread / np.float32(largest), shape)
    return [
        [*pictures, View("draws-spread", f"spread over {len(draws.colored)} draws", note, view)]
    ]


def layer_rows(layers: Sequence[LayerView], shape: tuple[int, int]) -> list[list[View]]:
    """A row for each layer: its channels that vary most, from black to yellow. shape: of a view."""
    return [
        [
            View(
                f"layer-{number}-{channel}",
                f"{layer.layer}: {channel} of {layer.channels}",
                f"{values.shape[1]} x {values.shape[0]} px",
                map_view(values, shape),
            )
            for channel, values in zip(layer.shown, layer.maps, strict=True)
        ]
        for number, layer in enumerate(layers, start=1)
    ]


def views(
    explanation: Explanation, judgement: CriticJudgement | None, bins: ColorBins | None = None
) -> list[list[View]]:
    """Rows of views: the photograph, where it has colours, and what the model made of it.

    bins: those of the network; None: the grid's bins that sRGB can show.
    """
    bins = bins or ColorBins.in_gamut()
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
    for channel, name in enumerate(("red", "green", "blue")):
        note = f"mean {rgb[..., channel].mean():.0f} of 255"
        title = f"{which}: {name[0].upper()}"
        yield View(f"{which}-{name}", title, note, primary_view(rgb, channel))
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
