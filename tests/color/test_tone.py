"""Grey, toned and coloured photographs are told apart."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pytest
from fixtures.tones import GRADES, samples
from numpy.typing import NDArray
from PIL import Image

from photochrom.color.borders import Borders
from photochrom.color.compose import compose
from photochrom.color.own_colors import crop_places, place_hints, with_own_colors
from photochrom.color.space import lab_to_rgb, rgb_to_lab
from photochrom.color.tone import ToneJudgement, judge, tone

pytestmark = pytest.mark.slow

_GREY_OF_NONE = ToneJudgement("grey", None, np.zeros((1, 2)))
TONINGS = {
    "sepia": (4.0, 14.0),
    "selenium": (5.0, -6.0),
    "cyanotype": (-5.0, -25.0),
    "aged paper": (1.0, 8.0),
}


def lightness(rgb: NDArray[np.uint8]) -> NDArray[Any]:
    return np.clip(rgb_to_lab(rgb / 255.0)[..., 0], 0.0, 100.0)


def toned(L: NDArray[Any], ab: tuple[float, float], evenness: Any = 1.0) -> NDArray[np.uint8]:
    """A print whose toning is strongest in the middle tones, with a little noise."""
    strength = np.sin(np.pi * np.clip(L, 0, 100) / 100) * evenness
    lab = np.dstack([L, strength * ab[0], strength * ab[1]])
    noise = np.random.default_rng(3).normal(0.0, 1.5, lab.shape)
    return np.clip(np.rint(lab_to_rgb(lab) * 255 + noise), 0, 255).astype(np.uint8)


def through_jpeg(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=80)
    return np.asarray(Image.open(buffer))


def test_a_colour_photograph_is_colour(photo: NDArray[np.uint8]) -> None:
    assert tone(photo) == "colour"


@pytest.mark.parametrize("share", [0.6, 0.4])
def test_a_muted_photograph_is_colour(photo: NDArray[np.uint8], share: float) -> None:
    lab = rgb_to_lab(photo / 255.0)
    lab[..., 1:] *= share
    assert tone(np.clip(np.rint(lab_to_rgb(lab) * 255), 0, 255).astype(np.uint8)) == "colour"


def test_no_colour_is_grey(photo: NDArray[np.uint8]) -> None:
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    assert tone(grey) == "grey"
    assert tone(np.dstack([grey] * 3)) == "grey"
    assert tone(through_jpeg(np.dstack([grey] * 3))) == "grey"


@pytest.mark.parametrize("name", TONINGS)
def test_one_colour_for_each_lightness_is_toned(photo: NDArray[np.uint8], name: str) -> None:
    assert tone(through_jpeg(toned(lightness(photo), TONINGS[name]))) == "toned"


@pytest.mark.parametrize("name", ["sepia", "aged paper"])
def test_a_print_faded_towards_its_edges_is_toned(photo: NDArray[np.uint8], name: str) -> None:
    L = lightness(photo)
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in L.shape), indexing="ij")
    assert tone(toned(L, TONINGS[name], 1.0 - 0.15 * (x**2 + y**2))) == "toned"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_type_of_the_samples_does_not_matter(
    astronaut: NDArray[np.uint8], dtype: type[Any]
) -> None:
    top = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1.0
    convert = {np.uint8: lambda v: v, np.uint16: lambda v: v.astype(np.uint16) * 257}.get(
        dtype, lambda v: (v / 255.0).astype(dtype) * top
    )
    assert tone(convert(astronaut)) == "colour"
    assert tone(convert(toned(lightness(astronaut), TONINGS["sepia"]))) == "toned"


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (2, 2), (5, 4)])
def test_any_size_is_judged(shape: tuple[int, int]) -> None:
    assert tone(np.zeros((*shape, 3), np.uint8)) == "grey"


def test_a_few_pixels_of_different_colours_are_colour() -> None:
    pixels = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 0]]], np.uint8)
    assert tone(pixels) == "colour"


def test_a_stamp_does_not_make_a_print_colour(astronaut: NDArray[np.uint8]) -> None:
    print_ = toned(lightness(astronaut), TONINGS["aged paper"])
    print_[:30, :30] = (180, 30, 40)
    assert tone(print_) == "toned"


def confusion(per_grade: int, grades: tuple[int, ...] = GRADES) -> dict[str, list[bool]]:
    """Whether each sample of a kind is judged rightly."""
    table: dict[str, list[bool]] = {}
    for sample in samples(per_grade, grades=grades):
        right = (tone(sample.pixels) == "colour") == (sample.label == "colour")
        table.setdefault(sample.kind, []).append(right)
    return table


def check_confusion(table: dict[str, list[bool]]) -> None:
    wrong = {kind: rights for kind, rights in table.items() if sum(rights) < 0.8 * len(rights)}
    assert wrong == {}
    assert np.mean([right for rights in table.values() for right in rights]) >= 0.95


@pytest.mark.slow
def test_prints_and_colour_photographs_of_many_kinds_are_told_apart() -> None:
    """As `benchmarks/tone_table.py` has it, with fewer photographs of each kind."""
    table = confusion(1, (1,))
    assert len(table) >= 40
    assert np.mean([right for rights in table.values() for right in rights]) >= 0.95


@pytest.mark.long
def test_no_kind_is_judged_wrongly_often() -> None:
    check_confusion(confusion(4))


@pytest.mark.slow
def test_coloured_places_are_found_where_they_are() -> None:
    found, named = 0, 0
    for sample in samples(1, grades=(1,), only="places"):
        assert sample.places is not None
        judgement = judge(sample.pixels)
        named += 1
        if judgement.places is None:
            continue
        size = judgement.places.shape[::-1]
        true = cv2.resize(sample.places.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        reach = cv2.dilate(true, np.ones((5, 5), np.uint8))
        kept = judgement.places >= 7
        assert (kept & (reach == 0)).sum() <= 0.25 * max(kept.sum(), 1), sample.kind
        found += bool((kept & (true > 0.5)).sum() >= 0.5 * (true > 0.5).sum())
    assert found >= 0.9 * named


def test_a_grey_picture_has_no_coloured_places(photo: NDArray[np.uint8]) -> None:
    grey: NDArray[Any] = np.dstack([cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)] * 3)
    assert judge(grey).places is None
    assert judge(through_jpeg(grey)).places is None
    assert judge(grey[..., 0]).places is None


def test_a_red_stamp_keeps_its_red_and_the_paper_does_not(astronaut: NDArray[np.uint8]) -> None:
    grey = np.dstack([cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)] * 3)
    lines = np.zeros(grey.shape[:2], bool)
    lines[40:110:8, 40:140] = lines[41:110:8, 40:140] = lines[42:110:8, 40:140] = True
    lines[40:110, 40:44] = True
    photograph = np.where(lines[..., None], np.array([190, 30, 40], np.uint8), grey)
    judgement = judge(photograph)
    assert judgement.tone == "grey"
    lab = rgb_to_lab(photograph / 255.0)
    bluish = lab.copy()
    bluish[..., 1:] = (0.0, -12.0)
    guess = compose(
        lab[..., 0].astype(np.float32), bluish[..., 1:].astype(np.float32), photograph.dtype
    )
    result = with_own_colors(guess, photograph, judgement)
    np.testing.assert_array_equal(result[lines], photograph[lines])
    np.testing.assert_array_equal(result[~lines], guess[~lines])
    ab, mask = place_hints(photograph, judgement, (64, 64))
    assert 5 < mask.sum() < 400
    assert ab[mask > 0, 0].mean() > 20
    untouched = judge(grey)
    assert with_own_colors(guess, grey, untouched) is guess


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_colours_of_places_are_kept_in_every_depth(
    astronaut: NDArray[np.uint8], dtype: type[Any]
) -> None:
    top = 65535 if dtype == np.uint16 else 1.0
    grey = cv2.resize(cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY), (200, 150)) / 255.0
    rgb = np.repeat(grey[..., None], 3, axis=2)
    rgb[60:90, 60:90] = (0.8, 0.2, 0.2)
    photograph = (rgb * top).astype(dtype)
    judgement = judge(photograph)
    guess = compose(
        rgb_to_lab(rgb)[..., 0].astype(np.float32), np.zeros((150, 200, 2), np.float32), dtype
    )
    result = with_own_colors(guess, photograph, judgement)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result[62:88, 62:88], photograph[62:88, 62:88])
    np.testing.assert_array_equal(result[:40], guess[:40])


def test_colours_are_kept_from_end_to_end_of_a_very_wide_picture() -> None:
    photograph = np.full((8, 40_000, 3), 128, np.uint8)
    photograph[:, :400] = photograph[:, -400:] = (190, 20, 30)
    places = np.zeros((2, 100), np.float32)
    places[:, 0] = places[:, -1] = 60.0
    judgement = ToneJudgement("grey", places, np.zeros((1, 2)))
    guess = np.full_like(photograph, 128)
    for picture, own in ((guess, photograph), (guess.swapaxes(0, 1), photograph.swapaxes(0, 1))):
        upright = judgement if picture is guess else judgement._replace(places=places.T.copy())
        result = with_own_colors(np.ascontiguousarray(picture), np.ascontiguousarray(own), upright)
        np.testing.assert_array_equal(result, own)


def test_a_coat_that_alone_is_as_dark_as_it_is_does_not_bend_the_curve() -> None:
    rng = np.random.default_rng(2)
    snow = np.clip(rng.normal(230, 8, (90, 120)), 200, 255)
    photograph = np.repeat(np.rint(snow)[..., None], 3, axis=2).astype(np.uint8)
    photograph[40:52, 50:58] = (190, 20, 30)
    judgement = judge(photograph)
    assert judgement.tone == "grey"
    assert judgement.places is not None
    assert (judgement.places > 50).sum() > 20


def test_places_are_cropped_with_the_picture_s_borders() -> None:
    places = np.zeros((60, 80), np.float32)
    places[20:30, 40:50] = 30
    judgement = ToneJudgement("grey", places, np.zeros((1, 2)))
    cropped = crop_places(judgement, Borders(100, 100, 200, 0), (600, 800))
    assert cropped.places is not None
    assert cropped.places.shape == (40, 60)
    assert (cropped.places[10:20, 20:30] == 30).all()
    assert crop_places(_GREY_OF_NONE, Borders(1, 1, 1, 1), (10, 10)) is _GREY_OF_NONE
