"""Make what the studio and the README show of it: ``python docs/studio_pictures.py``.

The icons of the app from their drawings, the welcome page's example, and two screenshots of a
studio that really runs, with a photograph that scikit-image ships. Needs Chromium and
``photochrom[dev,web]``.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import skimage.data
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from photochrom.imageio import read
from photochrom.pipeline import colorize

ROOT: Final = Path(__file__).resolve().parents[1]
PICTURES: Final = ROOT / "docs" / "pictures"
STATIC: Final = ROOT / "src" / "photochrom" / "web" / "static"
ICONS: Final = (
    ("icon", 192, "icon-192"),
    ("icon", 512, "icon-512"),
    ("maskable", 180, "icon-180"),
    ("maskable", 512, "maskable-512"),
)
"""Drawing, side in px, file. Phones cut the maskable ones to their own shape."""
PORTRAIT: Final = Path(skimage.data.__file__).parent / "astronaut.png"
NAME: Final = "Aunt Eileen, 1992"
"""Of the portrait that is shown."""
SPOTS: Final = (
    (0.10, 0.42, "Red"),
    (0.05, 0.27, "Navy blue"),
    (0.66, 0.28, "Grey"),
    (0.92, 0.20, "Grey"),
    (0.17, 0.88, "Orange"),
    (0.12, 0.70, "Orange"),
    (0.60, 0.60, "Orange"),
    (0.42, 0.80, "Orange"),
)
"""Where the portrait is touched, in [0, 1] of its sides, and the colour chosen there."""
AREA: Final = (0.27, 0.62)
"""Where it is touched as an area."""
PASSWORD: Final = "correct horse battery"
QUALITY: Final = 88
"""Of the screenshots as JPEG; their colours stay as sharp as their lightness."""
START_S: Final = 60


def main() -> None:
    """Make all of them."""
    make_example()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        make_icons(browser)
        with tempfile.TemporaryDirectory() as folder, running_studio(Path(folder)) as address:
            photo = Path(folder) / f"{NAME}.jpg"
            Image.open(PORTRAIT).convert("L").save(photo, quality=92)
            show_phone(browser, address, photo)
            show_desktop(browser, address, photo)
        browser.close()


def make_example() -> None:
    """The welcome page's picture, before and after: the middle 4:3 of ``examples/palace.jpg``."""
    grey = read(ROOT / "examples" / "palace.jpg").pixels
    color = colorize(grey)
    width = round(grey.shape[0] * 4 / 3)
    for name, pixels in (("grey", grey), ("colour", color)):
        picture = Image.fromarray(np.asarray(pixels[:, :width])).convert("RGB")
        picture.save(STATIC / "img" / f"welcome-{name}.webp", quality=82, method=6)


def make_icons(browser: Browser) -> None:
    """PNGs of the icons, which phones want; browsers take the drawings themselves."""
    for drawing, side, name in ICONS:
        svg = (STATIC / "icons" / f"{drawing}.svg").read_text(encoding="utf-8")
        page = browser.new_page(viewport={"width": side, "height": side})
        page.set_content(f"<style>body{{margin:0}}svg{{display:block;width:{side}px}}</style>{svg}")
        page.screenshot(path=STATIC / "icons" / f"{name}.png", omit_background=True)
        page.close()


@contextlib.contextmanager
def running_studio(folder: Path) -> Iterator[str]:
    """A studio with its worker on a folder of its own; gives its address."""
    settings = {
        "PHOTOCHROM_WEB_DATA_DIR": str(folder / "data"),
        "PHOTOCHROM_WEB_SECURE_COOKIES": "0",
    }
    said = folder / "said.txt"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "photochrom", "serve", "--port", "0"],
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        until = time.monotonic() + START_S
        while not (told := re.search(r"is at (http://\S+)", said.read_text(encoding="utf-8"))):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"photochrom serve did not start: {said.read_text()}")
            time.sleep(0.1)
        yield told[1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def show_phone(browser: Browser, address: str, photo: Path) -> None:
    """The picture page on a phone: a portrait, half before, half after."""
    context = browser.new_context(
        viewport={"width": 390, "height": 780},
        device_scale_factor=1.5,
        has_touch=True,
        is_mobile=True,
        color_scheme="light",
    )
    page = sign_up(context.new_page(), address)
    bring(page, photo)
    correct(page)
    page.locator("#correct").click()
    page.evaluate("scrollTo(0, 0)")
    keep(page, "studio-phone.jpg")
    context.close()


def show_desktop(browser: Browser, address: str, photo: Path) -> None:
    """The picture page on a desktop in the dark, while an area is given its colour."""
    context = browser.new_context(viewport={"width": 1180, "height": 780}, color_scheme="dark")
    page = sign_up(context.new_page(), address)
    bring(page, photo)
    correct(page)
    page.get_by_role("button", name="Choose an area").click()
    touch(page, *AREA)
    page.get_by_text("of the picture is chosen").wait_for()
    page.get_by_role("button", name="Choose more").click()
    page.get_by_role("button", name="Orange", exact=True).first.click()
    settle(page)
    keep(page, "studio-desktop.jpg")
    context.close()


def sign_up(page: Page, address: str) -> Page:
    """Make an account, and arrive at the library."""
    page.goto(f"{address}/sign-up")
    fields = {"Name": "Ada", "Email address": f"{os.urandom(4).hex()}@example.org"}
    for label, text in {**fields, "Password": PASSWORD, "Password again": PASSWORD}.items():
        page.get_by_label(label, exact=True).fill(text)
    page.locator("main").get_by_role("button", name="Sign up").click()
    page.wait_for_url("**/library")
    return page


def bring(page: Page, photo: Path) -> None:
    """Send a picture and wait until it is in colour."""
    page.get_by_label("Choose pictures").set_input_files(photo)
    page.wait_for_url("**/pictures/*")
    page.locator("#correct:not([disabled])").wait_for()


def correct(page: Page) -> None:
    """Say the colours of `SPOTS`."""
    page.locator("#correct").click()
    for x, y, color in SPOTS:
        touch(page, x, y)
        page.get_by_role("button", name=color, exact=True).first.click()
        page.locator("#palette-done").click()
    settle(page)


def touch(page: Page, x: float, y: float) -> None:
    """Touch a place of the picture, in [0, 1] of its sides."""
    box = page.locator("#stage").bounding_box()
    if box is None:
        raise SystemExit("the page shows no picture")
    page.locator("#stage").click(position={"x": x * box["width"], "y": y * box["height"]})


def settle(page: Page) -> None:
    """Wait until all is saved and shown."""
    page.get_by_text("All changes are saved.").wait_for()
    page.wait_for_timeout(500)


def keep(page: Page, name: str) -> None:
    """A screenshot as a JPEG."""
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").save(PICTURES / name, quality=QUALITY, subsampling=0, optimize=True)


if __name__ == "__main__":
    main()
