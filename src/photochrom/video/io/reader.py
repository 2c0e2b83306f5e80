"""From a film file to its frames, one after the other: the one loop that everything reads with.

A film that is cut off or interlaced is refused by it in the same words, whether it is to be
coloured, measured or learnt from.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, islice
from math import ceil, inf
from typing import Any

import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from photochrom.errors import InputError
from photochrom.video.io.container import VideoStream, av, has_captions, is_transparent, plane_codes
from photochrom.video.io.damage import DamageLog
from photochrom.video.io.decoder import DecodedFrame, open_decoder
from photochrom.video.io.frame import FilmInfo, Frame
from photochrom.video.io.probe import MATRIX_CODES, alpha_error, luma_bits

_NEAR_S = (1.0, 10.0, inf)
"""How much earlier than a time to look for the frame before it, if none was found."""
_DEINTERLACE_S = Fraction(1, 2)
_SLIP = Fraction(1, 1000)
"""Of a unit of time: a time that was a float on its way still means its own frame."""


def read_frames(
    info: FilmInfo,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    deinterlace: bool = False,
    damage: DamageLog | None = None,
    with_chroma: bool = False,
) -> Iterator[Frame]:
    """The frames of a film with their luma; which ones, and what is raised: `decoded_frames`.

    Luma of YUV and grey films is the untouched Y plane; RGB ones are converted (swscale, the
    range 16 to 235, `FilmInfo.matrix`). with_chroma: their U and V, too.
    """
    frames = decoded_frames(
        info, start_s=start_s, end_s=end_s, deinterlace=deinterlace, damage=damage
    )
    for pts, frame, *_ in frames:
        captioned = frame if has_captions(frame) else None
        chroma = chroma_planes(frame, info) if with_chroma else None
        luma = luma_plane(frame, info)
        yield Frame(pts, luma, max(0, frame.duration or 0), captioned, chroma)


def decoded_frames(
    info: FilmInfo,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    deinterlace: bool = False,
    damage: DamageLog | None = None,
) -> Iterator[DecodedFrame]:
    """The frames of a film from `start_s` up to, not including, `end_s`, in order of time.

    Memory does not grow with the film's length. Damaged spots do not end it.

    start_s, end_s: seconds from the film's first frame (`FilmInfo.seconds`); None: all of it. The
        frames and their times are the same whether reading starts there or at the beginning.
    deinterlace: make one progressive frame of each interlaced one (bwdif); the luma is then
        computed. An interlaced film is refused without it: its lines would be coloured as a comb.
    damage: what becomes of damage, and where it is noted; None: `DamageLog()`.
    Raises InputError for interlaced films, times outside of the film, and, with the second where
    that happens, for frames of another size or depth than the first, for transparent frames, for
    files that break off, and for damage that `damage` does not allow.
    """
    if info.interlaced and not deinterlace:
        raise InputError(
            f"{info.path} is interlaced (two half pictures in each frame); pass --deinterlace to "
            "`photochrom film`, or make whole frames of it first (ffmpeg: -vf bwdif)"
        )
    first_s = start_s or 0
    if end_s is not None and end_s <= first_s:
        raise InputError(f"nothing of {info.path} lies between {first_s:g} s and {end_s:g} s")
    found, kind = False, ""
    frames = _frame_range(info, start_s, end_s, damage or DamageLog(), deinterlace=deinterlace)
    for decoded in frames:
        frame = decoded.picture
        if (frame.height, frame.width) != (info.height, info.width):
            at_s = info.seconds(decoded.pts)
            raise InputError(
                f"{info.path} changes its size from {info.width} x {info.height} to "
                f"{frame.width} x {frame.height} at {at_s:.1f} s; cut it into films of one size"
            )
        if frame.format.name != kind:
            kind = frame.format.name
            _check_same_kind(frame, info, decoded.pts)
        if info.alpha and is_transparent(frame):
            raise alpha_error(info.path, info.seconds(decoded.pts))
        yield decoded
        found = True
    if not found and end_s is not None:
        raise InputError(f"no frame of {info.path} begins between {first_s:g} s and {end_s:g} s")
    if not found:
        raise InputError(f"{info.path} has no frame from {first_s:g} s on; it is shorter")


def _check_same_kind(frame: VideoFrame, info: FilmInfo, pts: int) -> None:
    """Raise InputError for a frame whose codes mean something else than the first one's."""
    bits, rgb = luma_bits(frame.format), frame.format.is_rgb or frame.format.has_palette
    if (bits, rgb) != (info.bits, info.rgb):
        first, other = (
            f"{depth} bits of {'RGB' if is_rgb else 'luma'}"
            for depth, is_rgb in ((info.bits, info.rgb), (bits, rgb))
        )
        raise InputError(
            f"{info.path} changes its pixels from {first} to {other} at {info.seconds(pts):.1f} s; "
            "cut it into films of one kind"
        )


