"""``photochrom combine``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fixtures.science import fits_bytes
from numpy.typing import NDArray

from photochrom.cli import main
from photochrom.imageio import Picture, read, write


def test_three_files_become_a_picture(
    tmp_path: Path, scene: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    files = []
    for number, c in enumerate("RGB"):
        plane = np.ascontiguousarray(scene[..., number])
        files.append(str(tmp_path / f"{c}.tif"))
        write(files[-1], Picture(plane.astype(np.uint16) * 257))
    out = tmp_path / "sky.png"
    call = ["combine", *files, "-o", str(out), "--stretch", "none"]
    assert main(call) == 0
    picture = read(out)
    np.testing.assert_array_equal(picture.pixels, scene.astype(np.uint16) * 257)
    assert picture.generator is None, "no colour was guessed"
    assert main(call) == 1, "it exists"
    assert main([*call, "--overwrite", "--align", "ecc"]) == 0
    said = capsys.readouterr().err
    assert "R was moved" in said
    assert "degrees (certainty" in said


def test_measured_values_need_a_stretch_and_colors_are_no_exposure(
    tmp_path: Path, scene: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    star = tmp_path / "r.fits"
    star.write_bytes(fits_bytes(scene[..., 0].astype(np.float32) * 40))
    photo = tmp_path / "photo.png"
    write(photo, Picture(scene))
    out = str(tmp_path / "out.png")
    assert main(["combine", *[str(star)] * 3, "-o", out, "--stretch", "none"]) == 1
    assert "none is white by itself" in capsys.readouterr().err
    assert main(["combine", str(star), str(star), str(photo), "-o", out]) == 1
    assert "photo.png is in colour, and an exposure is grey" in capsys.readouterr().err
    assert main(["combine", *[str(star)] * 3, "-o", out, "--stretch", "asinh"]) == 0
