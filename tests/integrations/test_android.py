"""The Android app: built, signed and described as it should be; its pages in a browser."""

from __future__ import annotations

import base64
import contextlib
import re
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fixtures.apk import ANDROID, App, app_browser, built_app, read_loader
from fixtures.chromium import SCREENS, keep_screens
from fixtures.integrations import EXAMPLES
from fixtures.private_page import WAIT_MS, check_colors_hint_and_download, static_host
from fixtures.programs import load_program

__all__ = ["built_app"]

LIMIT_MB = 25
MEDIA_TYPES = {
    "html": "text/html", "js": "text/javascript", "mjs": "text/javascript",
    "css": "text/css", "wasm": "application/wasm", "svg": "image/svg+xml",
    "jpg": "image/jpeg", "webp": "image/webp", "webmanifest": "application/manifest+json",
    "woff2": "font/woff2", "json": "application/json", "png": "image/png", "txt": "text/plain",
}  # fmt: skip
CAT = EXAMPLES / "cat.jpg"


@pytest.fixture
def build_apk() -> ModuleType:
    return load_program("tools/build_apk.py")


def test_pages_and_code_agree_on_what_the_phone_offers() -> None:
    code = "".join(path.read_text() for path in ANDROID.rglob("*.smali"))
    loader = read_loader(next(ANDROID.rglob("Assets.smali")).read_text())
    assert loader.media_types == MEDIA_TYPES
    # What threads need; and a page's scripts are what their media types say, or nothing.
    assert loader.headers == {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "X-Content-Type-Options": "nosniff",
    }
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
    assert f'"{loader.origin}/home.html"' in code
    authority = re.findall(r'android:authorities="([\w.]+)"', manifest)[0]
    assert f"content://{authority}/" in code
    pages = {path.name for path in (ANDROID / "pages").iterdir()}
    linked = re.findall(r'(?:href|src)="([\w.]+)"', (ANDROID / "pages" / "studio.html").read_text())
    assert set(linked) <= pages


def test_no_other_app_ends_this_one_and_its_icon_ends_no_work() -> None:
    """Of the code alone, since no device could be had."""
    code = {path.stem: path.read_text() for path in ANDROID.rglob("*.smali")}
    # Whatever the provider of a shared picture throws, or gives in place of a stream.
    assert re.findall(r"\.catch (\S+);", code["Assets"])[0] == "Ljava/lang/Exception"
    opened = code["Assets"].partition("->openInputStream(")[2]
    assert re.match(r".*\n +move-result-object v6\n +if-eqz v6, :missing\n", opened)
    # Without a shared picture, the app comes back as it was left.
    again = code["MainActivity"].partition("onNewIntent(Landroid/content/Intent;)V\n")[2]
    calls = re.findall(
        r"MainActivity;->(\w+)\(|(if-eqz v0, :end)", again.partition(".end method")[0]
    )
    assert calls == [("take", ""), ("", "if-eqz v0, :end"), ("showHome", "")]
    # What could not be written whole is taken out of the gallery again.
    assert "ContentResolver;->delete(" in code["Bridge"]
    # Several at once, films and texts are not offered to it.
    manifest = (ANDROID / "AndroidManifest.xml").read_text()
    assert re.findall(r'action\.(SEND\w*)"|mimeType="([^"]+)"', manifest) == [
        ("SEND", ""), ("", "image/*"),
    ]  # fmt: skip


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
def test_the_app_is_built_signed_and_small(built_app: App) -> None:
    target = built_app.path
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
        assert "classes.dex" in archive.namelist()
        assert archive.getinfo("resources.arsc").compress_type == zipfile.ZIP_STORED
    assert {"home.html", "studio.js", "page/index.html"} <= set(built_app.assets)
    # Every class is read back, and answers as it was written.
    written = {path.name: path for path in (ANDROID / "smali").rglob("*.smali")}
    assert built_app.classes == set(written)
    assert built_app.loader == read_loader(written["Assets.smali"].read_text())


