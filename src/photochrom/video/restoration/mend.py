"""A film's frames without their damage, one after the other; a few are held at a time.

What becomes of a frame hangs on the plan and on the frames beside it alone, so it comes out the
same wherever reading begins. One that nothing is mended in is handed on as it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photochrom.restoration.fading import BLACK, MOST_GAIN, WHITE
from photochrom.video.io.frame import Frame
from photochrom.video.restoration.blocks import without_blocks
from photochrom.video.restoration.dust import fill_specks, find_specks
from photochrom.video.restoration.flicker import NO_CHANGE, Exposure
from photochrom.video.restoration.lines import fill_lines
from photochrom.video.restoration.motion import (
    FlowFinder,
    Flows,
    compose_flows,
    fetch,
    small_codes,
    small_shares,
)
from photochrom.video.restoration.noise import REACH, mean_over_time, rough_pilot, take_grain
from photochrom.video.restoration.plan import RestorationPlan, ShotPlan, ToneCurve
from photochrom.video.restoration.scale import LumaScale

Plane = NDArray[np.float32]


class FrameChange(NamedTuple):
    """What was mended in a frame. gain, offset: of its light, in shares of white. covered: share of
    its pixels that lines and specks covered. noise: root mean square, in shares of white, of what
    was taken as blocks and grain.
    """

    pts: int
    gain: float
    offset: float
    lines: int
    specks: int
    covered: float
    noise: float = 0.0


@dataclass
class _Item:
    """A frame on its way."""

    frame: Frame
    shot: ShotPlan | None
    shares: Plane
    is_changed: bool = False
    exposure: Exposure = NO_CHANGE
    lines: int = 0
    specks: int = 0
    covered: int = 0
    noise: float = 0.0
    """Mean square of what was taken as blocks and grain."""
    pilot: Plane | None = field(default=None, repr=False)
    small: NDArray[np.uint8] | None = None
    flows: Flows | None = field(default=None, repr=False)
    """To the next frame, once it was asked for."""


class FilmMender:
    """Mends the frames of one film; see `frames`. Belongs to one thread at a time."""

    def __init__(
        self,
        plan: RestorationPlan,
        scale: LumaScale,
        changes: dict[int, FrameChange],
        *,
        with_changed: bool = False,
    ) -> None:
        """changes: where it is written down what was mended, by the times of the frames.
        with_changed: whether `Frame.changed` is wanted.
        """
        self._plan, self._scale, self._changes = plan, scale, changes
        self._with_changed = with_changed

    def frames(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Frames that follow each other, mended. The first and last three come out right only where
        they are the film's, or where their neighbours were not measured.
        """
        finder = FlowFinder()
        items = (self._by_itself(frame) for frame in frames)
        for item in _without_noise(self._without_dust(items, finder), finder):
            yield self._finish(item)

    def _by_itself(self, frame: Frame) -> _Item:
        """A frame without its blocks, in the light of its shot, and without its lines."""
        shot = self._plan.shot(frame.pts)
        item = _Item(frame, shot, self._scale.shares(frame.luma))
        if shot is None:
            return item
        if shot.block_quality is not None:
            before = item.shares
            item.shares = without_blocks(before, shot.block_quality)
            item.noise = float(np.mean(np.square(item.shares - before)))
            item.is_changed = True
        if shot.is_flickering:
            item.exposure = self._plan.exposure(frame.pts)
        if item.exposure != NO_CHANGE:
            gain, offset = item.exposure
            item.shares = item.shares * np.float32(gain) + np.float32(offset)
            item.is_changed = True
        tracks = [t for t in shot.lines if t.first_pts <= frame.pts <= t.last_pts]
        if tracks:
            item.shares, mask, item.lines = fill_lines(item.shares, tracks)
            item.covered += int(mask.sum())
            item.is_changed |= item.lines > 0
        return item

    def _without_dust(self, items: Iterable[_Item], finder: FlowFinder) -> Iterator[_Item]:
        for before, item, after in _with_neighbors(items):
            if before is None or after is None or item.shot is None or not item.shot.has_dust:
                yield item
                continue
            earlier = fetch(before.shares, _flows(before, item, finder).back)
            later = fetch(after.shares, _flows(item, after, finder).forth)
            specks = find_specks(item.shares, earlier, later)
            if not specks.number:
                yield item
                continue
            # A copy: the next frame is compared with what this one was before.
            yield replace(
                item,
                shares=fill_specks(item.shares, earlier, later, specks.mask),
                specks=specks.number,
                covered=item.covered + int(specks.mask.sum()),
                is_changed=True,
            )

    def _finish(self, item: _Item) -> Frame:
        curve = None if item.shot is None else item.shot.tone_curve
        if curve is not None:
            item.shares, item.is_changed = _stretch(item.shares, curve), True
        if not item.is_changed:
            return item.frame
        self._changes[item.frame.pts] = FrameChange(
            item.frame.pts,
            round(item.exposure.gain, 5),
            round(item.exposure.offset, 5),
            item.lines,
            item.specks,
            round(item.covered / item.shares.size, 6),
            round(item.noise**0.5, 5),
        )
        luma = self._scale.codes(item.shares)
        changed = luma != item.frame.luma if self._with_changed else None
        return replace(item.frame, luma=luma, changed=changed)


