"""What does a reference gain in a film, and is the film as steady as without?

    python benchmarks/film_references.py FILM... [--frames 40] [--apart 20]

The first frames of each film, made grey, are coloured steadily: by themselves, with a reference
that is some frames behind them, and with a frame of another film. The table has the figures of
`photochrom evaluate --film`: CDC and warp error in thousandths, the true film's first, and PSNR;
and of how many comparisons the reference gave colours.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photochrom.engine import FILM_MODEL, ModelCard, load, local_model
from photochrom.evaluation.film import STEADY, TRUE, FilmEvaluationOptions, evaluate_film
from photochrom.guided.reference import Reference, ReferenceGuide, ReferenceMatcher
from photochrom.pipeline import NO_SHIFT
from photochrom.video.converter import Converter
from photochrom.video.io.damage import DamageLog
from photochrom.video.io.frame import Frame
from photochrom.video.io.pictures import planes_420, rgb_frames
from photochrom.video.io.probe import probe
from photochrom.video.shot_guide import ShotGuide
from photochrom.video.temporal.smoothing import WorkingFrame


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("films", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--apart", type=int, default=20, help="frames")
    parser.add_argument("--model", default=FILM_MODEL)
    arguments = parser.parse_args()
    network = load(local_model(arguments.model), device="cpu")
    matcher = ReferenceMatcher(network)
    references: dict[Path, Reference] = {}
    limits: dict[Path, int] = {}
    frames: dict[Path, list[WorkingFrame]] = {}
    for path in arguments.films:
        frame, number = last_frame(path, arguments.frames + arguments.apart)
        references[path] = matcher.reference(frame, path.stem)
        limits[path] = number - arguments.apart
        frames[path] = working_frames(path, network.card, limits[path])
    print(f"{'film':14} {'reference':10} {'CDC':>11} {'warp':>11} {'PSNR':>6}  gave colours")
    for path in arguments.films:
        others = [other for other in arguments.films if other != path]
        rows: list[tuple[str, Reference | None]] = [("none", None), ("same", references[path])]
        if others:
            rows.append(("other", references[others[0]]))
        for kind, reference in rows:
            guides: list[ReferenceGuide] = []
            guide = None
            if reference is not None:
                guide = shot_guide(matcher, reference, guides, frames[path])
            scores = evaluate_film(
                path,
                network,
                FilmEvaluationOptions(limit=limits[path]),
                known_colors=None if guide is None else guide.frame_colors,
            ).scores
            true, steady = scores[TRUE], scores[STEADY]
            cdc = f"{1e3 * true.cdc:.2f}, {1e3 * steady.cdc:.2f}"
            warp = f"{1e3 * true.warp:.2f}, {1e3 * steady.warp:.2f}"
            gave = sum(g.scores[0].is_same_scene for g in guides if g.scores)
            given = "" if guide is None else f"{gave} of {len(guides)}"
            print(f"{path.stem:14} {kind:10} {cdc:>11} {warp:>11} {steady.psnr:6.2f}  {given}")


def shot_guide(
    matcher: ReferenceMatcher,
    reference: Reference,
    guides: list[ReferenceGuide],
    frames: list[WorkingFrame],
) -> ShotGuide:
    """A guide of one reference; those that it makes are appended to ``guides``. frames: the film's,
    which it looks through.
    """

    def new_guide() -> ReferenceGuide:
        guides.append(matcher.guide([reference]))
        return guides[-1]

    def unused(*_: object, **__: object) -> NDArray[np.float32]:
        raise AssertionError("the film's own network guesses")

    return ShotGuide(
        unused, lambda _: new_guide, lambda _: NO_SHIFT, lambda first: iter(frames[first:])
    )


def working_frames(path: Path, card: ModelCard, limit: int) -> list[WorkingFrame]:
    """The first frames of a film, known by their numbers."""
    info = replace(probe(path), bits=8)
    converter = Converter(info, card, "auto")
    true = islice(planes_420(info, DamageLog()), limit)
    return [converter.working_frame(Frame(i, planes.luma, 0)) for i, planes in enumerate(true)]


def last_frame(path: Path, limit: int) -> tuple[NDArray[np.uint8], int]:
    """The last of so many frames, and how many there are."""
    frame, number = np.zeros((0, 0, 3), np.uint8), 0
    for found in islice(rgb_frames(probe(path)), limit):
        frame, number = found, number + 1
    return frame, number


if __name__ == "__main__":
    main()
