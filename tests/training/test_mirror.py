"""A run's folder is kept a second time, and a machine that begins anew goes on with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from photochrom.errors import InputError, OutputError
from photochrom.training import mirror
from photochrom.training.mirror import mirrored_run


def test_a_run_moves_to_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fsspec")
    monkeypatch.setattr(mirror, "_LOOK_EVERY_S", 0.01)
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    (one / "kept").mkdir(parents=True)
    address = "memory://runs/base"
    with (
        pytest.raises(InputError, match="holds no checkpoint"),
        mirrored_run(address, two, resume=True),
    ):
        pass
    with mirrored_run(address, one, resume=False):
        (one / "kept" / "step-1.pt").write_bytes(b"kept")
        (one / "checkpoint.pt").write_bytes(b"first")

    def stop() -> None:
        with mirrored_run(address, two, resume=True):
            assert (two / "checkpoint.pt").read_bytes() == b"first"
            assert (two / "kept" / "step-1.pt").read_bytes() == b"kept"
            (two / "checkpoint.pt").write_bytes(b"second")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    monkeypatch.setenv("RANK", "1")
    with mirrored_run(address, three, resume=True):
        assert (three / "checkpoint.pt").read_bytes() == b"second"
        (three / "checkpoint.pt").write_bytes(b"of another rank")
    monkeypatch.setenv("RANK", "0")
    with mirrored_run(address, one, resume=True):
        assert (one / "checkpoint.pt").read_bytes() == b"first", "what is there is gone on with"
        (one / "checkpoint.pt").unlink()
    with mirrored_run(address, one, resume=True):
        assert (one / "checkpoint.pt").read_bytes() == b"second"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 5.0
    while not condition():
        assert time.monotonic() < deadline_s, "it is not tried again"
        time.sleep(0.01)


class EndpointConnectionError(Exception):
    """As botocore has it: no OSError, and s3fs hands it on as it is."""


def test_a_connection_that_is_lost_for_a_time_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.setattr(mirror, "_LOOK_EVERY_S", 0.01)
    files, failures = fsspec.filesystem("memory"), []

    def lose(_files: object, _path: str, target: str) -> None:
        failures.append(target)
        raise EndpointConnectionError("could not connect")

    with mirrored_run("memory://runs/lost", tmp_path, resume=False):
        (tmp_path / "checkpoint.pt").write_bytes(b"first")
        with monkeypatch.context() as lost:
            lost.setattr(type(files), "put_file", lose)
            wait_until(lambda: len(failures) > 1)
        wait_until(lambda: files.exists("/runs/lost/checkpoint.pt"))
        assert files.cat_file("/runs/lost/checkpoint.pt") == b"first"
    monkeypatch.setattr(type(files), "put_file", lose)
    (tmp_path / "checkpoint.pt").write_bytes(b"the second")
    with (
        pytest.raises(OutputError, match="could not connect"),
        mirrored_run("memory://runs/lost", tmp_path, resume=True),
    ):
        pass


def test_a_machine_that_ends_amid_a_copy_leaves_the_last_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec = pytest.importorskip("fsspec")
    run, share, new = (tmp_path / name for name in ("run", "share", "new"))
    run.mkdir()
    with mirrored_run(str(share), run, resume=False):
        (run / "checkpoint.pt").write_bytes(b"the first")

    def end(_files: object, _path: str, target: str) -> None:
        Path(target).write_bytes(b"the s")
        raise KeyboardInterrupt

    (run / "checkpoint.pt").write_bytes(b"the second")
    with monkeypatch.context() as torn:
        torn.setattr(type(fsspec.filesystem("file")), "put_file", end)
        with (
            pytest.raises(KeyboardInterrupt),
            mirrored_run(str(share), run, resume=True),
        ):
            pass
    with mirrored_run(str(share), new, resume=True):
        assert (new / "checkpoint.pt").read_bytes() == b"the first"
    assert [path.name for path in new.iterdir() if path.suffix == ".tmp"] == []


def test_two_runs_are_never_mixed_in_a_copy(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    files, address = fsspec.filesystem("memory"), "memory://runs/mixed"
    one, other, new = (tmp_path / name for name in ("one", "other", "new"))
    for number, folder in enumerate((one, other)):
        folder.mkdir()
        (folder / "losses.csv").write_text(f"step,loss_G,lr\n20,0.{number}5,\n")
    with mirrored_run(address, one, resume=False):
        (one / "checkpoint.pt").write_bytes(b"one")
    before = files.find("/runs/mixed", detail=True)
    (other / "checkpoint.pt").write_bytes(b"other")
    for folder, resume, message in (
        (new, False, "memory://runs/mixed holds a run already"),
        (other, False, "other already holds a run"),
        (other, True, "holds another run than"),
    ):
        with (
            pytest.raises(InputError, match=message),
            mirrored_run(address, folder, resume=resume),
        ):
            pass
    assert files.find("/runs/mixed", detail=True) == before
    (one / "losses.csv").write_text("step,loss_G,lr,more\n20,0.05,,\n40,1,1,1\n")
    with mirrored_run(address, one, resume=True):
        pass
    assert len(files.cat_file("/runs/mixed/losses.csv").splitlines()) == 3
    for place in (new, new / "copy", tmp_path):
        with (
            pytest.raises(InputError, match="lies in the run's folder"),
            mirrored_run(str(place), new, resume=False),
        ):
            pass
