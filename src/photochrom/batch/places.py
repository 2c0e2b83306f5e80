"""Which paths are one and the same file, also where a file system ignores case."""

from __future__ import annotations

import os
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple


class NameRules(NamedTuple):
    """What a folder takes for the same name."""

    ignores_case: bool
    """``A.jpg`` and ``a.jpg``, as on Windows, on macOS and on most memory cards."""
    ignores_composition: bool
    """``é`` as one character and as two, as on macOS."""


_LEAST = NameRules(ignores_case=True, ignores_composition=True)


def place_keys(paths: Iterable[Path]) -> Mapping[Path, str]:
    """What each path is known by: one text for all that name the same file, written or not.

    Links in folders are followed. Where names differ in case alone, or in how their accents are
    written, the folder itself is asked whether they are one, by a file that is made in it.
    """
    exact = {path: absolute_path(path) for path in paths}
    folded = {key: _fold(key, _LEAST) for key in set(exact.values())}
    alike = Counter(folded.values())
    return {
        path: _fold(key, name_rules(path.parent)) if alike[folded[key]] > 1 else key
        for path, key in exact.items()
    }


def absolute_path(path: Path) -> str:
    """The path without links in its folders, which are looked up once each."""
    return os.path.join(_real_folder(path.parent), os.path.normcase(path.name))  # noqa: PTH118


def linked_path(path: Path) -> str | None:
    """What a link points at, as `absolute_path`; None for what is no link."""
    # Path.is_symlink raises for names that the system refuses.
    return os.path.normcase(os.path.realpath(path)) if os.path.islink(path) else None  # noqa: PTH114


def is_same_folder(folder: Path, other: Path) -> bool:
    """Whether two paths are one folder, however they are written."""
    if absolute_path(folder) == absolute_path(other):
        return True
    try:
        return folder.samefile(other)
    except OSError:  # one of them is not there
        return False


@lru_cache(maxsize=1024)
def _real_folder(folder: Path) -> str:
    # Path.resolve stops at links that go round in circles; reading such a path tells of them.
    return os.path.normcase(os.path.realpath(folder))


def _fold(key: str, rules: NameRules) -> str:
    """A key without what the rules ignore."""
    if rules.ignores_composition:
        key = unicodedata.normalize("NFC", key)
    return key.lower() if rules.ignores_case else key


@lru_cache(maxsize=64)
def name_rules(folder: Path) -> NameRules:
    """Those of a folder, or of what is there of the way to it; of one that cannot be written to,
    that every name is one of its own.
    """
    try:
        there = next(place for place in (folder, *folder.parents) if place.is_dir())
        with tempfile.TemporaryDirectory(prefix=".photochrom-", dir=there) as name:
            inside = Path(name)
            (inside / "A").touch()
            ignores_case = (inside / "a").exists()
            (inside / "\N{LATIN SMALL LETTER E WITH ACUTE}").touch()
            return NameRules(ignores_case, (inside / "e\N{COMBINING ACUTE ACCENT}").exists())
    except (OSError, StopIteration):
        return NameRules(ignores_case=False, ignores_composition=False)
