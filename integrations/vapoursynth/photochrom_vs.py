"""Colour a clip in VapourSynth, steadily.

    from photochrom_vs import colorize
    clip = colorize(core.bs.VideoSource("old.mkv"), steady=0.8)
    clip.set_output()

Needs: pip install vapoursynth 'photochrom[video]', this file beside the script. The clip is grey or
YUV of 8 or 10 bits; the result is YUV420 of as many bits, and its luma is the clip's own.

Frames are coloured in their order. After a jump, as a preview makes it, colours begin anew a second
before.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from photochrom.video.luma_stream import HELD_FRAMES, LumaFormat, color_luma

core = vs.core
FORMATS = {8: vs.YUV420P8, 10: vs.YUV420P10}
BT709, BT470BG, BT601 = 1, 5, 6
BEFORE = 32
"""Frames before the first that is asked for, with which the colours begin: the core asks for
several at once, in any order, and after a jump colours want some to settle."""
KEPT = 64
"""Coloured frames that may still be asked for."""


def colorize(clip: vs.VideoNode, **options: Any) -> vs.VideoNode:
    """The clip in colour. options: of `photochrom.video.luma_stream.color_luma`, such as steady,
    vividness, model, size.
    """
    form = clip.format
    if form is None or clip.width == 0:
        raise vs.Error("photochrom: the clip's format or size varies; make it one by resize")
    if form.color_family not in (vs.GRAY, vs.YUV) or form.bits_per_sample not in FORMATS:
        raise vs.Error(
            f"photochrom: the clip is {form.name}; it takes grey and YUV of 8 or 10 bits: convert "
            "it by core.resize.Bicubic(clip, format=vs.GRAY8)"
        )
    if clip.width % 2 or clip.height % 2:
        raise vs.Error(
            f"photochrom: the clip is {clip.width} x {clip.height} px; YUV420 has even sizes "
            "alone: crop it or add a border"
        )
    luma = core.std.ShufflePlanes(clip, 0, vs.GRAY)
    ahead = 0 if options.get("steady") == 0 else HELD_FRAMES
    most = clip.num_frames - 1
    first, last = -min(BEFORE, most), min(ahead, most)
    inputs = [_moved(luma, frames) for frames in range(first, last + 1)]
    blank = core.std.BlankClip(clip, format=FORMATS[form.bits_per_sample], keep=True)
    stream = _Stream(clip.num_frames, first, options)
    colored = core.std.ModifyFrame(blank, [blank, *inputs], partial(_color, stream=stream))
    return core.std.ShufflePlanes([clip, colored], [0, 1, 2], vs.YUV)


def _moved(clip: vs.VideoNode, frames: int) -> vs.VideoNode:
    """The clip so many frames later, or earlier; the outermost frames stand for what is missing."""
    if frames == 0:
        return clip
    if frames < 0:
        return clip[0] * -frames + clip[:frames]
    return clip[frames:] + clip[-1] * frames


def _color(n: int, f: Any, stream: _Stream) -> vs.VideoFrame:
    """Frame n with its U and V. f: a frame to write into, and the clip's around n."""
    blank, *frames = f
    result = blank.copy()
    chroma = stream.chroma(n, frames)
    for plane in (0, 1):
        np.copyto(np.asarray(result[plane + 1]), chroma[..., plane])
    return result


class _Stream:
    """One pass through the clip: frames are fed as they come, colours kept until they are asked."""

    def __init__(self, count: int, first: int, options: dict[str, Any]) -> None:
        """first: which the first of the frames is that come with frame n, from n on."""
        self._count, self._first, self._options = count, first, options
        self._lock = Lock()
        self._found: dict[int, NDArray[Any]] = {}
        self._colors: Any = None
        self._queue: queue.SimpleQueue[NDArray[Any] | None] = queue.SimpleQueue()
        self._next = self._fed = 0

    def chroma(self, n: int, frames: list[vs.VideoFrame]) -> NDArray[Any]:
        """(h, w, 2) codes of frame n. frames: those around n on which a colour depends."""
        start = n + self._first
        with self._lock:
            if n not in self._found:
                if self._colors is None or not self._next <= n <= self._fed:
                    self._begin(max(0, start), frames[0])
                for number in range(self._fed, min(start + len(frames), self._count)):
                    self._queue.put(np.array(frames[number - start][0]))
                    self._fed = number + 1
                if self._fed == self._count:
                    self._queue.put(None)
                while self._next <= n:
                    self._found[self._next] = next(self._colors)[1]
                    self._found.pop(self._next - KEPT, None)
                    self._next += 1
            return self._found[n]

    def _begin(self, n: int, frame: vs.VideoFrame) -> None:
        if self._colors is not None:
            self._queue.put(None)
            self._colors.close()
        self._found.clear()
        self._queue, self._next, self._fed = queue.SimpleQueue(), n, n
        self._colors = color_luma(_lumas(self._queue.get), _format(frame), **self._options)


def _lumas(get: Callable[[], NDArray[Any] | None]) -> Iterator[NDArray[Any]]:
    while (luma := get()) is not None:
        yield luma


def _format(frame: vs.VideoFrame) -> LumaFormat:
    """What the frame says of itself; what it does not say is as of a film's file."""
    bits, props = frame.format.bits_per_sample, frame.props
    # "_Range" is 1 for full; its predecessor "_ColorRange" is 0 for full.
    full = props.get("_Range", 0) == 1 or props.get("_ColorRange", 1) == 0
    matrix = {BT709: "bt709", BT470BG: "bt601", BT601: "bt601"}.get(props.get("_Matrix", 2))
    return LumaFormat(frame.height, frame.width, bits, bool(full), matrix)
