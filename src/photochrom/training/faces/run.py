"""The run of a face autoencoder: reconstruction, the head's fit, learning on by identity."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.atomic import write_atomically
from photochrom.errors import InputError, OutputError, RecipeError
from photochrom.faces.preprocess import UPRIGHT, Pose, circle, network_input
from photochrom.nets.face_autoencoder import FaceAutoencoder
from photochrom.pretrained import MOBILENET_V2
from photochrom.training import checkpoint
from photochrom.training.checkpoint import Position
from photochrom.training.faces.data import (
    FaceSet,
    held_out_people,
    random_pose,
    random_view,
    read_faces,
    stack,
)
from photochrom.training.faces.metric_head import fit_head
from photochrom.training.faces.recipe import FaceRecipe
from photochrom.training.interrupts import StopRequest, TrainingStopped
from photochrom.training.optimizers import load_state
from photochrom.training.recipe.toml import to_table
from photochrom.training.tensor_files import read_tensors

LOG = "losses.csv"
"""File of the run with the mean losses of every few steps."""
_LOG_STEPS = 20
_RECONSTRUCTION, _HEAD, _IDENTITY, _END = range(4)
"""The stages, as `Position` counts them."""


class FaceRun:
    """One run of a recipe in a folder; a `photochrom.training.methods.MethodRun`."""

    def __init__(
        self, recipe: FaceRecipe, folder: Path, report: Callable[[str], None],
        *, resume: bool = False, threads: int | None = None,
    ) -> None:  # fmt: skip
        """As `photochrom.training.methods.OpenRun`."""
        self._recipe, self._folder, self._report = recipe, folder, report
        self.checkpoint_path = folder / checkpoint.NAME
        checkpoint.check_folder(folder, resume=resume)
        if threads is not None:
            torch.set_num_threads(threads)
        all_faces = read_faces(recipe.data.sources, report)
        held_out = held_out_people(all_faces.people, recipe.data)
        known = [i for i, person in enumerate(all_faces.people) if person not in held_out]
        self._faces = FaceSet(all_faces.faces[known], tuple(all_faces.people[i] for i in known))
        self._people, self._places = _by_person(self._faces)
        if recipe.embedding >= len(self._people):
            raise RecipeError(
                f"embedding is {recipe.embedding}, and there are {len(self._people)} people to "
                "learn from: set it lower than their number"
            )
        torch.manual_seed(recipe.seed)
        self._net = FaceAutoencoder(recipe.latent, recipe.embedding)
        if recipe.encoder_weights:
            self._net.load_imagenet(read_tensors(MOBILENET_V2, "encoder_weights"))
        self._margin = _LargeMargin(recipe.embedding, len(self._people))
        self._position = Position()
        self._optimizer: torch.optim.Optimizer | None = None
        self._rows: list[dict[str, float]] = []
        self._sums: list[Mapping[str, float]] = []
        self._last_save_s = time.monotonic()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            people = "".join(f"{person}\n" for person in sorted(held_out))
            write_atomically(folder / "held-out.txt", people.encode(), overwrite=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error
        if resume:
            self._load()

    @property
    def description(self) -> str:
        """What is trained, on what."""
        parameters = sum(p.numel() for p in self._net.parameters())
        return (
            f"face autoencoder of {parameters / 1e6:.1f} M parameters, "
            f"{len(self._faces.people)} faces, {len(self._people)} people with two and more"
        )

    @property
    def next_step(self) -> str:
        """What can be done with the finished run."""
        return f"photochrom faces export {self.checkpoint_path} FACES.onnx"

    def run(self, progress: Callable[[float, str], None]) -> None:
        """Train what is left of it; see `MethodRun.run`."""
        lengths = (self._recipe.reconstruction.images, self._recipe.identity.images)
        with StopRequest() as request:
            for stage in range(self._position.stage, _END):
                if stage == _HEAD:
                    progress(_share(self._position, lengths), "fitting the metric head")
                    self._fit_head()
                else:
                    self._run_stage(stage, request, progress, lengths)
                self._position = Position(stage + 1, 0, self._position.images)
                self._optimizer, self._sums = None, []
                self.save()

    def save(self) -> None:
        """Write the checkpoint and the log. Raises OutputError."""
        state = {
            "net": self._net.state_dict(),
            "margin": self._margin.state_dict(),
            "optimizer": self._optimizer.state_dict() if self._optimizer else {},
            "rows": self._rows,
        }
        checkpoint.save(self.checkpoint_path, self._position, to_table(self._recipe), state)
        text = io.StringIO()
        names = ("stage", "images", "reconstruction", "identity")
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._rows)
        write_atomically(self._folder / LOG, text.getvalue().encode(), overwrite=True)
        self._last_save_s = time.monotonic()

    def _load(self) -> None:
        position, _, state = checkpoint.load(self.checkpoint_path)
        try:
            self._net.load_state_dict(state["net"])
            self._margin.load_state_dict(state["margin"])
            if state["optimizer"]:
                self._optimizer = self._build_optimizer(position.stage)
                load_state(self._optimizer, state["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise InputError(
                f"{self.checkpoint_path} is of another network or of other people than the "
                f"recipe's: {error}"
            ) from error
        self._position, self._rows = position, state["rows"]

    def _run_stage(
        self, stage: int, request: StopRequest, progress: Callable[[float, str], None],
        lengths: tuple[int, int],
    ) -> None:  # fmt: skip
        position, recipe = self._position, self._recipe
        length = lengths[0] if stage == _RECONSTRUCTION else lengths[1]
        name = "reconstruction" if stage == _RECONSTRUCTION else "identity"
        if length == 0:
            return
        self._optimizer = self._optimizer or self._build_optimizer(stage)
        self._net.train()
        start_s, start_images = time.monotonic(), position.stage_images
        while position.stage_images < length:
            random = np.random.default_rng((recipe.seed, stage, position.step))
            step = self._reconstruct if stage == _RECONSTRUCTION else self._identify
            loss, values, count = step(random)
            if not math.isfinite(loss.item()):
                raise InputError(
                    f"the loss is {loss.item()} at step {position.step}: training has diverged; "
                    f"lower {name}.lr and --resume from the last checkpoint"
                )
            self._learn(loss, position.stage_images / length)
            position.step += 1
            position.images += count
            position.stage_images += count
            self._log(name, values)
            rate = (position.stage_images - start_images) / (time.monotonic() - start_s)
            facts = ", ".join(f"{key} {value:.4f}" for key, value in values.items())
            progress(_share(position, lengths), f"{name}: {facts}, {rate:.1f} images/s")
            if request.signal is not None:
                self.save()
                raise TrainingStopped(
                    f"stopped at step {position.step}; --resume goes on", request.signal
                )
            if time.monotonic() - self._last_save_s > 60 * recipe.checkpoint_minutes:
                self.save()

    def _learn(self, loss: Tensor, share: float) -> None:
        assert self._optimizer is not None
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak"] * (0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        parameters = [p for group in self._optimizer.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(parameters, 5.0)
        self._optimizer.step()

    def _log(self, stage: str, values: Mapping[str, float]) -> None:
        self._sums.append(values)
        if self._position.step % _LOG_STEPS == 0:
            means = {key: sum(row[key] for row in self._sums) / len(self._sums) for key in values}
            row: dict[str, Any] = {"stage": stage, "images": self._position.images, **means}
            self._rows.append(row)
            self._sums = []

    def _build_optimizer(self, stage: int) -> torch.optim.Optimizer:
        net, recipe = self._net, self._recipe
        decoding = [*net.to_latent.parameters(), *net.from_latent.parameters()]
        decoding += net.decoder.parameters()
        if stage == _RECONSTRUCTION:
            lr, encoder_lr, parts = recipe.reconstruction.lr, recipe.reconstruction.encoder_lr, {}
        else:
            lr = encoder_lr = recipe.identity.lr
            parts = {lr: [*net.to_embedding.parameters()], 10 * lr: [*self._margin.parameters()]}
        groups = [{"params": decoding, "peak": lr}]
        groups += [{"params": params, "peak": peak} for peak, params in parts.items()]
        if encoder_lr:
            groups.append({"params": net.encoder_parameters(), "peak": encoder_lr})
        return torch.optim.Adam(groups, lr=lr)

    def _reconstruct(self, random: np.random.Generator) -> tuple[Tensor, dict[str, float], int]:
        count = self._recipe.reconstruction.batch
        places = random.integers(len(self._faces.people), size=count)
        x = self._views(places, random)
        with torch.set_grad_enabled(self._recipe.reconstruction.encoder_lr > 0):
            taps = self._net.taps(x)
        loss = _squared_error(self._net.decode(self._net.to_latent(taps[-1])), x)
        return loss, {"reconstruction": loss.item()}, count

    def _identify(self, random: np.random.Generator) -> tuple[Tensor, dict[str, float], int]:
        settings = self._recipe.identity
        people = random.permutation(len(self._people))[: settings.people]
        places, labels = [], []
        for person in people:
            own = self._places[person]
            times = math.ceil(settings.pictures / len(own))
            drawn = np.concatenate([random.permutation(own) for _ in range(times)])
            places += list(drawn[: settings.pictures])
            labels += [person] * settings.pictures
        x = self._views(np.array(places), random)
        output = self._net(x)
        identity = self._margin.loss(
            output.embedding, torch.tensor(labels), settings.scale, settings.margin
        )
        rebuilt = _squared_error(output.reconstruction, x)
        values = {"reconstruction": rebuilt.item(), "identity": identity.item()}
        return identity + settings.reconstruction * rebuilt, values, len(labels)

    def _views(self, places: np.ndarray[Any, Any], random: np.random.Generator) -> Tensor:
        return stack([random_view(self._faces.faces[i], random, self._recipe) for i in places])

    @torch.no_grad()
    def _fit_head(self) -> None:
        """Fit the metric head to all pictures of people with two and more, upright and moved."""
        places = np.concatenate(self._places)
        labels = np.repeat(np.arange(len(self._people)), [len(p) for p in self._places])
        random = np.random.default_rng((self._recipe.seed, _HEAD))
        self._net.eval()
        features = []
        for view in range(self._recipe.identity.views):
            for start in range(0, len(places), 64):
                poses = [self._pose(view, random) for _ in places[start : start + 64]]
                x = stack(
                    [
                        network_input(self._faces.faces[i], pose)
                        for i, pose in zip(places[start : start + 64], poses, strict=True)
                    ]
                )
                features.append(self._net.features(self._net.taps(x)))
        people = torch.from_numpy(np.tile(labels, self._recipe.identity.views))
        stacked = torch.cat(features)
        weight, bias = fit_head(stacked, people, self._recipe.embedding, self._recipe.seed)
        self._net.to_embedding.weight.copy_(weight)
        self._net.to_embedding.bias.copy_(bias)
        embedding = F.normalize(self._net.to_embedding(stacked), dim=1)
        centers = torch.zeros(len(self._people), embedding.shape[1])
        self._margin.centers.copy_(F.normalize(centers.index_add_(0, people, embedding), dim=1))

    def _pose(self, view: int, random: np.random.Generator) -> Pose:
        """Upright, mirrored, then at random."""
        fixed = {0: UPRIGHT, 1: Pose(mirror=True)}
        return fixed[view] if view in fixed else random_pose(random, self._recipe)


class _LargeMargin(nn.Module):
    """A center for each person; the cosine to one's own has to win by a margin (CosFace, CVPR
    2018).
    """

    def __init__(self, size: int, people: int) -> None:
        super().__init__()
        self.centers = nn.Parameter(F.normalize(torch.randn(people, size), dim=1))

    def loss(self, embedding: Tensor, labels: Tensor, scale: float, margin: float) -> Tensor:
        """embedding: (N, size) of length 1. labels: (N,)."""
        cosines = embedding @ F.normalize(self.centers, dim=1).T
        own = F.one_hot(labels, cosines.shape[1])
        return F.cross_entropy(scale * (cosines - margin * own), labels)


def _by_person(faces: FaceSet) -> tuple[list[str], list[np.ndarray[Any, Any]]]:
    """People with two pictures and more, and the places of each one's."""
    places: dict[str, list[int]] = {}
    for index, person in enumerate(faces.people):
        if person:
            places.setdefault(person, []).append(index)
    people = sorted(person for person, own in places.items() if len(own) > 1)
    return people, [np.array(places[person]) for person in people]


def _squared_error(rebuilt: Tensor, x: Tensor) -> Tensor:
    """The mean inside the circle that the network sees."""
    mask = torch.from_numpy(circle())
    return ((rebuilt - x).square() * mask).sum() / (mask.sum() * len(x))


def _share(position: Position, lengths: tuple[int, int]) -> float:
    return min(1.0, position.images / max(1, sum(lengths)))
