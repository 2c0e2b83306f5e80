"""No more threads than processors that may be used, which containers and schedulers limit."""

from __future__ import annotations

import os

import pytest

from photochrom.processors import thread_count
from photochrom.video.film import resolve_encoding
from photochrom.video.options import FilmSettings


@pytest.mark.parametrize(("allowed", "most", "threads"), [(1, 4, 1), (3, 4, 3), (64, 4, 4)])
def test_threads_are_those_that_this_process_may_use(
    monkeypatch: pytest.MonkeyPatch, allowed: int, most: int, threads: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(allowed)), raising=False)
    assert thread_count(most) == threads


@pytest.mark.parametrize(("machine", "threads"), [(2, 2), (None, 1)])
def test_systems_without_affinity_count_their_processors(
    monkeypatch: pytest.MonkeyPatch, machine: int | None, threads: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: machine)
    assert thread_count(4) == threads


@pytest.mark.parametrize(("allowed", "threads"), [(1, 2), (2, 3), (3, 5), (200, 128)])
def test_a_film_is_encoded_by_them(
    monkeypatch: pytest.MonkeyPatch, allowed: int, threads: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(allowed)), raising=False)
    assert resolve_encoding(FilmSettings()).threads == threads
