"""What does a reference picture gain, and what does one of something else lose?

    python benchmarks/references.py [--films FILM...] [--photos ZIP] [--apart 20] [--every 10]

Each picture is made grey and coloured twice: by itself, and with a reference. The table has the
mean PSNR by itself, how much more it is with the reference, the share of pictures for which the
reference was taken for the same scene, and the share of pictures that lost more than 0.05 dB.

same film: a frame so many frames away. other film: a frame of each other film. Of photographs, the
pictures whose number has no factor in common with 30 (thresholds were chosen on others): two
overlapping parts of one, the second enlarged, lighter or darker, and every other time mirrored;
the next photograph; and the one that the network finds most alike among all.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.engine import DEFAULT_MODEL, Network, load, local_model
from photochrom.errors import InputError
from photochrom.evaluation.dataset import grey_to_rgb, open_pictures, to_grey
from photochrom.evaluation.metrics import psnr
from photochrom.guided.reference import ReferenceMatcher
from photochrom.pipeline import colorize
from photochrom.video.io.pictures import rgb_frames
from photochrom.video.io.probe import probe

Rgb = NDArray[np.uint8]
Pair = tuple[str, Rgb, Rgb]
"""Kind, picture, reference."""
UNSEEN = 30
LOSS_DB = 0.05


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--films", nargs="*", type=Path, default=[])
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--apart", type=int, default=20, help="frames")
    parser.add_argument("--every", type=int, default=10, help="frames")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    arguments = parser.parse_args()
    network = load(local_model(arguments.model), device="cpu")
    matcher = ReferenceMatcher(network)
    pairs = list(film_pairs(arguments.films, arguments.apart, arguments.every))
    if arguments.photos is not None:
        pairs += photo_pairs(arguments.photos, matcher)
    rows: dict[str, list[tuple[float, float, bool]]] = defaultdict(list)
    for kind, picture, reference in pairs:
        if not has_colors(reference, matcher):
            continue  # it would be refused, with the reason
        rows[kind].append(gain(picture, reference, matcher, network))
    print(f"{'reference':32} pairs  alone dB   gain dB  taken  lost")
    for kind, found in rows.items():
        alone, gained, taken = (np.asarray(column, float) for column in zip(*found, strict=True))
        lost = (gained < -LOSS_DB).mean()
        print(
            f"{kind:32} {len(found):5}  {alone.mean():8.2f}  {gained.mean():+8.3f}"
            f"  {taken.mean():4.0%}  {lost:4.0%}"
        )


def film_pairs(films: list[Path], apart: int, every: int) -> Iterator[Pair]:
    """Frames of each film, with one of the same and with one of each other film."""
    clips = {path.stem: film_frames(path, every) for path in films}
    for name, frames in clips.items():
        steps = round(apart / every)
        for first, later in zip(frames, frames[steps:]):
            yield f"same film: {name}", first, later
            yield f"same film: {name}", later, first
        for other, others in clips.items():
            if other != name:
                yield "other film", frames[0], others[0]
                yield "other film", frames[-1], others[len(others) // 2]


def film_frames(path: Path, every: int) -> list[Rgb]:
    """Every so many frames of a film, (H, W, 3)."""
    info = probe(path)
    return list(islice(rgb_frames(info), 0, None, every))


def photo_pairs(path: Path, matcher: ReferenceMatcher) -> Iterator[Pair]:
    """Photographs with another part of themselves, with others, and with the most alike."""
    pictures = open_pictures(path)
    photos = [pictures.read(name) for name in pictures.names]
    photos = [rgb for i, rgb in enumerate(photos) if math.gcd(i, UNSEEN) == 1]

    @cache
    def scene(number: int) -> NDArray[np.float32]:
        return matcher.reference(photos[number], str(number)).scene

    usable = [i for i, rgb in enumerate(photos) if has_colors(rgb, matcher)]
    scenes = np.stack([scene(i) for i in usable])
    scenes -= scenes.mean(axis=0)
    scenes /= np.linalg.norm(scenes, axis=1, keepdims=True)
    alike = scenes @ scenes.T
    np.fill_diagonal(alike, -1.0)
    for at, number in enumerate(usable):
        rgb = photos[number]
        if at % 3 == 0:
            yield "photograph: another part", *parts(rgb, at // 3)
        yield "photograph: the next one", rgb, photos[usable[(at + 1) % len(usable)]]
        yield "photograph: the most alike", rgb, photos[usable[int(alike[at].argmax())]]


def has_colors(rgb: Rgb, matcher: ReferenceMatcher) -> bool:
    """Whether a photograph can be a reference."""
    try:
        matcher.reference(rgb, "")
    except InputError:
        return False
    return True


def parts(rgb: Rgb, number: int) -> tuple[Rgb, Rgb]:
    """The left three quarters, and the right ones, larger and differently exposed."""
    height, width = rgb.shape[:2]
    right = rgb[height // 10 : height - height // 10, width // 4 :]
    larger = cv2.resize(right, None, fx=1.3, fy=1.3, interpolation=cv2.INTER_CUBIC)
    right = np.rint(255.0 * (larger / 255.0) ** (0.8, 1.25)[number % 2]).astype(np.uint8)
    if number % 4 > 1:
        right = np.ascontiguousarray(right[:, ::-1])
    return np.ascontiguousarray(rgb[:, : 3 * width // 4]), right


def gain(
    truth: Rgb, reference: Rgb, matcher: ReferenceMatcher, network: Network
) -> tuple[float, float, bool]:
    """PSNR without the reference; how much more with it; whether it gave colours."""
    grey = grey_to_rgb(to_grey(truth))
    alone = psnr(colorize(grey, model=network), truth)
    guide = matcher.guide([matcher.reference(reference, "reference")])
    guided = psnr(colorize(grey, model=network, guide=guide), truth)
    return alone, guided - alone, guide.scores[0].is_same_scene


if __name__ == "__main__":
    main()
