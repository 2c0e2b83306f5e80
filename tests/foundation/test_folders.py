"""Folders for downloads and for the studio: the system's own, or where they have been before."""

from __future__ import annotations

import sys
from pathlib import Path

import platformdirs
import pytest

from photochrom.folders import cache_dir, studio_dir
from photochrom.web.settings import load_settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("PHOTOCHROM_CACHE", "XDG_CACHE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


def pretend(monkeypatch: pytest.MonkeyPatch, system: str, cache: Path, data: Path) -> None:
    """Another system, whose folders for programs are these."""
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name, **_: str(cache / name))
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda name, **_: str(data / name))


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux alone")
def test_on_linux_they_are_where_they_were(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_dir() == home / ".cache" / "photochrom"
    assert studio_dir() == home / ".local" / "share" / "photochrom" / "studio"
    assert load_settings(environ={}).data_dir == studio_dir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "caches"))
    assert cache_dir() == home / "caches" / "photochrom"
    monkeypatch.setenv("PHOTOCHROM_CACHE", "here")
    assert cache_dir() == Path("here")


def test_the_studio_is_where_it_was_until_its_new_folder_is_there(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    support = home / "Library" / "Application Support"
    pretend(monkeypatch, "darwin", home / "Library" / "Caches", support)
    assert studio_dir() == support / "photochrom" / "studio"
    earlier = home / ".local" / "share" / "photochrom" / "studio"
    earlier.mkdir(parents=True)
    assert studio_dir() == earlier
    assert load_settings(environ={}).data_dir == earlier
    (support / "photochrom" / "studio").mkdir(parents=True)
    assert studio_dir() == support / "photochrom" / "studio"


@pytest.mark.parametrize(
    ("system", "earlier"),
    [("darwin", "Library/Caches/photochrom"), ("win32", "AppData/Local/photochrom")],
)
def test_downloads_are_where_they_were_until_their_new_folder_is_there(
    system: str, earlier: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = home / "new" / "photochrom"
    pretend(monkeypatch, system, home / "new", home / "data")
    assert cache_dir() == new
    (home / earlier).mkdir(parents=True)
    assert cache_dir() == home / earlier
    new.mkdir(parents=True)
    assert cache_dir() == new
