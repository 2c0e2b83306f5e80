"""Resizing and blurring of batches, each sample by its own amount, as products of matrices.

Every sample's rows and columns have a matrix of weights: no loop over samples, no shape that
depends on what was drawn, and the same sums on every device.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_CUBIC = -0.75
_SHARPEST_PX = 0.05


def separable(planes: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """rows · plane · columnsᵀ. planes: (N, C, h, w), rows: (N, H, h), columns: (N, W, w).

    Returns (N, C, H, W).
    """
    n, c, h, w = planes.shape
    tall = torch.bmm(rows, planes.permute(0, 2, 1, 3).reshape(n, h, c * w))
    tall = tall.view(n, -1, c, w).permute(0, 2, 1, 3).reshape(n, -1, w)
    return torch.bmm(tall, columns.mT).view(n, c, rows.shape[1], columns.shape[1])


def resize_matrix(lengths: Tensor, longest: int, side: int) -> Tensor:
    """Weights that resize the first ``lengths`` (N,) of ``longest`` pixels to ``side``.

    The mean over the area where that is smaller or the same, bicubic (a = -0.75, the last pixel
    repeated) where it is larger: as OpenCV's INTER_AREA and INTER_CUBIC.
    Returns (N, side, longest) float32.
    """
    length = lengths.float()[:, None, None]
    scale = length / side
    to = torch.arange(side, device=lengths.device, dtype=torch.float32)[None, :, None]
    pixel = torch.arange(longest, device=lengths.device, dtype=torch.float32)
    overlap = torch.minimum((to + 1) * scale, pixel + 1) - torch.maximum(to * scale, pixel)
    area = overlap.clamp_min(0.0) / scale
    center = (to + 0.5) * scale - 0.5
    first = center.floor() - 1
    cubic = torch.zeros_like(area)
    for tap in range(4):
        near = torch.minimum((first + tap).clamp_min(0.0), length - 1)
        cubic += torch.where(pixel == near, _cubic_weight((center - first - tap).abs()), 0.0)
    return torch.where(length >= side, area, cubic)


def blur_matrix(sigma: Tensor, side: int) -> Tensor:
    """Weights of a Gaussian blur, mirrored at the borders (without repeating the last pixel).

    sigma: (N,) px; below 0.05: none. Returns (N, side, side) float32.
    """
    place = torch.arange(side, device=sigma.device)
    to, pixel = place[:, None], place[None, :]
    width = sigma.float().clamp_min(_SHARPEST_PX)[:, None]
    distance = torch.arange(2 * side - 1, device=sigma.device, dtype=torch.float32)
    gauss = torch.exp(-0.5 * (distance / width) ** 2)
    before = torch.where(pixel > 0, gauss[:, to + pixel], 0.0)
    behind = torch.where(pixel < side - 1, gauss[:, 2 * (side - 1) - to - pixel], 0.0)
    weights = gauss[:, (to - pixel).abs()] + before + behind
    return weights / weights.sum(dim=2, keepdim=True)


def blur(planes: Tensor, sigma: Tensor) -> Tensor:
    """planes: (N, C, H, W), sigma: (N,) px. Returns the same shape."""
    h, w = planes.shape[2:]
    return separable(planes, blur_matrix(sigma, h), blur_matrix(sigma, w))


def rotate(planes: Tensor, angle: Tensor, side: int) -> Tensor:
    """Turn squares clockwise and cut out the largest upright square that is full, bilinear.

    planes: (N, C, S, S). angle: (N,) radians. Returns (N, C, side, side).
    """
    cos, sin = angle.cos(), angle.sin()
    scale = 1.0 / (cos.abs() + sin.abs())
    zero = torch.zeros_like(cos)
    # From the places of the result to those of the planes.
    rows = [torch.stack([cos, sin, zero], dim=1), torch.stack([-sin, cos, zero], dim=1)]
    matrix = torch.stack(rows, dim=1) * scale[:, None, None]
    shape = [len(planes), planes.shape[1], side, side]
    grid = F.affine_grid(matrix, shape, align_corners=False)
    return F.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _cubic_weight(distance: Tensor) -> Tensor:
    """Keys (1981), a = -0.75; distance: 0 to 2 px."""
    d, a = distance, _CUBIC
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return torch.where(d <= 1, near, torch.where(d < 2, far, 0.0))
