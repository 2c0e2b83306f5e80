"""Weights are found in the package or in photochrom-models, and a missing one names its command."""

from __future__ import annotations

from pathlib import Path

import pytest

from photochrom import models_package
from photochrom.engine import find
from photochrom.errors import ModelError
from photochrom.faces import model as face_model
from photochrom.pretrained import MOBILENET_V2, weights_file

RETINA = "engine/models/photochrom-retina.onnx"
COMMAND = "pip install photochrom-models"


@pytest.fixture
def core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package as the core wheel has it: base and film alone. Returns its shelf."""
    folder = tmp_path / "photochrom"
    shelf = folder / "engine" / "models"
    shelf.mkdir(parents=True)
    for name in ("SHA256SUMS", "photochrom-base.onnx", "photochrom-film.onnx"):
        (shelf / name).symlink_to(find.SHIPPED_DIR / name)
    monkeypatch.setattr(models_package, "_PACKAGE", folder)
    monkeypatch.setattr(find, "SHIPPED_DIR", shelf)
    return shelf


def test_without_the_models_package_a_model_names_its_command(core: Path) -> None:
    assert find.shipped_models(core) == ("photochrom-base", "photochrom-film")
    with pytest.raises(ModelError, match=f"photochrom-retina comes with .*{COMMAND}"):
        find.read_model("photochrom-retina", shipped_dir=core)
    with pytest.raises(ModelError, match=COMMAND):
        weights_file(MOBILENET_V2)
    with pytest.raises(ModelError, match=COMMAND):
        face_model.FaceNet()


def test_the_models_package_brings_the_others(
    core: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "photochrom_models"
    (other / "engine" / "models").mkdir(parents=True)
    (other / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    real = Path(find.__file__).parent / "models" / "photochrom-retina.onnx"
    (other / RETINA).symlink_to(real)
    assert find.shipped_models(core)[-1] == "photochrom-retina"
    assert find.read_model("photochrom-retina", shipped_dir=core)[0] == other / RETINA
    (other / RETINA).unlink()
    (other / RETINA).write_bytes(b"another version's")
    with pytest.raises(ModelError, match="force-reinstall photochrom-models"):
        find.read_model("photochrom-retina", shipped_dir=core)
