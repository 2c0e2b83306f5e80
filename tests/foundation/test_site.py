"""The documentation's site has a page for each public name, and leaves no page out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from fixtures.programs import load_program

import photochrom

ROOT = Path(__file__).parents[2]


def listed(nav: list[Any]) -> list[str]:
    pages: list[str] = []
    for entry in nav:
        value = next(iter(entry.values())) if isinstance(entry, dict) else entry
        pages += listed(value) if isinstance(value, list) else [value]
    return pages


@pytest.fixture(scope="module")
def pages() -> list[str]:
    config = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), yaml.BaseLoader)
    return listed(config["nav"])


def test_each_public_name_has_a_page(pages: list[str]) -> None:
    names = [page for page in pages if page.startswith("python/")]
    assert sorted(names) == sorted(f"python/{name}.md" for name in photochrom.__all__)


def test_each_page_of_docs_is_listed(pages: list[str]) -> None:
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= set(pages)


def test_links_are_led_to_where_the_files_are_gathered() -> None:
    assemble = load_program("docs/assemble.py")
    readme = '[films](docs/films.md#sound), [licence](LICENSE) <img src="docs/pictures/cat.jpg">'
    assert assemble.relinked(readme, ROOT / "README.md") == (
        '[films](films.md#sound), [licence](repository/LICENSE) <img src="pictures/cat.jpg">'
    )
    page = "[client](../examples/studio_client.py), [web](https://a.org/b), [here](#there)"
    assert assemble.relinked(page, ROOT / "docs" / "api.md") == (
        "[client](repository/examples/studio_client.py), [web](https://a.org/b), [here](#there)"
    )
