"""What of a film is damaged: one pass through its frames, of which a few are looked at closely.

All neighbouring frames tell flicker, each one a codec's blocks; every eighth is looked at, with
those beside it, for dust, scratches, grain and fading. Memory grows by some bytes a frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.restoration.fading import ENDS, is_faded_range
from photochrom.restoration.grain import Grain, measure_grain
from photochrom.restoration.kinds import FILM_KINDS, FilmKind
from photochrom.video.io.frame import Frame
from photochrom.video.restoration.blocks import block_quality, lack_on_grid
from photochrom.video.restoration.dust import find_specks
from photochrom.video.restoration.flicker import (
    LEAST_FLICKER,
    NO_CHANGE,
    Exposure,
    FrameLight,
    even_out,
    exposure_change,
    inverse,
)
from photochrom.video.restoration.lines import Line, LineTrack, fill_lines, find_lines, track_lines
from photochrom.video.restoration.motion import FlowFinder, Flows, fetch, small_shape
from photochrom.video.restoration.noise import renewed_grain, shot_grain
from photochrom.video.restoration.plan import RestorationPlan, ShotPlan, ToneCurve
from photochrom.video.restoration.scale import LumaScale
from photochrom.video.temporal.shots import ShotFinder

Plane = NDArray[np.float32]

SAMPLED_EVERY = 8
"""Frames from one that is looked at closely to the next."""
LEAST_SPECKS = 1.5
"""Of a frame: the median over the samples of a shot from which it is dusty."""


class _Inspection(NamedTuple):
    """What was seen in one frame. number: its place in the film."""

    number: int
    lines: list[Line]
    specks: int | None
    grain: Grain | None
    levels: NDArray[np.int64]
    """(256,): how many of its small pixels have which share of white."""


@dataclass
class _Survey:
    """What was seen so far."""

    times: list[int] = field(default_factory=list)
    lights: list[FrameLight] = field(default_factory=list)
    begins: list[bool] = field(default_factory=list)
    lacks: list[float] = field(default_factory=list)
    samples: list[_Inspection] = field(default_factory=list)


class _Recent(NamedTuple):
    """A frame that may be looked at closely. change, flows: from the frame before."""

    shares: Callable[[], Plane]
    small: Plane
    change: Exposure
    flows: Flows | None


def measure_film(
    frames: Iterable[Frame],
    scale: LumaScale,
    kinds: Sequence[FilmKind] = FILM_KINDS,
    on_frame: Callable[[], None] = lambda: None,
) -> RestorationPlan:
    """What is to be mended in frames that follow each other. kinds: which damage is looked for.
    on_frame: called after each.
    """
    finder, shot_finder = FlowFinder(), ShotFinder()
    survey, width = _Survey(), 0
    recent: deque[_Recent] = deque(maxlen=3)
    for index, frame in enumerate(frames):
        luma, width = frame.luma, frame.luma.shape[1]
        small = scale.shares(_shrink(luma))
        change, flows = NO_CHANGE, None
        if recent:
            change, flows = exposure_change(recent[-1].small, small, finder)
        survey.times.append(frame.pts)
        survey.lights.append(FrameLight(change if recent else None, float(small.mean())))
        survey.lacks.append(lack_on_grid(luma, scale) if "blocks" in kinds else 0.0)
        survey.begins += shot_finder.feed(np.clip(small, 0.0, 1.0) * np.float32(100.0))
        recent.append(_Recent(_later(scale, luma), small, change, flows))
        if len(recent) == 3 and (index - 1) % SAMPLED_EVERY == 2:
            survey.samples.append(_inspect(index - 1, recent, kinds))
        on_frame()
    survey.begins += shot_finder.finish()
    return _plan(survey, width, kinds)


def _later(scale: LumaScale, luma: NDArray[Any]) -> Callable[[], Plane]:
    return lambda: scale.shares(luma)


def _shrink(luma: NDArray[Any]) -> NDArray[Any]:
    height, width = small_shape(luma.shape)
    if (height, width) == luma.shape:
        return luma
    return np.asarray(cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA))


def _inspect(index: int, recent: Sequence[_Recent], kinds: Sequence[FilmKind]) -> _Inspection:
    """The middle one of three frames."""
    before, frame, after = recent
    plane = frame.shares()
    specks = grain = None
    lines: list[Line] = []
    if "scratches" in kinds:
        lines = find_lines(plane)
    if frame.flows is not None and after.flows is not None and {"dust", "grain"} & set(kinds):
        cleared, _, _ = fill_lines(plane, [LineTrack(x, light, 0, 0) for x, light in lines])
        earlier = fetch(_in_light(before.shares(), frame.change), frame.flows.back)
        if "dust" in kinds:
            later = fetch(_in_light(after.shares(), inverse(after.change)), after.flows.forth)
            specks = find_specks(cleared, earlier, later).number
        if "grain" in kinds:
            grain = renewed_grain(cleared, earlier, measure_grain(cleared))
    codes = np.clip(np.rint(frame.small * 255.0), 0, 255).astype(np.intp)
    levels = np.bincount(codes.ravel(), minlength=256)
    return _Inspection(index, lines, specks, grain, levels)


def _in_light(shares: Plane, change: Exposure) -> Plane:
    return np.asarray(shares * np.float32(change.gain) + np.float32(change.offset), np.float32)


def _plan(survey: _Survey, width: int, kinds: Sequence[FilmKind]) -> RestorationPlan:
    starts = [index for index, begins in enumerate(survey.begins) if begins]
    ends = [*starts[1:], len(survey.times)]
    film_specks = [sample.specks for sample in survey.samples if sample.specks is not None]
    film_ends = _tone_ends(survey.samples)
    is_faded = "fading" in kinds and is_faded_range(*film_ends)
    grain = shot_grain((sample.grain for sample in survey.samples), None)
    qualities = _block_qualities(survey.lacks, starts, ends)
    exposures: list[Exposure] = []
    shots = []
    for start, end, quality in zip(starts, ends, qualities, strict=True):
        lights = [survey.lights[start]._replace(change=None), *survey.lights[start + 1 : end]]
        changes, flicker = even_out(lights)
        is_flickering = "flicker" in kinds and flicker >= LEAST_FLICKER
        exposures += changes if is_flickering else [NO_CHANGE] * len(changes)
        # At a shot's ends, one of the two neighbours belongs to another.
        samples = [sample for sample in survey.samples if start < sample.number < end - 1]
        own = [sample.specks for sample in samples if sample.specks is not None] or film_specks
        has_dust = bool(own) and float(np.median(own)) >= LEAST_SPECKS
        curve = _tone_curve(samples, film_ends) if is_faded else None
        lines = _tracks(samples, survey.times, start, end, width)
        shot = ShotPlan(
            survey.times[start],
            survey.times[end - 1],
            is_flickering,
            lines,
            has_dust,
            curve,
            quality,
            shot_grain((sample.grain for sample in samples), grain),
        )
        shots.append(shot)
    return RestorationPlan(tuple(shots), survey.times, exposures)


def _block_qualities(
    lacks: Sequence[float], starts: Sequence[int], ends: Sequence[int]
) -> list[int | None]:
    """Of each shot (`ShotPlan.block_quality`). Where most shots have blocks all of them have: one
    may have no frame that is stored by itself.
    """
    own = [block_quality(max(lacks[start:end])) for start, end in zip(starts, ends, strict=True)]
    found = [quality for quality in own if quality is not None]
    if 2 * len(found) <= len(own):
        return own
    usual = round(float(np.median(found)))
    return [usual if quality is None else quality for quality in own]


def _tracks(
    samples: Sequence[_Inspection], times: Sequence[int], start: int, end: int, width: int
) -> tuple[LineTrack, ...]:
    """The scratches of a shot; start, end: numbers of its first frame, and of the one behind it."""
    found = [(times[sample.number], sample.lines) for sample in samples]
    spans = [
        (
            times[max(start, sample.number - SAMPLED_EVERY)],
            times[min(end - 1, sample.number + SAMPLED_EVERY)],
        )
        for sample in samples
    ]
    return track_lines(found, width, spans)


def _tone_ends(samples: Sequence[_Inspection]) -> ToneCurve:
    """Black and white of frames, in shares of white."""
    if not samples:
        return ToneCurve(0.0, 1.0)
    levels = np.cumsum(np.sum([sample.levels for sample in samples], axis=0))
    shares = levels / levels[-1]
    black, white = (float(np.searchsorted(shares, percent / 100) / 255) for percent in ENDS)
    return ToneCurve(black, white)


def _tone_curve(samples: Sequence[_Inspection], film: ToneCurve) -> ToneCurve:
    """The ends of a shot, no narrower than those of the whole film: one that is dull by itself
    stays so.
    """
    own = _tone_ends(samples) if samples else film
    return ToneCurve(min(own.black, film.black), max(own.white, film.white))
