from __future__ import annotations

import numpy as np
import pytest
from skimage.color import lab2rgb, rgb2lab

from photochrom.color.compose import compose, compose_upsampled
from photochrom.color.fit import shrink_lightness
from photochrom.color.gamut import move_into_gamut
from photochrom.color.luminance import lightness
from photochrom.color.space import lab_to_rgb, linear_to_srgb, rgb_to_lab
from photochrom.color.strips import STRIP_PIXELS, rows_per_strip
from photochrom.color.upsample import upsample_chroma
from photochrom.errors import InputError


def wheel(radii, angles=180):
    """Colours of all hues: (n, 2) ab."""
    hue = np.linspace(0, 2 * np.pi, angles, endpoint=False)
    unit = np.stack([np.cos(hue), np.sin(hue)], axis=-1)
    return np.concatenate([radius * unit for radius in radii]).astype(np.float32)


def all_lightnesses(codes, ab):
    """Each L with each ab: L (codes, n), ab (codes, n, 2)."""
    L = lightness(np.asarray(codes)[None])[0]
    n = len(ab)
    return np.repeat(L[:, None], n, axis=1), np.broadcast_to(ab, (len(L), n, 2)).copy()


ALL_8_BIT = np.arange(256, dtype=np.uint8)
SOME_16_BIT = np.unique(np.geomspace(1, 65_536, 300).astype(np.uint16) - 1)
RADII = (0, 1, 2, 4, 8, 12, 20, 30, 45, 60, 80, 100, 128)


def test_8_bit_output_keeps_the_lightness_of_every_code_under_every_colour():
    L, ab = all_lightnesses(ALL_8_BIT, wheel(RADII))
    got = rgb2lab(compose(L, ab, np.uint8))[..., 0]
    assert np.abs(got - L).max() <= 0.3  # promised: 0.5


def test_16_bit_output_keeps_lightness_to_a_hundredth():
    L, ab = all_lightnesses(SOME_16_BIT, wheel(RADII))
    error = np.abs(rgb2lab(compose(L, ab, np.uint16) / 65_535)[..., 0] - L)
    assert error.mean() <= 0.001  # promised: 0.01
    assert error.max() <= 0.01


def test_float_output_keeps_lightness_to_a_hundredth_and_stays_in_range():
    L, ab = all_lightnesses(ALL_8_BIT, wheel(RADII))
    rgb = compose(L, ab, np.float32)
    assert rgb.dtype == np.float32
    assert rgb.min() >= 0
    assert rgb.max() <= 1
    assert np.abs(rgb2lab(rgb.astype(np.float64))[..., 0] - L).max() <= 0.01


def inside_gamut(samples=20_000):
    """Colours that sRGB can show: L (1, n), ab (1, n, 2)."""
    rgb = np.random.default_rng(0).uniform(0.002, 0.998, (1, samples, 3))
    lab = rgb_to_lab(rgb).astype(np.float32)
    return lab[..., 0], lab[..., 1:]


def test_colours_inside_the_gamut_are_those_of_scikit_image():
    L, ab = inside_gamut()
    theirs = lab2rgb(np.dstack([L, ab]).astype(np.float64))
    assert np.abs(compose(L, ab, np.float32) - theirs).max() <= 2e-5
    assert np.abs(compose(L, ab, np.uint8) - theirs * 255).max() <= 0.55
    assert np.abs(compose(L, ab, np.uint16) - theirs * 65_535).max() <= 1.5


def test_colours_outside_the_gamut_keep_their_hue_and_as_much_chroma_as_fits():
    L, ab = all_lightnesses(np.arange(8, 250, 5, dtype=np.uint8), wheel((40, 70, 100, 128)))
    wanted = np.dstack([L, ab]).astype(np.float64)
    scale = largest_scale(wanted)
    outside = scale < 0.999
    expected = ab * scale[..., None]
    got = rgb_to_lab(compose(L, ab, np.float32).astype(np.float64))[..., 1:]
    error = np.hypot(*np.moveaxis(got - expected, -1, 0))[outside]
    assert outside.mean() > 0.5
    assert np.median(error) <= 0.02
    assert np.percentile(error, 99) <= 0.25


