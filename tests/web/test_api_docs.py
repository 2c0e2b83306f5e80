"""What docs/api.md and the example say, done with a studio as people run it."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures.model import tiny_model
from fixtures.server import (
    PHOTOCHROM,
    STUDIO_SAYS,
    launched,
    new_token,
    settings_for,
    signed_up,
)
from PIL import Image

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "api.md"
CLIENT = ROOT / "examples" / "studio_client.py"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """For the page's commands: $studio and $token are real ones."""
    folder = tmp_path_factory.mktemp("studio")
    settings = settings_for(folder / "data", str(tiny_model(folder / "tiny.onnx")))
    with launched([*PHOTOCHROM, "serve", "--port=0"], settings, STUDIO_SAYS) as address:
        with signed_up(address) as person:
            token = new_token(person)
        yield {**os.environ, "studio": address, "token": token, "PHOTOCHROM_TOKEN": token}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "examples" / "coffee.jpg", tmp_path / "grandmother.jpg")
    return tmp_path


def blocks(heading: str) -> list[str]:
    section = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
def test_the_session_with_curl_works_as_it_is_written(
    environment: dict[str, str], folder: Path
) -> None:
    given, *commands = blocks("A session with curl")
    assert given.startswith("studio=")
    assert len(commands) == 5
    script = "set -eu -o pipefail\n" + "\n".join(commands)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with Image.open(folder / "grandmother.color.jpg") as result:
        assert result.format == "JPEG"
        with Image.open(folder / "grandmother.jpg") as original:
            assert result.size == original.size
    assert '"revision":2' in done.stdout
    assert '"total":1' in done.stdout


def test_the_client_colours_a_photograph(environment: dict[str, str], folder: Path) -> None:
    command = [sys.executable, str(CLIENT), environment["studio"], "grandmother.jpg"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    with Image.open(folder / "grandmother.color.jpg") as result:
        assert result.mode == "RGB"


def test_the_client_tells_what_was_refused(environment: dict[str, str], folder: Path) -> None:
    command = [sys.executable, str(CLIENT), environment["studio"], "grandmother.jpg"]
    wrong = {**environment, "PHOTOCHROM_TOKEN": "wrong"}
    done = subprocess.run(
        command, cwd=folder, env=wrong, capture_output=True, text=True, timeout=120
    )
    assert done.returncode != 0
    assert "401" in done.stderr


def test_the_client_is_short() -> None:
    text = CLIENT.read_text(encoding="utf-8")
    code = [line for line in ast.unparse(ast.parse(text)).splitlines()[1:] if line.strip()]
    assert len(code) <= 20, len(code)


def test_the_page_names_every_address() -> None:
    from photochrom.web.api.document import openapi

    page = PAGE.read_text(encoding="utf-8")
    for path, operations in openapi()["paths"].items():
        for method in set(operations) - {"parameters"}:
            address = f"{method.upper()} /api/v1{path}".replace("{picture_id}", "ID")
            assert f"`{address}`" in page, address
