"""`photochrom image - -o -` is a part of a pipe: a picture in, a picture out, words on stderr."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from fixtures.model import tiny_model
from numpy.typing import NDArray
from PIL import Image

from photochrom.cli import main
from photochrom.imageio import Picture, page_count, read, write

Array = NDArray[Any]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx"))


class Stream(io.BytesIO):
    """Standard input or output as Python has them when they are no terminals."""

    def __init__(self, name: str, data: bytes = b"") -> None:
        super().__init__(data)
        self.name = name


class Pipe(NamedTuple):
    code: int
    stdout: bytes
    stderr: str


Run = Callable[..., Pipe]


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`photochrom image` with these arguments, given these bytes."""

    def run(*arguments: str, given: bytes = b"") -> Pipe:
        streams = {
            name: Stream(f"<{name}>", data) for name, data in [("stdin", given), ("stdout", b"")]
        }
        for name, stream in streams.items():
            monkeypatch.setattr(sys, name, io.TextIOWrapper(stream, write_through=True))
        code = main(["image", *arguments])
        return Pipe(code, streams["stdout"].getvalue(), capsys.readouterr().err)

    return run


def encoded(picture: Picture, name: str) -> bytes:
    file = io.BytesIO()
    write(file, picture, format_name=name)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "options", "result"),
    [
        ("JPEG", [], "JPEG"),
        ("PNG", [], "PNG"),
        ("PNG", ["--format", "webp"], "WebP"),
        ("BMP", [], "PNG"),
    ],
)
def test_the_format_stays_or_is_the_one_asked_for(
    piped: Run, tiny: str, grey_scene: Array, name: str, options: list[str], result: str
) -> None:
    file = io.BytesIO()
    Image.fromarray(grey_scene).save(file, name)
    done = piped("-", "-o", "-", "--model", tiny, *options, given=file.getvalue())
    assert done.code == 0, done.stderr
    picture = read(done.stdout)
    assert picture.format == result
    assert picture.pixels.shape == (90, 120, 3)
    assert np.ptp(picture.pixels.astype(int), axis=-1).max() > 20, "it has colour"
    assert "tiny 1.2.3 on CPU" in done.stderr
    assert b"tiny 1.2.3" in done.stdout
    assert b"compositeWithTrainedAlgorithmicMedia" in done.stdout


def test_it_is_the_same_picture_as_through_files(
    piped: Run, tmp_path: Path, tiny: str, scene16: NDArray[np.uint16]
) -> None:
    scan = tmp_path / "scan.png"
    write(scan, Picture(np.ascontiguousarray(scene16[..., 1])))
    assert piped(str(scan), "--model", tiny).code == 0
    expected = read(tmp_path / "scan.color.png").pixels
    assert expected.dtype == np.uint16
    both = piped("-", "--model", tiny, given=scan.read_bytes())
    np.testing.assert_array_equal(read(both.stdout).pixels, expected)
    out_only = piped(str(scan), "-o", "-", "--model", tiny)
    np.testing.assert_array_equal(read(out_only.stdout).pixels, expected)
    target = tmp_path / "in-only.png"
    done = piped("-", "-o", str(target), "--json", "--model", tiny, given=scan.read_bytes())
    assert json.loads(done.stdout)["output"] == str(target)
    np.testing.assert_array_equal(read(target).pixels, expected)


def test_a_lost_depth_is_told(piped: Run, tiny: str, scene16: NDArray[np.uint16]) -> None:
    deep = encoded(Picture(np.ascontiguousarray(scene16[..., 1])), "png")
    done = piped("-", "--format", "jpeg", "--model", tiny, given=deep)
    assert "note: it has more than 8 bits per channel" in done.stderr
    assert read(done.stdout).pixels.dtype == np.uint8


def test_a_picture_in_color_goes_through_as_it_is(
    piped: Run, tmp_path: Path, tiny: str, scene: NDArray[np.uint8]
) -> None:
    data = encoded(Picture(scene), "jpeg")
    done = piped("-", "-o", "-", "--model", tiny, given=data)
    assert (done.code, done.stdout) == (0, data)
    assert "is in colour already; --force colours it" in done.stderr
    other = piped("-", "--format", "png", "--model", tiny, given=data)
    np.testing.assert_array_equal(read(other.stdout).pixels, read(data).pixels)
    assert read(other.stdout).format == "PNG"
    piped("-", "-o", str(tmp_path / "out.jpg"), "--model", tiny, given=data)
    assert not (tmp_path / "out.jpg").exists()
    # A file has no result then; what reads the pipe has one.
    for out, code in ((str(tmp_path / "out.jpg"), 1), ("-", 0)):
        done = piped("-", "-o", out, "--fail-on-skipped", "--model", tiny, given=data)
        assert done.code == code
    forced = piped("-", "--force", "--model", tiny, given=data)
    assert forced.stdout != data


