"""A short film from several places of a long one, grey and in colour side by side."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError, OutputError
from photochrom.video.frames import steady_frames
from photochrom.video.io.encoder import FilmWriter
from photochrom.video.io.frame import FilmInfo, Frame
from photochrom.video.io.hardware import start_hardware
from photochrom.video.io.mux import join_segments
from photochrom.video.io.passthrough import check_container
from photochrom.video.io.probe import probe
from photochrom.video.options import FilmOutcome, FilmProgress, FilmSettings, Progress
from photochrom.video.segments import check_output
from photochrom.video.session import open_session
from photochrom.video.user_colors import user_colors_by_shot

PREVIEW_CLIPS = 4


class _Clip(NamedTuple):
    start_s: float
    end_s: float


def preview_film(
    source: Path,
    target: Path,
    seconds: float,
    settings: FilmSettings,
    progress: Progress | None = None,
) -> FilmOutcome:
    """Colour ``seconds`` of a film, taken from places spread over it; without sound.

    Raises as `film.color_film` does.
    """
    started_s = time.perf_counter()
    check_output(source, target, overwrite=settings.overwrite)
    info = probe(source)
    wide = dataclasses.replace(info, width=2 * (info.width // 2 * 2))
    if info.width < 2:
        raise InputError(f"{source} is {info.width} px wide; that is too narrow for a preview")
    settings = dataclasses.replace(settings, encoding=start_hardware(settings.encoding, wide))
    clips = preview_clips(info, settings, seconds)
    session = open_session(info, settings, progress, clips)
    network, converter = session.network, session.converter
    user_colors = user_colors_by_shot(session)
    done = 0
    with _scratch_folder() as folder:
        video = Path(folder) / "preview.nut"
        with FilmWriter(video, wide, settings.encoding) as writer:
            times = _even_times(info)
            for clip in clips:
                colored = steady_frames(session, user_colors, clip.start_s, clip.end_s)
                with contextlib.closing(colored) as frames:
                    for frame, ab in frames:
                        both, chroma = side_by_side(
                            frame, converter.chroma(frame, ab), converter.planes.neutral
                        )
                        writer.write(dataclasses.replace(both, pts=next(times)), chroma)
                        done += 1
                        if progress is not None:
                            progress(FilmProgress(done, 0, None, network.device))
        video_info = probe(video)
        video_info = dataclasses.replace(video_info, rotation=info.rotation, mirrored=info.mirrored)
        notes = check_container(video_info, target, settings.encoding.codec)
        join_segments(
            [video],
            video_info,
            target,
            overwrite=settings.overwrite,
            comment=f"Preview, in colours by {network.identity.signature}",
        )
    return FilmOutcome(
        source,
        target,
        frames=done,
        resumed_frames=0,
        seconds=time.perf_counter() - started_s,
        model=network.card.title,
        device=network.device,
        notes=(*notes, *session.notes()),
        damage=session.damage.spots(info),
    )


def preview_clips(info: FilmInfo, settings: FilmSettings, seconds: float) -> list[_Clip]:
    """Clips from the middle of equal parts of the film; together so many seconds, or all of it.

    Raises InputError where the film's duration is not known and no end is given.
    """
    start_s = settings.start_s or 0.0
    ends_s = [end_s for end_s in (settings.end_s, info.duration_s) if end_s is not None]
    if not ends_s:
        raise InputError(
            f"{info.path} does not say how long it is, so a preview cannot be spread over it; "
            "name its end with --to"
        )
    end_s = min(ends_s)
    part = (end_s - start_s) / PREVIEW_CLIPS
    length = seconds / PREVIEW_CLIPS
    if length >= part:
        return [_Clip(start_s, end_s)]
    begins = (start_s + (number + 0.5) * part - length / 2 for number in range(PREVIEW_CLIPS))
    return [_Clip(begin_s, begin_s + length) for begin_s in begins]


def side_by_side(frame: Frame, chroma: NDArray[Any], neutral: int) -> tuple[Frame, NDArray[Any]]:
    """The frame twice, left grey and right in colour; an odd last column is left out.

    frame: (H, W). chroma: its U and V codes. neutral: the code of no colour.
    Returns a frame of (H, 2 * (W // 2 * 2)) and its chroma.
    """
    width = frame.luma.shape[1] // 2 * 2
    luma, colored = frame.luma[:, :width], chroma[:, : width // 2]
    both = np.concatenate([np.full_like(colored, neutral), colored], axis=1)
    return dataclasses.replace(frame, luma=np.concatenate([luma, luma], axis=1)), both


def _scratch_folder() -> tempfile.TemporaryDirectory[str]:
    """For the video, until it is joined. Raises OutputError where no folder can be made."""
    try:
        return tempfile.TemporaryDirectory(prefix="photochrom-preview-")
    except OSError as error:
        if error.filename is None:  # no folder for temporary files is fit, and the error lists all
            place, why = "any folder for temporary files", "none can be written"
        else:
            place, why = str(Path(error.filename).parent), str(error.strerror)
        raise OutputError(
            f"cannot make a preview's folder in {place}: {why}; free some space, or name another "
            "place with TMPDIR"
        ) from error


def _even_times(info: FilmInfo) -> Iterator[int]:
    """Times of the preview's frames, evenly, in the film's time base."""
    number = 0
    while True:
        yield info.start_pts + round(number / info.nominal_rate / info.time_base)
        number += 1
