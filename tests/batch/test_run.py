"""Files are coloured one by one: a failure concerns one of them, and says what to do now."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fixtures.model import card_with, tiny_model
from numpy.typing import NDArray
from PIL import Image

from photochrom import batch
from photochrom.atomic import replacement_file
from photochrom.batch import BatchOptions, Job, Outcome, color_files, plan, run
from photochrom.batch.run import load_tools
from photochrom.errors import InputError, ModelError, OutputError
from photochrom.imageio import read, write
from photochrom.variants import colorize_variant


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture
def album(tmp_path: Path, grey_scene: NDArray[np.uint8], scene: NDArray[np.uint8]) -> Path:
    """A folder with two good pictures, one in colour, and three that are broken."""
    folder = tmp_path / "album"
    folder.mkdir()
    Image.fromarray(grey_scene).save(folder / "good.jpg")
    Image.fromarray(grey_scene).save(folder / "good.png")
    Image.fromarray(scene).save(folder / "vivid.png")
    (folder / "cut.jpg").write_bytes((folder / "good.jpg").read_bytes()[:900])
    (folder / "empty.png").touch()
    (folder / "text.jpg").write_text("Dear Sir or Madam,\n" * 50)
    return folder


def colored(paths: Path | list[Path], tiny: Path, **settings: Any) -> dict[str, Outcome]:
    """Outcomes by the name of the input."""
    jobs = plan([paths] if isinstance(paths, Path) else paths)
    outcomes = color_files(jobs, BatchOptions(model=tiny, device="cpu", **settings))
    return {outcome.job.source.name: outcome for outcome in outcomes}


def test_the_network_says_how_sure_it_is_only_where_that_is_wanted(tiny: Path) -> None:
    planes = np.zeros((1, 4, 64, 64), np.float32)
    for wanted in ("none", "full"):
        tools = load_tools(tiny, BatchOptions(device="cpu"), confidence=wanted)
        assert (tools.network(planes).confidence is not None) == (wanted == "full")


def test_a_bad_file_does_not_stop_the_others(album: Path, tiny: Path) -> None:
    before = {path.name: path.read_bytes() for path in album.iterdir()}
    outcomes = colored(album, tiny)
    assert {name: outcome.status for name, outcome in outcomes.items()} == {
        "good.jpg": "coloured",
        "good.png": "coloured",
        "vivid.png": "in colour",
        "cut.jpg": "failed",
        "empty.png": "failed",
        "text.jpg": "failed",
    }
    for name in ("cut.jpg", "empty.png", "text.jpg"):
        assert name in outcomes[name].message
    after = {path.name: path.read_bytes() for path in album.iterdir()}
    assert set(after) - set(before) == {"good.color.jpg", "good.color.png"}
    assert {name: after[name] for name in before} == before


def test_a_coloured_file_says_that_its_colour_was_generated(album: Path, tiny: Path) -> None:
    outcome = colored(album / "good.jpg", tiny)["good.jpg"]
    content = outcome.job.target.read_bytes()
    assert b"compositeWithTrainedAlgorithmicMedia" in content
    assert b"tiny 1.2.3 (photochrom " in content
    assert (outcome.model, outcome.size) == ("tiny 1.2.3", (90, 120))
    assert outcome.device.startswith("CPU, ONNX Runtime")


def test_what_is_finished_is_not_touched_again(album: Path, tiny: Path) -> None:
    first = colored(album / "good.jpg", tiny)["good.jpg"].job.target
    stamp = first.stat().st_mtime_ns
    assert colored(album, tiny)["good.jpg"].status == "finished"
    assert first.stat().st_mtime_ns == stamp
    assert colored(album / "good.jpg", tiny, overwrite=True)["good.jpg"].status == "coloured"
    assert first.stat().st_mtime_ns != stamp


def test_a_folder_does_not_go_on_in_the_colors_of_another_model(
    album: Path, tiny: Path, tmp_path: Path
) -> None:
    newer = tiny_model(tmp_path / "newer.onnx", card_text=card_with(version="2.0.0"), ab_scale=0.5)
    again = tiny_model(tmp_path / "again.onnx", ab_scale=0.5)  # of the same name and version
    first = colored(album / "good.jpg", tiny)["good.jpg"].job.target
    stamp = first.stat().st_mtime_ns
    for model, words in (
        (newer, "coloured by tiny 1.2.3, such as .*good.color.jpg, and this is tiny 2.0.0; --over"),
        (again, "coloured by another tiny 1.2.3, such as .*; .*--keep-finished keeps them"),
    ):
        with pytest.raises(OutputError, match=f"1 of 1 finished pictures were {words}"):
            colored(album, model)
    assert not (album / "good.color.png").exists()
    outcomes = colored(album, newer, keep_finished=True)
    assert (outcomes["good.jpg"].status, outcomes["good.jpg"].model) == ("finished", "tiny 1.2.3")
    assert (outcomes["good.png"].status, outcomes["good.png"].model) == ("coloured", "tiny 2.0.0")
    assert first.stat().st_mtime_ns == stamp
    outcomes = colored(album, newer, overwrite=True)
    assert outcomes["good.jpg"].model == "tiny 2.0.0"
    assert colored(album, newer)["good.jpg"].status == "finished"


def test_marks_without_a_checksum_are_known_by_name_and_version(
    album: Path, tiny: Path, tmp_path: Path
) -> None:
    mark = "tiny 1.2.3 (photochrom 0.1.0)"
    write(album / "good.color.jpg", read(album / "good.jpg"), generator=mark)
    assert colored(album, tiny)["good.png"].status == "coloured"
    write(album / "good.color.jpg", read(album / "good.jpg"), generator="a painter", overwrite=True)
    (album / "good.color.png").unlink()
    newer = tiny_model(tmp_path / "newer.onnx", card_text=card_with(version="2.0.0"))
    outcomes = colored(album, newer)
    assert (outcomes["good.jpg"].status, outcomes["good.jpg"].model) == ("finished", "")


def test_nothing_to_do_needs_no_model(album: Path, tiny: Path) -> None:
    colored(album / "good.jpg", tiny)
    assert colored(album / "good.jpg", Path("gone.onnx"))["good.jpg"].status == "finished"


def test_a_missing_model_stops_everything(album: Path) -> None:
    with pytest.raises(ModelError, match=r"no model file gone/gone\.onnx"):
        colored(album, Path("gone/gone.onnx"))


def test_a_picture_in_colour_is_coloured_when_forced(album: Path, tiny: Path) -> None:
    outcome = colored(album / "vivid.png", tiny, force=True)["vivid.png"]
    assert outcome.status == "coloured"


def test_a_sepia_print_counts_as_monochrome(
    album: Path, tiny: Path, grey_scene: NDArray[np.uint8]
) -> None:
    sepia = np.clip(grey_scene[..., None] * [1.0, 0.86, 0.66], 0, 255).astype(np.uint8)
    Image.fromarray(sepia).save(album / "sepia.png")
    assert colored(album / "sepia.png", tiny)["sepia.png"].status == "coloured"


def test_transparency_and_depth_are_kept(
    tmp_path: Path, tiny: Path, grey_scene: NDArray[np.uint8]
) -> None:
    alpha = np.tile(np.arange(120, dtype=np.uint8), (90, 1))
    Image.fromarray(np.dstack([grey_scene, alpha]), "LA").save(tmp_path / "alpha.png")
    deep = grey_scene.astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "deep.png")
    outcomes = colored([tmp_path / "alpha.png", tmp_path / "deep.png"], tiny)
    kept = read(outcomes["alpha.png"].job.target).alpha
    assert kept is not None
    np.testing.assert_array_equal(kept, alpha)
    assert read(outcomes["deep.png"].job.target).pixels.dtype == np.uint16


@pytest.mark.parametrize(
    ("target", "notes"), [("a.tif", 0), ("a.png", 0), ("a.jpg", 1), ("a.webp", 1)]
)
def test_depth_that_the_result_cannot_hold_is_told(
    tmp_path: Path, tiny: Path, grey_scene: NDArray[np.uint8], target: str, notes: int
) -> None:
    Image.fromarray(grey_scene.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    jobs = plan([tmp_path / "deep.png"], tmp_path / target)
    (outcome,) = color_files(jobs, BatchOptions(model=tiny, device="cpu"))
    assert outcome.status == "coloured"
    assert ["more than 8 bits" in note for note in outcome.notes] == [True] * notes


def test_a_larger_picture_than_allowed_is_refused(album: Path, tiny: Path) -> None:
    message = colored(album / "good.png", tiny, max_pixels=10_000)["good.png"].message
    assert "--max-megapixels" in message


def test_a_folder_that_cannot_be_made_is_told(album: Path, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    jobs = plan([album / "good.jpg"], tmp_path / "file" / "deep")
    (outcome,) = color_files(jobs, BatchOptions(model=tiny))
    assert (outcome.status, "cannot be made" in outcome.message) == ("failed", True)


@pytest.mark.parametrize(
    ("place", "message"), [("closed", "permission denied"), ("closed/new/deep", "is not writable")]
)
def test_a_closed_folder_is_told_before_the_work(
    album: Path,
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    message: str,
) -> None:
    (tmp_path / "closed").mkdir()
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path / "closed")
    monkeypatch.setattr(batch.run, "read", lambda *_, **__: pytest.fail("it was read"))
    jobs = plan([album / "good.jpg"], tmp_path / place)
    (outcome,) = color_files(jobs, BatchOptions(model=tiny, device="cpu"))
    assert (outcome.status, message in outcome.message) == ("failed", True)


def test_an_output_that_is_the_input_is_refused(album: Path, tiny: Path) -> None:
    (album / "link.jpg").hardlink_to(album / "good.jpg")
    before = (album / "good.jpg").read_bytes()
    job = Job(album / "good.jpg", album / "link.jpg")
    (outcome,) = color_files([job], BatchOptions(model=tiny, overwrite=True))
    assert (outcome.status, "is the input" in outcome.message) == ("failed", True)
    assert (album / "good.jpg").read_bytes() == before


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "more memory"),
        (cv2.error("(-4:Insufficient memory) Failed to allocate 9 bytes"), "more memory"),
        (OSError(5, "Input/output error"), "good.jpg could not be coloured: Input/output error"),
        (ZeroDivisionError("by zero"), "mistake in photochrom (ZeroDivisionError: by zero)"),
        (InputError("the hint is odd."), "good.jpg: the hint is odd."),
    ],
)
def test_whatever_goes_wrong_with_a_picture_concerns_it_alone(
    album: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def failing_once(*_: Any, **__: Any) -> NDArray[Any]:
        monkeypatch.setattr(batch.run, "colorize_variant", colorize_variant)
        raise error

    monkeypatch.setattr(batch.run, "colorize_variant", failing_once)
    paths = [album / "good.jpg", album / "good.png"]
    jobs = plan(paths)
    settings = BatchOptions(model=tiny, device="cpu")
    first, second = color_files(jobs, settings, in_flight=1)
    assert (first.status, message in first.message) == ("failed", True), first.message
    assert second.status == "coloured"


def test_a_name_that_has_no_room_for_the_mark_is_told(album: Path, tiny: Path) -> None:
    name = "n" * 248 + ".png"
    (album / "good.png").rename(album / name)
    outcomes = colored([album / name, album / "good.jpg"], tiny)
    assert "the name is too long" in outcomes[name].message
    assert outcomes["good.jpg"].status == "coloured"


def test_what_a_killed_process_left_is_removed_also_where_all_is_finished(
    album: Path, tiny: Path
) -> None:
    old, foreign = (album / f".{name}.tmp" for name in ("photochrom-1", "x"))
    colored(album / "good.jpg", tiny)
    for path in (old, foreign):
        path.touch()
        os.utime(path, (0, 0))
    with replacement_file(album / "other.png", overwrite=False) as in_work:
        colored(album / "good.jpg", tiny)
        assert [path.exists() for path in (old, in_work, foreign)] == [False, True, True]
        in_work.write_bytes(b"whole")


def test_pictures_in_flight_give_the_same_results(album: Path, tiny: Path, tmp_path: Path) -> None:
    for number in range(6):
        (album / f"copy{number}.png").hardlink_to(album / "good.png")
    results = []
    for in_flight in (1, 3):
        jobs = plan([album], tmp_path / str(in_flight))
        settings = BatchOptions(model=tiny, device="cpu")
        outcomes = list(color_files(jobs, settings, in_flight=in_flight))
        assert len(outcomes) == len(jobs)
        results.append(
            {path.name: path.read_bytes() for path in (tmp_path / str(in_flight)).iterdir()}
        )
    assert results[0] == results[1]


def test_stopping_early_leaves_whole_files(album: Path, tiny: Path, tmp_path: Path) -> None:
    jobs = plan([album], tmp_path / "out")
    some: Any = color_files(jobs, BatchOptions(model=tiny, device="cpu"), in_flight=2)
    while next(some).status != "coloured":
        pass
    some.close()
    for path in (tmp_path / "out").iterdir():
        assert read(path).pixels.shape == (90, 120, 3)


def test_what_another_run_has_finished_meanwhile_has_not_failed(
    album: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = run.load_tools

    def slow(*arguments: Any, **settings: Any) -> Any:
        (album / "good.color.jpg").write_bytes((album / "good.jpg").read_bytes())
        return load(*arguments, **settings)

    monkeypatch.setattr(run, "load_tools", slow)
    outcomes = colored([album / "good.png", album / "good.jpg"], tiny, match="series")
    assert [outcomes[name].status for name in ("good.png", "good.jpg")] == ["coloured", "finished"]


def test_many_pictures_are_looked_through_in_the_thread_that_ctrl_c_stops(
    album: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, threads = run._series_look, set()

    def watched(*arguments: Any) -> Any:
        threads.add(threading.current_thread())
        return look(*arguments)

    monkeypatch.setattr(run, "_series_look", watched)
    outcomes = colored([album / "good.jpg", album / "good.png"], tiny, match="series")
    assert {outcome.status for outcome in outcomes.values()} == {"coloured"}
    assert threads == {threading.current_thread()}


@pytest.mark.skipif(os.name != "posix", reason="permission bits are those of POSIX")
def test_a_private_file_on_standard_input_has_a_private_result(album: Path, tiny: Path) -> None:
    (album / "good.png").chmod(0o600)
    target = album / "out.png"
    with (album / "good.png").open("rb") as file:
        batch.color_stream(file, target, BatchOptions(model=tiny, device="cpu"))
    assert target.stat().st_mode & 0o777 == 0o600


def test_no_more_are_in_flight_than_asked_for_also_where_each_takes_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "_PATIENCE_S", 0.001)
    lock, now, most = threading.Lock(), 0, 0

    def work(job: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1
        return job

    done = list(run.work_in_threads(ThreadPoolExecutor(4), range(6), work, 2))
    assert sorted(done) == [*range(6)]
    assert most == 2
