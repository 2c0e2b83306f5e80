"""Imitated hints: a person's points of colour, and colours carried along a film's motion."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from photochrom.training.data.resampling import blur_matrix, separable
from photochrom.training.data.views import LARGEST_PATCH_PX, Fields, Hints, Points


def render(ab: Tensor, hints: Hints) -> Tensor:
    """The hints of a batch.

    ab: (N, 2, H, W) the true colour, CIELAB units.
    Returns (N, 3, H, W): hint_a, hint_b, hint_mask.
    """
    planes = torch.zeros_like(torch.cat([ab, ab[:, :1]], dim=1))
    if len(hints.shown):
        shown = ab[hints.shown]
        planes.index_copy_(0, hints.shown, torch.cat([shown, torch.ones_like(shown[:, :1])], dim=1))
    if len(hints.fields.rows):
        carried = carried_colors(ab[hints.fields.rows], hints.fields)
        planes.index_copy_(0, hints.fields.rows, carried)
    return _with_points(planes, ab, hints.points) if len(hints.points.rows) else planes


def _with_points(planes: Tensor, ab: Tensor, points: Points) -> Tensor:
    """Square patches, each with its mean colour. planes: (N, 3, H, W), where they are painted."""
    n, _, h, w = ab.shape
    side = points.side_px.clamp_max(min(h, w))
    top, left = (
        torch.minimum((place * size).long().clamp_min(0), size - side)
        for place, size in ((points.top, h), (points.left, w))
    )
    step = torch.arange(LARGEST_PATCH_PX, device=ab.device)
    inside = step < side[:, None]
    # Steps beyond the patch stay at its corner.
    y, x = (start[:, None] + torch.where(inside, step, 0) for start in (top, left))
    pixel = (points.rows[:, None, None] * h + y[:, :, None]) * w + x[:, None, :]
    colors = ab.permute(0, 2, 3, 1).reshape(-1, 2)[pixel]
    counts = (inside[:, :, None] & inside[:, None, :]).float()[..., None]
    means = (colors * counts).sum(dim=(1, 2)) / counts.sum(dim=(1, 2))
    # The last patch that covers a pixel has it.
    number = torch.arange(len(side), device=ab.device)[:, None, None].expand_as(pixel)
    owner = torch.full((n * h * w,), -1, device=ab.device)
    owner.scatter_reduce_(0, pixel.flatten(), number.flatten(), "amax")
    painted = torch.cat([means, torch.ones_like(means[:, :1])], dim=1)[owner.clamp_min(0)]
    painted = painted.view(n, h, w, 3).permute(0, 3, 1, 2)
    return torch.where(owner.view(n, 1, h, w) >= 0, painted, planes)


def carried_colors(ab: Tensor, fields: Fields) -> Tensor:
    """The whole colour as optical flow would carry it: blurred, shifted, in places wrong or absent.

    ab: (K, 2, H, W), the samples ``fields.rows``. Returns (K, 3, H, W), as `render`.
    """
    h, w = ab.shape[2:]
    rows, columns = (
        _roll_rows(blur_matrix(fields.blur_px, size), fields.shift_px[:, axis])
        for axis, size in enumerate((h, w))
    )
    # Faded or too strong, as a film's colours drift; and regions with another thing's colour.
    field = separable(ab, rows, columns) * fields.strength[:, None, None, None]
    wrong = _regions(fields.wrong_noise, fields.wrong, (h, w))
    field = torch.where(wrong, field.roll((h // 3, w // 3), dims=(2, 3)), field)
    mask = (~_regions(fields.unknown_noise, fields.unknown, (h, w))).float()
    return torch.cat([field * mask, mask], dim=1)


def _roll_rows(matrix: Tensor, shift: Tensor) -> Tensor:
    """Matrices (K, side, side) whose result is shifted (K,), what leaves at one end coming in at
    the other.
    """
    side = matrix.shape[1]
    origin = (torch.arange(side, device=matrix.device) - shift[:, None]) % side
    return matrix.gather(1, origin[:, :, None].expand_as(matrix))


def _regions(noise: Tensor, share: Tensor, size: tuple[int, int]) -> Tensor:
    """Smooth random regions that cover about ``share`` (K,) of the picture; (K, 1, h, w) bool."""
    smooth = F.interpolate(noise[:, None], size=size, mode="bicubic", align_corners=False)
    values = smooth.flatten(1)
    last = (share * (values.shape[1] - 1)).long()
    level = values.sort(dim=1).values.gather(1, last[:, None])
    return smooth < level[:, :, None, None]
