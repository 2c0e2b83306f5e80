"""Lines drawn from photographs: what a network sees that learns to colour drawings.

Edges are where Canny (PAMI 1986) puts them, one pixel wide, without his second threshold. Pencil
strokes are those of Lu, Xu and Jia, *Combining Sketch and Tone for Pencil Drawing Production* (NPAR
2012): each piece of an edge goes to the nearest of eight directions and is drawn along it, so that
lines reach beyond their ends and cross; dark places are hatched.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from photochrom.color.input_kind import InputKind
from photochrom.training.data.augment import standard_normal
from photochrom.training.data.resampling import blur
from photochrom.training.data.views import LONGEST_STROKE_PX, Lines

_DIRECTIONS = 8
_LEAST_STEP = 0.5
"""Differences between neighbours, CIELAB lightness, that are too small for a line anywhere."""
_SHARPNESS = 4.0
_STROKE_GAIN = 1.5
_HATCHING_BLUR_PX = 2.0


def draw_lines(L: Tensor, lines: Lines, kind: InputKind) -> Tensor:
    """What a drawing of some photographs would look like.

    L: (N, 1, H, W) lightness in [0, 100]. kind: "edges" or "sketch". Returns the lightness of dark
    lines on light paper, the same shape and range.
    """
    smooth = blur(L, lines.finest_px)
    dx, dy = _differences(smooth)
    steps = (dx.square() + dy.square()).sqrt()
    edges = _ink(_thin(steps, dx, dy), steps, lines)
    if kind == "edges":
        return 100.0 * (1.0 - edges)
    kernels = _stroke_kernels(lines)
    ink = (_STROKE_GAIN * _strokes(edges, kernels)).clamp_max(1.0)
    ink = torch.maximum(_wobble(ink, lines), _hatching(L, kernels[:, 0], lines))
    paper = _each(lines.paper) * (1.0 - _each(lines.darkness) * ink)
    grain = _each(lines.grain) * standard_normal(lines.seed, (L.shape[2], L.shape[3]))
    return (paper + grain).clamp(0.0, 100.0)


def _differences(L: Tensor) -> tuple[Tensor, Tensor]:
    """Half of what lies between the neighbours at both sides, and above and below."""
    padded = F.pad(L, (1, 1, 1, 1), mode="replicate")
    dx = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2
    dy = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / 2
    return dx, dy


def _ink(line_steps: Tensor, steps: Tensor, lines: Lines) -> Tensor:
    """How dark lines are, in [0, 1]: by their steps, against those that the picture has."""
    strong = steps.mean(dim=(2, 3), keepdim=True) + 2 * steps.std(dim=(2, 3), keepdim=True)
    relative = line_steps / strong.clamp_min(_LEAST_STEP)
    return ((relative - _each(lines.threshold)) * _SHARPNESS).clamp(0.0, 1.0)


def _thin(steps: Tensor, dx: Tensor, dy: Tensor) -> Tensor:
    """The steps where none of the two neighbours across the edge has a larger one, else 0."""
    padded = F.pad(steps, (1, 1, 1, 1))
    h, w = steps.shape[2:]
    octant = (torch.atan2(dy, dx) * 4 / math.pi).round().long() % 4
    thin = torch.zeros_like(steps)
    for number, (down, right) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = padded[:, :, 1 + down : 1 + down + h, 1 + right : 1 + right + w]
        behind = padded[:, :, 1 - down : 1 - down + h, 1 - right : 1 - right + w]
        # Of two that are equal one counts.
        is_largest = (steps > ahead) & (steps >= behind) & (octant == number)
        thin = torch.where(is_largest, steps, thin)
    return thin


def _stroke_kernels(lines: Lines) -> Tensor:
    """(N, 8, k, k): a line of each sample's length in eight directions, each of sum 1."""
    reach = LONGEST_STROKE_PX // 2
    place = torch.arange(-reach, reach + 1, device=lines.turn.device, dtype=torch.float32)
    number = torch.arange(_DIRECTIONS, device=lines.turn.device)
    angle = (lines.turn[:, None] + number * math.pi / _DIRECTIONS)[:, :, None, None]
    y, x = place[:, None], place[None, :]
    along, across = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    ends = (_each(lines.stroke_px) / 2 + 0.5 - along.abs()).clamp(0.0, 1.0)
    kernels = (1.0 - across.abs()).clamp_min(0.0) * ends
    return kernels / kernels.sum(dim=(2, 3), keepdim=True)


def _strokes(ink: Tensor, kernels: Tensor) -> Tensor:
    """(N, 1, H, W): every piece of ink drawn along the direction in which it goes on."""
    n, _, h, w = ink.shape
    every = kernels.flatten(0, 1)[:, None]
    padding = LONGEST_STROKE_PX // 2
    along = F.conv2d(ink.view(1, n, h, w), every, padding=padding, groups=n)
    along = along.view(n, _DIRECTIONS, h, w)
    own = along.argmax(dim=1, keepdim=True)
    number = torch.arange(_DIRECTIONS, device=ink.device).view(1, -1, 1, 1)
    pieces = torch.where(own == number, ink, 0.0)
    drawn = F.conv2d(
        pieces.view(1, n * _DIRECTIONS, h, w), every, padding=padding, groups=n * _DIRECTIONS
    )
    return drawn.view(n, _DIRECTIONS, h, w).sum(dim=1, keepdim=True)


def _wobble(ink: Tensor, lines: Lines) -> Tensor:
    """The lines of a hand that is not quite sure."""
    h, w = ink.shape[2:]
    shift = F.interpolate(lines.wobble_noise, size=(h, w), mode="bicubic", align_corners=False)
    shift = shift * _each(lines.wobble_px)
    y = torch.arange(h, device=ink.device)[:, None] + 0.5 + shift[:, 0]
    x = torch.arange(w, device=ink.device) + 0.5 + shift[:, 1]
    grid = torch.stack([2 * x / w - 1, 2 * y / h - 1], dim=3)
    return F.grid_sample(ink, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _hatching(L: Tensor, kernels: Tensor, lines: Lines) -> Tensor:
    """(N, 1, H, W) in [0, 1]: parallel strokes, the denser the darker. kernels: (N, k, k)."""
    n, _, h, w = L.shape
    noise = standard_normal(lines.seed, (h, w)).view(1, n, h, w)
    texture = F.conv2d(noise, kernels[:, None], padding=LONGEST_STROKE_PX // 2, groups=n)
    texture = texture.view(n, 1, h, w)
    texture = texture / texture.std(dim=(2, 3), keepdim=True)
    tone = 1.0 - blur(L, torch.full_like(lines.turn, _HATCHING_BLUR_PX)) / 100.0
    return ((texture + 0.5) * tone.square()).clamp(0.0, 1.0) * _each(lines.hatching)


def _each(values: Tensor) -> Tensor:
    """(N,) as (N, 1, 1, 1)."""
    return values[:, None, None, None]
