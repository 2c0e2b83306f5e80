"""Photochrom in a window of its own: the studio of this machine, without a terminal.

Given files or folders, as when they are dragged onto its icon, it colours them beside themselves
instead, and a window shows what became of them.
"""

from __future__ import annotations

import contextlib
import html
import multiprocessing
import re
import signal
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

WINDOW_OPTION = "--no-window"
"""Only print the studio's address: for tests, and where there is no screen."""
ADDRESS = re.compile(r"(http://(?:localhost|127\.0\.0\.1):\d+\S*)")
START_S = 120.0
END_S = 20.0


def command_line(arguments: Sequence[str]) -> list[str]:
    """How this program, whole or frozen, calls the command photochrom."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "--photochrom", *arguments]
    return [sys.executable, "-m", "photochrom", *arguments]


def find_address(line: str) -> str | None:
    """The studio's address in a line that `photochrom serve --local` prints."""
    match = ADDRESS.search(line)
    return match[1].rstrip(".,") if match else None


def color_files(paths: Sequence[str], *, window: bool) -> int:
    """Colour files and folders beside themselves; a window shows what became of them.

    Returns the command's exit code.
    """
    command = command_line(["image", *paths, "--recursive"])
    if not window:
        return subprocess.call(command)
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    sys.stdout.write(done.stdout)
    _show_window("Photochrom", html=_page(done.stdout))
    return done.returncode


def _page(text: str) -> str:
    """Lines as a page of their own."""
    style = "font: 15px/1.5 sans-serif; margin: 2em; white-space: pre-wrap"
    return f'<!doctype html><meta charset="utf-8"><p style="{style}">{html.escape(text.strip())}'


def show_studio(*, window: bool) -> int:
    """Start the studio, and show it until the window is closed. Returns an exit code."""
    # Its standard input ends when this process does, however it does; then it stops too.
    studio = subprocess.Popen(
        command_line(["serve", "--local", "--port", "0", "--with-parent"]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    found: list[str] = []
    lines: list[str] = []
    ready = threading.Event()

    def listen() -> None:
        assert studio.stdout is not None
        for line in studio.stdout:
            lines.append(line)
            address = find_address(line)
            if address is not None and not found:
                found.append(address)
                ready.set()
        ready.set()

    threading.Thread(target=listen, daemon=True).start()
    try:
        if not ready.wait(START_S) or not found:
            problem = f"The studio did not start: {''.join(lines[-5:])}\n"
            sys.stderr.write(problem)
            if window:
                _show_window("Photochrom", html=_page(problem))
            return 1
        if not window:
            sys.stdout.write(f"{found[0]}\n")
            sys.stdout.flush()
            return studio.wait()
        if not _show_window("Photochrom", url=found[0]):
            # No web view on this system: the browser shows it, until this program is ended.
            webbrowser.open(found[0])
            return studio.wait()
        return 0
    finally:
        studio.terminate()
        try:
            studio.wait(END_S)
        except subprocess.TimeoutExpired:
            studio.kill()


def _show_window(title: str, **page: str) -> bool:
    """A window with a page, until it is closed; False where the system has no web view.

    page: url or html.
    """
    try:
        import webview
        from webview.errors import WebViewException
    except ImportError:
        return False
    webview.settings["ALLOW_DOWNLOADS"] = True
    with contextlib.suppress(ImportError):  # no Qt: the system's own web view
        from webview.platforms import qt

        save_downloads(qt)
    size = {"width": 1200, "height": 850} if "url" in page else {"width": 700, "height": 400}
    webview.create_window(title, **page, **size)
    try:
        webview.start()
    except (ImportError, WebViewException):
        return False
    return True


def save_downloads(qt: ModuleType) -> None:
    """Have pywebview's window by Qt save what is downloaded, under the name that the studio gives.

    Its own way proposes an address for a name, and calls what Qt 6 has not (`setPath`).
    qt: webview.platforms.qt.
    """

    def save(view: Any, download: Any) -> None:
        proposed = Path(download.downloadDirectory(), download.suggestedFileName())
        title = view.localization["global.saveFile"]
        chosen, _filter = qt.QFileDialog.getSaveFileName(view, title, str(proposed))
        if chosen:
            download.setDownloadDirectory(str(Path(chosen).parent))
            download.setDownloadFileName(Path(chosen).name)
            download.accept()

    qt.BrowserView.on_download_requested = save


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. arguments: those of the command line unless given."""
    multiprocessing.freeze_support()
    # Ended itself, it ends the studio.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    given = list(sys.argv[1:] if arguments is None else arguments)
    own = {"--photochrom": 1, "-m": 2}.get(given[0] if given else "", 0)
    if own:  # as the command line, and as the studio starts its worker: -m photochrom
        from photochrom.cli import main as photochrom

        return photochrom(given[own:])
    paths = [argument for argument in given if argument != WINDOW_OPTION]
    window = WINDOW_OPTION not in given
    return color_files(paths, window=window) if paths else show_studio(window=window)


if __name__ == "__main__":
    sys.exit(main())