@pytest.fixture
def open_app(
    playwright_driver: Any, built_app: App, tmp_path: Path
) -> Iterator[Callable[..., Any]]:
    """Opens a page of the app, at its own origin and a phone's size; options: of `app_browser`."""
    with contextlib.ExitStack() as stack:

        def opened(**options: Any) -> Any:
            browser = app_browser(playwright_driver, built_app, tmp_path, **options)
            page = stack.enter_context(browser).new_context(**SCREENS["phone"]).new_page()
            page.set_default_timeout(30_000)
            return page

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
def test_a_phone_signs_up_uploads_converts_and_downloads(
    open_app: Callable[..., Any], built_app: App, tmp_path: Path
) -> None:
    from fixtures.server import PHOTOCHROM, STUDIO_SAYS, launched, settings_for

    page = open_app(shared=CAT)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.add_init_script(STAND_IN % "true")
    serve = [*PHOTOCHROM, "serve", "--port", "0"]
    settings = settings_for(tmp_path / "studio", "photochrom-base")
    with launched(serve, settings, STUDIO_SAYS) as studio:
        page.goto(f"{built_app.loader.origin}/home.html")
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
    keep_screens(tmp_path)
    assert complaints == []


@pytest.mark.hosts
def test_a_conversion_that_comes_to_nothing_leaves_the_next_one_possible(
    chromium: Any, tmp_path: Path
) -> None:
    other = tmp_path / "other.jpg"
    other.write_bytes(CAT.read_bytes())

    def hold(_route: Any) -> None:
        """Nothing is answered."""

    with static_host(ANDROID / "pages") as address, chromium.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.add_init_script(
            "localStorage.setItem('studio', location.origin); localStorage.setItem('token', 'x');"
        )
        schemas: dict[str, Any] = {"components": {"schemas": {}}}
        page.route("**/api/v1/openapi.json", lambda route: route.fulfill(json=schemas))
        page.route("**/api/v1/colorize", hold)
        page.goto(f"{address}studio.html")
        convert = page.get_by_role("button", name="Convert")
        page.get_by_label("Upload").set_input_files(CAT)
        convert.click()
        page.locator("#progress").wait_for()
        page.get_by_label("Upload").set_input_files(other)  # while the first is on its way
        assert page.locator("#state").inner_text() == "other.jpg"
        assert convert.is_enabled()
        assert not page.locator("#progress").is_visible()

        page.route("**/api/v1/colorize", lambda route: route.fulfill(status=401, json={}))
        user = {"token": "y", "name": "Ada"}
        page.route("**/api/v1/tokens", lambda route: route.fulfill(status=201, json=user))
        convert.click()
        page.get_by_text("Log in again").wait_for()
        page.get_by_role("button", name="Log in").click()
        page.get_by_text("Ada at http://").wait_for()
        assert convert.is_enabled()
        assert not page.locator("#progress").is_visible()


@pytest.mark.hosts
def test_what_is_shared_has_a_plain_name_or_is_told_to_be_gone(chromium: Any) -> None:
    with static_host(ANDROID / "pages") as address, chromium.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.add_init_script(
            STAND_IN % "true" + "localStorage.setItem('studio', location.origin);"
            "localStorage.setItem('token', 'x');"
        )
        page.goto(f"{address}studio.html")
        page.evaluate("import('/app.js')")  # nothing is at /shared
        page.get_by_role("alert").get_by_text("The shared picture cannot be read.").wait_for()
        assert not page.evaluate("window.kept.shared")
        kinds: list[str] = []

        def give(route: Any) -> None:
            route.fulfill(body=CAT.read_bytes(), headers={"Content-Type": kinds[-1]})

        page.route("**/shared", give)
        for kind, name in (
            ("image/jpeg", "shared.jpg"), ("image/heic", "shared.heic"),
            ("image/x.y/../z", "shared"), ("image/svg+xml", "shared"),
        ):  # fmt: skip
            kinds.append(kind)
            page.reload()
            page.evaluate("import('/app.js')")
            page.locator("#start:enabled").wait_for()
            assert page.locator("#state").inner_text() == name

        # A result of another kind than what was sent, of a name that nobody would choose.
        photo = {"name": "Oma 50 % $1 “#1”.v2.heic", "mimeType": "image/heic", "buffer": b"heic"}
        page.locator("#file").set_input_files([photo])
        result = {"body": CAT.read_bytes(), "headers": {"Content-Type": "image/png"}}
        page.route("**/api/v1/colorize", lambda route: route.fulfill(**result))
        page.get_by_role("button", name="Convert").click()
        page.get_by_text("In colour.").wait_for()
        page.get_by_role("link", name="Download").click()
        page.get_by_text("Saved in the gallery.").wait_for()
        ((name, kind, _data),) = page.evaluate("window.kept.saved")
        assert (name, kind) == ("Oma 50 % $1 “#1”.v2.color.png", "image/png")
        page.evaluate("() => { PhotochromApp.save = () => { throw Error('no memory'); }; }")
        page.get_by_role("link", name="Download").click()
        page.get_by_text("It could not be saved.").wait_for()


