"""Skin in portraits, by its tone: is every face coloured equally well?

Whose pixels are skin, and how light it is, is read from the true picture. Tone is that of the
photograph, light and camera included; nobody's own skin is measured. It is told by the individual
typology angle, ``ITA = atan2(L* − 50, b*)`` in degrees (Chardon, Cretois, Hourseau, *Skin colour
typology and suntanning pathways*, 1991), in the six groups of Del Bino, Bernerd, *Variations in
skin colour and the biological consequences of ultraviolet radiation exposure* (2013).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.evaluation.metric_table import Pixels
from photochrom.evaluation.metrics import hue_error

TONE_GROUPS = {
    "very light": 55.0,
    "light": 41.0,
    "intermediate": 28.0,
    "tan": 10.0,
    "brown": -30.0,
    "dark": -180.0,
}
"""Skin tones by the angle, degrees, that theirs exceeds."""

ALL_TONES = "all tones"
PER_LIGHTNESS = "per 10 L*"
"""The rows below the groups: all faces, and how much the shifts grow with the lightness of skin."""

_CR, _CB = (133, 173), (77, 127)
_HALF_WIDTH, _HALF_HEIGHT = 0.36, 0.42
_SMALLEST_SHARE = 0.03
_LEAST_CHROMA = 1.0
_LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class SkinScores:
    """The skin of one predicted face beside the true one; angles in degrees, else CIELAB units.

    tone: the individual typology angle of the true skin; lightness: its mean L*. hue_error: the
    share of wrong hues among its pixels, % (`metrics.hue_error`); hue_shift: from the true mean
    colour's hue to the predicted one's, positive towards yellow, negative towards red, nan where
    the prediction is grey; chroma_shift: of the mean chroma, negative is paler; shadows_shift,
    lights_shift: the same in the darker and in the lighter half of the skin.
    """

    tone: float
    lightness: float
    hue_error: float
    hue_shift: float
    chroma_shift: float
    shadows_shift: float
    lights_shift: float

    @property
    def group(self) -> str:
        """The tone's name in `TONE_GROUPS`."""
        return next(name for name, angle in TONE_GROUPS.items() if self.tone > angle)


@dataclass(frozen=True)
class SkinFigure:
    """A mean over faces, or a slope, with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        value, low, high = (round(number, 1) + 0.0 for number in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"


@dataclass(frozen=True)
class SkinRow:
    """One method and one tone group. figures: by field of `SkinScores`; None has no value."""

    method: str
    group: str
    faces: int
    figures: Mapping[str, SkinFigure | None]


HEADINGS = {
    "hue_error": "hue errors, %",
    "hue_shift": "hue shift, °",
    "chroma_shift": "chroma shift",
    "shadows_shift": "in shadows",
    "lights_shift": "in lights",
}
"""The figures of a row and how they are headed."""

_SLOPES = ("hue_shift", "chroma_shift")


def skin_mask(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels of a portrait are skin.

    Those in the ellipse in the middle, where an upright face is, whose Cr is in 133..173 and Cb in
    77..127, the range of skin of all tones: Chai, Ngan, *Face segmentation using skin-color map in
    videophone applications* (1999). rgb: (H, W, 3) uint8, sRGB-encoded. Returns (H, W).
    """
    height, width = rgb.shape[:2]
    _, cr, cb = np.moveaxis(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb), -1, 0)
    y, x = np.mgrid[0.5:height, 0.5:width]
    across = (x / width - 0.5) / _HALF_WIDTH
    along = (y / height - 0.5) / _HALF_HEIGHT
    skin: NDArray[np.bool_] = across**2 + along**2 <= 1
    skin &= (cr >= _CR[0]) & (cr <= _CR[1]) & (cb >= _CB[0]) & (cb <= _CB[1])
    return skin


def measure_skin(
    predictions: Mapping[str, NDArray[np.uint8]], truth: NDArray[np.uint8]
) -> dict[str, SkinScores]:
    """The skin of each prediction, by method; empty where the true picture shows too little skin.

    predictions, truth: (H, W, 3) uint8, sRGB-encoded, of one size.
    """
    mask = skin_mask(truth)
    if mask.mean() < _SMALLEST_SHARE:
        return {}
    true = Pixels(truth).lab[mask]
    return {
        method: _scores(Pixels(prediction).lab[mask], true)
        for method, prediction in predictions.items()
    }


