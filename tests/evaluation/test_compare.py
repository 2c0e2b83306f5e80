"""``photochrom compare``: what a table of several models says, and what it leaves behind."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.model import CARD, tiny_model
from numpy.typing import NDArray
from PIL import Image

from photochrom.cli import FAILED, OK, main
from photochrom.evaluation.cost import count_macs, milliseconds
from photochrom.evaluation.run import Method
from photochrom.hints import Hint


@pytest.fixture(autouse=True)
def no_lpips_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHOTOCHROM_LPIPS", raising=False)
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path: Path, scene: NDArray[np.uint8]) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, shift in (("a.png", 0), ("b.png", 40)):
        Image.fromarray(np.roll(scene, shift, axis=1)[:96, :100]).save(folder / name)
    return folder


@pytest.fixture
def models(tmp_path: Path) -> list[str]:
    card = dataclasses.replace(CARD, parameters=2_340_000)
    tiny = tiny_model(tmp_path / "tiny.onnx", card=card)
    pale = tiny_model(tmp_path / "pale.onnx", card=card, ab_scale=0.5)
    return [str(tiny), f"half as vivid={pale}"]


def test_one_table_has_every_model_with_figures_and_costs(
    photos: Path, models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["compare", *models, "--data", str(photos), "-o", str(out)]) == OK
    printed = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in printed] == [
        "method", "grey", "tiny", "half as vivid", "true",
    ]  # fmt: skip
    assert "±" in printed[2]
    head, _, grey, tiny, pale, true = (out / "compare.md").read_text().splitlines()
    cells = dict(zip(head.split(" | "), tiny.split(" | "), strict=True))
    assert "[" in cells["CIEDE2000"]
    assert cells["parameters, M"] == "2.34"
    assert len({line.count("|") for line in (head, grey, tiny, pale, true)}) == 1
    page = (out / "blind-test.html").read_text()
    trials = json.loads(page.split("const trials = ", 1)[1].split(";\n", 1)[0])
    counts = Counter((trial["kind"], trial["method"]) for trial in trials)
    kinds = [("pair", "tiny"), ("pair", "half as vivid"), ("mark", "tiny"),
             ("mark", "half as vivid"), ("mark", "true")]  # fmt: skip
    assert counts == dict.fromkeys(kinds, 2)
    assert all(len(trial["true"]) > 100 for trial in trials if trial["kind"] == "pair")
    assert "$" not in page.replace("${", "")
    content: dict[str, Any] = json.loads((out / "compare.json").read_text())
    assert list(content["costs"]) == ["tiny", "half as vivid"]
    assert content["costs"]["tiny"]["images_per_s"] is None
    rows = {row["method"]: row["values"] for row in content["rows"]}
    assert rows["half as vivid"]["colourfulness"]["value"] < rows["tiny"]["colourfulness"]["value"]


def test_on_the_page_each_photo_is_a_row_and_each_method_a_column(
    photos: Path, models: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert main(["compare", *models, "--data", str(photos), "-o", str(out)]) == OK
    page = (out / "gallery.html").read_text(encoding="utf-8")
    rows = page.split("<article")[1:]
    assert len(rows) == 2
    for row in rows:
        assert all(f"<b>{name}</b>" in row for name in ("grey", "tiny", "half as vivid", "true"))
        assert row.count("<figure>") == 4
    assert "minmax(min(100%, 100%), 1fr)" in page
    assert "MACs at 256²" in page


@pytest.mark.hosts
def test_the_blind_test_counts_what_a_person_answers(
    photos: Path, models: list[str], tmp_path: Path, chromium: Any
) -> None:
    out = tmp_path / "out"
    assert main(["compare", *models, "--data", str(photos), "-o", str(out)]) == OK
    page = chromium.new_page()
    page.goto((out / "blind-test.html").as_uri())
    marks = {"tiny": [2, 4], "half as vivid": [3, 3], "true": [5, 5]}
    for _ in range(10):
        trial = page.evaluate("trials[now]")
        if trial["kind"] == "mark":
            page.get_by_role("button", name=str(marks[trial["method"]].pop()), exact=True).click()
        else:
            chosen = trial["colored" if trial["method"] == "tiny" else "true"]
            page.locator(f"button:has(img[src$='{chosen}'])").click()
    rows = page.locator("#results tr").all()
    assert {row.locator("td").first.inner_text(): row.locator("td").all_inner_texts()[1:]
            for row in rows[1:]} == {
        # Wilson's interval of 2 and of 0 in 2; the mean of 2 and 4 with 1.96 times √2 / √2.
        "tiny": ["100 % [34 %, 100 %]", "2", "3.00 [1.04, 4.96]", "2"],
        "half as vivid": ["0 % [0 %, 66 %]", "2", "3.00 [3.00, 3.00]", "2"],
        "true": ["", "", "5.00 [5.00, 5.00]", "2"],
    }  # fmt: skip
    with page.expect_download() as download:
        page.get_by_role("button", name="Save them as JSON").click()
    saved = json.loads(Path(download.value.path()).read_text())
    assert len(saved["answers"]) == 10
    assert saved["summary"]["tiny"]["fooled"] == 2
    page.close()


@pytest.mark.slow
def test_a_comparison_is_not_replaced_unasked_and_names_are_told_apart(
    photos: Path, models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["compare", models[0], "--data", str(photos), "-o", str(tmp_path / "out")]
    assert main(arguments) == OK
    assert main(arguments) == FAILED
    assert "--overwrite" in capsys.readouterr().err
    assert main([*arguments, models[0], "--overwrite"]) == FAILED
    assert "tiny; rename" in capsys.readouterr().err
    assert (
        main(["compare", str(photos), "--data", str(photos), "-o", str(tmp_path / "x")]) == FAILED
    )
    assert "holds no run" in capsys.readouterr().err


def test_multiplications_are_those_of_the_networks_products(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "tiny.onnx")
    # 1x1 convolutions at a quarter of 256: four channels to two, and two to one.
    assert count_macs(model) == 64 * 64 * (4 * 2 + 2 * 1)


@pytest.mark.slow
def test_a_blend_is_compared_with_what_it_is_made_of(
    photos: Path, models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny, pale = models[0], models[1].partition("=")[2]
    blends = [f"blend:{tiny}:{pale}:{weight}" for weight in ("0.25", "0.75")]
    out = tmp_path / "out"
    assert main(["compare", tiny, *blends, "--data", str(photos), "-o", str(out)]) == OK
    content: dict[str, Any] = json.loads((out / "compare.json").read_text())
    assert list(content["costs"]) == ["tiny", *blends]
    assert content["costs"][blends[0]]["macs"] == 2 * content["costs"]["tiny"]["macs"]
    of_tiny, of_blend = content["methods"][:2]
    assert of_blend["file"] == "tiny.onnx+pale.onnx"
    assert of_blend["sha256"].startswith(f"{of_tiny['sha256']}+")
    capsys.readouterr()
    (tmp_path / "file").write_text("no folder")
    arguments = ["compare", tiny, "--data", str(photos), "-o", str(tmp_path / "file" / "x")]
    assert main(arguments) == FAILED
    assert "cannot be made: Not a directory" in capsys.readouterr().err


def test_the_time_of_a_photo_is_a_median_over_the_photos() -> None:
    seen: list[tuple[int, ...]] = []

    def color(grey: NDArray[np.uint8], *, hints: Sequence[Hint] = ()) -> NDArray[np.uint8]:
        assert not hints
        seen.append(grey.shape)
        return np.repeat(grey[..., None], 3, axis=-1)

    (ms,) = milliseconds([Method("x", color)], [np.zeros((4, 5), np.uint8)] * 2)
    assert 0 < ms < 1000
    assert set(seen) == {(4, 5)}