def largest_scale(lab):
    """By bisection: the scale of the chroma that just fits into sRGB."""
    low, high = np.zeros(lab.shape[:-1]), np.ones(lab.shape[:-1])
    for _ in range(20):
        middle = (low + high) / 2
        rgb = lab_to_rgb(np.dstack([lab[..., :1], lab[..., 1:] * middle[..., None]]))
        fits = ((rgb > -1e-5) & (rgb < 1 + 1e-4)).all(axis=-1)
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return low


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_no_chroma_gives_the_grey_codes_back(dtype):
    grey = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(-1, 256)
    rgb = compose_upsampled(grey, np.zeros((1, 1, 2), np.float32))
    assert rgb.dtype == dtype
    off = np.abs(rgb.astype(np.int64) - grey[..., None])
    # The matrix' rows miss the white point by 2e-5, so 16-bit grey may be a few codes off.
    assert off.max() <= (0 if dtype == np.uint8 else 3)


def synthetic_picture(shape, dtype):
    rng = np.random.default_rng(1)
    top = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    return (rng.random(shape) * top).astype(dtype)


@pytest.mark.parametrize("method", ["bicubic", "guided"])
@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_fused_path_equals_the_separate_steps_without_seams(dtype, channels, method):
    height, width = 150, 331  # several strips, the last one short
    assert height > 2 * rows_per_strip(height, width)
    picture = synthetic_picture((height, width, *channels), dtype)
    ab = np.random.default_rng(2).normal(0, 30, (9, 14, 2)).astype(np.float32)
    L = lightness(picture)
    separate = compose(L, upsample_chroma(ab, L, method), dtype)
    fused = compose_upsampled(picture, ab, method=method)
    assert fused.dtype == dtype
    unit = 1 if np.dtype(dtype).kind == "u" else 5e-4
    assert np.abs(fused.astype(np.float64) - separate).max() <= unit


def test_the_lightness_that_the_network_has_seen_can_be_the_guide():
    picture = synthetic_picture((200, 300), np.uint8)
    ab = np.random.default_rng(2).normal(0, 15, (12, 16, 2)).astype(np.float32)
    computed = compose_upsampled(picture, ab, method="guided")
    guide = shrink_lightness(picture, (48, 64))
    assert (compose_upsampled(picture, ab, method="guided", guide=guide) == computed).all()


def test_pictures_smaller_than_the_chroma_map_and_single_pixels_work():
    ab = np.full((12, 16, 2), 10, np.float32)
    for shape in [(5, 7), (1, 1), (1, 40), (40, 1)]:
        assert compose_upsampled(np.full(shape, 128, np.uint8), ab).shape == (*shape, 3)


def test_a_wide_picture_of_one_row_per_strip_works():
    picture = synthetic_picture((3, STRIP_PIXELS + 5), np.uint8)
    rgb = compose_upsampled(picture, np.zeros((2, 9, 2), np.float32))
    assert (rgb == picture[..., None]).all()


def test_rows_of_a_larger_array_can_be_coloured():
    picture = synthetic_picture((90, 80), np.uint8)
    ab = np.random.default_rng(3).normal(0, 20, (4, 5, 2)).astype(np.float32)
    view = picture[::2, ::2]
    assert (compose_upsampled(view, ab) == compose_upsampled(view.copy(), ab)).all()


def test_what_is_not_a_picture_is_refused():
    ab = np.zeros((2, 2, 2), np.float32)
    for wrong in (np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4), np.uint8), np.zeros((4, 4), int)):
        with pytest.raises(InputError, match="picture"):
            compose_upsampled(wrong, ab)
    with pytest.raises(InputError, match="chroma map"):
        compose_upsampled(np.zeros((4, 4), np.uint8), np.zeros((2, 2), np.float32))
    with pytest.raises(InputError, match="does not fit"):
        compose(np.zeros((4, 4), np.float32), np.zeros((4, 5, 2), np.float32))


def test_colours_at_the_border_do_not_depend_on_the_last_bit():
    rng = np.random.default_rng(4)
    f_y = (rng.uniform(2, 98, 60_000) + 16) / 116
    a, b = rng.normal(0, 40, (2, 60_000))
    f = np.stack([f_y + a / 500, f_y, f_y - b / 200]).astype(np.float32)
    near = np.nextafter(f, np.float32(2))
    codes = [255 * linear_to_srgb(np.clip(move_into_gamut(each), 0, 1)) for each in (f, near)]
    assert np.abs(codes[0] - codes[1]).max() <= 0.05
