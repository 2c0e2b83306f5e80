"""What is made for people without Python agrees with the package."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml
from fixtures.programs import PACKAGING, load_program

import photochrom

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
OTHER_NAMES = {"opencv-python-headless": "py-opencv"}


def test_conda_s_recipe_asks_for_what_the_package_asks_for() -> None:
    recipe = yaml.safe_load((PACKAGING / "conda" / "meta.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.split("(?=>)", line, maxsplit=1) for line in project["dependencies"]]
    wanted = {f"{OTHER_NAMES.get(name, name)} {least}" for name, least in names}
    assert set(recipe["requirements"]["run"]) == {*wanted, "python >=3.10"}
    assert recipe["package"]["version"] == photochrom.__version__
    assert recipe["build"]["entry_points"] == ["photochrom = photochrom.cli:main"]


def test_the_window_finds_the_studio_by_what_it_prints() -> None:
    window = load_program("photochrom_window")
    said = "The studio is at http://localhost:43210/?token=abc-DEF_1."
    assert window.find_address(said) == "http://localhost:43210/?token=abc-DEF_1"
    assert window.find_address("Loading") is None
    assert window.command_line(["models"])[-3:] == ["-m", "photochrom", "models"]


def test_the_window_is_the_command_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    window = load_program("photochrom_window")
    for way in (["--photochrom"], ["-m", "photochrom"]):
        with pytest.raises(SystemExit) as ended:
            sys.exit(window.main([*way, "--version"]))
        assert not ended.value.code
        assert photochrom.__version__ in capsys.readouterr().out
