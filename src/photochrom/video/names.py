"""Which files are films, by their names."""

from __future__ import annotations

from pathlib import Path

_SUFFIXES = frozenset(
    (
        ".mp4",
        ".m4v",
        ".mkv",
        ".mov",
        ".avi",
        ".webm",
        ".mpg",
        ".mpeg",
        ".ogv",
        ".wmv",
        ".mts",
        ".ts",
    )
)


def is_film(path: Path) -> bool:
    """Whether a file is a film, by its name. Animated pictures count as pictures."""
    return path.suffix.lower() in _SUFFIXES and path.is_file()
