"""Which files are coloured, and where the results go."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from photochrom.batch import places, plan
from photochrom.cli.film_arguments import plan_targets
from photochrom.errors import InputError
from photochrom.imageio import DEFAULT_MAX_PIXELS, reading
from photochrom.variants import VARIANTS


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder with pictures, results, hidden and other files, and a subfolder."""
    folder = tmp_path / "album"
    names = ["b.jpg", "A.PNG", "b.color.jpg", "scan.heic", ".hidden.jpg", "notes.txt", "war/c.tif"]
    for name in [*names, "war/deep/d.webp", ".trash/e.jpg"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def planned(*paths: Path, out: Path | None = None, recursive: bool = False) -> dict[str, str]:
    """Names of inputs and results, relative to the folder above the album."""
    jobs = [job for job in plan(paths, out, recursive=recursive) if not job.skip_reason]
    assert all(job.problem is None for job in jobs)
    root = paths[0].parent if paths[0].name == "album" else paths[0].parent.parent
    return {
        job.source.relative_to(root).as_posix(): job.target.relative_to(root).as_posix()
        for job in jobs
    }


def test_results_go_beside_the_inputs(album: Path) -> None:
    assert planned(album) == {
        "album/A.PNG": "album/A.color.PNG",
        "album/b.jpg": "album/b.color.jpg",
        "album/scan.heic": "album/scan.heic.color.jpg",
    }


def test_variants_lie_beside_each_other(album: Path, tmp_path: Path) -> None:
    jobs = plan([album / "b.jpg", album / "scan.heic"], variants=VARIANTS)
    assert [(job.variant.name, job.target.name) for job in jobs[:4]] == [
        ("likely", "b.color.jpg"),
        ("detailed", "b.color.detailed.jpg"),
        ("warm", "b.color.warm.jpg"),
        ("cool", "b.color.cool.jpg"),
    ]
    assert jobs[6].target.name == "scan.heic.color.warm.jpg"
    assert jobs[6].transparent_target == album / "scan.heic.color.warm.png"
    last = plan([album / "b.jpg"], tmp_path / "one.png", variants=VARIANTS)[-1]
    assert last.target == tmp_path / "one.cool.png"


def test_variants_are_results_and_no_inputs(album: Path) -> None:
    (album / "b.color.warm.jpg").touch()
    (album / "b.warm.jpg").touch()
    assert "album/b.color.warm.jpg" not in planned(album)
    assert "album/b.warm.jpg" in planned(album)


def test_a_variant_does_not_take_the_place_of_another_result(album: Path, tmp_path: Path) -> None:
    (album / "b.warm.jpg").touch()
    jobs = plan([album / "b.jpg", album / "b.warm.jpg"], tmp_path / "new", variants=VARIANTS)
    (clash,) = [job for job in jobs if job.problem is not None]
    assert (clash.source.name, clash.variant.name) == ("b.warm.jpg", "likely")
    assert "b.warm.jpg like" in str(clash.problem)


@pytest.mark.parametrize("folder", ["__MACOSX", "@eaDir/b.jpg", "#recycle", "$RECYCLE.BIN"])
def test_what_systems_keep_beside_pictures_is_left_aside(album: Path, folder: str) -> None:
    (album / folder).mkdir(parents=True)
    for name in ("b.jpg", "SYNOPHOTO_THUMB_XL.jpg", "index.db"):
        (album / folder / name).touch()
    assert not [job for job in plan([album], recursive=True) if folder in str(job.source)]


def test_an_output_folder_keeps_names_and_structure(album: Path, tmp_path: Path) -> None:
    assert planned(album, out=tmp_path / "new", recursive=True) == {
        "album/A.PNG": "new/A.PNG",
        "album/b.jpg": "new/b.jpg",
        "album/scan.heic": "new/scan.heic.jpg",
        "album/war/c.tif": "new/war/c.tif",
        "album/war/deep/d.webp": "new/war/deep/d.webp",
    }


def test_results_inside_the_album_are_not_inputs(album: Path) -> None:
    (album / "new").mkdir()
    (album / "new" / "b.jpg").touch()
    inputs = planned(album, out=album / "new", recursive=True)
    assert not [name for name in inputs if "new" in name]


def test_a_file_is_taken_whatever_its_name(album: Path) -> None:
    assert planned(album / "b.color.jpg") == {"album/b.color.jpg": "album/b.color.color.jpg"}
    assert planned(album / "notes.txt") == {"album/notes.txt": "album/notes.txt.color.png"}


def test_one_file_can_be_given_its_result(album: Path, tmp_path: Path) -> None:
    (job,) = plan([album / "b.jpg"], tmp_path / "result.png")
    assert job.target == tmp_path / "result.png"
    (tmp_path / "odd.png").mkdir()
    (job,) = plan([album / "b.jpg"], tmp_path / "odd.png")
    assert job.target == tmp_path / "odd.png" / "b.jpg"


def test_many_pictures_do_not_fit_into_one_file(album: Path, tmp_path: Path) -> None:
    for paths in ([album], [album / "b.jpg", album / "A.PNG"]):
        with pytest.raises(InputError, match="give a folder to -o"):
            plan(paths, tmp_path / "result.png")


@pytest.mark.parametrize("name", ["result.gif", "result.HEIC"])
def test_a_result_of_a_format_that_is_only_read_is_refused(album: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"cannot be written; use one of .*\.png"):
        plan([album / "b.jpg"], Path(name))


def test_the_same_picture_twice_is_one_job(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(planned(album / "b.jpg", album / "b.jpg", album)) == 3
    monkeypatch.chdir(tmp_path)
    (job,) = plan([Path("album/b.jpg"), album / "b.jpg"])
    assert job.problem is None


@pytest.mark.parametrize(("first", "second"), [("A.jpg", "a.jpg"), ("\xe9.jpg", "e\u0301.jpg")])
def test_names_that_are_one_for_a_file_system_share_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    inputs = [tmp_path / "x" / first, tmp_path / "y" / second]
    for path in inputs:
        path.parent.mkdir()
        path.touch()
    out = tmp_path / "new" / "out"
    every = places.name_rules(out)
    assert every == places.name_rules(tmp_path), "what is not there yet is as the folder above"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    if not any(every):
        assert [job.problem for job in plan(inputs, out)] == [None, None]
    monkeypatch.setattr(places, "name_rules", lambda _: places.NameRules(True, True))
    job, clash = plan(inputs, out)
    assert (job.source, job.problem) == (inputs[0], None)
    assert f"{second} (here the same as {out / first}) like {inputs[0]}" in str(clash.problem)
    (over,) = plan([inputs[0]], inputs[0].with_name(second))
    assert "would be written over the input" in str(over.problem)
    films = [path.with_suffix(".mp4") for path in inputs]
    out.mkdir(parents=True)
    with pytest.raises(click.UsageError, match="would both become"):
        plan_targets(films, out, "color", "h264")


def test_pictures_that_differ_only_in_format_have_results_of_their_own(album: Path) -> None:
    (album / "scan.jpg").touch()
    (album / "scan.gif").touch()
    targets = [job.target.name for job in plan([album]) if job.source.stem == "scan"]
    assert targets == ["scan.gif.color.png", "scan.heic.color.jpg", "scan.color.jpg"]


def test_two_pictures_never_share_a_result(album: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "b.jpg").touch()
    jobs = plan([album, tmp_path / "other"], tmp_path / "new")
    (problem,) = [str(job.problem) for job in jobs if job.problem is not None]
    assert "other/b.jpg would be written to" in problem
    assert len({job.target for job in jobs}) == len(jobs)


def test_a_link_to_nothing_is_a_picture_that_fails_and_to_a_folder_is_none(album: Path) -> None:
    (album / "gone.jpg").symlink_to("nowhere.jpg")
    (album / "circle.jpg").symlink_to("circle.jpg")
    (album / "circle.txt").symlink_to("circle.txt")
    (album / "folder.jpg").symlink_to(album / "war")
    names = {job.source.name for job in plan([album], recursive=True)}
    assert {"gone.jpg", "circle.jpg"} <= names
    assert "folder.jpg" not in names


def test_names_that_the_system_refuses_are_left_to_the_reader(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for path in (tmp_path / ("n" * 300 + ".jpg"), tmp_path / "a" / "x.jpg"):
        (job,) = plan([path])
        assert (job.source, job.problem) == (path, None)


def test_a_folder_that_cannot_be_read_costs_only_its_own_pictures(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def closed(folder: Path) -> Any:
        if folder.name == "deep":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    (album / "yard").mkdir()
    (album / "yard" / "f.jpg").touch()
    monkeypatch.setattr(os, "scandir", closed)
    jobs = plan([album], recursive=True)
    (problem,) = [str(job.problem) for job in jobs if job.problem is not None]
    assert "war/deep cannot be read: Permission denied" in problem
    assert "f.jpg" in {job.source.name for job in jobs}


@pytest.mark.parametrize("link", [False, True])
def test_inputs_are_never_results(album: Path, tmp_path: Path, link: bool) -> None:
    out = album
    if link:
        out = tmp_path / "link"
        out.symlink_to(album)
    jobs = {job.source.name: job.problem for job in plan([album], out)}
    assert "would be written over the input" in str(jobs["b.jpg"])
    assert "would be written over the input" in str(jobs["A.PNG"])
    assert jobs["scan.heic"] is None


def test_a_link_to_an_input_is_no_place_for_a_result(album: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b.jpg").symlink_to(album / "A.PNG")
    jobs = {job.source.name: job.problem for job in plan([album], tmp_path / "out")}
    assert "would be written over the input" in str(jobs["b.jpg"])
    assert jobs["A.PNG"] is None


def test_a_folder_without_pictures_is_told(tmp_path: Path) -> None:
    (job,) = plan([tmp_path])
    assert "no pictures in the folder" in str(job.problem)
    assert "--recursive" in str(job.problem)
    (job,) = plan([tmp_path], recursive=True)
    assert "--recursive" not in str(job.problem)
    assert len(plan([tmp_path], variants=VARIANTS)) == 1


def test_what_a_folder_leaves_out_has_a_reason(album: Path) -> None:
    for name in ("a.tga", "film.mp4", "README", "Thumbs.db", ".hidden.tga", "b.color.jpg"):
        (album / name).touch()
    reasons = {job.source.name: job.skip_reason for job in plan([album]) if job.skip_reason}
    assert reasons == {
        "README": "it is no picture by its name",
        "a.tga": "TGA is not supported; convert it to TIFF or PNG",
        "film.mp4": "a film's format is not supported; it may be a film, which photochrom film "
        "colours",
        "notes.txt": "it is no picture by its name",
    }


def test_a_folder_without_pictures_is_a_problem_and_its_files_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.tga").touch()
    left_out, problem = plan([tmp_path])
    assert left_out.skip_reason
    assert "no pictures in the folder" in str(problem.problem)


def test_every_page_has_a_result_of_its_own(
    tmp_path: Path, grey_scene: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [Image.fromarray(np.roll(grey_scene, step, 1)) for step in range(3)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "b.png")
    (tmp_path / "c.tif").write_bytes(b"no TIFF")
    jobs = plan([tmp_path], tmp_path / "out", all_pages=True)
    assert [(job.page, job.target.name) for job in jobs] == [
        *((1, "a.p1.tif"), (2, "a.p2.tif"), (3, "a.p3.tif")),
        *((None, "b.png"), (None, "c.tif")),
    ]
    jobs = plan([tmp_path / "a.tif"], variants=VARIANTS[:2], all_pages=True)
    assert [job.target.name for job in jobs][:2] == [
        "a.color.p1.tif",
        f"a.color.p1.{VARIANTS[1].name}.tif",
    ]
    for job in jobs:
        job.target.touch()
    assert [job.source.name for job in plan([tmp_path])] == ["a.tif", "b.png", "c.tif"]
    # A file that is allowed to be larger is looked into, too.
    monkeypatch.setattr(reading, "_SPARE_BYTES", 100 - 16 * DEFAULT_MAX_PIXELS)
    for most, count in ((DEFAULT_MAX_PIXELS, 1), (2 * DEFAULT_MAX_PIXELS, 3)):
        assert len(plan([tmp_path / "a.tif"], all_pages=True, max_pixels=most)) == count