def test_a_page_in_color_goes_through_without_the_others(
    piped: Run, tiny: str, scene: NDArray[np.uint8]
) -> None:
    pages = [Image.fromarray(np.roll(scene, step, 1)) for step in range(2)]
    pages[0].save(buffer := io.BytesIO(), "TIFF", save_all=True, append_images=pages[1:])
    done = piped("-", "--page", "2", "--model", tiny, given=buffer.getvalue())
    assert page_count(done.stdout) == 1
    np.testing.assert_array_equal(read(done.stdout).pixels, np.asarray(pages[1]))
    whole = piped("-", "--model", tiny, given=buffer.getvalue())
    assert whole.stdout == buffer.getvalue()


@pytest.mark.parametrize(
    ("arguments", "given", "code", "message"),
    [
        (["-"], b"no picture", 1, "cannot read <stdin>: it is not a picture"),
        (["-"], b"", 1, "cannot read <stdin>: the file is empty"),
        (["no/such.png", "-o", "-"], b"", 1, "cannot read no/such.png: no such file"),
        (["-", "a.jpg"], b"", 2, "- is one photograph; give no other PATH"),
        (["a.jpg", "b.jpg", "-o", "-"], b"", 2, "- is one photograph; give no other PATH"),
        (["-", "--json"], b"", 2, "--json would be in the midst of the photograph"),
        (["a.jpg", "--format", "png"], b"", 2, "--format is of standard output"),
        (["-", "-o", "a.jpg", "--format", "png"], b"", 2, "--format is of standard output"),
        (["-", "--variants"], b"", 2, "--confidence are several results, - is one"),
        (["-", "--format", "bmp"], b"", 2, "'bmp' is not one of 'jpeg', 'png'"),
    ],
)
def test_what_goes_wrong_is_told_on_stderr_alone(
    piped: Run, arguments: list[str], given: bytes, code: int, message: str
) -> None:
    done = piped(*arguments, given=given)
    assert (done.code, done.stdout) == (code, b"")
    assert message in done.stderr


@pytest.mark.parametrize("command", ["image", "restore"])
def test_a_command_without_the_stream_that_it_is_to_use_says_so(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photo = tmp_path / "a.png"
    write(photo, Picture(np.zeros((8, 8), np.uint8)))
    for name, path in (("stdin", "-"), ("stdout", str(photo))):
        with monkeypatch.context() as patch:
            patch.setattr(sys, name, None)
            assert main([command, path, "-o", "-"]) == 2
        assert f"there is no standard {name[3:]}put" in capsys.readouterr().err


def test_an_existing_file_is_kept_before_any_work(
    piped: Run, tmp_path: Path, tiny: str, grey_scene: Array
) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"mine")
    data = encoded(Picture(grey_scene), "png")
    done = piped("-", "-o", str(target), "--model", tiny, given=data)
    assert done.code == 1
    assert "exists; pass --overwrite" in done.stderr
    assert target.read_bytes() == b"mine"
    done = piped("-", "-o", str(target), "--overwrite", "--model", tiny, given=data)
    assert done.code == 0
    assert read(target).pixels.shape == (90, 120, 3)


@pytest.mark.slow
def test_a_reader_that_went_away_is_an_error_and_no_traceback(tiny: str, grey_scene: Array) -> None:
    command = f"{sys.executable} -m photochrom image - -o - --model {tiny}"
    data = encoded(Picture(np.tile(grey_scene, (20, 20))), "png")
    through, broken = (
        subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command} | {reader}"],
            input=data,
            capture_output=True,
        )
        for reader in ("cat", "true")
    )
    assert through.returncode == 0
    assert read(through.stdout).pixels.shape == (1800, 2400, 3)
    assert broken.returncode == 1
    assert b"Error: cannot write <stdout>: Broken pipe" in broken.stderr
    assert b"Traceback" not in broken.stderr
