"""The weights of published networks are there, are what they were, and bring their licences."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from photochrom import pretrained
from photochrom.errors import MissingDependencyError, ModelError
from photochrom.pretrained import PRETRAINED, PretrainedWeights, weights_file

FOLDER = Path(pretrained.__file__).parent


@pytest.mark.parametrize("name", PRETRAINED)
def test_the_weights_are_the_published_ones(name: str) -> None:
    assert weights_file(name).is_file()


def test_every_file_is_in_the_table_and_has_its_licence() -> None:
    shipped = {w.file for w in PRETRAINED.values() if w.module == pretrained.__name__}
    assert shipped == {
        path.name for kind in ("*.safetensors", "*.onnx") for path in FOLDER.glob(kind)
    }
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("| `")]
    assert {re.findall(r"`([^`]+)`", row)[0] for row in rows} == shipped
    licences = {name for row in rows for name in re.findall(r"LICENSE-\w+\.txt", row)}
    assert all("LICENSE" in row for row in rows)
    assert licences == {path.name for path in FOLDER.glob("LICENSE-*.txt")}


def test_what_is_missing_or_damaged_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights_of_others").mkdir()
    (tmp_path / "weights_of_others" / "__init__.py").touch()
    (tmp_path / "weights_of_others" / "cut.safetensors").write_bytes(b"cut")
    monkeypatch.syspath_prepend(str(tmp_path))
    for module, file, kind, message in (
        ("no_such_package", "a", MissingDependencyError, r"'odd' needs no_such_package.*\[train\]"),
        ("weights_of_others", "b", ModelError, r"cannot read .*reinstall weights-of-others"),
        ("weights_of_others", "cut.safetensors", ModelError, "not the file that was published"),
    ):
        monkeypatch.setitem(PRETRAINED, "odd", PretrainedWeights(module, file, "0" * 64))
        with pytest.raises(kind, match=message):
            weights_file("odd")
