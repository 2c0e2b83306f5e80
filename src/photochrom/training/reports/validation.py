"""How the averaged network does on the held-out photos: figures, and a grid of pictures."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from photochrom.color.colorfulness import colorfulness
from photochrom.color.input_kind import InputKind
from photochrom.color.space import rgb_to_lab
from photochrom.imageio import Picture, write
from photochrom.nets.contract import ColorNet
from photochrom.training.data.drawing import draw_lines
from photochrom.training.data.photo_cache import PhotoSet
from photochrom.training.data.views import ViewPlan
from photochrom.training.losses.inputs import compose
from photochrom.training.recipe.recipe import AugmentRecipe, HintRecipe
from photochrom.training.reports.plots import ColorCounts

_VALIDATION_SIDE = 192
_BATCH = 16
_DRAWING_SEED = 0


class Validation:
    """The held-out photos: figures for the log and a grid of what is seen, ours, true."""

    def __init__(
        self, photos: PhotoSet, grid: int, device: torch.device, multiple: int = 1,
        kind: InputKind = "grey",
    ) -> None:  # fmt: skip
        """multiple: of the network's input; the pictures are 192 px or the multiple below. kind: of
        what it sees; drawings are the same at every validation.
        """
        side = max(multiple, _VALIDATION_SIDE // multiple * multiple)
        self._device = device
        self._grid = min(grid, len(photos))
        views = [_center_crop(photos[i], side) for i in range(len(photos))]
        self._kind = kind
        self._plan = ViewPlan(AugmentRecipe(), HintRecipe(), _DRAWING_SEED)
        self._rgb = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2)

    @torch.no_grad()
    def run(self, net: ColorNet, grid_path: Path) -> dict[str, float]:
        """Colour the held-out photos with ``net`` (in eval mode); write the grid and, beside it,
        how often each colour occurs.
        """
        figures: list[Tensor] = []
        colors = ColorCounts()
        grid_rows: list[Tensor] = []
        for photo, rgb8 in zip(count(0, _BATCH), torch.split(self._rgb, _BATCH), strict=False):
            rgb = rgb8.to(self._device).float() / 255.0
            lab = rgb_to_lab(rgb, axis=1)
            L, true_ab = lab[:, :1], lab[:, 1:]
            shown_L = L if self._kind == "grey" else self._draw(L, photo)
            inputs = torch.cat([shown_L, torch.zeros_like(lab)], dim=1)
            ab = torch.nn.functional.interpolate(
                net(inputs).ab.float(), size=L.shape[2:], mode="bicubic", align_corners=False
            )
            output = compose(L, ab).clamp(0, 1)
            colors.add(true_ab, ab)
            mse = (output - rgb).square().mean(dim=(1, 2, 3))
            figures.append(
                torch.stack(
                    [
                        -10 * torch.log10(mse + 1e-10),
                        (ab - true_ab).square().sum(dim=1).sqrt().mean(dim=(1, 2)),
                        colorfulness(output * 255.0),
                        colorfulness(rgb * 255.0),
                    ]
                )
            )
            if len(grid_rows) * _BATCH < self._grid:
                grey = compose(shown_L, torch.zeros_like(ab)).clamp(0, 1)
                grid_rows.append(torch.stack([grey, output, rgb], dim=1).cpu())
        psnr, error, output_cf, true_cf = torch.cat(figures, dim=1).mean(dim=1).tolist()
        if self._grid:
            _write_grid(torch.cat(grid_rows)[: self._grid], grid_path)
        colors.write(grid_path.parent)
        return {
            "validation_psnr": psnr,
            "validation_ab_error": error,
            "validation_colourfulness_share": output_cf / true_cf,
        }

    def _draw(self, L: Tensor, first: int) -> Tensor:
        """Drawings of the photos from this one on. L, and what is returned: (N, 1, H, W)."""
        views = self._plan.views(np.arange(first, first + len(L)), first).on_device(self._device)
        return draw_lines(L, views.lines, self._kind)


def _center_crop(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    h, w = rgb.shape[:2]
    view = min(h, w)
    top, left = (h - view) // 2, (w - view) // 2
    square = rgb[top : top + view, left : left + view]
    return np.asarray(
        cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )


def _write_grid(triples: Tensor, path: Path) -> None:
    """triples: (N, 3 pictures, 3, H, W) in [0, 1]; four triples a row."""
    strips = [torch.cat(list(t), dim=2) for t in triples]
    blank = torch.ones_like(strips[0])
    strips += [blank] * (-len(strips) % 4)
    rows = [torch.cat(strips[i : i + 4], dim=2) for i in range(0, len(strips), 4)]
    picture = (torch.cat(rows, dim=1).permute(1, 2, 0).numpy() * 255.0).round().astype(np.uint8)
    write(path, Picture(np.ascontiguousarray(picture)), overwrite=True)
