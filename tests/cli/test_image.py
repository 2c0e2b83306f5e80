"""`photochrom image`, as a person or a program calls it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from fixtures.model import CARD, card_with, tiny_model
from numpy.typing import NDArray
from PIL import Image

from photochrom.cli import main
from photochrom.color.space import rgb_to_lab
from photochrom.imageio import read

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx"))


@pytest.fixture
def photo_file(tmp_path: Path, grey_scene: NDArray[np.uint8]) -> Path:
    path = tmp_path / "photo.jpg"
    Image.fromarray(grey_scene).save(path)
    return path


def test_one_photo_goes_beside_itself(
    photo_file: Path, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["image", str(photo_file), "--model", tiny]) == 0
    with Image.open(photo_file.with_name("photo.color.jpg")) as result:
        assert result.mode == "RGB"
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{photo_file} -> {photo_file.with_name('photo.color.jpg')}" in err
    assert "tiny 1.2.3 on CPU, O" in err


def test_people_read_stderr_and_programs_stdout(
    photo_file: Path, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = photo_file.with_name("missing.jpg")
    arguments = ["image", str(photo_file), str(missing), "--model", tiny, "--json"]
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    records = {Path(r["input"]).name: r for r in map(json.loads, out.splitlines())}
    good, bad = records["photo.jpg"], records["missing.jpg"]
    assert (good["status"], good["width"], good["height"]) == ("coloured", 120, 90)
    assert Path(good["output"]).is_file()
    assert (bad["status"], bad["output"]) == ("failed", None)
    assert "missing.jpg" in bad["message"]
    assert "Error: " in err
    assert "1 coloured, 1 failed." in err


def test_the_same_call_again_has_nothing_to_do(
    photo_file: Path, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["image", str(photo_file.parent), "--model", tiny]
    assert main(arguments) == 0
    capsys.readouterr()
    assert main(arguments) == 0
    assert "--overwrite colours it again" in capsys.readouterr().err


def test_a_folder_begun_with_another_model_is_refused_unless_that_is_meant(
    photo_file: Path, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = str(tiny_model(tmp_path / "newer.onnx", card_text=card_with(version="2.0.0")))
    assert main(["image", str(photo_file), "--model", tiny]) == 0
    other = photo_file.with_name("other.jpg")
    other.write_bytes(photo_file.read_bytes())
    arguments = ["image", str(photo_file), str(other), "--model", newer]
    capsys.readouterr()
    assert main(arguments) == 1
    message = "Error: 1 of 1 finished pictures were coloured by tiny 1.2.3, such as "
    assert message in capsys.readouterr().err
    assert not other.with_name("other.color.jpg").exists()
    assert main([*arguments, "--keep-finished", "--json"]) == 0
    records = map(json.loads, capsys.readouterr().out.splitlines())
    assert {Path(r["input"]).name: (r["status"], r["model"]) for r in records} == {
        "photo.jpg": ("finished", "tiny 1.2.3"),
        "other.jpg": ("coloured", "tiny 2.0.0"),
    }


def test_a_photo_in_colour_is_left_alone_unless_forced(
    tmp_path: Path, tiny: str, scene: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(scene).save(tmp_path / "vivid.png")
    arguments = ["image", str(tmp_path / "vivid.png"), "--model", tiny]
    assert main(arguments) == 0
    assert "--force" in capsys.readouterr().err
    assert not (tmp_path / "vivid.color.png").exists()
    assert main([*arguments, "--force"]) == 0
    assert (tmp_path / "vivid.color.png").exists()


def test_a_hint_colours_its_place(photo_file: Path, tiny: str, tmp_path: Path) -> None:
    for name, extra in (("plain.png", []), ("hinted.png", ["--hint", "60,45,#c02020,30"])):
        arguments = ["image", str(photo_file), "--model", tiny, "-o", str(tmp_path / name)]
        assert main([*arguments, *extra]) == 0
    plain, hinted = (
        np.asarray(Image.open(tmp_path / name)).astype(int) for name in ("plain.png", "hinted.png")
    )
    redness = (hinted[..., 0] - hinted[..., 1]) - (plain[..., 0] - plain[..., 1])
    assert redness[45, 60] > 20
    assert abs(redness[5, 5]) < 5


def test_strokes_colour_their_places_and_hints_count_more(
    photo_file: Path, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    painted = np.zeros((90, 120, 4), np.uint8)
    painted[30:50, 20:100] = (190, 60, 50, 255)
    Image.fromarray(painted).save(tmp_path / "painted.png")
    out = tmp_path / "out.png"
    arguments = ["image", str(photo_file), "--model", tiny, "-o", str(out)]
    strokes = ["--strokes", str(tmp_path / "painted.png")]
    assert main([*arguments, *strokes, "--hint", "80,40,#3c5ab4,5"]) == 0
    rgb = np.asarray(Image.open(out)).astype(int)
    assert rgb[40, 30, 0] - rgb[40, 30, 2] > 40
    assert rgb[40, 80, 2] - rgb[40, 80, 0] > 40
    painted[30:50, 20:100, :3] = (0, 0, 255)
    Image.fromarray(painted).save(tmp_path / "painted.png")
    capsys.readouterr()
    assert main([*arguments, *strokes, "--overwrite"]) == 0
    assert "painted.png does not exist where it is so" in capsys.readouterr().err


def test_variants_are_written_beside_each_other(
    photo_file: Path, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hint = ["--hint", "60,45,#c02020,10"]  # one photograph, however many results
    arguments = ["image", str(photo_file), "--model", tiny, "--variants", "--json", *hint]
    assert main(arguments) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {r["variant"]: Path(r["output"]).name for r in records} == {
        "likely": "photo.color.jpg",
        "detailed": "photo.color.detailed.jpg",
        "warm": "photo.color.warm.jpg",
        "cool": "photo.color.cool.jpg",
    }
    pictures = {r["variant"]: np.asarray(Image.open(r["output"])).astype(int) for r in records}
    warmth = {name: (rgb[..., 0] - rgb[..., 2]).mean() for name, rgb in pictures.items()}
    assert warmth["warm"] > warmth["likely"] > warmth["cool"]
    assert main(arguments) == 0
    states = {json.loads(line)["status"] for line in capsys.readouterr().out.splitlines()}
    assert states == {"finished"}


def test_a_picture_can_be_made_warmer(photo_file: Path, tiny: str, tmp_path: Path) -> None:
    means = []
    for name, extra in (("plain.png", []), ("warm.png", ["--temperature", "15", "--tint", "2"])):
        out = tmp_path / name
        assert main(["image", str(photo_file), "--model", tiny, "-o", str(out), *extra]) == 0
        means.append(np.asarray(Image.open(out)).astype(float).mean(axis=(0, 1)))
    assert means[1][2] < means[0][2] - 5
    assert means[1][0] > means[0][0] + 2


def test_no_vividness_is_the_photo_itself(photo_file: Path, tiny: str, tmp_path: Path) -> None:
    out = tmp_path / "grey.png"
    arguments = ["image", str(photo_file), "--model", tiny, "-o", str(out), "--vividness", "0"]
    assert main(arguments) == 0
    grey = np.asarray(Image.open(photo_file))
    np.testing.assert_array_equal(np.asarray(Image.open(out)), np.dstack([grey] * 3))


def test_folders_keep_their_structure(
    photo_file: Path, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    album = tmp_path / "album" / "war"
    album.mkdir(parents=True)
    photo_file.rename(album / "photo.jpg")
    arguments = ["image", str(tmp_path / "album"), "--model", tiny, "-o", str(tmp_path / "new")]
    assert main(arguments) == 1
    assert "--recursive" in capsys.readouterr().err
    assert main([*arguments, "--recursive"]) == 0
    assert (tmp_path / "new" / "war" / "photo.jpg").is_file()


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--size", "8"], "neither 'auto' nor a number from 32 to 2048"),
        (["--size", "large"], "neither 'auto'"),
        (["--vividness", "-1"], "vividness"),
        (["--vividness", "nan"], "not a finite number"),
        (["--max-megapixels", "inf"], "not a finite number"),
        (["--hint", "1.2.3,4,#ffffff"], "X,Y,COLOR"),
        (["--hint", "1,2"], "X,Y,COLOR"),
        (["--hint", "1,2,#fffff"], "'#fffff' is no colour"),
        (["--device", "tpu"], "openvino"),
        (["--jobs", "0"], "jobs"),
        (["other.jpg", "--hint", "1,2,#ffffff"], "one photograph"),
        (["--area", "1,2,red,0"], "the tolerance of an area is 0.0"),
        (["--area", "1,2"], "X,Y,COLOR,TOLERANCE"),
        (["other.jpg", "--area", "1,2,#ffffff"], "--area speaks of places in one photograph"),
        (["--strokes", "missing.json"], "cannot read missing.json"),
        (["other.jpg", "-o", "one.png"], "give a folder to -o"),
        (["-o", "one.heic"], "cannot be written; use one of"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_a_wrong_call_is_told_before_anything_is_done(
    photo_file: Path,
    tiny: str,
    extra: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["image", str(photo_file), "--model", tiny, *extra]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert [path.name for path in photo_file.parent.iterdir()] == ["photo.jpg"]


def test_an_unknown_model_is_told_once(
    photo_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = photo_file.with_name("other.jpg")
    other.write_bytes(photo_file.read_bytes())
    assert main(["image", str(photo_file), str(other), "--model", "no-such-model"]) == 1
    assert capsys.readouterr().err.count("no-such-model") == 1


def test_a_file_name_cannot_steer_the_terminal(
    tmp_path: Path, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a\x1b[31m\nb.jpg").touch()
    assert main(["image", str(tmp_path), "--model", tiny]) == 1
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert "\\x1b[31m\\nb.jpg" in err


def test_models_shows_a_card(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", tiny]) == 0
    assert "CC0-1.0" in capsys.readouterr().out
    assert main(["models", tiny, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == CARD.name


def test_models_shows_devices_and_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["devices"]["cpu"] is True
    assert shown["auto_device"] in shown["devices"]
    assert main(["models"]) == 0
    assert "openvino" in capsys.readouterr().out


def test_bench_measures_every_stage(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--megapixels", "0.05", "--repeats", "1", "--device", "cpu", "--json"]
    assert main(["bench", "--model", tiny, *options]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    measured = json.loads(line)
    assert set(measured["warm_s"]) == {"decode", "tone", "fit", "network", "compose", "encode"}
    cold = measured["cold"]
    assert cold["seconds"] > measured["warm_total_s"] > 0
    assert cold["peak_mb"] is None or 20 < cold["peak_mb"] < 900


def test_bench_tells_why_it_cannot_measure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--megapixels", "0.05", "--repeats", "1", "--device", "cpu"]
    assert main(["bench", "--model", str(tmp_path / "gone.onnx"), *options]) == 1
    assert "there is no model file" in capsys.readouterr().err


def test_a_folder_says_what_it_left_out(
    photo_file: Path, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.tga", "b.tga", "notes.txt"):
        photo_file.with_name(name).touch()
    call = ["image", str(photo_file.parent), "--model", tiny, "-o", str(photo_file.parent / "out")]
    assert main([*call, "--json"]) == 0
    out, err = capsys.readouterr()
    records = {Path(r["input"]).name: r for r in map(json.loads, out.splitlines())}
    assert records["a.tga"]["status"] == records["notes.txt"]["status"] == "left out"
    assert "TGA is not supported" in records["a.tga"]["message"]
    assert "1 coloured, 3 left out." in err
    assert "left out: 2 x .tga: TGA is not supported" in err
    assert "left out: 1 x .txt: it is no picture by its name" in err
    assert main([*call, "--overwrite", "--fail-on-skipped"]) == 1


def test_pages_damage_and_times_by_options(
    tmp_path: Path,
    grey_scene: NDArray[np.uint8],
    tiny: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pages = [Image.fromarray(np.roll(grey_scene, step, 1)) for step in range(2)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    os.utime(tmp_path / "a.tif", (1e9, 1e9))
    call = ["image", str(tmp_path / "a.tif"), "--model", tiny]
    assert main([*call, "--page", "2", "--keep-time"]) == 0
    result = tmp_path / "a.color.tif"
    assert result.stat().st_mtime == 1e9
    L = rgb_to_lab(read(result).pixels / 255.0)[..., 0]
    expected = rgb_to_lab(np.repeat(np.asarray(pages[1])[..., None], 3, 2) / 255.0)[..., 0]
    assert np.abs(L - expected).max() < 0.6
    assert main([*call, "--pages", "all", "-o", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.p1.tif", "a.p2.tif"]
    assert main([*call, "--page", "3", "--overwrite"]) == 1
    assert "there is no page 3 in it; it holds 2 pages" in capsys.readouterr().err
    assert main([*call, "--page", "1", "--pages", "all"]) == 2
    pages[0].save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:-400])
    call = ["image", str(tmp_path / "cut.png"), "--model", tiny]
    assert main(call) == 1
    assert "--damaged salvage" in capsys.readouterr().err
    assert main([*call, "--damaged", "salvage"]) == 0
    assert "% of the picture are missing" in capsys.readouterr().err


def test_a_red_stamp_keeps_its_colour_unless_all_is_to_be_coloured(
    tmp_path: Path,
    grey_scene: NDArray[np.uint8],
    tiny: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photograph = np.repeat(grey_scene[..., None], 3, axis=2)
    photograph[10:22, 80:92] = (190, 30, 40)
    Image.fromarray(photograph).save(tmp_path / "a.png")
    call = ["image", str(tmp_path / "a.png"), "--model", tiny, "--overwrite"]
    assert main(call) == 0
    assert "keep their colours; --no-keep-colors" in capsys.readouterr().err
    kept = read(tmp_path / "a.color.png").pixels
    np.testing.assert_array_equal(kept[11:21, 81:91], photograph[11:21, 81:91])
    for option in ("--no-keep-colors", "--force"):
        assert main([*call, option]) == 0
        assert "keep their colours" not in capsys.readouterr().err
        anew = read(tmp_path / "a.color.png").pixels
        assert np.abs(anew[11:21, 81:91].astype(int) - photograph[11:21, 81:91]).max() > 40
