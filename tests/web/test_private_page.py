"""The page that colours on the device: its files, its colours, and a visit without a network."""

from __future__ import annotations

import functools
import gzip
import http.server
import importlib.util
import io
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from fixtures.chromium import SCREENS
from fixtures.model import CARD, tiny_model
from fixtures.web import app, empty_database, make_app
from numpy.typing import NDArray
from PIL import Image

from photochrom.color.compose import compose_upsampled
from photochrom.color.fit import working_shape
from photochrom.engine import load
from photochrom.errors import InputError
from photochrom.hints import Hint
from photochrom.imageio import read
from photochrom.imageio.xmp import find_generator
from photochrom.pipeline import colorize, hint_planes, with_hints, working_lightness
from photochrom.web.errors import SettingsError
from photochrom.web.languages import LANGUAGES
from photochrom.web.private.site import POLICY, RUNTIME_FILES, assemble, first_visit

__all__ = ["app", "empty_database", "make_app"]

ROOT = Path(__file__).parents[2]
NAMESPACES = ("http://www.w3.org/", "http://ns.adobe.com/", "http://cv.iptc.org/",
              "http://iptc.org/")  # fmt: skip
FIRST_VISIT_BYTES = 12_000_000
OWN_BYTES = 400_000
"""Of all but runtime and model, compressed."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site with a tiny model, and a runtime that is none."""
    runtime = tmp_path_factory.mktemp("dist")
    for name in RUNTIME_FILES:
        (runtime / name).write_text("export {};")
    out = tmp_path_factory.mktemp("site")
    assemble(out, runtime, tiny_model(runtime / "tiny.onnx"))
    return out


def texts(site: Path) -> Iterator[tuple[Path, str]]:
    """The site's own pages, scripts and styles."""
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".js", ".css", ".webmanifest"):
            yield path, path.read_text(encoding="utf-8")


def test_no_address_leads_away_or_to_a_root(site: Path) -> None:
    for path, text in texts(site):
        foreign = [
            a for a in re.findall(r"https?://[^\s\"'`)]+", text) if not a.startswith(NAMESPACES)
        ]
        assert foreign == [], path
        assert not re.search(r"""(?:src|href|from|url\()\s*=?\s*["']?/[^/]""", text), path


def test_everything_that_is_named_is_there(site: Path) -> None:
    (listed,) = re.findall(r"const FILES = (\[.*\]);", (site / "sw.js").read_text())
    kept = set(json.loads(listed))
    assert all((site / name).is_file() for name in kept)
    manifest = json.loads((site / "manifest.webmanifest").read_text())
    assert all((site / one["src"]).is_file() for one in manifest["icons"])
    pages = [text for path, text in texts(site) if path.suffix == ".html"]
    assert len(pages) == len(LANGUAGES)
    for page in pages:
        assert f'content="{POLICY}"'.replace("'", "&#39;") in page
        named = {*re.findall(r'(?:src|href)="([^"#]+)[#"]', page)}
        assert named <= {*kept, "icons/lines.svg"}
    for path, text in texts(site):
        if path.suffix == ".js":
            for name in re.findall(r'(?:from|import) "\./([^"]+)"', text):
                assert f"js/{name}" in kept, path
    assert len({re.sub(r"\s", "", page) for page in pages}) == len(pages)


def test_a_first_visit_is_small(site: Path) -> None:
    sizes = {path: len(gzip.compress(path.read_bytes())) for path in first_visit(site)}
    assert sum(sizes.values()) < OWN_BYTES
    assert site / "model" / "model.onnx" in sizes


def test_a_runtime_without_its_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no ort\.wasm"):
        assemble(tmp_path / "out", tmp_path)


