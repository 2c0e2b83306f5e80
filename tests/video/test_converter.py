"""From a film's frames to what the network sees of them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data
from fixtures.model import CARD, tiny_model
from numpy.typing import NDArray

from photochrom.engine import Network, load
from photochrom.pipeline import guess_chroma
from photochrom.video.converter import Converter
from photochrom.video.io.frame import FilmInfo, Frame
from photochrom.video.temporal.smoothing import steady_chroma


def seen_by_the_network(grey: NDArray[np.uint8], network: Network) -> NDArray[np.float32]:
    """L that the network gets of a film of this one frame, (h, w)."""
    seen: list[NDArray[np.float32]] = []

    class RecordingNetwork(Network):
        def __call__(self, inputs: NDArray[np.float32]) -> Any:
            seen.append(inputs[0, 0])
            return network(inputs)

    def guess(L: Any, ab: Any, mask: Any, **bars: Any) -> NDArray[np.float32]:
        return guess_chroma(recording, L, ab, mask, **bars)

    recording = RecordingNetwork(network.card, network.identity, "", "", lambda _: {})
    info = FilmInfo(
        Path("film"),
        grey.shape[0],
        grey.shape[1],
        bits=8,
        full_range=True,
        matrix="bt601",
        time_base=Fraction(1, 25),
        rate=None,
        duration_s=None,
        frames=None,
        interlaced=False,
        rotation=0,
        monochrome=True,
        streams=(),
    )
    frame = Converter(info, CARD, "auto").working_frame(Frame(0, grey, 0))
    assert len(list(steady_chroma([frame], guess, steady=0.0))) == 1
    (L,) = seen
    return L


def test_between_black_bars_the_network_sees_the_film_as_sharp_as_without(tmp_path: Path) -> None:
    network = load(tiny_model(tmp_path / "tiny.onnx"), device="cpu")
    grey = cv2.cvtColor(skimage.data.astronaut()[64:448, 64:448], cv2.COLOR_RGB2GRAY)
    grey = np.maximum(grey, 50)
    plain = seen_by_the_network(grey, network)
    for sides, most in ((((64, 64), (0, 0)), 0.5), (((0, 0), (64, 64)), 0.5), (64, 1.0)):
        barred = seen_by_the_network(np.pad(grey, sides), network)
        assert barred.shape == plain.shape
        assert np.abs(barred - plain).mean() < most
