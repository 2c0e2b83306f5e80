"""The command as a process of its own: starting, stopping, and standing in a pipe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fixtures.model import tiny_model
from numpy.typing import NDArray
from PIL import Image

from photochrom.imageio import Picture, write

pytestmark = pytest.mark.slow

PHOTOCHROM = [sys.executable, "-m", "photochrom"]
TIMEOUT_S = 120

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and limits")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx"))


@pytest.fixture
def album(tmp_path: Path, grey_scene: NDArray[np.uint8]) -> Path:
    """A folder with twelve photographs of 1/2 MP."""
    folder = tmp_path / "album"
    folder.mkdir()
    large = Image.fromarray(grey_scene).resize((800, 600))
    for number in range(12):
        large.save(folder / f"{number:02}.png", compress_level=1)
    return folder


def call(*arguments: str, limit: Callable[[], None] | None = None) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    done = subprocess.run(
        [*PHOTOCHROM, *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        preexec_fn=limit,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_version_is_told() -> None:
    code, out, err = call("--version")
    assert (code, out.split()[0], err) == (0, "photochrom", "")


def test_help_imports_nothing_slow() -> None:
    code = (
        "import sys; from photochrom.cli import main; main(['--help']);"
        "slow = {'numpy', 'cv2', 'PIL', 'tqdm', 'onnxruntime', 'openvino', 'torch'};"
        "sys.exit(repr(slow & set(sys.modules)) if slow & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("image", "models", "bench", "train", "export", "evaluate"):
        assert command in done.stdout


def test_colouring_imports_neither_torch_nor_bars(album: Path, tiny: str) -> None:
    code = (
        "import sys; from photochrom.cli import main;"
        "code = main(sys.argv[1:]);"
        "slow = {'torch', 'tqdm', 'openvino', 'urllib.request'};"
        "sys.exit(repr(slow & set(sys.modules)) if slow & set(sys.modules) else code)"
    )
    arguments = ["image", str(album / "00.png"), "--model", tiny, "--device", "cpu"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@posix
@pytest.mark.parametrize(("finished", "delay_s"), [(0, 0.15), (1, 0.0), (4, 0.013)])
def test_ctrl_c_leaves_only_whole_pictures(
    album: Path, tiny: str, tmp_path: Path, finished: int, delay_s: float
) -> None:
    out = tmp_path / "out"
    arguments = ["image", str(album), "-o", str(out), "--model", tiny, "--device", "cpu"]
    process = subprocess.Popen([*PHOTOCHROM, *arguments], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + TIMEOUT_S
    while len(visible(out)) < finished and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(delay_s)  # 0.15 s is somewhere among imports and loading the model
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT_S)
    # Python ends by the signal itself where it interrupts an exec(), as dataclasses use it; a shell
    # shows both as 130.
    assert process.returncode in (130, -signal.SIGINT), err
    assert err.endswith("Interrupted.\n")
    assert "Traceback" not in err
    results = visible(out)
    assert finished <= len(results) < 12
    assert [path for path in out.glob("*") if path not in results] == []
    for path in results:
        with Image.open(path) as picture:
            picture.load()
    code, _, err = call(*arguments)
    assert code == 0
    assert f"{12 - len(results)} coloured" in err
    assert len(visible(out)) == 12


@pytest.mark.parametrize(
    ("command", "ending", "code"),
    [
        ("serve", "return 0", 0),
        ("worker", "raise KeyboardInterrupt", 130),
        ("film", "raise ImportError('initialization failed') from KeyboardInterrupt()", 130),
        ("image", "raise RuntimeError('Error calling __set_name__') from KeyboardInterrupt()", 130),
        ("train", "raise ImportError('initialization failed') from KeyboardInterrupt()", 130),
    ],
)
def test_some_commands_end_as_they_are_and_ctrl_c_is_told(
    command: str, ending: str, code: int
) -> None:
    """A thread in compiled code, which Python ends at its own end, would abort the process."""
    script = f"""
import sys
import photochrom.cli as cli
import photochrom.cli.app as app

def run(_arguments):
    {ending}

class Late:
    def __del__(self):
        print("taken apart")

late, app.run, sys.argv = Late(), run, ["photochrom", "{command}"]
sys.exit(cli.main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert done.stderr == ("\nInterrupted.\n" if code else "")
    assert done.stdout == ("taken apart\n" if command == "train" else "")


def visible(folder: Path) -> list[Path]:
    """Results so far."""
    return sorted(folder.glob("[0-9]*.png"))


@posix
def test_a_disk_without_space_leaves_the_earlier_result(
    album: Path, tiny: str, tmp_path: Path
) -> None:
    import resource

    def no_space() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    target = tmp_path / "result.png"
    target.write_bytes(b"earlier")
    arguments = ["image", str(album / "00.png"), "-o", str(target), "--model", tiny, "--overwrite"]
    code, _, err = call(*arguments, limit=no_space)
    assert code == 1
    assert f"Error: cannot write {target}" in err
    assert target.read_bytes() == b"earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["album", "result.png"]


@posix
@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write")
def test_a_read_only_target_is_told(album: Path, tiny: str) -> None:
    code, out, err = call("image", str(album / "00.png"), "-o", "/proc/album", "--model", tiny)
    assert (code, out) == (1, "")
    assert "/proc/album cannot be made" in err
    assert "Traceback" not in err


@posix
@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_command_without_a_standard_stream_does_its_work(
    album: Path, tiny: str, closed: int
) -> None:
    photos = [str(album / name) for name in ("00.png", "01.png")]
    arguments = ["image", *photos, "--model", tiny, "--json"]
    code, out, err = call(*arguments, limit=lambda: os.close(closed))
    assert code == 0, err
    assert len(list(album.glob("*.color.png"))) == 2
    assert len(out.splitlines()) == (0 if closed == 1 else 2)


def test_stderr_is_ours_alone_when_files_are_damaged(
    tmp_path: Path, tiny: str, scene16: NDArray[np.uint16]
) -> None:
    for name in ("deep.tif", "deep.png"):
        write(tmp_path / name, Picture(scene16))
    damaged = bytearray((tmp_path / "deep.tif").read_bytes())
    damaged[2000:2020] = bytes(20)
    (tmp_path / "deep.tif").write_bytes(damaged)
    Image.new("L", (9, 9)).save(tmp_path / "odd.tif", tiffinfo={34675: b"x" * 400})
    odd = (tmp_path / "odd.tif").read_bytes()
    (tmp_path / "odd.tif").write_bytes(odd[:-300])
    code, out, err = call("image", str(tmp_path), "--model", tiny, "--device", "cpu")
    assert (code, out) == (1, "")
    known = ("Error: ", "Skipped: ", "tiny 1.2.3", "  note: ", str(tmp_path), "1 ", "2 ")
    assert [line for line in err.splitlines() if not line.startswith(known)] == []


@posix
def test_a_reader_that_goes_away_stops_the_command_quietly(album: Path, tiny: str) -> None:
    arguments = ["image", str(album), "--model", tiny, "--json"]
    process = subprocess.Popen(
        [*PHOTOCHROM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(TIMEOUT_S) == 1
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    assert len(list(album.glob("*.color.png"))) < 12
    for path in album.iterdir():
        with Image.open(path) as picture:
            picture.load()