def _scores(ours: NDArray[np.float32], true: NDArray[np.float32]) -> SkinScores:
    """ours, true: (N, 3) CIELAB of the same pixels of skin."""
    L, _, b = np.median(true, axis=0)
    mean_ab, true_ab = ours[:, 1:].mean(axis=0), true[:, 1:].mean(axis=0)
    turn = np.degrees(np.arctan2(mean_ab[1], mean_ab[0]) - np.arctan2(true_ab[1], true_ab[0]))
    gain = np.linalg.norm(ours[:, 1:], axis=1) - np.linalg.norm(true[:, 1:], axis=1)
    dark = true[:, 0] <= L
    return SkinScores(
        tone=float(np.degrees(np.arctan2(L - 50, b))),
        lightness=float(true[:, 0].mean()),
        hue_error=100 * hue_error(ours, true),
        hue_shift=float((turn + 180) % 360 - 180)
        if np.linalg.norm(mean_ab) >= _LEAST_CHROMA
        else float("nan"),
        chroma_shift=float(gain.mean()),
        shadows_shift=float(gain[dark].mean()),
        lights_shift=float(gain[~dark].mean()) if not dark.all() else float("nan"),
    )


def summarize_skin(
    faces: Sequence[Mapping[str, SkinScores]], *, seed: int, resamples: int
) -> list[SkinRow]:
    """A row for each method and group of tones, for all tones, and for the slope over lightness.

    faces: the scores of each picture that shows skin, by method; without any there are no rows.
    """
    rows = []
    for method in faces[0] if faces else ():
        scores = [face[method] for face in faces]
        for group in (*TONE_GROUPS, ALL_TONES):
            of_group = [s for s in scores if group in (s.group, ALL_TONES)]
            figures = {
                key: _figure(_column(of_group, key)[:, None], _mean, seed, resamples)
                for key in HEADINGS
            }
            rows.append(SkinRow(method, group, len(of_group), figures))
        slopes = {
            key: _figure(
                np.column_stack([_column(scores, "lightness"), _column(scores, key)]),
                _slope, seed, resamples,
            )
            for key in _SLOPES
        }  # fmt: skip
        rows.append(SkinRow(method, PER_LIGHTNESS, len(scores), slopes))
    return rows


def _column(scores: Sequence[SkinScores], key: str) -> NDArray[np.float64]:
    return np.array([getattr(s, key) for s in scores], np.float64)


def _mean(values: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the only column, in each draw. values: (faces, 1); counts: (draws, faces)."""
    means: NDArray[np.float64] = (counts @ values)[:, 0] / counts.sum(axis=1)
    return means


def _slope(values: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the second column over the first, per 10 units; nan where the first does not vary."""
    x, y = (values - values.mean(axis=0)).T
    faces = counts.sum(axis=1)
    mean_x, mean_y = counts @ x / faces, counts @ y / faces
    variance = counts @ (x * x) / faces - mean_x**2
    covariance = counts @ (x * y) / faces - mean_x * mean_y
    slopes: NDArray[np.float64] = np.full_like(variance, np.nan)
    np.divide(10 * covariance, variance, out=slopes, where=variance > _LEAST_VARIANCE)
    return slopes


def _figure(
    values: NDArray[np.float64],
    statistic: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]],
    seed: int,
    resamples: int,
) -> SkinFigure | None:
    """A statistic of the faces that have a value, with its interval. values: (faces, columns)."""
    measured = values[np.isfinite(values).all(axis=1)]
    faces = len(measured)
    if not faces:
        return None
    generator = np.random.default_rng(seed)
    counts = generator.multinomial(faces, np.full(faces, 1 / faces), size=resamples)
    value = float(statistic(measured, np.ones((1, faces)))[0])
    draws = statistic(measured, counts.astype(np.float64))
    telling = draws[np.isfinite(draws)]
    if not np.isfinite(value) or not telling.size:
        return None
    low, high = np.percentile(telling, [2.5, 97.5])
    return SkinFigure(value, float(low), float(high))


def skin_table(rows: Sequence[SkinRow]) -> list[list[str]]:
    """The rows as cells of text."""
    lines = [["method", "skin tone", "faces", *HEADINGS.values()]]
    for row in rows:
        figures = (row.figures.get(key) for key in HEADINGS)
        cells = ("" if figure is None else str(figure) for figure in figures)
        lines.append([row.method, row.group, str(row.faces), *cells])
    return lines


def skin_json(rows: Sequence[SkinRow]) -> list[dict[str, object]]:
    """The rows as JSON-ready data."""
    return [asdict(row) for row in rows]
