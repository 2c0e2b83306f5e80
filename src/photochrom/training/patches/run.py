"""One run of the method ``patches``: (1) the codebook, (2) patches with its colours, (3) the
classifier, (4) the photographs held out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from photochrom.atomic import write_atomically
from photochrom.color.space import lab_to_rgb, uv_to_ab
from photochrom.errors import InputError, OutputError
from photochrom.nets.patches import PatchMlp, PatchNeighbors, PatchNet
from photochrom.training import checkpoint
from photochrom.training.checkpoint import Position
from photochrom.training.data.held_out import earlier_held_out, write_held_out
from photochrom.training.data.photo_cache import load_photos, split
from photochrom.training.interrupts import StopRequest, TrainingStopped
from photochrom.training.patches.classifiers import (
    build_net,
    check_count,
    fit_map,
    fit_neighbors,
    mlp_epochs,
    neighbors_classifier,
    top_share,
)
from photochrom.training.patches.codebook import (
    check_classes,
    check_spread,
    nearest_nodes,
    train_map,
)
from photochrom.training.patches.recipe import PatchesRecipe
from photochrom.training.patches.samples import FloatArray, PatchSamples, draw_samples, small_lab
from photochrom.training.recipe.toml import to_table
from photochrom.training.reports.run_log import ScalarLog

CODEBOOK, GRID = "codebook.png", "grid.png"
_LOG, _STAGE = "validation", "patches"
_GRID_ROWS = 8
_TOP_SAMPLES = 2_000
_CELL_PX, _CODEBOOK_L = 48, 60.0


class PatchesRun:
    """A run in a folder."""

    def __init__(
        self,
        recipe: PatchesRecipe,
        folder: Path,
        report: Callable[[str], None],
        threads: int | None,
    ) -> None:
        """Decodes the photos unless that is done. threads: of the processor; None: all.

        Raises InputError for photos that are missing, too few or grey, OutputError for the folder.
        """
        self._recipe, self._folder, self._report = recipe, folder, report
        if threads:
            torch.set_num_threads(threads)
        torch.manual_seed(recipe.seed)
        self._net = build_net(recipe)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error
        photos = load_photos(recipe.data, folder, report)
        self._photos, self._held_out = split(photos, recipe.data, earlier_held_out(folder))
        write_held_out(folder, self._held_out, report)
        self._optimizer: torch.optim.Optimizer | None = None
        if isinstance(self._net, PatchMlp):
            self._optimizer = torch.optim.Adam(self._net.parameters(), recipe.mlp.lr)
        self._samples: PatchSamples | None = None
        self.position = Position()

    @property
    def description(self) -> str:
        """What is trained, on what."""
        recipe = self._recipe
        return (
            f"{recipe.classifier} over patches of {recipe.patch}² px at {recipe.size} px, "
            f"{recipe.codebook.rows * recipe.codebook.columns} colours, on {len(self._photos)} "
            "photos"
        )

    @property
    def checkpoint_path(self) -> Path:
        """Where the run's checkpoint is."""
        return self._folder / checkpoint.NAME

    @property
    def next_step(self) -> str:
        """What to do with it."""
        return f"photochrom export {self.checkpoint_path} MODEL.onnx"

    def resume(self) -> None:
        """Go on from the run's checkpoint. Raises InputError where it does not fit the recipe."""
        position, table, state = checkpoint.load(self.checkpoint_path)
        try:
            self._net.load_state_dict(state["average"])
            if self._optimizer is not None:
                self._optimizer.load_state_dict(state["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise InputError(
                f"{self.checkpoint_path} is of the recipe {table.get('name')!r} with another "
                "classifier or codebook; resume with the recipe that the run began with"
            ) from error
        self.position = position

    def run(self, progress: Callable[[float, str], None]) -> None:
        """See `photochrom.training.methods.MethodRun`."""
        recipe, net = self._recipe, self._net
        if self.position.step >= self._steps:
            self._report("the run has come to its end already; nothing is left to train")
            return
        start_s = time.monotonic()
        progress(0.0, "drawing patches")
        photos = (self._photos[i] for i in range(len(self._photos)))
        samples = draw_samples(photos, recipe.size, recipe.patch, recipe.pixels, recipe.seed)
        if isinstance(net, PatchNeighbors) and recipe.classifier == "knn":
            check_count(net, len(samples))
        check_spread(samples.uv)
        if not self.position.step:
            progress(0.1, "the codebook")
            nodes = train_map(samples.uv, recipe.codebook, recipe.seed)
            net.codebook.copy_(torch.from_numpy(nodes))
            _write_codebook(self._folder, nodes, recipe.codebook.columns)
        codebook = net.codebook.numpy()
        labels = nearest_nodes(samples.uv, codebook)
        check_classes(labels, len(codebook))
        error = np.abs(samples.uv - codebook[labels]).mean()
        self._report(
            f"{len(samples)} patches; the codebook's mean error is {error:.2f} units of u and v"
        )
        if isinstance(net, PatchNeighbors):
            progress(0.3, "the classifier")
            with torch.no_grad():
                if recipe.classifier == "som":
                    fit_map(net, samples, labels, recipe)
                else:
                    fit_neighbors(net, samples, labels, recipe.seed)
            self.position = Position(step=1, images=len(samples))
            self._save()
            self._validate({})
        elif isinstance(net, PatchMlp):
            self._train_mlp(net, samples, labels, progress)
        self._report(f"trained in {time.monotonic() - start_s:.0f} s")

    @property
    def _steps(self) -> int:
        return self._recipe.mlp.epochs if self._recipe.classifier == "mlp" else 1

    def _train_mlp(
        self,
        net: PatchMlp,
        samples: PatchSamples,
        labels: NDArray[np.int64],
        progress: Callable[[float, str], None],
    ) -> None:
        assert self._optimizer is not None
        with StopRequest() as request:
            epochs = mlp_epochs(
                net, samples, labels, self._recipe, self._optimizer, self.position.step,
                lambda: request.signal is not None,
            )  # fmt: skip
            for epoch, loss in epochs:
                if not np.isfinite(loss):
                    raise InputError(
                        f"the loss is {loss} in epoch {epoch}: training has diverged; lower mlp.lr "
                        "and --resume from the last checkpoint"
                    )
                self.position = Position(step=epoch, images=epoch * len(samples))
                self._save()
                self._validate({"loss": loss})
                progress(epoch / self._steps, f"epoch {epoch}, loss {loss:.3f}")
            if request.signal is not None and self.position.step < self._steps:
                kept = (
                    f"stopped; --resume goes on after epoch {self.position.step}"
                    if self.position.step
                    else "stopped before the end of an epoch: nothing is kept"
                )
                raise TrainingStopped(kept, request.signal)

    def _validate(self, values: Mapping[str, float]) -> None:
        """How far ab are off on the photos held out, beside grey; a row, a line and a picture."""
        recipe, net = self._recipe, self._net
        photos = [self._held_out[i] for i in range(len(self._held_out))]
        errors, grey_errors = [], []
        rows: list[NDArray[np.uint8]] = []
        for rgb in photos:
            lab = _whole_multiples(small_lab(rgb, recipe.size), net.multiple_of)
            ab = predict_ab(net, lab[..., 0])
            errors.append(float(np.linalg.norm(ab - lab[..., 1:], axis=-1).mean()))
            grey_errors.append(float(np.linalg.norm(lab[..., 1:], axis=-1).mean()))
            if len(rows) < _GRID_ROWS:
                rows.append(_row(lab, ab))
        samples = draw_samples(
            photos, recipe.size, recipe.patch, max(1, _TOP_SAMPLES // len(photos)), recipe.seed
        )
        labels = nearest_nodes(samples.uv, net.codebook.numpy())
        patches = samples.patches(np.arange(len(samples)))
        figures = {
            "validation_ab_error": float(np.mean(errors)),
            "validation_grey_ab_error": float(np.mean(grey_errors)),
            "validation_right_colors": self._right_share(patches, labels),
        }
        with closing(ScalarLog(self._folder, _LOG, self.position.step)) as log:
            log.add(self.position.step, {**values, **figures}, _STAGE)
        _write_png(self._folder / GRID, _stack(rows))
        self._report(
            f"{len(photos)} photos held out: ab error {figures['validation_ab_error']:.2f} "
            f"(grey {figures['validation_grey_ab_error']:.2f}), "
            f"{figures['validation_right_colors']:.1%} of patches get their own colour"
        )

    def _right_share(self, patches: FloatArray, labels: NDArray[np.int64]) -> float:
        """Share of patches that the classifier gives their own entry of the codebook."""
        if isinstance(self._net, PatchNeighbors) and self._recipe.classifier == "knn":
            classifier = neighbors_classifier(self._net)
            return float(classifier.score(patches.reshape(len(patches), -1), labels))
        return top_share(self._net, patches, labels)

    def _save(self) -> None:
        state: dict[str, Any] = {"average": self._net.state_dict()}
        if self._optimizer is not None:
            state["optimizer"] = self._optimizer.state_dict()
        checkpoint.save(self.checkpoint_path, self.position, to_table(self._recipe), state)


def open_patches_run(
    recipe: PatchesRecipe,
    folder: Path,
    report: Callable[[str], None],
    *,
    resume: bool,
    threads: int | None,
) -> PatchesRun:
    """See `photochrom.training.methods.OpenRun`."""
    checkpoint.check_folder(folder, resume=resume)
    run = PatchesRun(recipe, folder, report, threads)
    if resume:
        run.resume()
    return run


def load_patch_net(recipe: PatchesRecipe, state: Mapping[str, Any]) -> PatchNet:
    """The network of a checkpoint. Raises InputError where it is another one than the recipe's."""
    net = build_net(recipe)
    try:
        net.load_state_dict(state["average"])
    except (KeyError, RuntimeError) as error:
        raise InputError(
            f"the checkpoint does not hold the network of its recipe: {error}"
        ) from error
    return net


@torch.no_grad()
def predict_ab(net: PatchNet, L: FloatArray) -> FloatArray:
    """(H, W) L in [0, 100], sides multiples of the network's, to (H, W, 2) ab."""
    x = torch.zeros(1, 4, *L.shape)
    x[0, 0] = torch.from_numpy(L)
    ab: FloatArray = net(x).ab[0].permute(1, 2, 0).numpy()
    return ab


def _whole_multiples(lab: FloatArray, multiple: int) -> FloatArray:
    height, width = (side // multiple * multiple for side in lab.shape[:2])
    return lab[:height, :width]


def _row(lab: FloatArray, ab: FloatArray) -> NDArray[np.uint8]:
    """Grey, ours and true beside each other."""
    L = lab[..., :1]
    parts = [np.concatenate([L, colors], axis=-1) for colors in (0 * ab, ab, lab[..., 1:])]
    row = lab_to_rgb(np.concatenate(parts, axis=1).astype(np.float32))
    return np.rint(255 * np.clip(row, 0, 1)).astype(np.uint8)


def _stack(rows: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Rows below each other, the narrower ones white at their ends."""
    width = max(row.shape[1] for row in rows)
    padding = [((0, 2), (0, width - row.shape[1]), (0, 0)) for row in rows]
    return np.concatenate(
        [np.pad(row, pad, constant_values=255) for row, pad in zip(rows, padding, strict=True)]
    )


def _write_codebook(folder: Path, nodes: FloatArray, columns: int) -> None:
    """The map's colours at L* 60, as they lie on it."""
    L = np.full(len(nodes), _CODEBOOK_L, np.float32)
    lab = np.stack([L, *uv_to_ab(L, nodes[:, 0], nodes[:, 1])], axis=1)
    rgb = np.rint(255 * np.clip(lab_to_rgb(lab), 0, 1)).astype(np.uint8)
    cells = rgb.reshape(-1, columns, 3).repeat(_CELL_PX, axis=0).repeat(_CELL_PX, axis=1)
    _write_png(folder / CODEBOOK, cells)


def _write_png(path: Path, rgb: NDArray[np.uint8]) -> None:
    coded, data = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    if not coded:
        raise OutputError(f"OpenCV could not encode {path} as PNG")
    write_atomically(path, data.tobytes(), overwrite=True)
