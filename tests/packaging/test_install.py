"""The README's first command, as a user runs it: a plain install colours a picture, offline.

Installs from the wheels that ``make setup`` put into the environment's ``wheelhouse``, so that the
test itself needs no network.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from fixtures.programs import load_program

import photochrom

ROOT = Path(__file__).parents[2]
WHEELHOUSE = Path(sys.prefix) / "wheelhouse"
WHEEL_LIMIT_MB = 60
CORE_LIMIT_MB = 20
"""Of the core that packaging/build_wheels.py makes."""
INSTALL_LIMIT_MB = 388 if sys.version_info >= (3, 11) else 484
"""Of everything that a plain install brings, with its compiled bytecode. ONNX Runtime 1.23, the
last one for Python 3.10, needs SymPy, which has 81 MB."""

pytestmark = [pytest.mark.packaging, pytest.mark.slow]


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run a command without the tests' own settings; its output, or a failure that shows it."""
    keep = {"PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT"}
    result = subprocess.run(
        command,
        cwd=cwd,
        env={key: value for key, value in os.environ.items() if key in keep},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def wheelhouse() -> Path:
    if not WHEELHOUSE.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"{WHEELHOUSE} is missing: CI must run `make setup`")
        pytest.skip(f"{WHEELHOUSE} is missing; `make setup` makes it")
    return WHEELHOUSE


@pytest.fixture(scope="module")
def wheel(wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    target = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "--no-index", "--find-links", wheelhouse)
    run(*pip, "--no-deps", "--wheel-dir", target, ROOT)
    (built,) = target.glob("photochrom-*.whl")
    return built


@pytest.fixture(scope="module")
def plain(wheel: Path, wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and what it depends on, no extras, and without pip itself:
    its bin folder.
    """
    environment = tmp_path_factory.mktemp("plain")
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    bin_dir = environment / ("Scripts" if os.name == "nt" else "bin")
    pip = (sys.executable, "-m", "pip", "--python", bin_dir / "python", "install")
    run(*pip, "--no-index", "--find-links", wheelhouse, wheel)
    return bin_dir


def test_the_wheel_carries_types_and_models_and_stays_small(wheel: Path) -> None:
    assert wheel.stat().st_size < WHEEL_LIMIT_MB * 1e6
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert "photochrom/py.typed" in names
    models = {name for name in names if name.startswith("photochrom/engine/models/")}
    assert {Path(name).suffix for name in models} >= {".onnx", ".md"}
    assert "photochrom/engine/models/SHA256SUMS" in models
    pretrained = {Path(name) for name in names if name.startswith("photochrom/pretrained/")}
    assert {path.suffix for path in pretrained} == {".py", ".md", ".onnx", ".safetensors", ".txt"}
    assert not any(name.startswith(("tests", "examples")) for name in names)


def test_the_wheel_divides_into_a_core_and_models_and_nothing_is_lost(
    wheel: Path, tmp_path: Path
) -> None:
    build_wheels = load_program("packaging/build_wheels.py")
    parts = build_wheels.divide(wheel, tmp_path, zipfile.ZIP_STORED)
    files = []
    for path in (wheel, *parts):
        with zipfile.ZipFile(path) as archive:
            files.append({entry.filename: entry for entry in archive.infolist()})
            metadata = [name for name in files[-1] if name.endswith(".dist-info/METADATA")]
            information = {name.split("-")[0]: archive.read(name).decode() for name in metadata}
        if path == parts[0]:
            core_says = information["photochrom"]
    whole, core, models = files
    extra = {name for name in whole if build_wheels.is_extra(name)}
    assert set(core) == set(whole) - extra
    moved = {name: name.replace("photochrom/", "photochrom_models/", 1) for name in extra}
    weights_and_pages = {name for name in models if ".dist-info/" not in name}
    assert weights_and_pages == {*moved.values(), "photochrom_models/__init__.py"}
    assert all(whole[name].CRC == models[moved[name]].CRC for name in extra)
    changed = {name for name in core if whole[name].CRC != core[name].CRC}
    assert {Path(name).name for name in changed} == {"METADATA", "RECORD"}
    version = photochrom.__version__
    assert f"Requires-Dist: photochrom-models=={version}; extra == 'models'" in core_says
    networks = {Path(name).stem for name in core if name.endswith(".onnx")}
    assert networks == {"photochrom-base", "photochrom-film", "yunet_n_640_640"}
    assert sum(whole[name].compress_size for name in core) < CORE_LIMIT_MB * 1e6


def test_a_plain_install_is_small(plain: Path) -> None:
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run(plain / "python", "-c", where).strip())
    sizes = Counter[str]()
    for file in packages.rglob("*"):
        if file.is_file():
            sizes[file.relative_to(packages).parts[0]] += file.stat().st_size
    assert any(packages.glob("photochrom/__pycache__/*.pyc"))
    largest = ", ".join(f"{name} {size / 1e6:.1f}" for name, size in sizes.most_common(12))
    assert sizes.total() <= INSTALL_LIMIT_MB * 1e6, f"{sizes.total() / 1e6:.1f} MB: {largest}"


def test_a_plain_install_colours_an_example_without_torch(plain: Path, tmp_path: Path) -> None:
    names = "import importlib.metadata as m; print(*(d.name.lower() for d in m.distributions()))"
    installed = run(plain / "python", "-c", names).split()
    assert "onnxruntime" in installed
    assert not any(name.startswith(("torch", "openvino")) for name in installed)
    result = tmp_path / "astronaut.color.jpg"
    picture = ROOT / "examples" / "astronaut.jpg"
    run(plain / "photochrom", "image", picture, "-o", result, cwd=tmp_path)
    look = "import sys, PIL.Image as p; i = p.open(sys.argv[1]); print(i.mode, *i.size)"
    assert run(plain / "python", "-c", look, result).split() == ["RGB", "512", "512"]


def test_the_python_example_of_the_readme_runs_in_a_plain_install(
    plain: Path, tmp_path: Path
) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    check = "assert rgb.shape == (*grey.shape[:2], 3) and rgb.dtype == grey.dtype"
    run(plain / "python", "-c", f"{code}\n{check}", cwd=tmp_path)
    assert (tmp_path / "astronaut.color.jpg").is_file()
