"""How much exposure flicker, as hand-cranked film has it, is left in the colours?

    python benchmarks/film_flicker.py FILM... [--frames 60] [--sigma 0 3 6 10 15]

Each frame's luma is multiplied by 1 + N(0, sigma), as a shutter that opens unevenly does. The film
is coloured frame by frame (`--steady 0`) and steadily, with the shipped film model. A step is the
distance between the mean a*b* of two neighbouring frames; the table has the mean step of both, and
what is left of the first one in the second. Without films, one is drawn: a photograph of
scikit-image over which the camera pans.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from photochrom.color.fit import working_shape
from photochrom.engine import FILM_MODEL, Network, load, local_model
from photochrom.pipeline import guess_chroma
from photochrom.video.converter import Converter
from photochrom.video.io.frame import FilmInfo
from photochrom.video.io.probe import probe
from photochrom.video.io.reader import read_frames
from photochrom.video.temporal.smoothing import DEFAULT_STEADY, WorkingFrame, steady_chroma
from photochrom.video.yuv import FilmPlanes

SEED = 17
PAN_PX = (3, 1)
PAN_SIZE = (360, 480)
BLACK = 16.0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("films", nargs="*", type=Path)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--sigma", nargs="*", type=float, default=[0, 3, 6, 10, 15], metavar="%")
    parser.add_argument("--model", default=FILM_MODEL)
    arguments = parser.parse_args()
    network = load(local_model(arguments.model), device="cpu")
    clips = {path.stem: film_frames(path, network, arguments.frames) for path in arguments.films}
    clips = clips or {"pan over a photograph": drawn_frames(network, arguments.frames)}
    print(f"{'film':24} sigma  frame by frame  steady  left")
    for name, (frames, lightness) in clips.items():
        for sigma in arguments.sigma:
            exposed = list(flickering(frames, lightness, sigma / 100))
            steps = []
            for steady in (0.0, DEFAULT_STEADY):
                colors = steady_chroma(
                    exposed, lambda *planes: guess_chroma(network, *planes), steady=steady
                )
                means = np.array([frame.ab.reshape(-1, 2).mean(axis=0) for frame in colors])
                steps.append(float(np.linalg.norm(np.diff(means, axis=0), axis=1).mean()))
            left = 100 * steps[1] / steps[0]
            print(f"{name:24} {sigma:3g} %  {steps[0]:14.3f}  {steps[1]:6.3f}  {left:3.0f} %")


Clip = tuple[list[NDArray[np.uint8]], "Lightness"]


class Lightness:
    """Luma of 8 bits to what the network sees."""

    def __init__(self, planes: FilmPlanes, shape: tuple[int, int]) -> None:
        self._planes, self._shape = planes, shape

    def __call__(self, luma: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._planes.lightness(luma, self._shape)


def film_frames(path: Path, network: Network, count: int) -> Clip:
    """Luma of a film's first frames."""
    info = replace(probe(path), bits=8)
    return [frame.luma for frame in islice(read_frames(info), count)], lightness_of(info, network)


def lightness_of(info: FilmInfo, network: Network) -> Lightness:
    """As the film's own frames become what the network sees."""
    converter = Converter(info, network.card, "auto")
    return Lightness(converter.planes, converter.working_shape)


def drawn_frames(network: Network, count: int) -> Clip:
    """Luma of a photograph over which the camera pans."""
    grey = cv2.cvtColor(skimage.data.coffee(), cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    codes = np.rint(BLACK + grey * (219 / 255)).astype(np.uint8)
    height, width = PAN_SIZE
    frames = [
        np.ascontiguousarray(codes[y : y + height, x : x + width])
        for x, y in (((PAN_PX[0] * i) % 400, (PAN_PX[1] * i) % 230) for i in range(count))
    ]
    planes = FilmPlanes(height, width, 8, False, "bt601")
    card = network.card
    shape = working_shape(height, width, min(card.size, height, width), card.multiple)
    return frames, Lightness(planes, shape)


def flickering(
    frames: list[NDArray[np.uint8]], lightness: Lightness, sigma: float
) -> Iterator[WorkingFrame]:
    """The frames with each one's own exposure."""
    random = np.random.default_rng(SEED)
    for number, luma in enumerate(frames):
        gain = max(0.2, 1.0 + random.normal(0.0, sigma)) if sigma else 1.0
        exposed = np.clip(BLACK + (luma - BLACK) * gain, BLACK, 235.0)
        yield WorkingFrame(number, lightness(np.rint(exposed).astype(np.uint8)))


if __name__ == "__main__":
    main()