def nearest_pts(info: FilmInfo, time_s: float) -> int:
    """Time of the frame nearest to a second of the film, as its `Frame.pts`.

    Raises InputError before the film's beginning and behind its end, and as `read_frames`.
    """
    if time_s < 0:
        raise InputError(f"there is no frame of {info.path} at {time_s:g} s; it begins at 0 s")
    times = _surrounding_times(info, time_s)
    seconds = [info.seconds(pts) for pts in times]
    if seconds[-1] < time_s:
        last_s = seconds[-1] - seconds[-2] if len(seconds) > 1 else 1.0
        if time_s > seconds[-1] + last_s:
            raise InputError(
                f"there is no frame of {info.path} at {time_s:g} s; its last one is at "
                f"{seconds[-1]:.3f} s"
            )
    return min(times, key=lambda pts: abs(info.seconds(pts) - time_s))


def _surrounding_times(info: FilmInfo, time_s: float) -> list[int]:
    """Times of frames up to the first at `time_s` or behind it, with one before where there is."""
    times: list[int] = []
    for back_s in _NEAR_S:
        start_s = min(time_s, info.duration_s or time_s) - back_s
        times = []
        for decoded in _frame_range(info, start_s, None, DamageLog("salvage")):
            times.append(decoded.pts)
            if info.seconds(decoded.pts) >= time_s:
                break
        if len(times) > 1 or start_s <= 0:
            break
    return times


def _frame_range(
    info: FilmInfo,
    start_s: float | None,
    end_s: float | None,
    damage: DamageLog,
    *,
    deinterlace: bool = False,
) -> Iterator[DecodedFrame]:
    """Decoded frames from `start_s` up to, not including, `end_s`; whole ones.

    deinterlace: also where a film of whole ones has interlaced ones later; else they are noted.
    """
    first = time_to_pts(info, start_s)
    last = inf if end_s is None else time_to_pts(info, end_s)
    # A deinterlacer looks at the frame before as well.
    filtered = info.interlaced or deinterlace
    earlier = round(_DEINTERLACE_S / info.time_base) if filtered else 0
    with open_decoder(info, damage) as decoder:
        frames = decoder.frames(first - earlier if first > info.start_pts else None)
        for decoded in _deinterlace(frames, decoder.stream, info) if filtered else frames:
            if decoded.pts < first:
                continue
            if decoded.pts >= last:
                break
            if decoded.wrong is not None:
                damage.add(decoded.wrong, info)
            if not filtered and decoded.picture.interlaced_frame:
                damage.add_interlaced(decoded.pts)
            yield decoded


def luma_plane(frame: VideoFrame, info: FilmInfo) -> NDArray[Any]:
    """The luma plane: (H, W) uint8, or uint16 for 10 bits, code values in the film's range."""
    name = frame.format.name
    if not name.startswith(("yuv4", "yuvj4", "gray", "nv")):
        frame = _to_planar(frame, info)
        name = frame.format.name
    plane = frame.planes[0]
    dtype = np.dtype(np.uint8 if info.bits == 8 else ">u2" if name.endswith("be") else "<u2")
    codes = plane_codes(plane, dtype)
    return codes.astype(np.uint8 if info.bits == 8 else np.uint16, order="C")


