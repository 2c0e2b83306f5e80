"""One coloured still for every shot: to look at, to retouch, and to give back as key frames."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from photochrom.color.compose import compose_upsampled
from photochrom.engine import load, local_model
from photochrom.errors import InputError, OutputError
from photochrom.imageio import Picture, write
from photochrom.video.converter import Converter, Decoded, decoded
from photochrom.video.guess import network_guess
from photochrom.video.io.probe import probe
from photochrom.video.io.reader import read_frames
from photochrom.video.keyframes import pinned_colors
from photochrom.video.options import FilmProgress, FilmSettings, KeyFrame, Progress
from photochrom.video.temporal.propagation import guess_one
from photochrom.video.temporal.shots import DECISION_FRAMES, ShotFinder
from photochrom.video.threads import ReadAhead

SUFFIX = ".png"
_INTO_SHOT = 4
"""Frames from a shot's beginning to its still: the first ones are often blurred by the cut."""
_HELD = 8
_NAME = re.compile(r"(\d+)h(\d\d)m(\d\d\.\d{3})s")


def write_stills(
    source: Path, folder: Path, settings: FilmSettings, progress: Progress | None = None
) -> list[Path]:
    """Write a coloured still of each shot into a folder, named by its time in the film.

    Each is coloured by itself, with the hints and key frames of its frame.
    Raises InputError, OutputError (also for a still that is there, without overwriting),
    ModelError.
    """
    info = probe(source)
    network = load(local_model(settings.model), device=settings.device, threads=settings.threads)
    converter = Converter(info, network.card, settings.size)
    pinned = pinned_colors(info, converter, settings.hints, settings.keyframes)
    guess = network_guess(network, settings.vividness)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from None
    frames = read_frames(
        info, start_s=settings.start_s, end_s=settings.end_s, deinterlace=settings.deinterlace
    )
    written = []
    with ReadAhead(decoded(frames, converter), _HELD) as items:
        for item in _one_per_shot(_told(items, progress, network.device)):
            ab = guess_one(guess, item.small.L, pinned.get(item.small.pts))
            path = folder / still_name(info.seconds(item.frame.pts))
            write(
                path,
                Picture(compose_upsampled(converter.grey(item.frame), ab)),
                overwrite=settings.overwrite,
                generator=network.card.signature,
            )
            written.append(path)
    return written


def still_name(time_s: float) -> str:
    """``0h01m05.120s.png``: the time of its frame, from which it is found again."""
    milliseconds = round(time_s * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m{rest // 1000:02d}.{rest % 1000:03d}s{SUFFIX}"


def keyframes_in(folder: Path) -> tuple[KeyFrame, ...]:
    """The stills in a folder, with the times that their names tell.

    Raises InputError where there are none.
    """
    try:
        paths = sorted(folder.glob(f"*{SUFFIX}"))
    except OSError as error:
        raise InputError(f"cannot read {folder}: {error.strerror}") from None
    frames = []
    for path in paths:
        match = _NAME.fullmatch(path.stem)
        if match is not None:
            hours, minutes, rest = match.groups()
            frames.append(KeyFrame(3600 * int(hours) + 60 * int(minutes) + float(rest), path))
    if not frames:
        raise InputError(
            f"{folder} has no stills with a time for a name, such as {still_name(65.12)}. Make "
            "them with --stills."
        )
    return tuple(frames)


def _one_per_shot(items: Iterator[Decoded]) -> Iterator[Decoded]:
    """A frame of each shot, some frames after its beginning."""
    finder = ShotFinder()
    recent: deque[Decoded] = deque(maxlen=DECISION_FRAMES + 2)
    for item in items:
        recent.append(item)
        for begins in finder.feed(item.small.L):
            if begins:
                # The latest frame is `DECISION_FRAMES` behind the one decided upon, or nearly.
                yield recent[max(0, len(recent) - 1 - (DECISION_FRAMES - _INTO_SHOT))]
    kept = list(recent)
    left = finder.finish()
    for place, begins in enumerate(left):
        if begins:
            yield kept[min(len(kept) - len(left) + place + _INTO_SHOT, len(kept) - 1)]


def _told(items: Iterator[Decoded], progress: Progress | None, device: str) -> Iterator[Decoded]:
    for number, item in enumerate(items, start=1):
        if progress is not None:
            progress(FilmProgress(number, 0, None, device))
        yield item
