"""Ray colours the same files, whatever of it dies. Needs Ray: `make test-hosts`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures.film import Film, make_film
from fixtures.model import tiny_model
from PIL import Image

from photochrom.archive import (
    ArchiveSettings,
    ClusterEngine,
    ClusterOptions,
    LocalEngine,
    Manifest,
    RunReport,
    open_store,
    run_archive,
)
from photochrom.batch import BatchOptions
from photochrom.errors import InputError, MissingDependencyError

STORE_BYTES = 80_000_000


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(60):
        Image.new("L", (96 + number, 80), 40 + 3 * number).save(folder / f"{number:02d}.png")
    (folder / "07.png").write_bytes(b"\x89PNG")
    return folder


def settings(tmp_path: Path) -> ArchiveSettings:
    model = tiny_model(tmp_path / "tiny.onnx")
    options = BatchOptions(model=model, device="cpu")
    return ArchiveSettings(options=options, films=True, film_model=model)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if ".sqlite" not in p.name}


def run_by(
    engine: LocalEngine | ClusterEngine, source: Path, target: Path, chosen: ArchiveSettings
) -> RunReport:
    with Manifest(target / "manifest.sqlite") as manifest:
        places = open_store(str(source)), open_store(str(target))
        return run_archive(manifest, *places, chosen, engine)


def test_numbers_of_a_cluster_make_sense() -> None:
    with pytest.raises(InputError, match="0 actors"):
        ClusterOptions(actors=0)


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"photochrom\[archive\]"):
        ClusterEngine("any", ArchiveSettings(), ClusterOptions(actors=1))


@pytest.fixture
def _ray() -> Iterator[None]:
    ray = pytest.importorskip("ray", reason="pip install 'photochrom[archive]'")
    yield
    ray.shutdown()


@pytest.mark.hosts
@pytest.mark.usefixtures("_ray")
@pytest.mark.filterwarnings("ignore")
def test_ray_colours_the_same_files_also_when_processes_die(tmp_path: Path, scans: Path) -> None:
    long_film = Film(
        encoder="libx264", format="mp4", frames=3100, size=(32, 48), cut_at=1490, audio="aac"
    )  # of three segments
    make_film(scans / "reel.mp4", long_film)
    chosen = settings(tmp_path)
    alone, together = tmp_path / "alone", tmp_path / "together"
    first = run_by(LocalEngine(chosen.options.model, chosen), scans, alone, chosen)
    options = ClusterOptions(actors=2, cpus=2, store_bytes=STORE_BYTES)
    engine = ClusterEngine(chosen.options.model, chosen, options)
    script = (
        "import os, signal, sys, time\n"
        "for _ in range(3000):\n"
        "    time.sleep(0.05)\n"
        "    for pid in filter(str.isdecimal, os.listdir('/proc')):\n"
        "        try: line, own = open(f'/proc/{pid}/cmdline', 'rb').read(), os.getsid(int(pid))\n"
        "        except OSError: continue\n"
        "        if own != os.getsid(0) or not line.startswith(b'ray::'): continue\n"
        "        if sys.argv[1].encode() in line:\n"
        "            time.sleep(1); os.kill(int(pid), signal.SIGKILL); sys.exit(0)\n"
    )
    killers = [
        subprocess.Popen([sys.executable, "-c", script, name])
        for name in ("Painter", "FilmWorker.color")
    ]
    second = run_by(engine, scans, together, chosen)
    assert [killer.wait(timeout=300) for killer in killers] == [0, 0]
    assert contents(together) == contents(alone)
    assert second.counts == first.counts
    assert second.counts.states == {"coloured": 60, "failed": 1}


@pytest.mark.hosts
@pytest.mark.usefixtures("_ray")
def test_a_killed_driver_leaves_nothing_that_the_next_run_does_not_mend(
    tmp_path: Path, scans: Path
) -> None:
    chosen = settings(tmp_path)
    alone, together = tmp_path / "alone", tmp_path / "together"
    run_by(LocalEngine(chosen.options.model, chosen), scans, alone, chosen)
    manifest = together / "manifest.sqlite"
    command = [
        sys.executable, "-m", "photochrom", "archive", str(scans), str(together), "-q",
        "--model", str(tmp_path / "tiny.onnx"), "--device", "cpu", "--manifest", str(manifest),
    ]  # fmt: skip
    driver = subprocess.Popen([*command, "--actors", "1"], start_new_session=True)
    limit_s = time.monotonic() + 180
    while time.monotonic() < limit_s and len(list(together.glob("*.png"))) < 5:
        time.sleep(0.05)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    assert len(list(together.glob("*.png"))) >= 5
    assert subprocess.run(command, check=False).returncode == 1, "one input is broken"
    assert contents(together) == contents(alone)
