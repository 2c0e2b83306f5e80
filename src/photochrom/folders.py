"""Where the system keeps what photochrom downloads and what its studio stores."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_NAME = "photochrom"


def cache_dir() -> Path:
    """Where downloaded models are kept; ``PHOTOCHROM_CACHE`` overrides the system's place."""
    if own := os.environ.get("PHOTOCHROM_CACHE"):
        return Path(own)
    import platformdirs  # few runs ask for a folder, and it takes a while to import

    place = Path(platformdirs.user_cache_dir(_NAME, appauthor=False, opinion=False))
    return _earlier_or(place, _earlier_cache_dir())


def studio_dir() -> Path:
    """Where the studio keeps pictures and databases, unless its settings name another folder."""
    import platformdirs

    place = Path(platformdirs.user_data_dir(_NAME, appauthor=False)) / "studio"
    return _earlier_or(place, Path.home() / ".local" / "share" / _NAME / "studio")


def faces_store() -> Path:
    """The file of enrolled faces, unless a command names another."""
    import platformdirs

    return Path(platformdirs.user_data_dir(_NAME, appauthor=False)) / "faces.sqlite"


def _earlier_or(place: Path, earlier: Path) -> Path:
    """The folder of earlier versions, as long as it is the only one that is there."""
    return earlier if earlier.is_dir() and not place.exists() else place


def _earlier_cache_dir() -> Path:
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / _NAME
