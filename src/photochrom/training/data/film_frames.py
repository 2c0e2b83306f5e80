"""Frames of a film to train on: some of each second of each shot, drawn at random."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.luminance import lightness
from photochrom.errors import InputError
from photochrom.video.io.container import av, film_stream, opened, words
from photochrom.video.io.frame import FilmInfo
from photochrom.video.io.orientation import orientation
from photochrom.video.io.probe import MATRIX_CODES, probe
from photochrom.video.temporal.shots import ShotFinder

_SHORT_SIDE = 512
_SHOT_PX = 96

Numbered = tuple[int, NDArray[np.uint8]]


def drawn_frames(path: Path, per_s: float) -> Iterator[Numbered]:
    """``per_s`` frames of each second of each shot, all of them where a second has no more.

    The draw depends on the film's name and ``per_s`` alone. Of a shot's last, begun second the
    same share is drawn, of every shot at least one frame.
    Yields (index, (h, w, 3) uint8 sRGB), in order, the short side at most 512 px. Memory does not
    grow with the film's length. Raises InputError for a film that cannot be read or has no colour.
    """
    info = probe(path)
    if info.monochrome:
        raise InputError(f"{path} has no colours to learn from; take a film in colour")
    rate = float(info.rate or 25)
    random = np.random.default_rng(
        int.from_bytes(hashlib.sha1(path.name.encode()).digest()[:8], "big")
    )
    second: list[Numbered] = []
    for begins, frame in _shots(info):
        if begins or len(second) >= rate:
            yield from _drawn(second, per_s / rate, random)
            second = []
        second.append(frame)
    yield from _drawn(second, per_s / rate, random)


def _drawn(second: list[Numbered], share: float, random: np.random.Generator) -> Iterator[Numbered]:
    if second:
        count = min(len(second), max(1, round(share * len(second))))
        for place in np.sort(random.choice(len(second), count, replace=False)):
            yield second[int(place)]


def _shots(info: FilmInfo) -> Iterator[tuple[bool, Numbered]]:
    """Every frame, and whether a shot begins with it."""
    finder = ShotFinder()
    waiting: deque[Numbered] = deque()
    for index, rgb in enumerate(_frames(info)):
        waiting.append((index, rgb))
        scale = _SHOT_PX / max(rgb.shape[:2])
        size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
        small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        for begins in finder.feed(lightness(small)):
            yield begins, waiting.popleft()
    for begins in finder.finish():
        yield begins, waiting.popleft()


def _frames(info: FilmInfo) -> Iterator[NDArray[np.uint8]]:
    """Upright RGB frames of at most `_SHORT_SIDE`."""
    scale = min(1.0, _SHORT_SIDE / min(info.height, info.width))
    seen = orientation(info.path, info.rotation, info.mirrored)
    with opened(info.path) as container:
        stream = film_stream(container)
        if stream is None:  # `probe` has found one
            raise InputError(f"{info.path} holds no film")
        stream.thread_type = "AUTO"
        try:
            for frame in container.decode(stream):
                small = frame.reformat(
                    width=max(1, round(info.width * scale)),
                    height=max(1, round(info.height * scale)),
                    format="rgb24",
                    src_colorspace=None if info.rgb else MATRIX_CODES[info.matrix],
                    src_color_range=2 if info.full_range or info.rgb else 1,
                    dst_color_range=2,
                    interpolation="AREA",
                )
                yield seen.upright(np.asarray(small.to_ndarray(), np.uint8))
        except av.FFmpegError as error:
            raise InputError(f"cannot decode {info.path}: {words(error)}") from error
