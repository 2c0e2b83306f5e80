"""What a run held out is in its folder, and measures it and others fairly."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from fixtures.training import drawn_folder

from photochrom.cli import FAILED, OK, main
from photochrom.errors import InputError
from photochrom.training import checkpoint
from photochrom.training.data.held_out import held_out_names, write_held_out
from photochrom.training.data.photo_cache import PhotoSet
from photochrom.training.finished_run import photos_of_none
from photochrom.training.loop import Trainer

pytestmark = pytest.mark.slow


@pytest.mark.long
@pytest.mark.long  # two runs, measured
def test_a_run_is_measured_on_what_it_held_out_and_compared_on_what_no_run_learnt_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PHOTOCHROM_LPIPS", raising=False)
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Trainer, "_draw", lambda trainer: None)
    photos = drawn_folder(tmp_path / "photos", 8)
    run, other = tmp_path / "run", tmp_path / "other"
    small = ["data.validation=4", "stages.0.images=4", "stages.1.images=4", "monitor.grid=0"]
    changes = [part for change in small for part in ("--set", change)]
    assert main(["train", "smoke", "--run", str(run), "--data", str(photos), *changes]) == OK
    names = (run / "held-out.txt").read_text().splitlines()
    assert len(names) == 4

    capsys.readouterr()
    out = tmp_path / "o.json"
    assert main(["evaluate", str(run), "--json", str(out)]) == OK
    content = json.loads(out.read_text())
    assert [picture["name"] for picture in content["pictures"]] == sorted(names)
    assert [row["method"] for row in content["rows"]][1:-1] == ["smoke 0.1.0"]
    assert {"accuracy", "accuracy_rebalanced"} <= set(content["rows"][0]["values"])

    shutil.copytree(run, other)
    (other / "held-out.txt").write_text("\n".join(names[1:]))
    lines: list[str] = []
    assert set(photos_of_none([run, other], lines.append).names) == set(names[1:])
    assert lines == [f"1 of the photos are left out: {other} learnt from them"]
    (other / "held-out.txt").unlink()
    capsys.readouterr()
    for command in ("evaluate", "compare"):
        assert main([command, str(other)]) == FAILED
        assert f"{other} has no held-out.txt" in capsys.readouterr().err
    assert main(["compare", "photochrom-base"]) not in (OK, FAILED)
    assert "only runs have held some out" in capsys.readouterr().err


def test_a_run_of_another_method_says_that_it_holds_no_list(tmp_path: Path) -> None:
    table = {"name": "patch-mlp", "method": "patches"}
    checkpoint.save(tmp_path / checkpoint.NAME, checkpoint.Position(), table, {})
    with pytest.raises(InputError, match=r"run of the method 'patches'.* name some by --data"):
        photos_of_none([tmp_path], lambda _: None)


def test_a_run_that_goes_on_lists_nothing_that_it_may_have_learnt_from(tmp_path: Path) -> None:
    def hold_out(*names: str) -> list[str]:
        lines: list[str] = []
        empty = np.zeros(len(names), np.int64)
        photos = PhotoSet(names, empty, np.ones((len(names), 2), np.int64), np.zeros(3, np.uint8))
        write_held_out(tmp_path, photos, lines.append)
        return lines

    assert hold_out("a", "b") == []
    assert hold_out("a", "b", "c") == [], "nothing was learnt before the first checkpoint"
    (tmp_path / checkpoint.NAME).touch()
    assert hold_out("a", "b", "c") == []
    (line,) = hold_out("d", "b")
    assert line.startswith("1 of the 2 photos held out now were not before")
    assert held_out_names(tmp_path) == ("b",)