@pytest.mark.hosts
def test_a_shared_picture_arrives_where_it_can_be_converted(
    open_app: Callable[..., Any], built_app: App
) -> None:
    page = open_app(shared=CAT)
    page.add_init_script(
        STAND_IN % "true" + "localStorage.setItem('studio', 'http://127.0.0.1:9');"
        "localStorage.setItem('token', 'x');"
    )
    page.goto(f"{built_app.loader.origin}/studio.html")
    page.add_script_tag(content="import('/app.js')")  # as the app does when a page is there
    page.get_by_text("shared.jpg").wait_for()
    assert page.get_by_role("button", name="Convert").is_enabled()
    assert not page.evaluate("window.kept.shared")
    page.get_by_role("button", name="Convert").click()
    page.get_by_text("The connection broke off; try again.").wait_for()


def from_gallery(page: Any) -> bytes:
    """What the page's download button puts into the phone's gallery: a JPEG."""
    before = page.evaluate("window.kept.saved.length")
    page.click("#download:enabled", timeout=WAIT_MS)
    until = time.monotonic() + WAIT_MS / 1000
    while page.evaluate("window.kept.saved.length") == before:  # its policy forbids waiting there
        assert time.monotonic() < until
        page.wait_for_timeout(100)
    name, kind, data = page.evaluate("window.kept.saved.at(-1)")
    assert name.endswith(".color.jpg")
    assert kind == "image/jpeg"
    return base64.b64decode(data)


@pytest.mark.hosts
@pytest.mark.parametrize("has_threads", [True, False], ids=["threads", "one thread"])
def test_the_page_inside_passes_the_browsers_tests_from_the_apps_origin(
    has_threads: bool, open_app: Callable[..., Any], built_app: App, tmp_path: Path
) -> None:
    problems: list[str] = []
    page = open_app(shared=CAT if has_threads else None, with_headers=has_threads)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.add_init_script(STAND_IN % str(has_threads).lower())
    page.goto(f"{built_app.loader.origin}/home.html")
    page.get_by_role("link", name="On this phone").click()
    page.wait_for_selector('body[data-ready="here"]', timeout=WAIT_MS)  # no service worker keeps it
    assert page.evaluate("location.href").startswith(f"{built_app.loader.origin}/page/index.html")
    assert page.evaluate("crossOriginIsolated") is has_threads
    assert page.evaluate("document.body.dataset.engine").startswith("wasm, ")
    page.evaluate("import('/app.js')")  # as the app does
    source = CAT
    if not has_threads:
        with page.expect_file_chooser() as chooser:
            page.tap("label:has(#camera)")
        source = EXAMPLES / "coffee.jpg"
        chooser.value.set_files(source)
    check_colors_hint_and_download(page, source, tmp_path, from_gallery)
    name = page.evaluate("window.kept.saved[0][0]")
    assert name == ("shared.color.jpg" if has_threads else "coffee.color.jpg")
    assert problems == []
