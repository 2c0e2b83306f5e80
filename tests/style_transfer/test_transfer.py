"""Style transfer: colours pass over, lightness stays, and what cannot be done is said."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from fixtures.training import drawn_photo
from numpy.typing import NDArray

import photochrom
from photochrom.cli import main
from photochrom.color.luminance import lightness
from photochrom.color.space import rgb_to_lab
from photochrom.errors import MissingDependencyError, ModelError, RecipeError
from photochrom.imageio import Picture, read, write
from photochrom.style_transfer import files
from photochrom.style_transfer.layer_sheets import layer_sheet
from photochrom.style_transfer.options import SHIPPED_LAYERS, StyleOptions
from photochrom.style_transfer.transfer import layer_maps, transfer_style

pytestmark = pytest.mark.slow


def halves() -> NDArray[np.uint8]:
    """A dark half and a bright half with some texture, (32, 32, 3): blue and orange."""
    rng = np.random.default_rng(0)
    rgb = np.empty((32, 32, 3), np.float32)
    rgb[:, :16], rgb[:, 16:] = (30, 60, 140), (250, 180, 90)
    return np.clip(rgb + rng.normal(0, 6, (32, 32, 1)), 0, 255).astype(np.uint8)


def grey_copy(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.rint(lightness(rgb) * 2.55).astype(np.uint8)


def mean_ab(rgb: NDArray[np.uint8], part: slice) -> NDArray[np.float32]:
    lab = rgb_to_lab(rgb[:, part].astype(np.float32) / 255)
    return np.asarray(lab[..., 1:].mean(axis=(0, 1)))


def test_colors_pass_over_to_what_is_alike_and_lightness_stays() -> None:
    truth = halves()
    grey = grey_copy(np.ascontiguousarray(truth[::-1, ::-1]))  # turned: no place is its own
    result = transfer_style(grey, truth, StyleOptions(steps=5, size=32))
    assert result.rgb.shape == truth.shape
    assert np.abs(lightness(result.rgb) - lightness(grey)).mean() < 0.3
    assert mean_ab(result.rgb, slice(16, 32))[1] < -10, "the dark half is blue as in the style"
    assert mean_ab(result.rgb, slice(0, 16))[1] > 8, "the bright half is orange"
    assert set(result.after) == set(SHIPPED_LAYERS)


def test_lbfgs_comes_nearer_with_each_step() -> None:
    truth = halves()
    seen: list[int] = []
    few, more = (
        transfer_style(
            grey_copy(truth), truth, StyleOptions(steps=steps, size=32), lambda n, _: seen.append(n)
        )
        for steps in (1, 3)
    )
    assert seen == [1, 1, 2, 3]
    assert sum(more.after.values()) < sum(few.after.values()) < sum(few.before.values())


def test_a_full_transfer_changes_lightness_and_stays_itself_with_more_content() -> None:
    content, style = drawn_photo(1, 32, 32), halves()
    changed = [
        transfer_style(content, style, StyleOptions(True, 5, "adam", 32, content_weight=weight))
        for weight in (0.0, 1000.0)
    ]
    apart = [np.abs(lightness(one.rgb) - lightness(content)).mean() for one in changed]
    assert apart[0] > 1.0
    assert apart[1] < apart[0]
    assert changed[0].rgb.dtype == np.uint8


def test_the_command_writes_a_marked_picture_and_what_layers_see(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, painting = tmp_path / "photo.png", tmp_path / "painting.png"
    write(photo, Picture(grey_copy(drawn_photo(2, 80, 96)).astype(np.uint16) * 257))
    write(painting, Picture(halves()))
    call = [
        "style",
        str(photo),
        str(painting),
        "--steps",
        "1",
        "--size",
        "32",
        "--optimizer",
        "adam",
    ]
    call += ["--style-layers", "conv1_1,conv2_1", "--layers", str(tmp_path / "layers")]
    assert main(call) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "conv1_1",
        "conv2_1",
    ]
    result = read(tmp_path / "photo.style.png")
    assert result.pixels.shape == (80, 96, 3)
    assert result.pixels.dtype == np.uint16
    names = {path.name for path in (tmp_path / "layers").iterdir()}
    layers = ("conv1_1", "conv2_1", "conv3_1")
    assert names == {f"{stem}.{layer}.png" for stem in ("photo", "painting") for layer in layers}
    assert main(call) == 1, "the result exists"
    other = tmp_path / "painted" / "Photo.png"
    other.parent.mkdir()
    write(other, Picture(halves()))
    namesakes = [*call[:2], str(other), *call[3:-1], str(tmp_path / "both"), "--overwrite"]
    assert main(namesakes) == 0
    assert {path.name for path in (tmp_path / "both").iterdir()} == {
        f"{name}.{layer}.png" for name in ("photo.1", "Photo.2") for layer in layers
    }
    with monkeypatch.context() as patch:
        patch.setattr(files, "transfer_style", lambda *_: pytest.fail("worked in vain"))
        assert main([*call, "-o", str(tmp_path / "out.heic")]) == 1
    assert ".heic is no format that can be written" in capsys.readouterr().err
    picture = photochrom.style(
        photo, painting, steps=1, size=32, optimizer="adam", style_layers="conv1_1"
    )
    assert picture.generator is not None
    assert picture.generator.startswith("style transfer by VGG (photochrom ")


def test_a_sheet_shows_the_most_active_channels_first() -> None:
    channels = np.zeros((20, 3, 5), np.float32)
    channels[7], channels[3, 0, 0] = 2.0, 4.0
    sheet = layer_sheet(channels)
    assert sheet.shape == (4 * 5 - 2, 4 * 7 - 2)
    assert (sheet[:3, :5] == 255).all()
    assert sheet[0, 7] == 255
    assert sheet[1, 7] == 0
    maps = layer_maps(halves(), StyleOptions(), ("conv2_1", "conv1_1"))
    assert {name: planes.shape for name, planes in maps.items()} == {
        "conv1_1": (64, 32, 32),
        "conv2_1": (128, 16, 16),
    }


def test_what_makes_no_sense_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = halves()
    with pytest.raises(ModelError, match="do not fit at conv3_2"):
        transfer_style(photo, photo, StyleOptions(style_layers=("conv5_1",)))
    with pytest.raises(RecipeError, match="names 'conv9_9'"):
        transfer_style(photo, photo, StyleOptions(content_layer="conv9_9"))
    torch.save({"other": torch.zeros(1)}, tmp_path / "odd.pth")
    with pytest.raises(ModelError, match="do not fit at conv1_1"):
        transfer_style(photo, photo, StyleOptions(weights=str(tmp_path / "odd.pth")))
    for changes, words in (
        ({"steps": 0}, "at least 1 step"),
        ({"style_weight": 0.0}, "the first must be above 0"),
        ({"style_layers": ()}, "no style layers"),
    ):
        with pytest.raises(RecipeError, match=words):
            StyleOptions(**changes)
    monkeypatch.setitem(sys.modules, "photochrom.style_transfer.files", None)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "photochrom.style_transfer.files")
    monkeypatch.delitem(sys.modules, "photochrom.style_transfer.transfer")
    with pytest.raises(MissingDependencyError, match=r"style transfer needs torch.*\[style\]"):
        photochrom.style(Picture(photo), Picture(photo))
