"""For how many pictures at the same time a command's network is begun, by a look at its words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from photochrom import engine
from photochrom.cli.ahead import load_ahead


@pytest.mark.parametrize(
    ("arguments", "callers"),
    [
        (["a.jpg"], 1),
        (["a.jpg", "-o", "album"], 1),
        (["--model", "photochrom-film", "a.jpg"], 1),
        (["album"], 2),
        (["--overwrite", "album"], 2),
        (["a.jpg", "b.jpg"], 2),
        (["a.jpg", "b.jpg", "--jobs", "1"], 1),
        (["--jobs=4", "album"], 4),
        (["album", "--jobs", "many"], 1),
    ],
)
def test_a_folder_or_several_files_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], callers: int
) -> None:
    (tmp_path / "album").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    begun: list[int] = []
    monkeypatch.setattr(engine, "load_ahead", lambda _, *, callers, **__: begun.append(callers))
    load_ahead("image", arguments)
    assert begun == [callers]


def test_a_film_has_a_network_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[object] = []
    monkeypatch.setattr(engine, "load_ahead", lambda name, **given: begun.append((name, given)))
    load_ahead("film", ["a.mp4", "b.mp4"])
    load_ahead("film", ["a.mp4", "--threads", "2"])  # another network
    chosen = {"device": "auto", "callers": 1, "confidence": "none"}
    assert begun == [(engine.FILM_MODEL, chosen)]
