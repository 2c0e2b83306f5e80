"""NoGAN: pictures coloured before the discriminator learns, kept in the run's folder.

Source: Antic et al., DeOldify (2019): a discriminator that has learned from saved pictures of a
finished generator knows its faults before the two meet, and the joint training can be short.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from photochrom.color.space import rgb_to_lab
from photochrom.errors import InputError
from photochrom.imageio import Picture, write
from photochrom.nets.contract import ColorNet
from photochrom.training.data.loader import BatchMaker, SavedBatch, stream
from photochrom.training.losses.inputs import compose
from photochrom.training.recipe.stage import Stage


class SavedPictures:
    """The first pictures of a stage, as the network coloured them at its beginning."""

    def __init__(self, folder: Path, maker: BatchMaker, stage: Stage, first: int) -> None:
        """first: number of the stage's first sample in the run."""
        self._folder, self._maker, self._stage, self._first = folder, maker, stage, first
        # No more than the discriminator will see.
        self._total = min(stage.saved_pictures, stage.images or stage.saved_pictures)

    @torch.no_grad()
    def make(self, net: ColorNet, device: torch.device, *, overwrite: bool) -> int:
        """Colour and write those that are not there yet; returns how many that were.

        overwrite: write them all, as what is there is of another network.

        Raises OutputError when they cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        net.eval()
        total, size = self._total, self._stage.batch
        missing = [i for i in range(total) if overwrite or not self._path(i).exists()]
        starts = sorted({i - i % size for i in missing})
        for start in starts:
            batch = self._maker.make(
                self._first + start, min(size, total - start), self._stage.crop
            )
            ab = net(batch.inputs.to(device)).ab.float().cpu()
            for i, rgb in enumerate(_pictures(batch.L, ab), start=start):
                write(self._path(i), Picture(rgb), overwrite=True)
        return len(missing)

    def stream(
        self, position: int, period: int, *, workers: int = 1, pin_memory: bool = False
    ) -> Generator[SavedBatch, None, None]:
        """Endless batches: true pictures from ``position`` on, and the saved ones of the same.

        period: samples from one batch to the next. Behind the last one the first one follows.
        """
        make = partial(self._batch, self._stage.batch)
        return stream(make, count(position, period), workers=workers, pin_memory=pin_memory)

    def _batch(self, size: int, position: int) -> SavedBatch:
        numbers = [(position + i - self._first) % self._total for i in range(size)]
        samples = [self._maker.make(self._first + n, 1, self._stage.crop) for n in numbers]
        inputs, L, ab = (torch.cat(parts) for parts in zip(*samples, strict=True))
        return SavedBatch(inputs, L, ab, torch.stack([self._read(n) for n in numbers]))

    def _read(self, number: int) -> Tensor:
        path = self._path(number)
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if bgr is None:
            raise InputError(f"the saved picture {path} is gone or damaged; --resume makes it anew")
        lab = rgb_to_lab(torch.from_numpy(bgr[..., ::-1].copy()).float() / 255.0)
        ab: Tensor = lab[..., 1:].permute(2, 0, 1)
        return ab

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.png"


def _pictures(L: Tensor, ab: Tensor) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    size = (L.shape[2], L.shape[3])
    ab = torch.nn.functional.interpolate(ab, size=size, mode="bilinear", align_corners=False)
    rgb = compose(L, ab).permute(0, 2, 3, 1).numpy()
    return list(np.ascontiguousarray(np.rint(rgb * 255.0)).astype(np.uint8))