def test_the_studio_offers_the_page(make_app: Any, site: Path, tmp_path: Path) -> None:
    client = make_app(private_dir=str(site)).test_client()
    assert b'href="/private/"' in client.get("/").data
    with client.get("/private/") as page:
        assert page.status_code == 200
        assert page.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert page.headers["Content-Security-Policy"].startswith(POLICY)
    with client.get("/private/runtime/ort-wasm-simd-threaded.wasm") as runtime:
        assert runtime.mimetype == "application/wasm"
    assert client.get("/private/../secret").status_code == 404
    with pytest.raises(SettingsError, match=r"no index\.html"):
        make_app(private_dir=str(tmp_path))
    assert make_app().test_client().get("/private/").status_code == 404


NODE = """
import * as color from "SITE/js/color.js";
import { markedFile, readMetadata } from "SITE/js/metadata.js";
import fs from "node:fs";
const task = JSON.parse(fs.readFileSync("TASK", "utf-8"));
const full = task.full, small = task.small, working = task.working;
const rgba = Uint8ClampedArray.from(task.rgba);
const ab = task.ab.map((plane) => Float32Array.from(plane));
const L = color.workingLightness(rgba, full, working);
const hints = color.hintPlanes(task.spots, full, working);
const jpeg = new Uint8Array(fs.readFileSync("JPEG"));
fs.writeFileSync("MARKED", markedFile(jpeg, readMetadata(jpeg), 'tiny & "model"'));
console.log(JSON.stringify({
  shapes: task.shapes.map(([height, width]) => {
    const shape = color.workingShape({ height, width }, 224, 32);
    return [shape.height, shape.width];
  }),
  L: [...L], mask: [...hints.mask], a: [...hints.a],
  hinted: color.withHints(ab, small, L, hints, working).map((plane) => [...plane]),
  composed: [...color.compose(rgba, full, ab, small)],
}));
"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("node"), reason="needs Node")
def test_colours_and_marks_are_those_of_the_package(
    site: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    (height, width), working, small = (90, 141), (64, 96), (16, 24)
    rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    rgb[:40] = rgb[:40, :, :1]
    ab = rng.uniform(-60, 60, (*small, 2)).astype(np.float32)
    spots = [Hint(30, 40, "#c81e1e", radius=9), Hint(100, 20, "#23325c", radius=0)]
    shapes = [[side, side * 3 // 2] for side in range(100, 2000, 10)] + [[500, 90], [37, 53]]
    jpeg = tmp_path / "in.jpg"
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "Anna"
    Image.new("RGB", (8, 8)).save(jpeg, exif=exif)
    task = {
        "full": {"height": height, "width": width},
        "working": {"height": working[0], "width": working[1]},
        "small": {"height": small[0], "width": small[1]},
        "rgba": np.dstack([rgb, np.full((height, width), 255, np.uint8)]).ravel().tolist(),
        "ab": [ab[..., i].ravel().tolist() for i in range(2)],
        "spots": [{"x": s.x, "y": s.y, "radius": s.radius, "color": s.rgb} for s in spots],
        "shapes": shapes,
    }
    (tmp_path / "task.json").write_text(json.dumps(task))
    script = NODE.replace("SITE", site.as_uri())
    for name, path in (("TASK", "task.json"), ("JPEG", "in.jpg"), ("MARKED", "out.jpg")):
        script = script.replace(f'"{name}"', json.dumps(str(tmp_path / path)))
    (tmp_path / "run.mjs").write_text(script)
    done = subprocess.run(["node", tmp_path / "run.mjs"], check=True, capture_output=True)
    found = json.loads(done.stdout)

    expected = [working_shape(h, w, min(224, h, w), 32) for h, w in shapes]
    assert found["shapes"] == [list(shape) for shape in expected]
    L = working_lightness(rgb, 64, CARD)
    assert L.shape == working
    assert np.abs(np.reshape(found["L"], working) - L).max() < 0.6  # a code may round otherwise
    hint_ab, mask = hint_planes(spots, (height, width), working)
    assert np.array_equal(np.reshape(found["mask"], working), mask)
    assert np.abs(np.reshape(found["a"], working) - hint_ab[..., 0]).max() < 1e-3
    hinted = np.moveaxis(np.reshape(found["hinted"], (2, *small)), 0, -1)
    assert np.abs(hinted - with_hints(ab, L, hint_ab, mask)).max() < 0.5
    composed = np.reshape(found["composed"], (height, width, 4))[..., :3]
    apart = np.abs(composed - compose_upsampled(rgb, ab).astype(int))
    assert apart.mean() < 0.05
    assert apart.max() <= 2

    marked = (tmp_path / "out.jpg").read_bytes()
    assert find_generator(marked) == 'tiny & "model"'
    kept = Image.open(io.BytesIO(marked)).getexif()
    assert (kept[0x0112], kept[0x010E]) == (1, "Anna")


def browser_site_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "browser_site", ROOT / "tools" / "browser_site.py"
    )
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


@pytest.fixture(scope="module")
def whole_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as people get it, with the shipped model and the runtime from npm."""
    tool = browser_site_tool()
    try:
        package = tool.fetch_runtime()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"npm does not fetch the runtime: {error}")
    folder = tmp_path_factory.mktemp("whole")
    assemble(folder / "site", tool.unpack_runtime(package, folder))
    for way, megabytes in tool.megabytes_of_first_visit(folder / "site").items():
        assert megabytes * 1e6 < FIRST_VISIT_BYTES, way
    return folder / "site"


