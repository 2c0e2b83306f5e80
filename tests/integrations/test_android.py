"""The Android app: built, signed and described as it should be; its pages in a browser."""

from __future__ import annotations

import base64
import http.server
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from fixtures.chromium import SCREENS, launch_chromium
from fixtures.integrations import EXAMPLES

from photochrom import Colorizer, read

ROOT = Path(__file__).parents[2]
ANDROID = ROOT / "android"
ORIGIN = "https://app.photochrom.invalid"
LIMIT_MB = 25
MEDIA_TYPES = {
    ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript",
    ".css": "text/css", ".wasm": "application/wasm", ".svg": "image/svg+xml",
    ".jpg": "image/jpeg", ".webp": "image/webp", ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2", ".json": "application/json", ".png": "image/png", ".txt": "text/plain",
}  # fmt: skip
CAT = EXAMPLES / "cat.jpg"


@pytest.fixture(scope="module")
def build_apk() -> ModuleType:
    """tools/build_apk.py as a module."""
    spec = importlib.util.spec_from_file_location("build_apk", ROOT / "tools" / "build_apk.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_and_code_agree_on_what_the_phone_offers() -> None:
    code = "".join(path.read_text() for path in ANDROID.rglob("*.smali"))
    for ending, kind in MEDIA_TYPES.items():
        assert f";{ending[1:]}={kind};" in code
    script = (ANDROID / "pages" / "app.js").read_text()
    offered = set(
        re.findall(r"\.method public (\w+)\(.*\n.*\n\s+\.annotation runtime .*Javascript", code)
    )
    assert set(re.findall(r"\bapp\??\.(\w+)\(", script)) == offered == {
        "hasShared", "clearShared", "save",
    }  # fmt: skip
    manifest = (ANDROID / "AndroidManifest.xml").read_text()
    for name in re.findall(r'android:name="\.(\w+)"', manifest):
        assert f".class public Lorg/photochrom/app/{name};" in code
    assert ORIGIN.partition("//")[2] in code
    authority = re.findall(r'android:authorities="([\w.]+)"', manifest)[0]
    assert f"content://{authority}/" in code
    pages = {path.name for path in (ANDROID / "pages").iterdir()}
    linked = re.findall(r'(?:href|src)="([\w.]+)"', (ANDROID / "pages" / "studio.html").read_text())
    assert set(linked) <= pages


def test_the_app_says_what_is_missing(build_apk: ModuleType, tmp_path: Path) -> None:
    assert build_apk.version()[1] >= 100
    if build_apk.missing_tools():
        with pytest.raises(build_apk.BuildError, match=r"missing are .*; install what"):
            build_apk.build(tmp_path / "a.apk", None, None)
    else:
        with pytest.raises(build_apk.BuildError, match=r"has no index\.html; build the page first"):
            build_apk.build(tmp_path / "a.apk", tmp_path, None)
        with pytest.raises(build_apk.BuildError, match=r"the password of .* is missing"):
            build_apk.build(tmp_path / "a.apk", None, tmp_path / "own.keystore")


@pytest.mark.hosts
def test_the_app_is_built_signed_and_small(build_apk: ModuleType, tmp_path: Path) -> None:
    if missing := build_apk.missing_tools():
        pytest.skip(f"not installed here: {', '.join(missing)}")
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("<!doctype html><title>here</title>")
    target = tmp_path / "photochrom.apk"
    build_apk.build(target, page, None)
    assert target.stat().st_size < LIMIT_MB * 1e6

    def output(*command: str) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert output("apksigner", "verify", "--min-sdk-version", "29", "--verbose", str(target))
    output("zipalign", "-c", "4", str(target))
    badging = output("aapt2", "dump", "badging", str(target))
    for line in (
        "package: name='org.photochrom.app' versionCode='100' versionName='0.1.0'",
        "targetSdkVersion:'34'",
        "application-label:'Photochrom'",
        "launchable-activity: name='org.photochrom.app.MainActivity'",
    ):
        assert line in badging
    permissions = re.findall(r"uses-permission: name='([\w.]+)'", badging)
    assert permissions == ["android.permission.INTERNET"]
    with zipfile.ZipFile(target) as archive:
        names = archive.namelist()
        assert {"assets/page/index.html", "assets/studio.js", "classes.dex"} <= set(names)
        assert archive.getinfo("resources.arsc").compress_type == zipfile.ZIP_STORED
    # Every instruction is read back as it was written.
    again = tmp_path / "again"
    jars = build_apk._class_path() + f":{build_apk.JAVA}/baksmali.jar"
    output("java", "-cp", jars, "org.jf.baksmali.Main", "d", "-o", str(again), str(target))
    written = {path.name for path in (ANDROID / "smali").rglob("*.smali")}
    assert {path.name for path in again.rglob("*.smali")} == written


@pytest.fixture
def page(playwright_driver: Any) -> Iterator[Any]:
    """The app's pages at their own origin, in Chromium of a phone's size."""
    # The app's web view has no such checks between networks.
    quiet = "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests"
    with launch_chromium(playwright_driver, quiet) as browser:
        context = browser.new_context(**SCREENS["phone"])
        opened = context.new_page()
        opened.set_default_timeout(30_000)

        def answer(route: Any) -> None:
            name = route.request.url.removeprefix(f"{ORIGIN}/").partition("?")[0]
            file = CAT if name == "shared" else ANDROID / "pages" / name
            if file.is_file():
                route.fulfill(path=file)
            else:
                route.fulfill(status=404)

        opened.route(f"{ORIGIN}/**", answer)
        yield opened


STAND_IN = """
window.kept = { shared: %s, saved: [] };
window.PhotochromApp = {
  hasShared: () => window.kept.shared,
  clearShared: () => { window.kept.shared = false; },
  save: (name, type, data) => { window.kept.saved.push([name, type, data]); return true; },
};
"""


@pytest.mark.hosts
def test_a_phone_signs_up_uploads_converts_and_downloads(page: Any, tmp_path: Path) -> None:
    from fixtures.server import PHOTOCHROM, STUDIO_SAYS, launched, settings_for

    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.add_init_script(STAND_IN % "true")
    serve = [*PHOTOCHROM, "serve", "--port", "0"]
    settings = settings_for(tmp_path / "studio", "photochrom-base")
    with launched(serve, settings, STUDIO_SAYS) as studio:
        page.goto(f"{ORIGIN}/home.html")
        page.get_by_text("A picture was shared").wait_for()
        page.screenshot(path=tmp_path / "home.png")
        page.get_by_role("link", name="By a studio").click()
        page.get_by_label("Address of the studio").fill("nonsense://")
        page.get_by_role("button", name="Go on").click()
        page.get_by_text("This is no address").wait_for()
        page.get_by_label("Address of the studio").fill(studio)
        page.get_by_role("button", name="Go on").click()

        sign_up = page.locator("#sign-up")
        sign_up.get_by_label("Name", exact=True).fill("Ada")
        sign_up.get_by_label("Email address").fill("ada at home")
        sign_up.get_by_label("Password", exact=True).fill("short")
        sign_up.get_by_label("Password again").fill("other")
        sign_up.get_by_role("button", name="Sign up").click()
        for message in (
            "This is not a valid email address.",
            "Use at least 10 characters.",
            "The two passwords differ.",
        ):
            sign_up.get_by_text(message).wait_for()
        page.screenshot(path=tmp_path / "sign-up.png", full_page=True)
        sign_up.get_by_label("Email address").fill("ada@example.org")
        sign_up.get_by_label("Password", exact=True).fill("correct horse battery")
        sign_up.get_by_label("Password again").fill("correct horse battery")
        sign_up.get_by_role("button", name="Sign up").click()

        page.get_by_text("Ada at http://").wait_for()
        page.evaluate("window.kept.shared = false; import('/app.js')")  # as the app does
        convert = page.get_by_role("button", name="Convert")
        page.locator("#model option", has_text="photochrom-film").wait_for(state="attached")
        page.get_by_label("Model").select_option("photochrom-film")
        page.get_by_label("Upload").set_input_files(CAT)
        convert.click()
        page.get_by_text("In colour.").wait_for()
        page.get_by_role("img", name="The photograph in colour").wait_for()
        page.screenshot(path=tmp_path / "convert.png", full_page=True)
        page.get_by_role("link", name="Download").click()
        page.get_by_text("Saved in the gallery.").wait_for()
        ((name, kind, data),) = page.evaluate("window.kept.saved")
        assert (name, kind) == ("cat.color.jpg", "image/jpeg")
        assert len(data) > 10_000

        page.get_by_role("button", name="Log out").click()
        page.locator("#log-in").get_by_label("Email address").fill("ada@example.org")
        page.locator("#log-in").get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        page.get_by_text("Email or password is wrong.").wait_for()
        page.locator("#log-in").get_by_label("Password").fill("correct horse battery")
        page.get_by_role("button", name="Log in").click()
        page.get_by_label("Upload").wait_for(state="attached")
        (tmp_path / "a.txt").write_text("no picture")
        page.get_by_label("Upload").set_input_files(tmp_path / "a.txt")
        convert.click()
        page.locator("#convert .problem", has_text="a.txt").wait_for()
    if pictures := os.environ.get("PHOTOCHROM_SCREENS"):
        for path in tmp_path.glob("*.png"):
            shutil.copy(path, pictures)
    assert complaints == []


@pytest.mark.hosts
def test_a_shared_picture_arrives_where_it_can_be_converted(page: Any) -> None:
    page.add_init_script(
        STAND_IN % "true" + "localStorage.setItem('studio', 'http://127.0.0.1:9');"
        "localStorage.setItem('token', 'x');"
    )
    page.goto(f"{ORIGIN}/studio.html")
    page.add_script_tag(content="import('/app.js')")  # as the app does when a page is there
    page.get_by_text("shared.jpg").wait_for()
    assert page.get_by_role("button", name="Convert").is_enabled()
    assert not page.evaluate("window.kept.shared")
    page.get_by_role("button", name="Convert").click()
    page.get_by_text("The connection broke off; try again.").wait_for()


class Assets(http.server.BaseHTTPRequestHandler):
    """Answers as Assets.smali does, which workers' requests reach, too."""

    site: Path

    def do_GET(self) -> None:
        name = self.path[1:].partition("?")[0]
        inside = name.startswith("page/")
        file = self.site / name.removeprefix("page/") if inside else ANDROID / "pages" / name
        file = CAT if name == "shared" else file
        if not file.is_file():
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Content-Type", MEDIA_TYPES.get(file.suffix, "application/octet-stream"))
        self.end_headers()
        self.wfile.write(file.read_bytes())

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


@pytest.mark.hosts
def test_the_page_inside_colours_and_its_download_goes_to_the_gallery(
    build_apk: ModuleType, page: Any, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    tool = [sys.executable, str(ROOT / "tools" / "browser_site.py"), str(site)]
    result = subprocess.run(tool, capture_output=True, text=True)
    if result.returncode:
        pytest.skip(f"the page cannot be made here: {result.stderr.strip()[-200:]}")
    if not build_apk.missing_tools():
        build_apk.build(tmp_path / "photochrom.apk", site, None)
        assert (tmp_path / "photochrom.apk").stat().st_size < LIMIT_MB * 1e6
    handler = type("OfSite", (Assets,), {"site": site})
    host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=host.serve_forever, daemon=True).start()
    page.add_init_script(STAND_IN % "true")
    page.goto(f"http://127.0.0.1:{host.server_port}/home.html")
    page.get_by_role("link", name="On this phone").click()
    page.wait_for_selector("#choose", state="attached", timeout=120_000)
    page.evaluate("import('/app.js')")  # as the app does
    page.click("#download:enabled", timeout=240_000)
    until = time.monotonic() + 120
    while not page.evaluate("window.kept.saved.length"):  # the page's policy forbids waiting there
        assert time.monotonic() < until
        page.wait_for_timeout(200)
    ((name, kind, data),) = page.evaluate("window.kept.saved")
    host.shutdown()
    host.server_close()
    assert (name, kind) == ("shared.color.jpg", "image/jpeg")
    target = tmp_path / name
    target.write_bytes(base64.b64decode(data))
    apart = read(target).pixels.astype(int) - np.asarray(Colorizer()(CAT).pixels)
    assert np.abs(apart).mean() < 2.0
