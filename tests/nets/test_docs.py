"""docs/networks.md tells the truth: its figures are counted, its example is run."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import ModuleType

import nets.test_contract as contract
import pytest
import torch
from fixtures.network_cost import cost
from fixtures.programs import load_program
from fixtures.training import drawn_folder, drawn_photo

from photochrom.cli import OK, main
from photochrom.engine import load
from photochrom.nets import NETS, NetSpec, build
from photochrom.nets.contract import ColorNet
from photochrom.nets.discriminators import DISCRIMINATORS, build_discriminator
from photochrom.pipeline import colorize
from photochrom.training.recipe.builtin import recipe_path

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "networks.md").read_text(encoding="utf-8")
ROWS = [
    tuple(cell.strip(" `") for cell in line.strip("|").split("|"))
    for line in PAGE.splitlines()
    if line.startswith("| `")
]


def test_every_network_and_critic_is_on_the_page() -> None:
    assert {row[0] for row in ROWS} == {*NETS, *DISCRIMINATORS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row[:2]))
def test_the_figures_on_the_page_are_counted(row: tuple[str, ...]) -> None:
    name, written, parameters, macs, _ = row
    options = {k: json.loads(v) for k, v in re.findall(r"(\w+) = ([^,]+)", written)}
    with torch.device("meta"):  # no number is drawn for the weights
        if name in NETS:
            net = build(name, options)
            counted = cost(net, multiple=net.multiple_of)
        else:
            counted = cost(build_discriminator(name, options), channels=3)
    assert f"{counted.parameters / 1e6:.2f} M" == parameters
    assert f"{counted.macs / 1e9:.2f} G" == macs


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The page's own generator, as one file and one row of the table."""
    (text,) = re.findall(r"<!-- example.*?-->\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(text.splitlines()) <= 30
    path = tmp_path / "dilated.py"
    path.write_text(text, encoding="utf-8")
    module = load_program(path)
    (row,) = re.findall(r'^    "dilated": (NetSpec\(.*\)),$', PAGE, re.MULTILINE)
    monkeypatch.setitem(sys.modules, "dilated", module)
    built = re.fullmatch(r'NetSpec\(build=Dilated, summary="(.*)"\)', row)
    assert built is not None
    monkeypatch.setitem(NETS, "dilated", NetSpec(build=module.Dilated, summary=built[1]))
    return module


def test_the_generator_on_the_page_keeps_the_contract(example: ModuleType, tmp_path: Path) -> None:
    net: ColorNet = build("dilated", {})
    assert isinstance(net, example.Dilated)
    variant, tests = contract.Variant("dilated", {}), contract.TestContract()
    for rows, columns in ((1, 1), (3, 5)):
        tests.test_output_is_a_fixed_fraction_of_the_input(net, rows, columns)
    tests.test_a_finite_gradient_reaches_every_parameter(net)
    tests.test_hints_change_the_colours_or_are_ignored_as_the_network_says(net)
    tests.test_state_round_trips(net, variant)
    tests.test_export_agrees_and_training_can_start_from_it(net, variant, tmp_path)


@pytest.mark.usefixtures("example")
def test_the_generator_on_the_page_trains_exports_and_colours(tmp_path: Path) -> None:
    photos, run, out = drawn_folder(tmp_path / "photos"), tmp_path / "run", tmp_path / "net.onnx"
    settings = {
        "data.sources": f"['{photos}']", "net.name": "dilated", "net.options": "{}",
        "stages.0.losses.classes": "0", "export.size": "64",
    }  # fmt: skip
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    assert main(["train", str(recipe_path("smoke")), "--run", str(run), *words]) == OK
    assert main(["export", str(run / "checkpoint.pt"), str(out)]) == OK
    network = load(out, device="cpu")
    assert network.card.multiple == 4
    picture = drawn_photo(5)[..., 1]
    assert colorize(picture, model=network).shape == (*picture.shape, 3)
