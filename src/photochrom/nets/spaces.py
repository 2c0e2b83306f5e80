"""The colour spaces in which networks may answer, and what they make of them: ab, in every case.

A network that learns in another space than CIELAB is compared with the truth there, and turns its
answer into ab itself, so that the exported model keeps the contract. All spaces are on the scale of
ab: their widest value is about ±110, so that the weights of losses mean the same in each.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from photochrom.color.space import (
    ab_to_uv,
    lab_to_rgb,
    rgb_to_lab,
    rgb_to_yuv,
    uv_to_ab,
    yuv_to_rgb,
)
from photochrom.nets.contract import AB_SCALE, NetOutput, Space

CHANNELS: dict[Space, int] = {"lab": 2, "luv": 2, "yuv": 2, "rgb": 3}
"""Numbers that a network has to answer with, for each place."""

_UV_SCALE = 175.0
"""The largest u* of sRGB."""
_YUV_SCALE = 0.615
"""The largest V of R', G', B' in [0, 1]."""
_AB_LIMIT = 128.0
_LUMA_STEPS = 3


def space_output(space: Space, values: Tensor, x: Tensor, stride: int) -> NetOutput:
    """The output of a network that answers in a space.

    values: (N, C, h, w), C of `CHANNELS`, on the scale of ab. x: (N, 4, H, W), the network's input.
    stride: H / h.
    """
    if space == "lab":
        return NetOutput(values, None)
    L = x[:, :1].float()
    L = F.avg_pool2d(L, stride) if stride > 1 else L
    return NetOutput(_to_ab(space, L, values.float()), None, values)


def in_space(space: Space, L: Tensor, ab: Tensor) -> Tensor:
    """True colours as a network of this space is to answer them.

    L: (N, 1, h, w). ab: (N, 2, h, w). Returns (N, C, h, w) on the scale of ab.
    """
    if space == "lab":
        return ab
    if space == "luv":
        return torch.cat(ab_to_uv(L, ab[:, :1], ab[:, 1:]), dim=1) * (AB_SCALE / _UV_SCALE)
    rgb = lab_to_rgb(torch.cat([L, ab], dim=1), axis=1).clamp(0.0, 1.0)
    if space == "yuv":
        return rgb_to_yuv(rgb, axis=1)[:, 1:] * (AB_SCALE / _YUV_SCALE)
    return (2.0 * rgb - 1.0) * AB_SCALE


def _to_ab(space: Space, L: Tensor, values: Tensor) -> Tensor:
    """(N, 2, h, w) CIELAB units, inside ±128."""
    if space == "luv":
        uv = values * (_UV_SCALE / AB_SCALE)
        ab = torch.cat(uv_to_ab(L, uv[:, :1], uv[:, 1:]), dim=1)
    elif space == "yuv":
        uv = values * (_YUV_SCALE / AB_SCALE)
        luma = _luma(L, uv.detach())
        ab = rgb_to_lab(yuv_to_rgb(torch.cat([luma, uv], dim=1), axis=1), axis=1)[:, 1:]
    else:
        rgb = (values / AB_SCALE + 1.0) / 2.0
        ab = rgb_to_lab(rgb.clamp(0.0, 1.0), axis=1)[:, 1:]
    return ab.clamp(-_AB_LIMIT, _AB_LIMIT)


def _luma(L: Tensor, uv: Tensor) -> Tensor:
    """The luma with which U and V have the lightness L: (N, 1, h, w), R'G'B' scale.

    It begins with that of grey, and is corrected by what is missing in grey's terms.
    """
    grey = _grey_code(L)
    luma = grey
    for _ in range(_LUMA_STEPS):
        rgb = yuv_to_rgb(torch.cat([luma, uv], dim=1), axis=1)
        luma = luma + grey - _grey_code(rgb_to_lab(rgb, axis=1)[:, :1])
    return luma


def _grey_code(L: Tensor) -> Tensor:
    """R', G' and B' of the grey of this lightness, all the same."""
    zero = torch.zeros_like(L)
    return lab_to_rgb(torch.cat([L, zero, zero], dim=1), axis=1)[:, 1:2]
