"""Damage is found by its kind and mended; what has none stays as it is, bit for bit."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
from fixtures.imageio import heic_bytes
from fixtures.model import tiny_model
from numpy.typing import NDArray
from PIL import Image

import photochrom
from photochrom.batch import RestoreOptions, restore_stream
from photochrom.cli import main
from photochrom.color.space import linear_to_srgb, srgb_to_linear
from photochrom.errors import InputError
from photochrom.imageio import page_count, read
from photochrom.restoration import KINDS, Kind, parse_kinds
from photochrom.restoration.blocks import find_jpeg
from photochrom.restoration.covers import fill
from photochrom.restoration.halftone import find_screen
from photochrom.restoration.repair import restore_pixels
from photochrom.restoration.simulation import (
    add_damage,
    compress,
    dust_and_mask,
    print_halftone,
)

Plane = NDArray[np.float32]
LEAST_GAIN_DB = {
    "blocks": 0.1, "halftone": 5.0, "scratches": 1.0, "dust": 0.0, "grain": 3.0, "blur": 1.0,
    "fading": 5.0,
}  # fmt: skip
"""On the one picture of these tests; docs/restoration.md has those of photographs held out."""


def psnr(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(-10 * np.log10(np.mean(np.square(a.astype(np.float64) - b)) + 1e-12))


def picture(name: str) -> NDArray[np.uint8]:
    """One that scikit-image brings."""
    pixels: NDArray[np.uint8] = getattr(skimage.data, name)()
    return pixels


@pytest.fixture(scope="module")
def grey() -> Plane:
    """A photograph in grey, (256, 256)."""
    rgb = cv2.resize(picture("astronaut"), (256, 256), interpolation=cv2.INTER_AREA)
    codes = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.float32)
    return np.asarray(codes / 255.0, np.float32)


@pytest.fixture(scope="module")
def halftone(grey: Plane) -> NDArray[np.uint8]:
    printed = print_halftone(grey, np.random.default_rng(1), 4.5, 45.0)
    return np.rint(printed * 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["camera", "chelsea"])
def test_a_clean_photograph_is_handed_back(name: str) -> None:
    pixels = picture(name)[:300, :300]
    done = restore_pixels(pixels)
    assert done.findings == ()
    assert done.pixels is pixels
    assert not done.mask.any()


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    ["astronaut", "camera", "cat", "chelsea", "clock", "coffee", "coins", "immunohistochemistry",
     "moon", "retina", "rocket", "hubble_deep_field", "grass", "gravel"],
)  # fmt: skip
def test_every_clean_picture_of_scikit_image_is_handed_back(name: str) -> None:
    done = restore_pixels(picture(name))
    assert done.findings == (), done.description


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_found_and_mended(kind: Kind, grey: Plane) -> None:
    damaged = add_damage(grey, kind, np.random.default_rng(3))
    done = restore_pixels(damaged, [kind])
    if kind == "dust":  # few specks are within reach of shape alone
        assert psnr(done.pixels, grey) > psnr(damaged, grey) - 0.3
        return
    assert [found.kind for found in done.findings] == [kind]
    assert psnr(done.pixels, grey) > psnr(damaged, grey) + LEAST_GAIN_DB[kind]
    untouched = ~done.mask
    np.testing.assert_allclose(done.pixels[untouched], damaged[untouched], atol=1 / 500)


@pytest.mark.parametrize(("period_px", "angle"), [(3.0, 0.0), (4.2, 45.0), (7.5, 75.0)])
def test_screens_of_all_rulings_are_measured_and_leave_the_tone(
    period_px: float, angle: float, grey: Plane
) -> None:
    printed = print_halftone(grey, np.random.default_rng(2), period_px, angle)
    screen = find_screen(printed)
    assert screen is not None
    assert screen.period_px == pytest.approx(period_px, rel=0.03)
    turn = (screen.angle - angle + 45) % 90 - 45
    assert abs(turn) < 2.0
    done = restore_pixels(printed, ["halftone"])
    assert find_screen(done.pixels) is None
    blurred = cv2.GaussianBlur(srgb_to_linear(grey), (0, 0), 2 * period_px)
    mended = cv2.GaussianBlur(srgb_to_linear(done.pixels), (0, 0), 2 * period_px)
    assert np.abs(linear_to_srgb(blurred) - linear_to_srgb(mended)).mean() < 0.02


def test_the_quality_of_a_jpeg_is_measured_wherever_its_grid_begins(grey: Plane) -> None:
    random = np.random.default_rng(0)
    for quality in (12, 30, 45):
        trace = find_jpeg(compress(grey, random, quality)[3:, 5:])
        assert trace is not None
        assert (trace.quality, trace.top, trace.left) == (quality, 5, 3)
    assert find_jpeg(compress(grey, random, 92)) is None


def test_what_covers_is_filled_from_around(grey: Plane) -> None:
    damaged, cover = dust_and_mask(grey, np.random.default_rng(3))
    filled = fill(damaged, cv2.dilate((cover > 0.05).astype(np.uint8), np.ones((3, 3))) > 0)
    assert psnr(filled, grey) > psnr(damaged, grey) + 4


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_a_tone_stays_in_every_depth(dtype: Any, halftone: NDArray[np.uint8]) -> None:
    top = 1.0 if np.dtype(dtype).kind == "f" else float(np.iinfo(dtype).max)
    sepia = np.array([0.9, 0.8, 0.65]) * halftone[..., None] / 255.0 + np.array([0.08, 0.06, 0.02])
    pixels = np.rint(sepia * top).astype(dtype) if top > 1 else sepia.astype(dtype)
    done = restore_pixels(pixels, ["halftone"])
    assert done.pixels.dtype == dtype
    assert done.pixels.shape == pixels.shape
    before, after = (values / top for values in (pixels.astype(float), done.pixels.astype(float)))
    inside = (after.min(axis=2) > 0.01) & (after.max(axis=2) < 0.99)
    change = (after - before)[inside]
    np.testing.assert_allclose(change[:, 0], change[:, 2], atol=2 / top)


def test_tiny_and_empty_pictures_have_no_damage() -> None:
    for shape in ((1, 1), (3, 200), (40, 40), (40, 40, 3)):
        pixels = np.full(shape, 90, np.uint8)
        assert restore_pixels(pixels).pixels is pixels
    with pytest.raises(InputError, match="the picture is empty"):
        restore_pixels(np.zeros((0, 5), np.uint8))


@pytest.mark.parametrize("white", [255.0, np.nan])
def test_a_picture_of_another_range_is_refused_in_place_of_taken_for_clean(white: float) -> None:
    with pytest.raises(InputError, match=r"must lie in \[0, 1\]"):
        photochrom.restore(np.full((40, 40), white, np.float32))


def test_kinds_are_named() -> None:
    assert parse_kinds(["Dust ", "blocks"]) == ("blocks", "dust")
    with pytest.raises(InputError, match="no kind of damage called mould; choose of blocks"):
        parse_kinds(["mould", "dust"])
    with pytest.raises(InputError, match="no kind of damage is named"):
        parse_kinds([])


def test_the_door_of_python_gives_back_what_it_got(
    halftone: NDArray[np.uint8], tmp_path: Path
) -> None:
    expected = restore_pixels(halftone, ["halftone"]).pixels
    np.testing.assert_array_equal(photochrom.restore(halftone, only=["halftone"]), expected)
    image = photochrom.restore(Image.fromarray(halftone), only=["halftone"])
    np.testing.assert_array_equal(np.asarray(image.convert("L")), expected)
    Image.fromarray(halftone).save(tmp_path / "page.png")
    mended = photochrom.restore(tmp_path / "page.png", only=["halftone"])
    np.testing.assert_array_equal(mended.pixels, expected)
    assert mended.notes[-1].startswith("mended: dots of a print, 4.5 px apart at 4")
    with pytest.raises(InputError, match="is no picture"):
        photochrom.restore(3)  # type: ignore[call-overload]


def test_a_folder_is_mended_and_what_is_clean_is_copied(
    halftone: NDArray[np.uint8], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_model(tmp_path / "tiny.onnx")
    album, out, mask = tmp_path / "album", tmp_path / "out", tmp_path / "mask.png"
    album.mkdir()
    Image.fromarray(halftone).save(album / "page.png")
    Image.fromarray(picture("camera")[:200, :200]).save(album / "clean.jpg", quality=93)
    (album / "clean.jpg").chmod(0o600)
    assert main(["restore", str(album), "-o", str(out), "--json"]) == 0
    records = {r["status"]: r for r in map(json.loads, capsys.readouterr().out.splitlines())}
    assert set(records) == {"restored", "undamaged"}
    assert records["restored"]["restored"][0]["kind"] == "halftone"
    assert (out / "clean.jpg").read_bytes() == (album / "clean.jpg").read_bytes()
    if os.name == "posix":
        assert (out / "clean.jpg").stat().st_mode & 0o777 == 0o600, "as private as the file"
    only = ["--only", "halftone", "--mask", str(mask)]
    assert main(["restore", str(album / "page.png"), *only]) == 0
    mended = read(album / "page.restored.png").pixels
    np.testing.assert_array_equal(mended, restore_pixels(halftone, ["halftone"]).pixels)
    changed = np.abs(mended.astype(int) - halftone) >= 1
    np.testing.assert_array_equal(read(mask).pixels == 255, changed)
    folder = photochrom.folder(album, tmp_path / "colored", model=model, restore="halftone")
    assert [len(o.findings) for o in sorted(folder, key=lambda o: o.job.source)] == [0, 1, 0]
    # What is a result already is none of the next call's pictures.
    assert main(["restore", str(album), "--json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["restore", str(album), "--mask", str(mask)]) == 2
    assert main(["restore", str(album), "--only", "mould"]) == 2


def test_a_clean_picture_goes_through_a_pipe_as_it_is_and_a_page_without_the_others() -> None:
    clean = picture("camera")[:200, :200]
    deep = heic_bytes(np.dstack([clean.astype(np.uint16) * 257] * 3))
    outcome = restore_stream(io.BytesIO(deep), passed := io.BytesIO(), RestoreOptions())
    assert (outcome.status, outcome.notes) == ("undamaged", ())
    assert passed.getvalue() == deep
    pages = [Image.fromarray(clean[:, ::way]) for way in (1, -1)]
    pages[0].save(buffer := io.BytesIO(), "TIFF", save_all=True, append_images=pages[1:])
    buffer.seek(0)
    restore_stream(buffer, passed := io.BytesIO(), RestoreOptions(page=2))
    assert page_count(passed.getvalue()) == 1
    np.testing.assert_array_equal(read(passed.getvalue()).pixels, clean[:, ::-1])


def test_a_picture_is_mended_and_then_coloured(
    halftone: NDArray[np.uint8], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_model(tmp_path / "tiny.onnx")
    Image.fromarray(halftone).save(tmp_path / "page.png")
    arguments = ["image", str(tmp_path / "page.png"), "--model", str(model), "--restore", "--json"]
    assert main(arguments) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["restored"][0]["kind"] == "halftone"
    assert record["notes"][0].startswith("mended before: dots of a print")
    colored = read(tmp_path / "page.color.png").pixels
    expected = photochrom.colorize(restore_pixels(halftone).pixels, model=model)
    np.testing.assert_array_equal(colored, expected)
