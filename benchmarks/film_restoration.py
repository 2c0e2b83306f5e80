"""How well is damage to films mended, by kind, and is a clean film left alone?

    python benchmarks/film_restoration.py FILM... [--frames 40] [--kinds dust,flicker]
    python benchmarks/film_restoration.py FILM... --codecs mpeg4:14,mpeg2video:20,mjpeg:18

The luma of each film is damaged as `photochrom.video.restoration.simulation` does it, the same way
each time, and mended by what measuring finds. Of each film and kind: PSNR, LPIPS (squeeze, of every
eighth frame; where its weights are there) and warp error in thousandths (what neighbouring frames
differ by along the true film's motion; the true film's first), damaged and mended; and how many
frames of the clean film are changed. --codecs: instead, each film is encoded by these, with the
quantizer that is named, 12 frames to a group, and what FFmpeg decodes of that is mended. Processor
time is for a frame of the film, to measure and to mend.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from photochrom.evaluation.dataset import grey_to_rgb
from photochrom.evaluation.flicker import Correspondence
from photochrom.evaluation.lpips import Lpips, load_lpips
from photochrom.restoration import FILM_KINDS, FilmKind, parse_film_kinds
from photochrom.video.io.frame import Frame
from photochrom.video.io.probe import probe
from photochrom.video.io.reader import read_frames
from photochrom.video.restoration.measure import measure_film
from photochrom.video.restoration.mend import FilmMender, FrameChange
from photochrom.video.restoration.scale import LumaScale
from photochrom.video.restoration.simulation import film_damage

Grey = NDArray[np.uint8]
LPIPS_EVERY = 8


def mend(frames: Sequence[Frame], scale: LumaScale) -> tuple[list[Frame], str, int, float]:
    """Frames mended, what was found, how many were changed, and ms of processor time for each."""
    start_s = time.process_time()
    plan = measure_film(frames, scale)
    changes: dict[int, FrameChange] = {}
    mended = list(FilmMender(plan, scale, changes).frames(frames))
    took_ms = 1e3 * (time.process_time() - start_s) / len(frames)
    return mended, plan.description or "nothing", len(changes), took_ms


def greys(frames: Sequence[Frame], scale: LumaScale) -> list[Grey]:
    """Frames as grey pictures of 8 bits."""
    return [
        np.rint(np.clip(scale.shares(frame.luma), 0, 1) * 255).astype(np.uint8) for frame in frames
    ]


def scores(
    frames: Sequence[Grey],
    truth: Sequence[Grey],
    motion: Sequence[Correspondence],
    lpips: Lpips | None,
) -> str:
    """PSNR, LPIPS and warp error."""
    errors = [np.mean((a.astype(float) - b) ** 2) for a, b in zip(frames, truth, strict=True)]
    decibels = np.mean([10 * np.log10(255**2 / max(error, 1e-3)) for error in errors])
    distance = float("nan")
    if lpips is not None:
        pairs = list(zip(frames, truth, strict=True))[::LPIPS_EVERY]
        distance = float(
            np.mean([lpips.distances(grey_to_rgb(b), grey_to_rgb(a)[None])[0] for a, b in pairs])
        )
    return f"{decibels:.2f} | {distance:.3f} | {warp_error(frames, motion):.2f}"


def warp_error(frames: Sequence[Grey], motion: Sequence[Correspondence]) -> float:
    """Mean over the frames, thousandths."""
    rgb = [grey_to_rgb(frame) for frame in frames]
    found = [m.warp_error(a, b) for m, a, b in zip(motion, rgb, rgb[1:], strict=False)]
    return 1e3 * float(np.nanmean(found))


def recoded(frames: Sequence[Frame], codec: str, quantizer: int) -> list[Frame]:
    """Frames as a codec of FFmpeg has them, in a film of limited range."""
    data = io.BytesIO()
    height, width = frames[0].luma.shape
    with av.open(data, "w", format="nut") as film:
        stream = film.add_stream(codec, rate=24)
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.qmin = stream.codec_context.qmax = quantizer
        stream.codec_context.gop_size = 12
        for frame in frames:
            planes = np.full((height * 3 // 2, width), 128, np.uint8)
            planes[:height] = frame.luma
            film.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format=stream.pix_fmt)))
        film.mux(stream.encode(None))
    data.seek(0)
    with av.open(data) as film:
        decoded = [picture.to_ndarray()[:height] for picture in film.decode(video=0)]
    return [
        Frame(frame.pts, luma.copy(), frame.duration)
        for frame, luma in zip(frames, decoded, strict=True)
    ]


def damaged_films(
    frames: Sequence[Frame], scale: LumaScale, kinds: Sequence[FilmKind], codecs: Sequence[str]
) -> Iterator[tuple[str, list[Frame]]]:
    """The name of each damage, and the frames with it."""
    for codec in codecs:
        name, _, quantizer = codec.partition(":")
        yield f"blocks of {name}, q {quantizer}", recoded(frames, name, int(quantizer))
    for kind in () if codecs else kinds:
        damage = film_damage(kind, 0)
        yield (
            kind,
            [
                Frame(f.pts, scale.codes(damage(scale.shares(f.luma), number)), f.duration)
                for number, f in enumerate(frames)
            ],
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("films", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--kinds", default=",".join(FILM_KINDS))
    parser.add_argument("--codecs", default="")
    parser.add_argument("--lpips-weights", type=Path)
    arguments = parser.parse_args()
    lpips = load_lpips(arguments.lpips_weights)
    print("| film | damage | | PSNR, dB | LPIPS | warp error | found; ms a frame |")
    print("|---|---|---|---|---|---|---|")
    for path in arguments.films:
        info = probe(path)
        scale = LumaScale(info.bits, info.full_range)
        true = list(islice(read_frames(info), arguments.frames))
        truth = greys(true, scale)
        motion = [Correspondence(a, b) for a, b in pairwise(truth)]
        _, found, changed, took_ms = mend(true, scale)
        warp = warp_error(truth, motion)
        print(
            f"| {path.stem} | none | | | | {warp:.2f} | {found}, {changed} frames changed; "
            f"{took_ms:.0f} |",
            flush=True,
        )
        kinds = parse_film_kinds(arguments.kinds.split(","))
        codecs = arguments.codecs.split(",") if arguments.codecs else []
        for kind, damaged in damaged_films(true, scale, kinds, codecs):
            mended, found, _, took_ms = mend(damaged, scale)
            before = scores(greys(damaged, scale), truth, motion, lpips)
            after = scores(greys(mended, scale), truth, motion, lpips)
            print(f"| {path.stem} | {kind} | damaged | {before} | |")
            print(f"| | | mended | {after} | {found}; {took_ms:.0f} |", flush=True)


if __name__ == "__main__":
    main()
