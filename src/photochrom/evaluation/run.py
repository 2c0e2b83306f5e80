"""The evaluation on one page: read, turn grey, colour by every method, measure, shrink."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from photochrom.errors import InputError, MissingDependencyError
from photochrom.evaluation.dataset import (
    PictureSet,
    center_crop,
    grey_to_rgb,
    open_pictures,
    to_grey,
)
from photochrom.evaluation.metrics import GREY_COLORFULNESS
from photochrom.evaluation.options import EvaluationOptions
from photochrom.evaluation.points import simulated_points
from photochrom.evaluation.report import GREY, TRUE, Report
from photochrom.evaluation.scores import PairMeter, PairScores
from photochrom.evaluation.skin import SkinRow, SkinScores, measure_skin, summarize_skin
from photochrom.evaluation.summary import summarize
from photochrom.hints import Hint

_WORKERS = 2
_WAITING = 4
_THUMBNAIL_QUALITY = 80


class PictureColorizer(Protocol):
    """From grey (H, W) uint8, and hints, to (H, W, 3) uint8, sRGB-encoded."""

    def __call__(
        self, grey: NDArray[np.uint8], /, *, hints: Sequence[Hint] = ()
    ) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class Method:
    """Something that colours, as one row of the report.

    facts: what the JSON says about it (name, version, checksum, ...). points: how many hints it is
    given.
    """

    name: str
    color: PictureColorizer
    facts: Mapping[str, object] = field(default_factory=dict)
    points: int = 0


@dataclass(frozen=True)
class Sample:
    """One measured picture.

    scores: by method, the grey floor first; empty where there is no truth.
    thumbnails: WebP files by method, the grey picture first and the true one last; empty where
    none were asked for. skin: by method; empty where the picture shows none, or none was asked for.
    """

    name: str
    height: int
    width: int
    scores: Mapping[str, PairScores]
    thumbnails: Mapping[str, bytes]
    skin: Mapping[str, SkinScores] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """All measured pictures, and those that could not be, with the reason."""

    samples: Sequence[Sample]
    failures: Mapping[str, str]

    def scores(self) -> dict[str, list[PairScores]]:
        """Scores by method, in the order of the samples."""
        methods = self.samples[0].scores if self.samples else {}
        return {method: [s.scores[method] for s in self.samples] for method in methods}

    def colorless(self) -> int:
        """How many of the measured true pictures are grey themselves."""
        return sum(
            next(iter(sample.scores.values())).true_values["colourfulness"] < GREY_COLORFULNESS
            for sample in self.samples
            if sample.scores
        )


@dataclass(frozen=True)
class Results:
    """One evaluation with all that its outputs say about it.

    pictures: what was measured on. report: None without truth. skin: its rows by method and tone;
    empty unless it was asked for.
    """

    pictures: PictureSet
    settings: EvaluationOptions
    methods: Sequence[Method]
    evaluation: Evaluation
    report: Report | None
    skin: Sequence[SkinRow] = ()


def evaluate(
    methods: Sequence[Method],
    data: Path | PictureSet,
    meter: PairMeter | None,
    settings: EvaluationOptions,
    *,
    thumbnails: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Results:
    """Measure methods on a data set and sum up: what `photochrom evaluate` does.

    data: colour pictures: a folder, a zip file, or a set that is open already. meter: None where
    the pictures have no true colour. thumbnails: whether outputs will show the pictures. progress:
    called with the numbers of pictures that are done and that there are, first with none done.

    Raises InputError where no picture can be measured, ModelError where a method fails.
    """
    pictures = data if isinstance(data, PictureSet) else open_pictures(data)
    names = pictures.sample(settings.limit, settings.seed)
    done = count(1)
    progress(0, len(names))
    evaluation = evaluate_pictures(
        pictures,
        names,
        methods,
        meter,
        settings,
        thumbnails=thumbnails,
        advance=lambda: progress(next(done), len(names)),
    )
    if not evaluation.samples:
        name, reason = next(iter(evaluation.failures.items()))
        raise InputError(
            f"none of the {len(names)} pictures of {pictures.path} could be measured; "
            f"{name}: {reason}"
        )
    if meter is None:
        return Results(pictures, settings, methods, evaluation, None)
    seed, resamples = settings.seed, settings.resamples
    report = summarize(evaluation.scores(), meter.bins, seed=seed, resamples=resamples)
    faces = [sample.skin for sample in evaluation.samples if sample.skin]
    skin = summarize_skin(faces, seed=seed, resamples=resamples)
    return Results(pictures, settings, methods, evaluation, report, skin)


def evaluate_pictures(
    pictures: PictureSet,
    names: Sequence[str],
    methods: Sequence[Method],
    meter: PairMeter | None,
    settings: EvaluationOptions,
    *,
    thumbnails: bool = True,
    advance: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Colour and measure pictures.

    names: of the pictures to take. meter: None where the pictures have no true colour: they are
    coloured and shown, not measured. settings: crop, seed and size of the thumbnails.
    thumbnails: whether to make any. advance: called after each picture.

    A picture that cannot be read or measured is listed among the failures and left out; errors of a
    method (ModelError) end the evaluation. Measuring runs in threads beside the colouring.
    """
    thumbnail_px = settings.thumbnail_px if thumbnails else None
    most_points = max((method.points for method in methods), default=0)
    samples: list[Sample] = []
    failures: dict[str, str] = {}
    with ThreadPoolExecutor(_WORKERS) as pool:

        def start(name: str) -> Future[Sample]:
            """Read and colour here, measure and shrink in the pool."""
            try:
                truth = pictures.read(name)
            except (InputError, MissingDependencyError) as error:
                failed: Future[Sample] = Future()
                failed.set_exception(error)
                return failed
            if settings.crop is not None:
                truth = center_crop(truth, settings.crop)
            grey = to_grey(truth)
            hints = simulated_points(truth, most_points, name, settings.seed)
            colored = {
                method.name: method.color(grey, hints=hints[: method.points]) for method in methods
            }
            predictions = {GREY: grey_to_rgb(grey), **colored}
            return pool.submit(
                _sample, name, truth, predictions, meter, thumbnail_px, with_skin=settings.skin
            )

        for name, sample in zip(names, _prefetch(map(start, names)), strict=True):
            try:
                samples.append(sample.result())
            except (InputError, MissingDependencyError) as error:
                failures[name] = str(error)
            advance()
    return Evaluation(samples, failures)


