"""Whether the encoders of a machine's own hardware start here: a few frames are encoded."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from photochrom.errors import OutputError
from photochrom.video.io.codecs import ANY_HARDWARE, CODECS, HARDWARE, Encoding
from photochrom.video.io.container import av, error_text
from photochrom.video.io.encoder import FilmWriter
from photochrom.video.io.frame import FilmInfo, Frame

_TRIAL_FRAMES = 4


def start_hardware(encoding: Encoding, info: FilmInfo) -> Encoding:
    """The encoding with hardware that has encoded frames of the film's size and depth just now.

    As it is where the processor encodes. Raises OutputError, with each encoder's own words, where
    what is asked for does not start.
    """
    if encoding.hardware is None:
        return encoding
    able = [name for name, row in HARDWARE.items() if encoding.codec in row.encoders]
    names = able if encoding.hardware == ANY_HARDWARE else [encoding.hardware]
    reasons = []
    for name in names:
        chosen = replace(encoding, hardware=name)
        reason = _trial(chosen, info)
        if reason is None:
            return chosen
        reasons.append(f"{HARDWARE[name].title}: {reason}")
    raise OutputError(
        f"no hardware here encodes {info.width} x {info.height} as {encoding.codec} "
        f"({'; '.join(reasons)}); leave --hardware out, and the processor does it"
    )


def _trial(encoding: Encoding, info: FilmInfo) -> str | None:
    """Why a few grey frames could not be encoded; None if they could."""
    if encoding.encoder not in av.codecs_available:
        return f"this PyAV comes without {encoding.encoder}"
    dtype = np.uint8 if info.bits == 8 else np.uint16
    half = ((info.height + 1) // 2, (info.width + 1) // 2, 2)
    chroma = np.full(half, 1 << (info.bits - 1), dtype)
    step = max(1, round(1 / info.nominal_rate / info.time_base))
    suffix = CODECS[encoding.codec].segment_format
    with tempfile.TemporaryDirectory(prefix="photochrom-trial-") as folder:
        try:
            writer = FilmWriter(Path(folder) / f"trial.{suffix}", info, encoding)
            try:
                for number in range(_TRIAL_FRAMES):
                    luma = np.full((info.height, info.width), number << (info.bits - 4), dtype)
                    writer.write(Frame(info.start_pts + number * step, luma, step), chroma)
                writer.close()
            finally:
                writer.abandon()
        except OutputError as error:
            cause = error.__cause__
            words = error_text(cause) if isinstance(cause, av.FFmpegError) else str(cause)
            return f"{encoding.encoder} does not start ({words})"
    return None
