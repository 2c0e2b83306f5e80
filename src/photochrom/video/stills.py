"""One coloured still for every shot: to look at, to retouch, and to give back as key frames."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from photochrom.color.compose import compose_upsampled
from photochrom.errors import InputError, OutputError
from photochrom.guided.alternatives import AlternativeMaker
from photochrom.imageio import Picture, write
from photochrom.pipeline import Guide
from photochrom.video.converter import PreparedFrame
from photochrom.video.io.probe import probe
from photochrom.video.options import FilmProgress, FilmSettings, KeyFrame, Progress
from photochrom.video.session import FilmSession, open_session
from photochrom.video.shot_guide import colors_inside_borders
from photochrom.video.temporal.propagation import UserColors, guess_frame, override
from photochrom.video.temporal.shots import with_shots
from photochrom.video.threads import Prefetcher
from photochrom.video.user_colors import user_colors

SUFFIX = ".png"
_INTO_SHOT = 4
"""Frames from a shot's beginning to its still: the first ones are often blurred by the cut."""
_QUEUE_FRAMES = 8
_NAME = re.compile(r"(\d+)h(\d\d)m(\d\d\.\d{3})s")


def write_stills(
    source: Path, folder: Path, settings: FilmSettings, progress: Progress | None = None
) -> list[Path]:
    """Write a coloured still of each shot into a folder, named by its time in the film.

    Each is coloured by itself, with the hints and key frames of its frame, and as many versions of
    it are written as `settings` asks for, `still_name` with the number of the version.
    Raises InputError, OutputError (also for a still that is there, without overwriting),
    ModelError.
    """
    # Each frame is by itself, so nothing is looked for ahead.
    session = open_session(probe(source), replace(settings, steady=0.0), progress)
    colors = user_colors(session)
    others: list[Guide] = []
    if settings.alternatives > 1:
        maker = AlternativeMaker(session.network, threads=settings.threads)
        others = maker.guides(settings.alternatives, vividness=settings.vividness)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from None
    written = []
    with Prefetcher(session.frames(settings.start_s, settings.end_s), _QUEUE_FRAMES) as items:
        for item in one_per_shot(_report_progress(items, progress, session.network.device)):
            given = _all_colors(item, session, colors)
            for number, other in enumerate([None, *others], 1):
                hints = given if other is None else override(given, _other_colors(item, other))
                ab = guess_frame(session.guess, item.working.L, hints)
                path = folder / still_name(session.info.seconds(item.frame.pts), number)
                write(
                    path,
                    Picture(compose_upsampled(session.converter.grey(item.frame), ab)),
                    overwrite=settings.overwrite,
                    generator=session.network.identity.signature,
                )
                written.append(path)
    session.warn_of_damage()
    return written


def _all_colors(
    item: PreparedFrame, session: FilmSession, user_colors: Mapping[int, UserColors]
) -> UserColors | None:
    """What a person gave, and what is known from elsewhere, for a frame by itself."""
    given = user_colors.get(item.working.pts)
    if session.known_colors is None:
        return given
    return override(given, session.known_colors(item.working.pts, item.working.L, True))


def _other_colors(item: PreparedFrame, guide: Guide) -> UserColors:
    """An alternative for a frame."""
    return UserColors(item.working.pts, *colors_inside_borders(guide, item.working.L))


def still_name(time_s: float, version: int = 1) -> str:
    """``0h01m05.120s.png``: the time of its frame, from which it is found again; of another than
    the first version ``0h01m05.120s.alternative2.png``.
    """
    milliseconds = round(time_s * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    suffix = SUFFIX if version == 1 else f".alternative{version}{SUFFIX}"
    return f"{hours}h{minutes:02d}m{rest // 1000:02d}.{rest % 1000:03d}s{suffix}"


def read_keyframes(folder: Path) -> tuple[KeyFrame, ...]:
    """The stills in a folder, with the times that their names tell; alternatives are left out.

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
            f"{folder} has no stills with a time for a name, such as {still_name(65.12)}; make "
            "them with --stills"
        )
    return tuple(frames)


def one_per_shot(items: Iterable[PreparedFrame]) -> Iterator[PreparedFrame]:
    """A frame of each shot, `_INTO_SHOT` frames after its beginning, or the film's last one."""
    left: int | None = None
    item: PreparedFrame | None = None
    for item, begins in with_shots(items, lambda item: item.working.L):
        left = _INTO_SHOT if begins else None if left is None else left - 1
        if left == 0:
            yield item
            left = None
    if item is not None and left is not None:
        yield item


def _report_progress(
    items: Iterable[PreparedFrame], progress: Progress | None, device: str
) -> Iterator[PreparedFrame]:
    for number, item in enumerate(items, start=1):
        if progress is not None:
            progress(FilmProgress(number, 0, None, device))
        yield item
