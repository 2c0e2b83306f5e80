"""What a photograph costs beside decoding and encoding it: ratios, never seconds."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from fixtures.programs import load_program

from photochrom.color.compose import compose_upsampled
from photochrom.evaluation.bench import synthetic_picture
from photochrom.imageio import Picture, read, with_one_channel, write

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "speed.py"


def processor_s(call: Callable[[], object]) -> float:
    """The least of three runs."""
    spent = []
    for _ in range(3):
        start = time.process_time()
        call()
        spent.append(time.process_time() - start)
    return min(spent)


def test_composing_a_grey_photograph_costs_less_than_twice_decoding_and_encoding_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.jpg"
    write(path, Picture(synthetic_picture(2), format="JPEG"))
    ab = np.random.default_rng(0).normal(0, 10, (56, 75, 2)).astype(np.float32)

    def floor() -> None:
        write(path, read(path), overwrite=True)

    pixels = with_one_channel(read(path)).pixels
    compose_upsampled(pixels, ab)  # makes the tables
    assert processor_s(lambda: compose_upsampled(pixels, ab)) < 2 * processor_s(floor)


@pytest.fixture(scope="module")
def speed() -> ModuleType:
    if not PROGRAM.is_file():
        pytest.skip("benchmarks/ is only in the repository")
    return load_program(PROGRAM)


def test_ratios_are_of_one_round_each_and_exponents_of_the_medians(speed: ModuleType) -> None:
    ours = speed.Measured("a", [speed.Cost(2.0, 3.0, 10), speed.Cost(8.0, 9.0, 10)])
    floor = speed.Measured("floor", [speed.Cost(1.0, 1.0, 5), speed.Cost(4.0, 3.0, 5)])
    assert ours.ratio(floor, "seconds") == 2.0
    assert ours.ratio(floor, "cpu_s") == 3.0
    by = {x: speed.Measured("a", [speed.Cost(x**2, 3 * x, 7)]) for x in (1.0, 2.0, 8.0)}
    assert speed._exponents("s", "a", by, 1) == {
        "what": "s",
        "who": "a",
        "seconds": 2.0,
        "processor s": 1.0,
        "peak MB": 0.0,
    }
    assert speed._exponents("s", "a", by, 0)["seconds"] == 3.0


def test_others_programs_are_measured_beside_ours(speed: ModuleType, tmp_path: Path) -> None:
    write(tmp_path / "0.01.jpg", Picture(synthetic_picture(0.01), format="JPEG"))
    peer = tmp_path / "copy.py"
    peer.write_text("def color(source, target):\n    target.write_bytes(source.read_bytes())\n")
    name, file = speed._peer(f"copy={peer}")
    assert name == "copy"
    bench = speed.Bench((("photochrom", PROGRAM.parents[1]),), 1, 1, tmp_path)
    for cost in (bench.peer(file, 0.01, 2)(), bench.floor(0.01, 2)()):
        assert cost.cpu_s >= 0
        assert cost.seconds > 0
        assert cost.peak_mb > 5
    peer.write_text("def color(source, target):\n    target.touch()\n")
    with pytest.raises(SystemExit, match="wrote nothing"):
        bench.peer(file, 0.01, 1)()


def test_colouring_films_imports_nothing_that_it_does_not_need() -> None:
    code = "import sys, photochrom.cli.film; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    unneeded = {"importlib.metadata", "email", "PIL.Image", "photochrom.batch.version_sheet"}
    assert not unneeded & {*done.stdout.split()}


def test_colouring_files_imports_nothing_that_it_does_not_need() -> None:
    code = "import sys, photochrom.batch.pipe; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    unneeded = {"array_api_compat", "importlib.metadata", "email", "difflib", "numpy.f2py"}
    unneeded |= {
        "PIL.Image",
        "zipfile",
        "photochrom.guided.reference",
        "photochrom.batch.version_sheet",
    }
    assert not unneeded & {*done.stdout.split()}
