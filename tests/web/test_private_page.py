"""The page that colours on the device: its files, its colours, and a visit without a network."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from fixtures.chromium import SCREENS, keep_screens, launch_chromium
from fixtures.model import CARD, tiny_model
from fixtures.private_page import (
    MEAN_CODES,
    ROOT,
    WAIT_MS,
    check_colors_hint_and_download,
    downloaded,
    static_host,
    wait_for_colors,
)
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
from photochrom.web.i18n import _, use_language
from photochrom.web.languages import LANGUAGES
from photochrom.web.private.site import (
    POLICY,
    RUNTIME_FILES,
    _service_worker,
    assemble,
    first_visit,
)

__all__ = ["app", "empty_database", "make_app"]

COFFEE = ROOT / "examples" / "coffee.jpg"
NAMESPACES = ("http://www.w3.org/", "http://ns.adobe.com/", "http://cv.iptc.org/",
              "http://iptc.org/")  # fmt: skip
NEEDS_A_SERVER = (
    "Opened as a file, this page cannot work: open it from a web server, or start photochrom serve."
)
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
import { canvasSizes } from "SITE/js/canvas.js";
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
const long = new Uint8Array(fs.readFileSync("LONG"));
fs.writeFileSync("LONG", markedFile(jpeg, readMetadata(long), 'tiny & "model"'));
console.log(JSON.stringify({
  canvases: task.large.map(([height, width]) => {
    return canvasSizes({ height, width }).map((size) => [size.height, size.width]);
  }),
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
    ab[8:] = rng.uniform(10, 12, (8, 24, 2))  # beside which the last spot misses little
    spots = [Hint(30, 40, "#c81e1e", radius=9), Hint(100, 20, "#23325c", radius=0)]
    spots += [Hint(60, 70, "#b99f82", radius=3)]
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
        "large": [[3000, 4000], [4000, 6000], [8064, 6048], [300, 9000]],
    }
    (tmp_path / "task.json").write_text(json.dumps(task))
    script = NODE.replace("SITE", site.as_uri())
    # A packet that fills its segment, so that the mark does not fit beside it.
    packet = b"<x:xmpmeta><rdf:RDF>%s</rdf:RDF></x:xmpmeta>" % (b" " * 65_440)
    segment = b"http://ns.adobe.com/xap/1.0/\0" + packet
    length = (len(segment) + 2).to_bytes(2, "big")
    plain, long = jpeg.read_bytes(), tmp_path / "long.jpg"
    long.write_bytes(plain[:2] + b"\xff\xe1" + length + segment + plain[2:])
    names = {"TASK": "task.json", "JPEG": "in.jpg", "MARKED": "out.jpg", "LONG": "long.jpg"}
    for name, path in names.items():
        script = script.replace(f'"{name}"', json.dumps(str(tmp_path / path)))
    (tmp_path / "run.mjs").write_text(script)
    done = subprocess.run(["node", tmp_path / "run.mjs"], check=True, capture_output=True)
    found = json.loads(done.stdout)

    expected = [working_shape(h, w, min(224, h, w), 32) for h, w in shapes]
    assert found["shapes"] == [list(shape) for shape in expected]
    assert found["canvases"] == [  # 12, 24 and 48 megapixels, and a panorama
        [[3000, 4000]],
        [[4000, 6000], [3344, 5016], [2730, 4096]],
        [[8064, 6048], [4729, 3547], [4096, 3072]],
        [[300, 9000], [136, 4096]],
    ]
    L = working_lightness(rgb, 64, CARD)
    assert L.shape == working
    assert np.abs(np.reshape(found["L"], working) - L).max() < 0.6  # a code may round otherwise
    hint_ab, mask = hint_planes(spots, (height, width), working)
    assert np.array_equal(np.reshape(found["mask"], working), mask)
    assert np.abs(np.reshape(found["a"], working) - hint_ab[..., 0]).max() < 1e-3
    hinted = np.moveaxis(np.reshape(found["hinted"], (2, *small)), 0, -1)
    assert np.abs(hinted - with_hints(ab, L, hint_ab, mask)).max() < 0.5
    assert 0.5 < np.abs(hinted - ab)[9:, 16:].max() < 12  # carried far from the spot
    composed = np.reshape(found["composed"], (height, width, 4))[..., :3]
    apart = np.abs(composed - compose_upsampled(rgb, ab).astype(int))
    assert apart.mean() < 0.05
    assert apart.max() <= 2

    marked = (tmp_path / "out.jpg").read_bytes()
    assert find_generator(marked) == 'tiny & "model"'
    kept = Image.open(io.BytesIO(marked)).getexif()
    assert (kept[0x0112], kept[0x010E]) == (1, "Anna")
    assert find_generator(long.read_bytes()) == 'tiny & "model"'
    assert not any("between its segments" in note for note in read(long).notes)


TO_CLIPBOARD = """async (base64) => {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const picture = new Blob([bytes], { type: "image/png" });
  await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
}"""


@pytest.mark.hosts
@pytest.mark.parametrize("screen", ["phone", "desktop"])
def test_pictures_are_coloured_hinted_and_kept_without_a_network(
    screen: str, chromium: Any, whole_site: Path, tmp_path: Path
) -> None:
    problems: list[str] = []
    with chromium.new_context(accept_downloads=True, **SCREENS[screen]) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        with static_host(whole_site) as address:
            page.goto(address)
            page.wait_for_selector('body[data-ready="kept"]', timeout=WAIT_MS)
            assert page.evaluate("crossOriginIsolated") is True
        context.set_offline(True)
        page.reload()
        page.set_input_files("#choose", COFFEE)
        check_colors_hint_and_download(page, COFFEE, tmp_path)
    assert problems == []


@pytest.mark.hosts
def test_pictures_are_pasted_dropped_and_taken(
    playwright_driver: Any, whole_site: Path, tmp_path: Path
) -> None:
    grey = read(COFFEE).pixels[:240, :320]
    film, photo = tmp_path / "camera.y4m", tmp_path / "dropped.png"
    Image.fromarray(grey).save(photo)
    with av.open(str(film), "w", format="yuv4mpegpipe") as out:
        stream = out.add_stream("rawvideo", rate=5)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(5):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "gray8")))
        out.mux(stream.encode())
    camera = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
              f"--use-file-for-fake-video-capture={film}")  # fmt: skip
    problems: list[str] = []
    with static_host(whole_site) as address, launch_chromium(playwright_driver, *camera) as browser:

        def opened(screen: str) -> Any:
            context = browser.new_context(accept_downloads=True, **SCREENS[screen])
            origin = address.removesuffix("/some/path/")
            context.grant_permissions(["clipboard-read", "clipboard-write"], origin=origin)
            page = context.new_page()
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.goto(address)
            page.wait_for_selector('body[data-ready="kept"]', timeout=WAIT_MS)
            return page

        def codes_apart(page: Any, name: str) -> float:
            wait_for_colors(page)
            with page.expect_download() as waiting:
                page.click("#download")
            assert waiting.value.suggested_filename == name
            apart = read(waiting.value.path()).pixels.astype(int) - colorize(grey, model=load())
            return float(np.abs(apart).mean())

        page = opened("desktop")
        assert not page.is_visible("label:has(#camera)")
        # As another program leaves a picture in the clipboard; the keys are the browser's own.
        page.evaluate(TO_CLIPBOARD, base64.b64encode(photo.read_bytes()).decode())
        page.keyboard.press("Control+v")
        assert codes_apart(page, "image.color.png") < MEAN_CODES
        # A file from the desktop, over the page, and let go.
        page.reload()
        page.wait_for_selector('body[data-ready="kept"]', timeout=WAIT_MS)
        devtools = page.context.new_cdp_session(page)
        place = {"x": 400, "y": 300}
        data = {"items": [], "files": [str(photo)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "dragOver", "dragOver", "drop"):
            devtools.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
            page.wait_for_timeout(100)
            assert page.is_visible("#drop-veil") == (kind == "dragOver")
        assert codes_apart(page, "dropped.color.png") < MEAN_CODES
        # The camera of a computer.
        page.reload()
        page.click("#webcam")
        shown = "(({ currentTime, videoWidth }) => currentTime > 0.3 && videoWidth === 320)"
        until = time.monotonic() + WAIT_MS / 1000
        while not page.evaluate(f"{shown}(document.querySelector('#viewfinder'))"):
            assert time.monotonic() < until
            page.wait_for_timeout(100)  # the page's policy forbids wait_for_function
        page.screenshot(path=tmp_path / "camera.png")
        page.click("#shutter")
        # From RGB to the film's YUV and back, and once more through JPEG.
        assert codes_apart(page, "photograph.color.jpg") < 4.0
        assert page.evaluate("document.querySelector('#viewfinder').srcObject") is None
        page.context.close()

        page = opened("phone")
        assert not page.is_visible("#webcam")
        with page.expect_file_chooser() as chooser:
            page.tap("label:has(#camera)")
        assert page.get_attribute("#camera", "capture") == "environment"
        chooser.value.set_files(photo)
        assert codes_apart(page, "dropped.color.png") < MEAN_CODES
    keep_screens(tmp_path)
    assert problems == []


@pytest.mark.hosts
def test_webgpu_colors_as_the_package_does(
    playwright_driver: Any, whole_site: Path, tmp_path: Path
) -> None:
    # SwiftShader, a graphics card of software, takes minutes for a picture of the usual size.
    grey = read(COFFEE).pixels[100:196, 200:328]
    photo = tmp_path / "small.png"
    Image.fromarray(grey).save(photo)
    swiftshader = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")
    warnings: list[str] = []
    with launch_chromium(playwright_driver, *swiftshader) as browser:

        def codes_apart(address: str, engine: str) -> NDArray[np.int64]:
            page = browser.new_page()
            page.on("console", lambda line: warnings.append(line.text))
            page.goto(address)
            page.wait_for_selector('body[data-ready="kept"]', timeout=WAIT_MS)
            ask = "navigator.gpu?.requestAdapter().then((adapter) => adapter !== null)"
            if not page.evaluate(ask):
                pytest.skip("this Chromium has no adapter for WebGPU, not even SwiftShader")
            assert str(page.evaluate("document.body.dataset.engine")).startswith(engine)
            page.set_input_files("#choose", photo)
            wait_for_colors(page)
            (tmp_path / "out.png").write_bytes(downloaded(page))
            page.close()
            found = np.asarray(read(tmp_path / "out.png").pixels).astype(int)
            return np.abs(found - colorize(grey, model=load()))

        with static_host(whole_site) as address:
            by_gpu = codes_apart(address, "WebGPU")
        assert by_gpu.mean() < MEAN_CODES
        assert by_gpu.max() <= 8
        assert not [line for line in warnings if "WebGPU cannot run" in line]
        # What WebGPU cannot start goes to the processor, which is told.
        torn = tmp_path / "site"
        shutil.copytree(whole_site, torn)
        (torn / "runtime" / "ort-wasm-simd-threaded.jspi.wasm").write_bytes(b"torn")
        with static_host(torn) as address:
            assert codes_apart(address, "wasm").mean() < MEAN_CODES
        assert [line for line in warnings if "WebGPU cannot run" in line]


RUNTIME = """
export const env = { wasm: {} };
export class Tensor { constructor(_type, data, dims) { Object.assign(this, { data, dims }); } }
const run = async ({ input: { dims: [, , h, w] } }) => (
  { ab: { dims: [1, 2, h, w], data: new Float32Array(2 * h * w).fill(9) } });
