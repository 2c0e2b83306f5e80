"""Alternatives differ clearly, the likeliest first, and the model's own answer is the first."""

from __future__ import annotations

import io
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from fixtures.model import tiny_model
from numpy.typing import NDArray
from PIL import Image

from photochrom import Colorizer
from photochrom.cli import main
from photochrom.color.bins import ColorBins
from photochrom.engine import load
from photochrom.errors import InputError, ModelError
from photochrom.evaluation.metrics import ciede2000, to_lab
from photochrom.guided.alternatives import AlternativeMaker, _offsets
from photochrom.imageio import read

pytestmark = pytest.mark.slow  # a shipped model is loaded

MODEL = "photochrom-film"


def test_versions_differ_and_begin_with_the_models_own(grey_scene: NDArray[np.uint8]) -> None:
    color = Colorizer(MODEL, device="cpu", threads=1)
    versions = color.alternatives(grey_scene, 4)
    np.testing.assert_array_equal(versions[0], color(grey_scene))
    labs = [to_lab(version) for version in versions]
    assert max(ciede2000(a, b) for a, b in combinations(labs, 2)) > 5.0
    assert min(ciede2000(a, b) for a, b in combinations(labs, 2)) > 0.5
    lightness = np.stack([lab[..., 0] for lab in labs])
    assert float(np.median(np.ptp(lightness, axis=0))) < 0.5
    for wrong in (1, 7):
        with pytest.raises(InputError, match="there are 2 to 6 versions"):
            color.alternatives(grey_scene, wrong)
    file = io.BytesIO()
    Image.fromarray(grey_scene).save(file, "PNG")
    file.seek(0)
    second = color.alternatives(grey_scene, 2)[1]
    np.testing.assert_array_equal(color.alternatives(file, 2)[1].pixels, second)


def test_pictures_of_the_same_bytes_and_other_shapes_are_told_apart() -> None:
    network = load(MODEL, device="cpu", threads=1)
    wide, tall = np.full((64, 128), 50, np.float32), np.full((128, 64), 50, np.float32)
    used, fresh = (AlternativeMaker(network).guide(2, 2) for _ in range(2))
    used(wide)
    np.testing.assert_array_equal(used(tall)[0], fresh(tall)[0])


def test_a_network_without_a_distribution_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="hands out no features"):
        AlternativeMaker(load(tiny_model(tmp_path / "tiny.onnx"), device="cpu"))


def test_offsets_are_those_of_the_modes() -> None:
    bins = ColorBins.in_gamut().centres
    shares = np.zeros(len(bins), np.float32)
    modes = np.array([(40, 30), (-20, 30), (0, -40), (10, 0)], np.float32)
    for mode, share in zip(modes, (0.4, 0.3, 0.2, 0.1), strict=True):
        shares[np.flatnonzero((bins == mode).all(axis=1))] = share
    answer = shares @ bins
    found = np.array(_offsets(bins, shares, answer)) + answer
    assert sorted(map(tuple, np.rint(found).tolist())) == sorted(map(tuple, modes.tolist()))


def test_files_have_names_of_their_own_and_are_no_inputs(
    tmp_path: Path, grey_scene: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(grey_scene).save(tmp_path / "a.png")
    arguments = ["image", str(tmp_path), "--model", MODEL, "--json", "--device", "cpu"]
    versions = ["--alternatives", "3", "--confidence"]
    sheet = tmp_path / "sheets" / "all.png"
    sheet.parent.mkdir()
    assert main([*arguments, *versions, "--sheet", str(sheet)]) == 0
    with Image.open(sheet) as shown:
        assert shown.width // shown.height == 2, "three tiles beside each other"
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {Path(record["output"]).name for record in records} == {
        "a.color.png",
        "a.color.alternative2.png",
        "a.color.alternative3.png",
        "a.color.confidence.png",
    }
    sure = read(tmp_path / "a.color.confidence.png").pixels
    assert sure.shape == grey_scene.shape
    assert float(sure.std()) > 0
    assert main([*arguments, *versions]) == 0  # all is finished, and no result is an input
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert main([*arguments, "--alternatives", "3", "--variants"]) == 2
    assert main([*arguments, *versions, "--sheet", str(sheet)]) == 1, "there already"
    assert main([*arguments, "--sheet", str(tmp_path / "b.png")]) == 2
    assert main([*arguments, *versions, "--sheet", str(tmp_path / "b.jpg")]) == 2
    assert main([*arguments, "--alternatives", "3", "--reference", "b.png"]) == 2
