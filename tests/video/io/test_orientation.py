"""Turned and mirrored films are seen upright wherever a picture of them is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fixtures.film import Film, luma, make_film, plane
from fixtures.model import CARD, tiny_model
from numpy.typing import NDArray

from photochrom.errors import InputError
from photochrom.training.data.film_frames import drawn_frames
from photochrom.video.converter import Converter
from photochrom.video.io.codecs import Encoding
from photochrom.video.io.container import av
from photochrom.video.io.orientation import orientation
from photochrom.video.io.probe import probe
from photochrom.video.io.reader import read_frames
from photochrom.video.options import FilmSettings
from photochrom.video.preview import preview_film
from photochrom.web.pictures.film_info import colored_frame, inspect_film

pytestmark = pytest.mark.slow

# Its grain tells top from bottom; the rest is the same upside down.
FILM = Film(frames=4, grain=40, encoder="libx264", format="mp4", options=(("qp", "0"),))
WAYS = [(turned, mirrored) for mirrored in (False, True) for turned in (0, 90, 180, 270)]
all_ways = pytest.mark.parametrize(("turned", "mirrored"), WAYS)


def as_shown(picture: NDArray[np.uint8], turned: int, mirrored: bool) -> NDArray[np.uint8]:
    """Turned counter-clockwise, then left and right swapped."""
    upright = np.rot90(picture, turned // 90)
    return np.fliplr(upright) if mirrored else upright


def film(path: Path, turned: int, mirrored: bool) -> Path:
    return make_film(path, replace(FILM, rotation=turned, mirrored=mirrored))


def apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Mean difference, free of brightness and contrast: about 0 for the same picture."""
    assert one.shape == other.shape
    a, b = ((x - x.mean()) / x.std() for x in (one.astype(float), other.astype(float)))
    return float(np.abs(a - b).mean())


@all_ways
def test_the_network_and_the_studio_see_the_same_upright_picture(
    tmp_path: Path, turned: int, mirrored: bool
) -> None:
    path = film(tmp_path / "in.mp4", turned, mirrored)
    wanted = as_shown(luma(FILM, 0), turned, mirrored)
    info = probe(path)
    grey = Converter(info, CARD, "auto").grey(next(read_frames(info)))
    height, width, screen = inspect_film(path, 10**6, 60)
    assert (height, width) == wanted.shape
    np.testing.assert_array_equal(screen[..., 0], grey)
    assert apart(grey, wanted) < 0.05


@all_ways
def test_the_picture_of_a_preview_is_upright(tmp_path: Path, turned: int, mirrored: bool) -> None:
    source, target = film(tmp_path / "in.mp4", turned, mirrored), tmp_path / "preview.mp4"
    model = tiny_model(tmp_path / "tiny.onnx")
    settings = FilmSettings(model=model, size=32, encoding=Encoding(crf=0))
    preview_film(source, target, 1.0, settings)
    with av.open(str(target)) as container:
        last = list(container.decode(video=0))[-1]
    colored_half = plane(last, 0)[:, FILM.size[1] :]
    rgb = colored_frame(target)
    assert apart(rgb.mean(axis=-1), as_shown(colored_half, turned, mirrored)) < 0.2


@all_ways
def test_frames_to_learn_from_are_upright(tmp_path: Path, turned: int, mirrored: bool) -> None:
    rgb = next(drawn_frames(film(tmp_path / "in.mp4", turned, mirrored), 99.0)).rgb
    assert apart(rgb.mean(axis=-1), as_shown(luma(FILM, 0), turned, mirrored)) < 0.2


@all_ways
def test_what_is_made_upright_is_coded_again_as_it_was(turned: int, mirrored: bool) -> None:
    way = orientation(Path("a.mp4"), turned, mirrored)
    coded = luma(FILM, 3)
    np.testing.assert_array_equal(way.to_coded(way.to_upright(coded)), coded)
    assert way.shown_shape(coded.shape) == way.to_upright(coded).shape


def test_what_is_no_quarter_turn_is_refused() -> None:
    with pytest.raises(InputError, match=r"a\.mp4 is to be shown turned by 45 degrees"):
        orientation(Path("a.mp4"), 45, False)
