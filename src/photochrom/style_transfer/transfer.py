"""The transfer itself: a picture that is changed until it has the style's Gram matrices.

A picture is (N, 3, H, W) float32, sRGB-encoded in [0, 1], in here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from photochrom.color.compose import compose_upsampled
from photochrom.color.fit import shrink, working_shape
from photochrom.color.space import lab_to_rgb, rgb_to_lab
from photochrom.nets.vgg import VGGFeatures
from photochrom.style_transfer.options import StyleOptions
from photochrom.training.tensor_files import read_tensors

_CHROMA_CELL_PX = 4
"""Chroma is sought in cells of so many px and drawn linearly between them: what a network sees of
single pixels gives speckles."""
_ADAM_CHROMA, _ADAM_RGB = 2.0, 0.02
"""Step sizes of Adam, in CIELAB units and in [0, 1]."""
_LBFGS_MEMORY, _LINE_SEARCH = 20, 20
"""Earlier steps that it looks back on, and how often it may ask within one."""

Progress = Callable[[int, int], None]
"""Called with the steps that are done, and how many there are."""


class Transfer(NamedTuple):
    """rgb: (H, W, 3) of the content's size and dtype, sRGB-encoded.

    before, after: how far the Gram matrix of each style layer is from the style's, by the layer's
    name: the squared error as a share of the style's own square.
    """

    rgb: NDArray[Any]
    before: dict[str, float]
    after: dict[str, float]


def transfer_style(
    content: NDArray[Any],
    style: NDArray[Any],
    options: StyleOptions,
    progress: Progress = lambda done, total: None,
) -> Transfer:
    """Give the colours (and, by ``options.full``, the texture) of one picture to another.

    content, style: (H, W) grey or (H, W, 3), uint8, uint16 or floating in [0, 1], sRGB-encoded. The
    content keeps its lightness at full size unless the transfer is full; a full one has the
    content's detail from ``options.size`` on added to what was found. Raises RecipeError for
    unknown layers, ModelError for weights that do not fit.
    """
    vgg = _load(options)
    start, goal = (_small(picture, options.size) for picture in (content, style))
    judge = _Judge(vgg, start, goal, options)
    parameter, render = _full_picture(start) if options.full else _chroma_alone(start)
    before = judge.layer_shares(render())
    for done in _steps(parameter, lambda: judge(render()), options):
        progress(done, options.steps)
    with torch.no_grad():
        found = render()
    after = judge.layer_shares(found)
    small = found[0].permute(1, 2, 0).contiguous().numpy()
    rgb = _enlarge_full(content, small) if options.full else _enlarge_chroma(content, small)
    return Transfer(rgb, before, after)


def layer_maps(
    picture: NDArray[Any], options: StyleOptions, layers: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """What layers see of a picture: (C, h, w) activations of each, by its name."""
    vgg = VGGFeatures(read_tensors(options.weights, "the weights"), layers)
    with torch.no_grad():
        features = vgg(_small(picture, options.size))
    return {name: feature[0].numpy() for name, feature in zip(vgg.layers, features)}


def _load(options: StyleOptions) -> VGGFeatures:
    layers = (*options.style_layers, options.content_layer)
    return VGGFeatures(read_tensors(options.weights, "the weights"), layers)


def _small(picture: NDArray[Any], size: int) -> Tensor:
    """The picture at working size."""
    top = np.float32(np.iinfo(picture.dtype).max if picture.dtype.kind == "u" else 1.0)
    rgb = picture.astype(np.float32) / top
    rgb = np.repeat(rgb[..., None], 3, axis=-1) if rgb.ndim == 2 else rgb
    height, width = rgb.shape[:2]
    shape = working_shape(height, width, min(size, height, width), _CHROMA_CELL_PX)
    return torch.from_numpy(shrink(rgb, shape)).permute(2, 0, 1)[None].contiguous()


class _Judge:
    """How far a picture is from the style, and from the content."""

    def __init__(
        self, vgg: VGGFeatures, content: Tensor, style: Tensor, options: StyleOptions
    ) -> None:
        self._vgg, self._options = vgg, options
        self._places = {name: place for place, name in enumerate(vgg.layers)}
        with torch.no_grad():
            self._content = vgg(content)[self._places[options.content_layer]]
            features = vgg(style)
        self._grams = {name: _gram(features[self._places[name]]) for name in options.style_layers}

    def __call__(self, picture: Tensor) -> Tensor:
        """The loss to make small."""
        features = self._vgg(picture)
        shares = [_share(_gram(features[self._places[n]]), gram) for n, gram in self._grams.items()]
        loss = self._options.style_weight * torch.stack(shares).mean()
        if self._options.content_share:
            seen = features[self._places[self._options.content_layer]]
            loss = loss + self._options.content_share * _share(seen, self._content)
        return loss

    @torch.no_grad()
    def layer_shares(self, picture: Tensor) -> dict[str, float]:
        """The style's loss in each of its layers."""
        features = self._vgg(picture)
        return {
            name: _share(_gram(features[self._places[name]]), gram).item()
            for name, gram in self._grams.items()
        }


