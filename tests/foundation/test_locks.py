"""One holder at a time, and none that is dead."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from photochrom.errors import OutputError
from photochrom.locks import file_lock, output_lock, output_lock_file

HOLDER = """
import sys, time
from pathlib import Path
from photochrom.locks import file_lock
with file_lock(Path(sys.argv[1]), 5.0) as held:
    print(held, flush=True)
    time.sleep(60)
"""


def started_holder(path: Path) -> subprocess.Popen[str]:
    """Another process, which holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    return process


def test_a_second_holder_waits_and_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with file_lock(path, 0.0) as first:
        assert first
        start = time.monotonic()
        with file_lock(path, 0.3) as second:
            assert not second
        assert 0.25 < time.monotonic() - start < 5.0
    with file_lock(path, 0.0) as again:
        assert again


def test_a_second_holder_gets_it_as_soon_as_it_is_free(tmp_path: Path) -> None:
    path, inside, free = tmp_path / "a.lock", threading.Event(), threading.Event()

    def hold() -> None:
        with file_lock(path, 0.0):
            inside.set()
            free.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(30)
    threading.Timer(0.2, free.set).start()
    with file_lock(path, 30.0) as held:
        assert held
        assert free.is_set()
    thread.join()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_opens_when_its_holder_dies(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "a.lock"
    with started_holder(path) as process:
        with file_lock(path, 0.0) as held:
            assert not held
        os.kill(process.pid, number)
        with file_lock(path, 30.0) as held:
            assert held


def test_an_error_in_the_block_goes_through_and_opens_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with pytest.raises(KeyError, match="ours"), file_lock(path, 0.0):
        raise KeyError("ours")
    with file_lock(path, 0.0) as held:
        assert held


def test_an_output_has_one_run_and_nothing_is_left_of_its_lock(tmp_path: Path) -> None:
    target = tmp_path / "film.mkv"
    with output_lock(target):
        assert output_lock_file(target).exists()
        with pytest.raises(OutputError, match="another run is colouring"), output_lock(target):
            pass
        assert output_lock_file(target).exists()
        with output_lock(tmp_path / "other.mkv"):
            pass
    assert not list(tmp_path.iterdir())


def test_an_output_where_nothing_can_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match="cannot write"),
        output_lock(tmp_path / "file" / "film.mkv"),
    ):
        pass


def count_up(folder: Path) -> None:
    """Read, wait, write, under the lock of an output; all of it goes wrong without."""
    counter = folder / "counter"
    for _ in range(20):
        while True:
            try:
                with output_lock(folder / "film.mkv"):
                    number = int(counter.read_text())
                    time.sleep(0.001)
                    counter.write_text(str(number + 1))
                break
            except OutputError:
                continue


@pytest.mark.slow
def test_the_removal_of_its_file_never_lets_two_in(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=count_up, args=(tmp_path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert (tmp_path / "counter").read_text() == "60"