export const InferenceSession = { create: async () => ({ run }) };
"""


@pytest.fixture
def quick_site(tmp_path: Path) -> Path:
    """The site with a runtime that answers the same for every picture."""
    runtime, out = tmp_path / "dist", tmp_path / "site"
    runtime.mkdir()
    for name in RUNTIME_FILES:
        (runtime / name).write_text(RUNTIME)
    assemble(out, runtime, tiny_model(tmp_path / "tiny.onnx"))
    return out


def open_site(context: Any, address: str) -> Any:
    """The page, once it is kept."""
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector('body[data-ready="kept"]', timeout=WAIT_MS)
    return page


@pytest.mark.hosts
def test_a_newer_version_works_without_a_network_too(chromium: Any, quick_site: Path) -> None:
    caches = "caches.keys().then((names) => names.join())"
    with chromium.new_context() as context:
        with static_host(quick_site) as address:
            page = open_site(context, address)
            before = page.evaluate(caches)
            style = quick_site / "css" / "private.css"
            style.write_text(style.read_text() + "\n")
            (quick_site / "img" / "example.webp").rename(quick_site / "img" / "other.webp")
            (quick_site / "sw.js").write_text(_service_worker(quick_site))
            page.reload()
            until = time.monotonic() + WAIT_MS / 1000
            while (now := page.evaluate(caches)) == before or "," in now:
                assert time.monotonic() < until
                page.wait_for_timeout(50)
        context.set_offline(True)
        page.reload()
        page.set_input_files("#choose", COFFEE)
        wait_for_colors(page)


@pytest.mark.hosts
def test_what_did_not_come_or_cannot_be_kept_stops_nobody(chromium: Any, quick_site: Path) -> None:
    model, away = quick_site / "model" / "model.onnx", quick_site / "away"
    with chromium.new_context() as context, static_host(quick_site) as address:
        model.rename(away)
        page = context.new_page()
        page.goto(address)
        page.get_by_text("model.onnx: 404").wait_for(timeout=WAIT_MS)
        away.rename(model)
        (worker,) = context.service_workers
        worker.evaluate("() => { Cache.prototype.put = () => Promise.reject(Error('no space')); }")
        page.set_input_files("#choose", COFFEE)
        wait_for_colors(page)


NO_SPACE = "Cache.prototype.put = () => Promise.reject(new Error('no space'));"
UPDATED = """async () => {
  const registration = await navigator.serviceWorker.getRegistration();
  await registration.update().catch(() => {});
  while (registration.installing) await new Promise((done) => setTimeout(done, 20));
}"""


@pytest.mark.hosts
def test_a_newer_version_that_has_no_space_leaves_nothing_of_itself(
    chromium: Any, quick_site: Path
) -> None:
    names = "caches.keys().then((names) => names.join())"
    with chromium.new_context() as context, static_host(quick_site) as address:
        page = open_site(context, address)
        before = page.evaluate(names)
        style = quick_site / "css" / "private.css"
        style.write_text(style.read_text() + "\n")
        (quick_site / "sw.js").write_text(NO_SPACE + _service_worker(quick_site))
        page.evaluate(UPDATED)
        assert page.evaluate(names) == before


@pytest.mark.hosts
def test_what_does_not_come_is_told(chromium: Any, quick_site: Path) -> None:
    for name in ("js/worker.js", "img/example.webp"):
        (quick_site / name).unlink()
    with chromium.new_context(service_workers="block") as context:
        page = context.new_page()
        with static_host(quick_site) as address:
            page.goto(address)
            told = page.locator("#notes .note-bad")
            told.get_by_text("worker.js").wait_for()
            assert not page.locator("#ready").inner_text()
            page.get_by_role("button", name="Show an example").click()
            told.get_by_text("example.webp: 404").wait_for()
            page.set_input_files("#choose", COFFEE)
            told.get_by_text("worker.js").wait_for()


NOTHING_KEPT = """for (const name of ["localStorage", "sessionStorage"]) {
  const get = () => { throw new DOMException("denied", "SecurityError"); };
  Object.defineProperty(window, name, { get });
}"""


@pytest.mark.hosts
def test_a_browser_that_keeps_nothing_colours_all_the_same(chromium: Any, quick_site: Path) -> None:
    with chromium.new_context() as context, static_host(quick_site) as address:
        context.add_init_script(NOTHING_KEPT)
        page = open_site(context, address)
        page.set_input_files("#choose", COFFEE)
        wait_for_colors(page)
        page.locator(".languages > summary").click()
        page.get_by_role("link", name="Deutsch").click()
        page.wait_for_url("**/de.html")


SMALL_CANVASES = """{
  const { getContext } = OffscreenCanvas.prototype;
  OffscreenCanvas.prototype.getContext = function (...given) {
    const context = getContext.apply(this, given);
    const { width, height } = this;
    if (width * height <= 4096 ** 2 && Math.max(width, height) <= LONGEST) return context;
    for (const name of ["drawImage", "fillRect", "putImageData"]) context[name] = () => {};
    return context;
  };
}
"""
"""As in Safari on an iPhone: what is too large stays empty, and nothing is thrown."""


@pytest.mark.hosts
@pytest.mark.parametrize(("longest", "width"), [(4096, 4096), (100, 0)])
def test_a_picture_that_the_device_does_not_hold_is_made_smaller_or_refused(
    longest: int, width: int, chromium: Any, quick_site: Path, tmp_path: Path
) -> None:
    script, picture = quick_site / "js" / "worker.js", tmp_path / "panorama.png"
    small = SMALL_CANVASES.replace("LONGEST", str(longest))
    script.write_text(small + script.read_text())
    Image.fromarray(np.full((60, 5000), 150, np.uint8)).save(picture)
    with chromium.new_context(service_workers="block") as context, static_host(quick_site) as site:
        page = context.new_page()
        page.goto(site)
        page.wait_for_selector('body[data-ready="here"]', timeout=WAIT_MS)
        page.set_input_files("#choose", picture)
        told = page.locator("#notes .note-bad")
        if not width:
            told.get_by_text("this device holds no picture of 5000 × 60 px").wait_for()
            assert page.locator("#workbench").is_hidden()
            return
        told.get_by_text("coloured smaller, 4096 × 49 pixels").wait_for()
        wait_for_colors(page)
        seen = page.evaluate("document.querySelector('#grey').getContext('2d')"
                             ".getImageData(4000, 40, 1, 1).data[0]")  # fmt: skip
        result = np.asarray(Image.open(io.BytesIO(downloaded(page))))
    assert result.shape[:2] == (49, width)
    assert seen == 150
    assert abs(result[..., :3].mean() - 150) < 10


@pytest.mark.hosts
def test_the_palette_closes_when_its_spot_is_undone(chromium: Any, quick_site: Path) -> None:
    with chromium.new_context() as context, static_host(quick_site) as address:
        page = open_site(context, address)
        page.set_input_files("#choose", COFFEE)
        wait_for_colors(page)
        stage = page.locator("#stage")
        stage.click(button="right", position={"x": 60, "y": 60})
        assert not page.locator("#palette[open]").count()
        stage.click(position={"x": 60, "y": 60})
        page.click('#swatches button[data-color="#c1272d"]')
        page.click("#undo")
        page.locator("#palette:not([open])").wait_for(state="attached")


@pytest.mark.hosts
@pytest.mark.parametrize("code", ["en", "de", "ar"])
def test_from_a_file_the_page_says_what_it_needs_and_offers_nothing_else(
    code: str, chromium: Any, site: Path, tmp_path: Path
) -> None:
    with use_language(code):
        sentence = _(NEEDS_A_SERVER)
    assert (sentence == NEEDS_A_SERVER) is (code == "en"), "it is translated"
    file = site / ("index.html" if code == "en" else f"{code}.html")
    refused: list[str] = []
    with chromium.new_context() as context:
        page = context.new_page()
        page.on("console", lambda line: refused.append(line.text))
        page.goto(file.as_uri())
        assert page.get_by_role("alert").inner_text() == sentence
        page.screenshot(path=tmp_path / f"file-{code}.png")
        controls = page.locator("main").locator("button, label, input, select, canvas")
        assert not any(one.is_visible() for one in controls.all())
        said = page.get_by_role("main").inner_text().split("\n")
        assert [line for line in said if line] == [page.locator("h1").first.inner_text(), sentence]
    # Which is why: browsers load no modules there.
    assert [line for line in refused if "private.js' from origin 'null' has been blocked" in line]
    keep_screens(tmp_path)


@pytest.mark.hosts
def test_from_a_server_the_page_does_not_speak_of_one(chromium: Any, site: Path) -> None:
    with static_host(site) as address, chromium.new_context() as context:
        page = context.new_page()
        page.goto(address)
        assert page.get_by_text("Choose a picture", exact=True).first.is_visible()
        assert not page.locator("[role=alert]").is_visible()
