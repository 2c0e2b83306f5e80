"""No more threads than processors that may be used, which containers and schedulers limit."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from photochrom.processors import limit_threads, share_size, thread_count
from photochrom.video.film import resolve_encoding
from photochrom.video.options import FilmSettings


@pytest.mark.parametrize(("allowed", "most", "threads"), [(1, 4, 1), (3, 4, 3), (64, 4, 4)])
def test_threads_are_those_that_this_process_may_use(
    monkeypatch: pytest.MonkeyPatch, allowed: int, most: int, threads: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(allowed)), raising=False)
    assert thread_count(most) == threads


def test_who_does_several_things_at_once_limits_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert [share_size(sharers) for sharers in (1, 2, 3, 9)] == [8, 4, 2, 1]
    with limit_threads(2):
        with ThreadPoolExecutor(1) as another:
            assert another.submit(thread_count, 4).result() == 4
        with limit_threads(0):
            assert thread_count(4) == 1
        assert thread_count(4) == 2
    assert thread_count(4) == 4


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
