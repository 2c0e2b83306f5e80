"""One run of the method ``restoration``."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from photochrom.errors import InputError, OutputError
from photochrom.nets.restoration import RestorationNet
from photochrom.restoration.kinds import parse_kinds
from photochrom.training import checkpoint
from photochrom.training.checkpoint import Position
from photochrom.training.data.held_out import earlier_held_out, write_held_out
from photochrom.training.data.photo_cache import PhotoSet, load_photos, split
from photochrom.training.interrupts import StopRequest, TrainingStopped
from photochrom.training.optimizers import update_average
from photochrom.training.recipe.toml import to_table
from photochrom.training.reports.run_log import ScalarLog
from photochrom.training.restoration.recipe import RestorationRecipe
from photochrom.training.restoration.samples import (
    Sample,
    damage_sample,
    draw_sample,
    grey_plane,
)

_LOG, _STAGE = "validation", "restoration"
_CHECKPOINT_S = 120.0
_VALIDATION_SIDE_PX = 128


class RestorationRun:
    """A run in a folder; every step draws from a seed of its own, so that going on is exact."""

    def __init__(
        self,
        recipe: RestorationRecipe,
        folder: Path,
        report: Callable[[str], None],
        threads: int | None,
    ) -> None:
        """Decodes the photos unless that is done. threads: of the processor; None: all.

        Raises InputError for photos that are missing or too few, OutputError for the folder.
        """
        self._recipe, self._folder, self._report = recipe, folder, report
        if threads:
            torch.set_num_threads(threads)
            cv2.setNumThreads(threads)
        torch.manual_seed(recipe.seed)
        self._net = RestorationNet(recipe.width)
        self._average = copy.deepcopy(self._net).requires_grad_(False).eval()
        self._optimizer = torch.optim.Adam(self._net.parameters(), recipe.lr)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error
        photos = load_photos(recipe.data, folder, report)
        learned, self._held_out = split(photos, recipe.data, earlier_held_out(folder))
        write_held_out(folder, self._held_out, report)
        self._photos = _large_photos(learned, recipe.crop, report)
        self.position = Position()

    @property
    def description(self) -> str:
        """What is trained, on what."""
        parameters = sum(p.numel() for p in self._net.parameters())
        return (
            f"a restoration network of {parameters / 1e6:.2f} M parameters against "
            f"{', '.join(self._recipe.kinds)}, on {len(self._photos)} photos"
        )

    @property
    def checkpoint_path(self) -> Path:
        """Where the run's checkpoint is."""
        return self._folder / checkpoint.NAME

    @property
    def next_step(self) -> str:
        """What to do with it."""
        return f"photochrom export {self.checkpoint_path} NET.onnx"

    def resume(self) -> None:
        """Go on from the run's checkpoint. Raises InputError where it does not fit the recipe."""
        position, table, state = checkpoint.load(self.checkpoint_path)
        try:
            self._net.load_state_dict(state["net"])
            self._average.load_state_dict(state["average"])
            self._optimizer.load_state_dict(state["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise InputError(
                f"{self.checkpoint_path} is of the recipe {table.get('name')!r} with another "
                "width; resume with the recipe that the run began with"
            ) from error
        self.position = position

    def run(self, progress: Callable[[float, str], None]) -> None:
        """See `photochrom.training.methods.MethodRun`."""
        recipe = self._recipe
        if self.position.images >= recipe.images:
            self._report("the run has come to its end already; nothing is left to train")
            return
        log = ScalarLog(self._folder, _LOG, self.position.step)
        last_save_s, loss_sum, steps = time.monotonic(), 0.0, 0
        with StopRequest() as request, closing(log):
            while self.position.images < recipe.images:
                loss_sum += self._step()
                steps += 1
                epoch = self.position.images // recipe.epoch_images
                is_over = epoch != (self.position.images - recipe.batch) // recipe.epoch_images
                if is_over:
                    row = {"loss": loss_sum / steps, **self._validate()}
                    log.add(self.position.step, row, _STAGE)
                    facts = ", ".join(f"{name} {value:.4g}" for name, value in row.items())
                    self._report(f"epoch {epoch}: {facts}")
                    loss_sum, steps = 0.0, 0
                if is_over or request.signal or time.monotonic() - last_save_s > _CHECKPOINT_S:
                    self._save()
                    last_save_s = time.monotonic()
                if request.signal:
                    raise TrainingStopped(
                        f"stopped at step {self.position.step}; --resume goes on", request.signal
                    )
                share = self.position.images / recipe.images
                progress(share, f"{self.position.images} samples, epoch {epoch}")
        self._save()

    def _step(self) -> float:
        """One step; returns the loss."""
        recipe, number = self._recipe, self.position.step + 1
        random = np.random.default_rng((recipe.seed, number))
        index = random.integers(0, len(self._photos), recipe.batch)
        damaged, whole, covered = _batch(
            [draw_sample(self._photos[int(i)], recipe, random) for i in index]
        )
        share = self.position.images / recipe.images
        for group in self._optimizer.param_groups:
            group["lr"] = recipe.lr * (1 + math.cos(math.pi * share)) / 2
        mended, logits = self._net(damaged)
        loss = F.l1_loss(mended, whole)
        unsure = F.binary_cross_entropy_with_logits(
            logits, covered, pos_weight=torch.tensor(recipe.covered_weight)
        )
        loss = loss + recipe.mask_weight * unsure
        if not math.isfinite(float(loss.detach())):
            raise InputError(
                f"the loss is {float(loss.detach())} at step {number}: training has diverged; "
                "lower lr and --resume from the last checkpoint"
            )
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._net.parameters(), 1.0)
        self._optimizer.step()
        decay = min(recipe.ema, (1 + number) / (10 + number))
        update_average(self._average, self._net, decay)
        self.position.step = number
        self.position.images += recipe.batch
        return float(loss.detach())

    @torch.no_grad()
    def _validate(self) -> dict[str, float]:
        """On the photos held out, with the same damage each time: PSNR gained by kind, dB, and
        precision and recall of covered pixels.
        """
        counts = torch.zeros(3)
        gains: dict[str, list[float]] = {kind: [] for kind in parse_kinds(self._recipe.kinds)}
        for number, kind in enumerate(gains):
            for i in range(min(len(self._held_out), 24)):
                random = np.random.default_rng((self._recipe.seed, number, i, 1))
                grey = grey_plane(self._held_out[i])[:_VALIDATION_SIDE_PX, :_VALIDATION_SIDE_PX]
                grey = grey[: grey.shape[0] // 8 * 8, : grey.shape[1] // 8 * 8]
                sample = damage_sample(grey, parse_kinds([kind])[0], self._recipe, random)
                damaged, whole, covered = _batch([sample])
                mended, logits = self._average(damaged)
                before, after = (float(F.mse_loss(x, whole)) for x in (damaged, mended.clamp(0, 1)))
                gains[kind].append(10 * math.log10(max(before, 1e-9) / max(after, 1e-9)))
                counts += torch.stack([v.sum() for v in _hits(logits > 0, covered > 0)])
        found, true, both = (max(float(count), 1.0) for count in counts)
        figures = {f"{kind}_db": float(np.mean(values)) for kind, values in gains.items()}
        return figures | {"precision": both / found, "recall": both / true}

    def _save(self) -> None:
        state: Mapping[str, Any] = {
            "net": self._net.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        checkpoint.save(self.checkpoint_path, self.position, to_table(self._recipe), dict(state))


def open_restoration_run(
    recipe: RestorationRecipe,
    folder: Path,
    report: Callable[[str], None],
    *,
    resume: bool,
    threads: int | None,
) -> RestorationRun:
    """See `photochrom.training.methods.OpenRun`."""
    checkpoint.check_folder(folder, resume=resume)
    run = RestorationRun(recipe, folder, report, threads)
    if resume:
        run.resume()
    return run


def _large_photos(photos: PhotoSet, crop: int, report: Callable[[str], None]) -> PhotoSet:
    """Those that a crop fits into. Raises InputError where there are none."""
    is_large = photos.shapes.min(axis=1) >= crop
    if not is_large.any():
        raise InputError(
            f"none of the {len(photos)} photos to learn from has a short side of {crop} px, as "
            "crop wants it; give larger photos, or set crop lower"
        )
    if count := int(np.count_nonzero(~is_large)):
        report(f"left out: {count} photos with a short side below {crop} px, as crop wants it")
    return photos.select(np.flatnonzero(is_large))


def _hits(found: Tensor, true: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What was found, what is true, and what is both."""
    return found, true, found & true


def _batch(samples: list[Sample]) -> tuple[Tensor, Tensor, Tensor]:
    """Samples as three tensors (N, 1, H, W)."""
    planes = (torch.from_numpy(np.stack(p)[:, None].copy()) for p in zip(*samples, strict=True))
    damaged, whole, covered = planes
    return damaged, whole, covered