def _prefetch(futures: Iterable[Future[Sample]]) -> Iterator[Future[Sample]]:
    """The same futures, in order, with a few under way before the first is handed out."""
    waiting: deque[Future[Sample]] = deque()
    for future in futures:
        waiting.append(future)
        if len(waiting) > _WAITING:
            yield waiting.popleft()
    yield from waiting


def _sample(
    name: str,
    truth: NDArray[np.uint8],
    predictions: Mapping[str, NDArray[np.uint8]],
    meter: PairMeter | None,
    thumbnail_px: int | None,
    *,
    with_skin: bool,
) -> Sample:
    """Measure one picture's predictions (with a meter) and shrink them (with a size)."""
    skin: dict[str, SkinScores] = {}
    scores: dict[str, PairScores] = {}
    shown = dict(predictions)
    if meter is not None:
        measured = meter.measure(list(predictions.values()), truth)
        scores = dict(zip(predictions, measured, strict=True))
        shown[TRUE] = truth
        if with_skin:
            skin = measure_skin(predictions, truth)
    thumbnails: dict[str, bytes] = {}
    if thumbnail_px is not None:
        thumbnails = {key: _thumbnail(rgb, thumbnail_px) for key, rgb in shown.items()}
    height, width = truth.shape[:2]
    return Sample(name, height, width, scores, thumbnails, skin)


def _thumbnail(rgb: NDArray[np.uint8], longest_px: int) -> bytes:
    """A WebP file of the picture, brought down to ``longest_px`` where it is larger."""
    scale = min(1.0, longest_px / max(rgb.shape[:2]))
    if scale < 1.0:
        height, width = (max(1, round(side * scale)) for side in rgb.shape[:2])
        rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "WEBP", quality=_THUMBNAIL_QUALITY, method=4)
    return file.getvalue()
