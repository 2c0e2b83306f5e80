"""A finished or half-finished run, for what compares it with others."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from photochrom.engine import Network, load
from photochrom.errors import InputError
from photochrom.training import checkpoint
from photochrom.training.data.held_out import held_out_photos
from photochrom.training.data.photo_cache import PhotoSet
from photochrom.training.data.sources import Report
from photochrom.training.export import export
from photochrom.training.recipe.toml import from_table
from photochrom.training.reports.curves import Curves
from photochrom.training.reports.html import write_report
from photochrom.training.reports.inside import LayerMaps, Run, noisy_run, watched_run
from photochrom.training.reports.plots import read_run, write_plots


@dataclass(frozen=True)
class RunFacts:
    """A run's checkpoint, image views so far, and images/s (None where nothing was logged)."""

    checkpoint: Path
    images: int
    images_per_s: float | None


def find_checkpoint(run: Path) -> Path:
    """The checkpoint of a run's folder, or the checkpoint file itself. Raises InputError."""
    path = run / checkpoint.NAME if run.is_dir() else run
    if not path.is_file():
        raise InputError(
            f"{run} holds no run: name the folder that `photochrom train` made, or a checkpoint"
        )
    return path


def kept_checkpoints(run: Path) -> list[Path]:
    """The checkpoints that a run has kept on its way, in order. Raises InputError for none."""
    checkpoints = sorted((run / checkpoint.KEPT_FOLDER).glob("step-*.pt"))
    if not checkpoints:
        raise InputError(
            f"{run} has kept no checkpoints; train with keep_every_images set in a stage, as the "
            "recipe nogan has it"
        )
    return checkpoints


def run_facts(run: Path) -> RunFacts:
    """The facts of a run. run: its folder, or a checkpoint. Raises InputError."""
    path = find_checkpoint(run)
    position, _, _ = checkpoint.load(path)
    return RunFacts(path, position.images, training_speed(read_run(path.parent).losses))


def draw_run(run: Path, out: Path) -> list[Path]:
    """Plots and report of a run's folder, into ``out``; returns the files.

    Raises InputError where the folder holds no run, OutputError where they cannot be written.
    """
    _, recipe, _ = checkpoint.load(find_checkpoint(run))
    return [*write_plots(run, out), write_report(run, out, recipe)]


def photos_of_none(runs: Sequence[Path], report: Report) -> PhotoSet:
    """The photos that the first of these runs held out, and none of the others learnt from.

    runs: folders or checkpoints. report: as for `photo_cache.load_photos`. Raises InputError.
    """
    sources = []
    for run in runs:
        path = find_checkpoint(run)
        _, table, _ = checkpoint.load(path)
        if "method" in table:
            raise InputError(
                f"{run} is a run of the method {table['method']!r}, which keeps no list of photos "
                "to evaluate on; name some by --data, and its exported model"
            )
        sources.append((path.parent, from_table(table).data))
    (folder, recipe), *others = sources
    return held_out_photos(folder, recipe, others, report)


def training_speed(losses: Curves) -> float | None:
    """Images per second over a whole run, validation and saving left out; None where unlogged."""
    images, rates = losses.pairs("images", "images_per_s")
    if not len(rates):
        return None
    row_images = images.copy()
    row_images[1:] -= images[:-1]
    # A resumed run may have dropped rows: never count backwards.
    row_images = row_images.clip(min=0)
    return float(row_images.sum() / (row_images / rates).sum())


def export_once(checkpoint_path: Path, folder: Path, name: str) -> Path:
    """The checkpoint as a model file in ``folder``, made unless it is there already.

    The file's name says which state of the checkpoint it is. Raises as `export` does.
    """
    stat = checkpoint_path.stat()
    state = f"{checkpoint_path.resolve()} {stat.st_size} {stat.st_mtime_ns}"
    out = folder / f"{name}-{hashlib.sha1(state.encode()).hexdigest()[:8]}.onnx"
    if not out.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        export(checkpoint_path, out)
    return out


def load_run(checkpoint_path: Path, device: str = "auto") -> Network:
    """A checkpoint's averaged network, ready to colour. Raises as `export` and `load` do."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run.onnx"
        export(checkpoint_path, out)
        return load(out, device=device)


def noisy_network(checkpoint_path: Path, network: Network) -> Network:
    """A run's network with its dropout on; see `inside.noisy_run`. network: of `load_run`."""
    return _with_run(network, noisy_run(checkpoint_path), "torch, dropout on")


def watched_network(checkpoint_path: Path, network: Network) -> tuple[Network, list[LayerMaps]]:
    """A run's network, and what its layers see: `inside.watched_run`. network: of `load_run`."""
    run, maps = watched_run(checkpoint_path)
    return _with_run(network, run, "torch"), maps


def _with_run(network: Network, run: Run, where: str) -> Network:
    return Network(network.card, network.identity, where, network.source, run)
