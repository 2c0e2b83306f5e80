"""A codec is one row: what it takes to have it known everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from photochrom.video.io.codecs import CODECS, CONTAINERS

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[2]
ROW = """
from photochrom.video.io.codecs import CODECS, Codec

def options(crf, _preset, _threads):
    quick = {"deadline": "realtime", "cpu-used": "8"}
    return {"crf": str(crf), "b": "0", "lag-in-frames": "0", **quick}


CODECS["vp9"] = Codec("libvpx-vp9", "is there for a test", options, crf=20, crf_max=63)
"""
"""One more codec, which libav has."""
PAGES = """
import row, sys
sys.path.insert(0, sys.argv[1])
from generate import cli_page
print(cli_page())
"""


def run(folder: Path, *arguments: str) -> str:
    """What Python prints that finds the module `row`."""
    (folder / "row.py").write_text(ROW)
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    result = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_a_row_more_is_known_to_the_command_line_and_its_documentation(tmp_path: Path) -> None:
    docs = TESTS.parent / "docs"
    if not docs.is_dir():
        pytest.skip("docs/ is only in the repository")
    page = run(tmp_path, "-c", PAGES, str(docs))
    assert r"ffv1\|vp9]" in page
    assert "vp9 is there for a test." in page
    assert "20 for vp9" in page


@pytest.mark.long
def test_a_row_more_is_written_and_inherits_the_contract(tmp_path: Path) -> None:
    contracts = ["cli/test_film_kinds.py", "video/io/test_mux.py", "video/io/test_encoder.py"]
    paths = [str(TESTS / path) for path in contracts]
    options = ["-p", "row", "-p", "no:cacheprovider", "-v", "-k", "vp9"]
    report = run(tmp_path, "-m", "pytest", *options, *paths)
    for test in (
        "test_each_codec_keeps_the_luma_up_to_its_loss",
        "test_each_codec_goes_on_to_the_same_film",
        "test_every_codec_joins",
        "test_every_codec_has_its_own_defaults",
    ):
        assert f"{test}[vp9] PASSED" in report


@pytest.mark.parametrize("name", CODECS)
def test_each_row_is_whole(name: str) -> None:
    codec = CODECS[name]
    assert (codec.crf is None) == (codec.crf_max == 0)
    assert codec.crf is None or 0 <= codec.crf <= codec.crf_max
    assert codec.preset is None or codec.preset in codec.presets
    assert {*codec.unsupported_containers, *codec.tags} <= set(CONTAINERS.values())
    assert codec.summary.strip(".") == codec.summary
