"""Pictures of a series are brought to one look, by their colours alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fixtures.model import tiny_model
from numpy.typing import NDArray
from PIL import Image

from photochrom.api.colorizer import Colorizer
from photochrom.api.folder import folder
from photochrom.color.look import (
    Look,
    Match,
    common_look,
    find_look,
    match_chroma,
    picture_look,
)
from photochrom.color.luminance import lightness
from photochrom.color.space import lab_to_rgb
from photochrom.errors import InputError
from photochrom.guided.look_files import album_look


@pytest.fixture
def chroma(rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """ab of grey things with a cast of 5, -4, and colourful ones; and L of twice the size."""
    turn = rng.uniform(0, 2 * np.pi, (40, 60))
    radius = np.where(rng.random((40, 60)) < 0.4, 0, rng.uniform(30, 50, (40, 60)))
    away = np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=-1)
    ab = (away + np.array([5.0, -4.0])).astype(np.float32)
    return ab, np.full((80, 120), 60, np.float32)


def write_picture(path: Path, ab: NDArray[np.float32], L: float = 60.0) -> None:
    lab = np.concatenate([np.full((*ab.shape[:2], 1), L), ab], axis=-1)
    Image.fromarray(np.rint(np.clip(lab_to_rgb(lab), 0, 1) * 255).astype(np.uint8)).save(path)


def test_a_match_goes_its_share_of_the_way(
    chroma: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    ab, L = chroma
    own = find_look(ab, L)
    assert own is not None
    np.testing.assert_allclose(own.cast, (5, -4), atol=0.01)
    wanted = Look(np.array([-1.0, 2.0], np.float32), 30.0)
    for strength in (0.0, 0.5, 1.0):
        now = find_look(match_chroma(ab, L, Match(wanted, strength)), L)
        assert now is not None
        np.testing.assert_allclose(
            now.cast, own.cast + strength * (wanted.cast - own.cast), atol=0.3
        )
        expected = own.vividness * (wanted.vividness / own.vividness) ** strength
        assert now.vividness == pytest.approx(expected, rel=0.03)
    dark = np.full_like(L, 4.0)
    np.testing.assert_array_equal(match_chroma(ab, dark, Match(wanted, 1.0)), ab)
    grey = match_chroma(0 * ab, L, Match(Look(own.cast * 0, 30.0), 1.0))
    np.testing.assert_allclose(grey, 0, atol=1e-6)  # what has no colours gets none
    for wrong in (-0.1, 1.5, float("nan")):
        with pytest.raises(InputError, match="the strength of a match is"):
            Match(wanted, wrong)


def test_one_odd_picture_does_not_make_the_common_look() -> None:
    looks = [Look(np.array([a, 0.0], np.float32), v) for a, v in ((1, 10), (2, 11), (30, 90))]
    common = common_look(looks)
    assert common.cast[0] == 2
    assert common.vividness == pytest.approx(11)


def test_an_album_is_its_pictures_in_colour(
    tmp_path: Path, chroma: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> None:
    ab, _ = chroma
    album = tmp_path / "album"
    (album / "deeper").mkdir(parents=True)
    smooth = np.repeat(np.repeat(ab[::8, ::8], 16, 0), 16, 1)
    write_picture(album / "deeper" / "a.png", smooth)
    Image.new("L", (60, 40), 120).save(album / "grey.png")
    (album / "broken.png").write_bytes(b"\x89PNG")
    look = album_look([album])
    np.testing.assert_allclose(look.cast, (5, -4), atol=4)
    assert album_look([album / "deeper" / "a.png"]).vividness == look.vividness
    with pytest.raises(InputError, match="grey or toned, so it has no look"):
        album_look([album / "grey.png"])
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="holds no picture in colours"):
        album_look([empty])
    assert picture_look(np.full((8, 8), 100, np.uint8)) is None


def test_files_come_nearer_to_each_other_and_keep_their_lightness(
    tmp_path: Path,
) -> None:
    model = tiny_model(tmp_path / "tiny.onnx")
    series = tmp_path / "series"
    series.mkdir()
    for i, top in enumerate((110, 170, 240)):
        grey = np.add.outer(np.arange(40), np.arange(60)) * top // 100
        Image.fromarray(grey.astype(np.uint8)).save(series / f"{i}.png")
    Image.new("RGB", (40, 40), (200, 30, 30)).save(series / "color.png")
    looks = {}
    for name, options in {"alone": {}, "match": {"match": "series", "match_strength": 1.0}}.items():
        outcomes = folder(series, tmp_path / name, model=str(model), **options)  # type: ignore[arg-type]
        assert [outcome.status for outcome in outcomes].count("coloured") == 3
        pixels = [np.asarray(Image.open(tmp_path / name / f"{i}.png")) for i in range(3)]
        looks[name] = [picture_look(rgb) for rgb in pixels]
        for i, rgb in enumerate(pixels):
            before = lightness(np.asarray(Image.open(series / f"{i}.png")))
            np.testing.assert_allclose(lightness(rgb), before, atol=0.5)

    def spread(name: str) -> float:
        return float(np.std([look.vividness for look in looks[name] if look is not None]))

    assert spread("match") < 0.5 * spread("alone")
    album = tmp_path / "album.png"
    write_picture(album, np.array([[[30, 5], [-20, 8]], [[4, 40], [6, -30]]], float).repeat(9, 1))
    own, wanted = looks["alone"][0], album_look([album])
    matched = Colorizer(str(model), match=[album], match_strength=1.0)
    alone = (Colorizer(str(model), match=one, match_strength=1.0) for one in (album, str(album)))
    assert {repr(matched), *map(repr, alone)} == {repr(matched)}, "one path is an album, too"
    with pytest.raises(InputError, match="a path is an empty text"):
        Colorizer(str(model), match="")
    found = picture_look(matched(series / "0.png").pixels)
    assert found is not None
    assert own is not None
    assert abs(found.vividness - wanted.vividness) < abs(own.vividness - wanted.vividness)
