"""Frames of a film to train on: some of each second of each shot, drawn at random."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.luminance import lightness
from photochrom.errors import InputError
from photochrom.video.io.damage import DamageLog
from photochrom.video.io.pictures import rgb_frames
from photochrom.video.io.probe import probe
from photochrom.video.temporal.shots import with_shots

_SHORT_SIDE = 512
_SHOT_PX = 96

NumberedFrame = tuple[int, NDArray[np.uint8]]


class DrawnFrame(NamedTuple):
    """A frame of a film. number, shot: their numbers, from 0 on. rgb: (h, w, 3) uint8 sRGB."""

    number: int
    shot: int
    rgb: NDArray[np.uint8]


def drawn_frames(path: Path, per_s: float, damage: DamageLog | None = None) -> Iterator[DrawnFrame]:
    """``per_s`` frames of each second of each shot, all of them where a second has no more.

    The draw depends on the film's name and ``per_s`` alone. Of a shot's last, begun second the
    same share is drawn, of every shot at least one frame.
    Yields them in order, the short side at most 512 px. Memory does not grow with the film's
    length. Frames that may be damaged are left out.
    damage: where these are counted. Raises InputError for a film that has no colour, is interlaced,
    cut off, or cannot be read.
    """
    info = probe(path)
    if info.monochrome:
        raise InputError(f"{path} has no colours to learn from; take a film in colour")
    rate = float(info.nominal_rate)
    random = np.random.default_rng(
        int.from_bytes(hashlib.sha1(path.name.encode()).digest()[:8], "big")
    )
    second: list[NumberedFrame] = []
    shots = 0
    frames = enumerate(rgb_frames(info, _SHORT_SIDE, damage))
    for frame, starts_shot in with_shots(frames, _thumbnail_lightness):
        if starts_shot or len(second) >= rate:
            yield from _draw(second, shots - 1, per_s / rate, random)
            second = []
        shots += starts_shot
        second.append(frame)
    yield from _draw(second, shots - 1, per_s / rate, random)


def _draw(
    second: list[NumberedFrame], shot: int, share: float, random: np.random.Generator
) -> Iterator[DrawnFrame]:
    if second:
        count = min(len(second), max(1, round(share * len(second))))
        for place in np.sort(random.choice(len(second), count, replace=False)):
            index, rgb = second[int(place)]
            yield DrawnFrame(index, shot, rgb)


def _thumbnail_lightness(frame: NumberedFrame) -> NDArray[np.float32]:
    """Lightness of a small picture of a frame, which is enough to find shots."""
    _, rgb = frame
    scale = _SHOT_PX / max(rgb.shape[:2])
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    return lightness(np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8))
