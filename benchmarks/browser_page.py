"""Seconds that the page in the browser takes for a picture, in headless Chromium.

python benchmarks/browser_page.py [--site FOLDER] [--runs 5]

The site is assembled as by tools/browser_site.py unless its folder is given. For pictures of one
megapixel it prints the median from the chosen file to colours on the screen, and from a changed
vividness, with as many wasm threads as the machine has processors (four at most).
"""

from __future__ import annotations

import argparse
import functools
import http.server
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
SHAPE = (816, 1224)
"""Height and width of one megapixel, 3:2."""


class _Host(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


def picture(folder: Path) -> Path:
    """A photograph of one megapixel."""
    grey = cv2.imread(str(ROOT / "examples" / "coffee.jpg"), cv2.IMREAD_GRAYSCALE)
    path = folder / "megapixel.png"
    cv2.imwrite(str(path), np.asarray(cv2.resize(grey, SHAPE[::-1], interpolation=cv2.INTER_CUBIC)))
    return path


def seconds(page: Page, path: Path, runs: int) -> tuple[list[float], list[float]]:
    """For each run: from the file to the colours; and once more from a changed vividness."""
    opened, changed = [], []
    for _ in range(runs):
        page.evaluate("document.body.dataset.chosen = performance.now()")
        page.set_input_files("#choose", path)
        page.wait_for_selector("#veil", state="visible")
        page.wait_for_selector("#download:enabled")
        page.wait_for_selector("#veil", state="hidden")
        opened.append(page.evaluate("performance.now() - document.body.dataset.chosen") / 1000)
        page.focus("#vividness")
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("#veil", state="hidden")
        changed.append(page.evaluate("Number(document.body.dataset.colorMs)") / 1000)
    return opened, changed


def main() -> None:
    """Assemble, visit, measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--site", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site = arguments.site or folder / "site"
        if arguments.site is None:
            tool = [sys.executable, str(ROOT / "tools" / "browser_site.py"), str(site)]
            subprocess.run(tool, check=True)
        handler = functools.partial(_Host, directory=str(site))
        host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=host.serve_forever, daemon=True).start()
        with sync_playwright() as play:
            chromium = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page()
            page.set_default_timeout(120_000)
            page.goto(f"http://127.0.0.1:{host.server_port}/")
            page.wait_for_selector('body[data-ready="kept"]')
            engine = page.evaluate("document.body.dataset.engine")
            opened, changed = seconds(page, picture(folder), arguments.runs)
            browser.close()
        host.shutdown()
        height, width = SHAPE
        print(
            f"{width} x {height} px, {engine} threads: {statistics.median(opened):.2f} s from the "
            f"file to colours (first {opened[0]:.2f}), {statistics.median(changed):.2f} s anew"
        )


if __name__ == "__main__":
    main()