def _with_neighbors(
    items: Iterable[_Item],
) -> Iterator[tuple[_Item | None, _Item, _Item | None]]:
    """Each frame with those before and after it; None over a cut."""
    held: deque[_Item] = deque(maxlen=3)
    before: _Item | None = None
    for item in items:
        held.append(item)
        if len(held) == 1:
            continue
        middle = held[-2]
        yield _same_shot(before, middle), middle, _same_shot(item, middle)
        before = middle
    if held:
        yield _same_shot(before, held[-1]), held[-1], None


def _without_noise(items: Iterable[_Item], finder: FlowFinder) -> Iterator[_Item]:
    """Frames averaged with those around them, and without their grain, where there is any."""
    held: deque[_Item] = deque(maxlen=2 * REACH + 1)
    ahead = 0
    for item in items:
        held.append(item)
        ahead += 1
        if ahead > REACH:
            yield _take_noise(held, len(held) - 1 - REACH, finder)
            ahead -= 1
    for place in range(len(held) - ahead, len(held)):
        yield _take_noise(held, place, finder)


def _take_noise(held: Sequence[_Item], place: int, finder: FlowFinder) -> _Item:
    """One of the frames that are held, without its noise."""
    item = held[place]
    shot = item.shot
    if shot is None or (shot.grain is None and shot.block_quality is None):
        return item
    variances, variance = None, item.noise
    if shot.grain is not None:
        variances = shot.grain.variances * np.float32(item.exposure.gain**2)
        variance = float(variances.mean())
    neighbors = []
    for step in (-1, 1):
        flow = None
        for distance in range(1, REACH + 1):
            number = place + step * distance
            if not 0 <= number < len(held) or held[number].shot is not shot:
                break
            pair = sorted((number, number - step))
            between = _flows(held[pair[0]], held[pair[1]], finder)
            onward = between.forth if step > 0 else between.back
            flow = onward if flow is None else compose_flows(flow, onward)
            other = held[number]
            there = fetch(other.shares, flow)
            neighbors.append((there, there if shot.grain is None else fetch(_pilot(other), flow)))
    mean, share = mean_over_time(item.shares, _pilot(item), neighbors, max(variance, 1e-8))
    mended = mean if variances is None else take_grain(mean, variances, share)
    noise = item.noise + float(np.mean(np.square(mended - item.shares)))
    return replace(item, shares=mended, noise=noise, is_changed=True)


def _pilot(item: _Item) -> Plane:
    """A frame to compare by, roughly without grain."""
    assert item.shot is not None
    if item.shot.grain is None:
        return item.shares
    if item.pilot is None:
        variances = item.shot.grain.variances * np.float32(item.exposure.gain**2)
        item.pilot = rough_pilot(item.shares, variances)
    return item.pilot


def _same_shot(other: _Item | None, item: _Item) -> _Item | None:
    return other if other is not None and other.shot is item.shot else None


def _flows(earlier: _Item, later: _Item, finder: FlowFinder) -> Flows:
    if earlier.flows is None:
        for item in (earlier, later):
            if item.small is None:
                item.small = small_codes(small_shares(item.shares))
        assert earlier.small is not None
        assert later.small is not None
        earlier.flows = finder.find(earlier.small, later.small)
    return earlier.flows


def _stretch(shares: Plane, curve: ToneCurve) -> Plane:
    """From the film's black to its white, as faded photographs are (`restoration.fading`)."""
    span = max(curve.white - curve.black, (WHITE - BLACK) / MOST_GAIN)
    gain = (WHITE - BLACK) / span
    offset = BLACK - gain * curve.black
    return np.asarray(np.clip(shares * np.float32(gain) + np.float32(offset), 0.0, 1.0), np.float32)