def chroma_planes(frame: VideoFrame, info: FilmInfo) -> NDArray[Any]:
    """U and V of a frame at half resolution, (ceil(H / 2), ceil(W / 2), 2), codes of the dtype of
    its luma; of a grey film the code of no colour.
    """
    dtype = np.dtype(np.uint8 if info.bits == 8 else np.uint16)
    if info.monochrome:
        half = ((info.height + 1) // 2, (info.width + 1) // 2, 2)
        return np.full(half, 1 << (info.bits - 1), dtype)
    wanted = "yuv420p" if info.bits == 8 else "yuv420p10le"
    if info.rgb:
        frame = frame.reformat(
            format=wanted, dst_colorspace=MATRIX_CODES[info.matrix], dst_color_range=1
        )
    else:
        both = 2 if info.full_range else 1
        frame = frame.reformat(format=wanted, src_color_range=both, dst_color_range=both)
    stored = np.dtype(np.uint8 if info.bits == 8 else "<u2")
    planes = [plane_codes(plane, stored) for plane in frame.planes[1:3]]
    return np.stack(planes, axis=-1).astype(dtype)


def _to_planar(frame: VideoFrame, info: FilmInfo) -> VideoFrame:
    """Of packed YUV the luma is only moved; of RGB it is computed."""
    wanted = "yuv444p" if info.bits == 8 else "yuv444p10le"
    code = MATRIX_CODES[info.matrix]
    if info.rgb:
        return frame.reformat(format=wanted, dst_colorspace=code, dst_color_range=1)
    if info.monochrome:  # 1 bit for each pixel
        return frame.reformat(format="gray")
    both = 2 if info.full_range else 1
    return frame.reformat(format=wanted, src_color_range=both, dst_color_range=both)


def time_to_pts(info: FilmInfo, seconds: float | None) -> int:
    """The earliest time, as a `Frame.pts`, of a frame at a second of the film or behind it."""
    if seconds is None or seconds <= 0:
        return info.start_pts
    return info.start_pts + ceil(Fraction(seconds) / info.time_base - _SLIP)


def _deinterlace(
    frames: Iterator[DecodedFrame], stream: VideoStream, info: FilmInfo
) -> Iterator[DecodedFrame]:
    """One whole frame for each interlaced one, times as they were. Where the film begins with whole
    ones, those that are marked as interlaced are; the others stay as they are, and up to the first
    of those nothing is filtered.
    """
    if info.interlaced:
        yield from _filter_interlaced(frames, stream, info)
        return
    before: DecodedFrame | None = None
    for decoded in frames:
        if decoded.picture.interlaced_frame:
            # The filter looks at the frame before, which has gone out.
            known = [decoded] if before is None else [before, decoded]
            filtered = _filter_interlaced(chain(known, frames), stream, info)
            yield from islice(filtered, len(known) - 1, None)
            return
        yield decoded
        before = decoded


def _filter_interlaced(
    frames: Iterator[DecodedFrame], stream: VideoStream, info: FilmInfo
) -> Iterator[DecodedFrame]:
    """All frames of a film, or of the rest of it, through the filter."""
    graph = Graph()
    source = graph.add_buffer(template=stream)
    which = "all" if info.interlaced else "interlaced"
    filtered = graph.add("bwdif", f"mode=send_frame:parity=auto:deint={which}")
    sink = graph.add("buffersink")
    graph.link_nodes(source, filtered, sink).configure()
    waiting: dict[int, DecodedFrame] = {}
    for decoded in _with_end_mark(frames):
        if decoded is not None:
            waiting[decoded.pts] = decoded
        graph.vpush(None if decoded is None else decoded.picture)
        while True:
            try:
                whole = graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                break
            ticks = (whole.time_base or info.time_base) / info.time_base
            if whole.pts is not None:
                pts = round(whole.pts * ticks)
                before = waiting.pop(pts)
                if info.interlaced or before.picture.interlaced_frame:
                    whole.pts = pts
                    whole.duration = round((whole.duration or 0) * ticks)
                    yield before._replace(picture=whole)
                else:
                    yield before


def _with_end_mark(frames: Iterator[DecodedFrame]) -> Iterator[DecodedFrame | None]:
    yield from frames
    yield None