class StaticHost(http.server.SimpleHTTPRequestHandler):
    """A host of files below a path, which sets no headers."""

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.removeprefix("/some/path"))

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


@pytest.mark.hosts
@pytest.mark.parametrize("screen", ["phone", "desktop"])
def test_pictures_are_coloured_hinted_and_kept_without_a_network(
    screen: str, chromium: Any, whole_site: Path, tmp_path: Path
) -> None:
    host = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(StaticHost, directory=str(whole_site))
    )
    threading.Thread(target=host.serve_forever, daemon=True).start()
    source = ROOT / "examples" / "coffee.jpg"
    problems: list[str] = []
    with chromium.new_context(accept_downloads=True, **SCREENS[screen]) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"http://127.0.0.1:{host.server_port}/some/path/")
        page.wait_for_selector('body[data-ready="kept"]', timeout=120_000)
        assert page.evaluate("crossOriginIsolated") is True
        host.shutdown()
        host.server_close()
        context.set_offline(True)
        page.reload()
        page.set_input_files("#choose", source)

        def download() -> NDArray[np.uint8]:
            page.wait_for_selector("#veil", state="hidden", timeout=120_000)
            with page.expect_download() as waiting:
                page.click("#download:enabled", timeout=120_000)
            waiting.value.save_as(tmp_path / "out.jpg")
            assert find_generator((tmp_path / "out.jpg").read_bytes()) == network.identity.signature
            return np.asarray(read(tmp_path / "out.jpg").pixels)

        network, rgb = load(), read(source).pixels
        height, width = rgb.shape[:2]
        page.wait_for_selector("#download:enabled", timeout=120_000)
        apart = np.abs(download().astype(int) - colorize(rgb, model=network))
        assert apart.mean() < 2.0
        box = page.locator("#stage").bounding_box()
        page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"])
        page.click('#swatches button[data-color="#c1272d"]')
        page.click("#palette-done")
        x, y = round(0.3 * width - 0.5), round(0.5 * height - 0.5)
        hint = Hint(x, y, "#c1272d", radius=0.008 * min(height, width))
        colored = download()
        assert np.abs(colored.astype(int) - colorize(rgb, model=network, hints=[hint])).mean() < 2.0
        page.focus("#vividness")
        page.keyboard.press("Home")
        page.keyboard.press("Tab")
        page.click("#hint-list button")
        page.click("#palette-remove")
        grey = download()
        assert np.ptp(grey.astype(int), axis=2).max() <= 2
    assert problems == []
