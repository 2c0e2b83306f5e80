"""Gather the pages of the documentation's site in build/docs: ``make docs-site`` makes it of them.

The pages of this folder, README.md as the start page, a page for each public name of photochrom
that is made from its docstring, and the files of the repository that pages link to. The page that
colours in the browser is the site's live demo, where tools/browser_site.py has made it in DEMO.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import photochrom

DOCS = Path(__file__).parent
ROOT = DOCS.parent
GATHERED = ROOT / "build" / "docs"
DEMO = ROOT / "build" / "browser"
_DEMO_LINK = """
[Open the page](demo/index.html){ .md-button }: it colours on your device, and sends no picture.
"""
_LINK = re.compile(r"""(?<=\]\()[^)"#\s:]+(?=[)#])|(?<=src=")[^"#\s:]+(?=")""")


def main() -> None:
    """Gather all pages anew."""
    shutil.rmtree(GATHERED, ignore_errors=True)
    linked = [ROOT / "README.md", *DOCS.glob("*.md")]
    done: set[Path] = set()
    while linked:
        path = linked.pop()
        if path in done or not path.is_file():
            continue
        done.add(path)
        target = gathered(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            text = path.read_text(encoding="utf-8")
            linked += [file_of(match.group(), path) for match in _LINK.finditer(text)]
            target.write_text(relinked(text, path), encoding="utf-8")
        else:
            shutil.copyfile(path, target)
    if (DEMO / "index.html").is_file():
        add_demo()
    for name in photochrom.__all__:
        page = GATHERED / "python" / f"{name}.md"
        page.parent.mkdir(exist_ok=True)
        page.write_text(f"::: photochrom.{name}\n", encoding="utf-8")


def add_demo() -> None:
    """Put the page that colours in the browser among the pages, and links to it."""
    shutil.copytree(DEMO, GATHERED / "demo")
    for name in ("browser.md", "index.md"):
        page = GATHERED / name
        title, _, rest = page.read_text(encoding="utf-8").partition("\n\n")
        page.write_text(f"{title}\n{_DEMO_LINK}\n{rest}", encoding="utf-8")


def gathered(path: Path) -> Path:
    """Where a file of the repository is among the pages."""
    if path == ROOT / "README.md":
        return GATHERED / "index.md"
    if path.is_relative_to(DOCS):
        return GATHERED / path.relative_to(DOCS)
    return GATHERED / "repository" / path.relative_to(ROOT)


def file_of(link: str, page: Path) -> Path:
    """The file that a link on a page leads to."""
    return Path(os.path.normpath(page.parent / link))


def relinked(text: str, page: Path) -> str:
    """A page whose links lead to where the files are gathered."""

    def moved(match: re.Match[str]) -> str:
        return os.path.relpath(gathered(file_of(match.group(), page)), gathered(page).parent)

    return _LINK.sub(moved, text)


if __name__ == "__main__":
    main()
