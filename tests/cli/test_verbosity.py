"""How much is told on stderr: -v, -q, --log-level, before a command's name and behind it."""

from __future__ import annotations

import json
import logging
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fixtures.model import tiny_model
from PIL import Image

from photochrom.cli import FAILED, OK, USAGE, main
from photochrom.cli.messages import LOG_LEVELS
from photochrom.cli.verbosity import OPTIONS, VARIABLE

LOADED = " ms INFO photochrom.engine.network: "


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx"))


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(np.full((40, 40), 120, np.uint8)).save(folder / name)
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def image(album: Path, tiny: str, tmp_path: Path) -> list[str]:
    """The call that colours the album, of which one picture fails."""
    out = str(tmp_path / "out")
    return ["image", str(album), "-o", out, "--model", tiny, "--device", "cpu", "--overwrite"]


Capture = pytest.CaptureFixture[str]


def test_unless_said_notes_and_errors_are_shown(image: list[str], capsys: Capture) -> None:
    assert main(image) == FAILED
    err = capsys.readouterr().err
    assert "a.png ->" in err
    assert "Error: " in err
    assert "2 coloured, 1 failed." in err
    assert "photochrom.engine" not in err


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("quiet", ["-q", "--quiet"])
def test_quiet_shows_errors_alone(
    image: list[str], before: bool, quiet: str, capsys: Capture
) -> None:
    assert main([quiet, *image] if before else [*image, quiet]) == FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Error: ")
    assert "broken.png" in line


def test_quiet_leaves_programs_what_they_asked_for(image: list[str], capsys: Capture) -> None:
    assert main([*image, "-q", "--json"]) == FAILED
    statuses = [json.loads(line)["status"] for line in capsys.readouterr().out.splitlines()]
    assert sorted(statuses) == ["coloured", "coloured", "failed"]


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("more", [["-v"], ["--verbose"], ["--log-level", "info"]])
def test_verbose_tells_what_is_done_inside(
    image: list[str], before: bool, more: list[str], capsys: Capture
) -> None:
    assert main([*more, *image] if before else [*image, *more]) == FAILED
    err = capsys.readouterr().err
    (line,) = (line for line in err.splitlines() if LOADED in line)
    assert "tiny" in line
    assert "DEBUG" not in err


@pytest.mark.parametrize("more", [["-vv"], ["-v", "-v"], ["--log-level", "debug"]])
def test_twice_verbose_tells_all(image: list[str], more: list[str], capsys: Capture) -> None:
    assert main([*image, *more]) == FAILED
    err = capsys.readouterr().err
    assert LOADED in err
    for doing in ("reading", "colouring", "writing"):
        assert (
            sum(f"DEBUG photochrom.batch.run: {doing} " in line for line in err.splitlines()) >= 2
        )


def test_twice_verbose_tells_where_an_error_came_from(capsys: Capture) -> None:
    call = ["models", "nothing-of-this-name"]
    assert main(call) == FAILED
    plain = capsys.readouterr().err
    assert plain.startswith("Error: ")
    assert main([*call, "-vv"]) == FAILED
    told = capsys.readouterr().err
    assert told.endswith(plain)
    assert "Traceback (most recent call last):" in told


def test_the_environment_says_it_too_and_options_have_their_way(
    image: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "debug")
    main(image)
    assert "DEBUG photochrom.batch" in capsys.readouterr().err
    main([*image, "-v"])
    err = capsys.readouterr().err
    assert "DEBUG" not in err
    assert LOADED in err
    main([*image, "-q"])
    assert "photochrom.engine" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["-v", "-q"], "-v shows more and -q less"),
        (["-v", "--log-level", "error"], "give -v or --log-level"),
        (["--log-level", "loud"], "'loud' is not one of 'debug', 'info', 'warning', 'error'"),
    ],
)
def test_what_contradicts_itself_is_refused(
    image: list[str], more: list[str], said: str, capsys: Capture
) -> None:
    assert main([*image, *more]) == USAGE
    assert said in capsys.readouterr().err
    assert main([*more, *image]) == USAGE
    assert said in capsys.readouterr().err


def test_one_on_each_side_of_the_name_contradict_each_other_too(
    image: list[str], capsys: Capture
) -> None:
    assert main(["-v", *image, "-q"]) == USAGE
    assert "-v shows more and -q less" in capsys.readouterr().err


def test_a_call_leaves_nothing_behind(image: list[str], capsys: Capture) -> None:
    package = logging.getLogger("photochrom")
    before = (package.level, list(package.handlers))
    main([*image, "-q"])
    main([*image, "-vv"])
    assert (package.level, package.handlers) == before
    capsys.readouterr()
    main(image)
    err = capsys.readouterr().err
    assert "2 coloured, 1 failed." in err
    assert LOADED not in err


def test_levels_are_those_of_logging() -> None:
    assert [logging.getLevelName(level.upper()) for level in LOG_LEVELS] == [10, 20, 30, 40]
    assert {name for option in OPTIONS for name in option.opts} == {
        *("-v", "--verbose", "-q", "--quiet", "--log-level"),
    }


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize("quiet", [False, True])
def test_on_a_terminal_a_bar_stands_below_the_lines(image: list[str], quiet: bool) -> None:
    seen = on_a_terminal([*image, *(["-q"] if quiet else [])])
    assert "Error: " in seen
    assert ("a.png ->" in seen) is not quiet
    assert ("/3 [" in seen) is not quiet
    if not quiet:
        assert seen.endswith("\r2 coloured, 1 failed.\r\n"), "the bar is removed in the end"


def on_a_terminal(arguments: list[str]) -> str:
    """What a person sees of a call, with all that the bar drew and removed."""
    import fcntl  # absent on Windows, all three
    import pty
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-m", "photochrom", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # Linux says the end this way
                break
            if not piece:
                break
            seen += piece
    os.close(ours)
    assert process.returncode == FAILED
    return seen.decode()


def test_help_shows_them_for_each_command(capsys: Capture) -> None:
    for arguments in ([], ["image"], ["train"], ["serve"]):
        assert main([*arguments, "--help"]) == OK
        out = capsys.readouterr().out
        assert all(option in out for option in ("-v, --verbose", "-q, --quiet", "--log-level"))