def _gram(features: Tensor) -> Tensor:
    """(1, C, H, W) to (C, C): which channels are bright together, whatever the place.

    Divided by the number of places, so that pictures of different sizes compare.
    """
    flat = features[0].flatten(1)
    return flat @ flat.T / flat.shape[1]


def _share(values: Tensor, goal: Tensor) -> Tensor:
    """Squared error as a share of the goal's own square, so that each layer counts alike."""
    return F.mse_loss(values, goal) / goal.square().mean().clamp_min(1e-12)


def _chroma_alone(start: Tensor) -> tuple[Tensor, Callable[[], Tensor]]:
    """ab on a coarse grid as what is sought, and the picture that it makes with the content's L."""
    lab = rgb_to_lab(start, axis=1)
    L, ab = lab[:, :1], lab[:, 1:]
    chroma = F.avg_pool2d(ab, _CHROMA_CELL_PX).requires_grad_()

    def render() -> Tensor:
        fine = F.interpolate(chroma, L.shape[2:], mode="bilinear", align_corners=False)
        return lab_to_rgb(torch.cat([L, fine], dim=1), axis=1).clamp(0.0, 1.0)

    return chroma, render


def _full_picture(start: Tensor) -> tuple[Tensor, Callable[[], Tensor]]:
    """RGB as what is sought."""
    rgb = start.clone().requires_grad_()
    return rgb, lambda: rgb.clamp(0.0, 1.0)


def _steps(parameter: Tensor, judge: Callable[[], Tensor], options: StyleOptions) -> Iterator[int]:
    """Change the parameter step by step; yields how many steps are done."""
    optimizer = _optimizer(parameter, options)

    def closure() -> float:
        optimizer.zero_grad()
        loss = judge()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    for done in range(1, options.steps + 1):
        optimizer.step(closure)
        yield done


def _optimizer(parameter: Tensor, options: StyleOptions) -> torch.optim.Optimizer:
    if options.optimizer == "adam":
        rate = _ADAM_RGB if options.full else _ADAM_CHROMA
        return torch.optim.Adam([parameter], lr=rate)
    return torch.optim.LBFGS(
        [parameter],
        max_iter=1,
        max_eval=_LINE_SEARCH,
        history_size=_LBFGS_MEMORY,
        line_search_fn="strong_wolfe",
    )


def _enlarge_chroma(content: NDArray[Any], small: NDArray[np.float32]) -> NDArray[Any]:
    """The content's own lightness with the chroma that was found."""
    ab = np.ascontiguousarray(rgb_to_lab(small)[..., 1:], np.float32)
    return compose_upsampled(content, ab)


def _enlarge_full(content: NDArray[Any], small: NDArray[np.float32]) -> NDArray[Any]:
    """What was found, at the content's size, and the content's detail that was too fine for it."""
    height, width = content.shape[:2]
    is_coded = content.dtype.kind == "u"
    top = np.float32(np.iinfo(content.dtype).max if is_coded else 1.0)
    rgb = content.astype(np.float32) / top
    rgb = np.repeat(rgb[..., None], 3, axis=-1) if rgb.ndim == 2 else rgb
    coarse = shrink(rgb, small.shape[:2])
    change = cv2.resize(small - coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    result = np.clip(rgb + change, 0.0, 1.0)
    return (np.rint(result * top) if is_coded else result).astype(content.dtype)
