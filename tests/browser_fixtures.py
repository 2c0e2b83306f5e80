"""A studio that really runs, and real browsers in front of it: a phone and a desktop."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import skimage.data
from PIL import Image

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="browser tests need playwright: pip install 'photochrom[dev]'"
)

PASSWORD = "correct horse battery"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
START_S = 60
WAIT_MS = 20_000
SCREENS: dict[str, dict[str, Any]] = {
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 2,
    },
    "desktop": {"viewport": {"width": 1280, "height": 850}},
}


class Visit(NamedTuple):
    """Somebody in front of a studio."""

    page: Any
    """Playwright's page."""
    studio: str
    """The studio's address."""
    email: str
    complaints: list[str]
    """What the browser complained of: errors of scripts, and what the policy blocked."""

    def go(self, path: str) -> None:
        """Open a page of the studio."""
        self.page.goto(self.studio + path)

    def press(self, name: str) -> None:
        """Press the button or link of this name."""
        button = self.page.get_by_role("button", name=name, exact=True)
        link = self.page.get_by_role("link", name=name, exact=True)
        button.or_(link).first.click()

    def sign_up(self) -> None:
        """Make an account and arrive at the library."""
        self.go("/sign-up")
        self.fill({"Name": "Ada", "Email address": self.email})
        self.fill({"Password": PASSWORD, "Password again": PASSWORD})
        self.page.locator("main").get_by_role("button", name="Sign up").click()
        self.page.wait_for_url("**/library")

    def fill(self, fields: dict[str, str]) -> None:
        """Write into fields by their labels."""
        for label, text in fields.items():
            self.page.get_by_label(label, exact=True).fill(text)

    def bring(self, photo: Path) -> None:
        """Send a picture and wait until it is there in colour."""
        self.page.get_by_label("Choose pictures").set_input_files(photo)
        self.page.wait_for_url("**/pictures/*")
        self.wait_coloured()

    def wait_coloured(self) -> None:
        """Wait until the picture page shows colours."""
        self.page.locator("#correct:not([disabled])").wait_for()

    def wait_saved(self) -> None:
        """Wait until the page says that what was changed is saved."""
        self.page.get_by_text("All changes are saved.").wait_for()

    def touch(self, x: float, y: float) -> None:
        """Touch a place of the picture. x, y: in [0, 1] of its width and height."""
        box = self.page.locator("#stage").bounding_box()
        self.page.locator("#stage").click(position={"x": x * box["width"], "y": y * box["height"]})


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Chromium, the system's own."""
    if CHROMIUM is None:
        pytest.skip("browser tests need Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        # A container has no user namespaces for Chromium's sandbox, and we only visit ourselves.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def studio(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a studio as `photochrom serve` starts it, worker and all."""
    assert chromium  # without a browser there is nothing to start it for
    folder = tmp_path_factory.mktemp("studio")
    settings = {
        "DATA_DIR": str(folder / "data"),
        "SECURE_COOKIES": "0",
        "LOGIN_RATE": "100000 per minute",
    }
    environment = {f"PHOTOCHROM_WEB_{name}": value for name, value in settings.items()}
    said = folder / "said.txt"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "photochrom", "serve", "--port", "0"],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield _address(process, said)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def _address(process: subprocess.Popen[bytes], said: Path) -> str:
    """Where a studio answers, once it says so."""
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        told = re.search(r"The studio is at (http://\S+)", said.read_text(encoding="utf-8"))
        if told:
            return told[1]
        time.sleep(0.05)
    raise AssertionError(f"photochrom serve did not start: {said.read_text(encoding='utf-8')}")


@pytest.fixture
def visit(chromium: Any, studio: str) -> Iterator[Callable[..., Visit]]:
    """A function that opens a fresh browser: visit("phone", color_scheme="dark")."""
    contexts = []
    numbers = itertools.count()

    def open_browser(screen: str, **more: Any) -> Visit:
        context = chromium.new_context(**{**SCREENS[screen], **more})
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: complaints.append(m.text) if _is_bad(m) else None)
        email = f"ada{os.urandom(4).hex()}-{next(numbers)}@example.org"
        return Visit(page, studio, email, complaints)

    yield open_browser
    for context in contexts:
        context.close()


def _is_bad(message: Any) -> bool:
    """Whether the browser means a mistake of ours; an answer of 4xx may well be wanted."""
    return message.type == "error" and "the server responded with a status" not in message.text


@pytest.fixture(scope="session")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real photograph without its colours: a grey JPEG of 512 × 512 px."""
    path = tmp_path_factory.mktemp("photos") / "Aunt Eileen.jpg"
    Image.fromarray(skimage.data.astronaut()).convert("L").save(path, quality=92)
    return path


@pytest.fixture(scope="session")
def cat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another: a grey PNG of 451 × 300 px."""
    path = tmp_path_factory.mktemp("photos") / "Chelsea.png"
    Image.fromarray(skimage.data.chelsea()).convert("L").save(path)
    return path
