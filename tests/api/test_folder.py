"""`folder` colours a folder into another one and says what became of each picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.model import card_with, tiny_model
from numpy.typing import NDArray
from PIL import Image

from photochrom import folder, read
from photochrom.errors import InputError, ModelError, OutputError


@pytest.fixture
def album(tmp_path: Path, grey_scene: NDArray[np.uint8], scene: NDArray[np.uint8]) -> Path:
    place = tmp_path / "album"
    (place / "inner").mkdir(parents=True)
    for name in ("a.png", "b.jpg", "inner/c.png"):
        Image.fromarray(grey_scene).save(place / name)
    Image.fromarray(scene).save(place / "in-color.png")
    (place / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    return place


def test_each_picture_has_an_outcome_and_the_same_call_goes_on(album: Path, tmp_path: Path) -> None:
    out, model = tmp_path / "out", tiny_model(tmp_path / "tiny.onnx")
    steps: list[tuple[int, int | None]] = []

    def note(done: int, total: int | None) -> None:
        steps.append((done, total))

    outcomes = folder(album, out, model=model, device="cpu", progress=note)
    found = {outcome.job.source.name: outcome.status for outcome in outcomes}
    expected = {
        "a.png": "coloured", "b.jpg": "coloured",
        "in-color.png": "in colour", "broken.png": "failed",
    }  # fmt: skip
    assert found == expected
    assert steps == [(done, 4) for done in range(5)]
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.jpg"]
    assert read(out / "a.png").pixels.shape == (90, 120, 3)
    again = folder(album, out, model=model, device="cpu", recursive=True)
    assert {o.job.source.name: o.status for o in again} == {
        **expected, "a.png": "finished", "b.jpg": "finished", "c.png": "coloured",
    }  # fmt: skip
    assert (out / "inner" / "c.png").is_file()
    newer = tiny_model(tmp_path / "newer.onnx", card_text=card_with(version="2.0.0"))
    with pytest.raises(OutputError, match=r"2 of 2 finished pictures .* by tiny 1\.2\.3"):
        folder(album, out, model=newer, device="cpu")
    (out / "a.png").unlink()
    kept = folder(album, out, model=newer, device="cpu", keep_finished=True)
    assert {o.job.source.name: o.model for o in kept if o.status != "failed"} == {
        "a.png": "tiny 2.0.0", "b.jpg": "tiny 1.2.3", "in-color.png": "",
    }  # fmt: skip


def test_a_bar_is_on_stderr(album: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder(album, tmp_path / "out", model=tiny_model(tmp_path / "tiny.onnx"), progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "album" in err
    assert "4/4" in err


def test_what_cannot_be_begun_is_refused(album: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png is no folder; to colour a single picture, call"):
        folder(album / "a.png", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no pictures in the folder .*empty"):
        folder(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(ModelError, match="no model called 'nonsense'"):
        folder(album, tmp_path / "out", model="nonsense")
    options: dict[str, Any] = {"size": 0, "model": tiny_model(tmp_path / "tiny.onnx")}
    assert {o.status for o in folder(album, tmp_path / "out", **options)} == {"failed", "in colour"}
