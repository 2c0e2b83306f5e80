"""What is finished of a film is found again, also by what older versions wrote."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from photochrom.video.segments import (
    Segment,
    SegmentStore,
    UnusableSegmentsError,
    remove_outdated_segments,
    segments_folder,
)


def write_record(folder: Path, number: int, **record: object) -> None:
    (folder / f"{number:06d}.json").write_text(json.dumps({"number": number, **record}))
    (folder / f"{number:06d}.nut").touch()


def test_segments_are_found_up_to_the_first_gap(tmp_path: Path) -> None:
    for number in (0, 1, 3):
        write_record(tmp_path, number, frames=5, last_pts=5 * number + 4, restart_pts=5 * number)
    store = SegmentStore(tmp_path)
    store.read_segments()
    assert store.segments == [Segment(0, 5, 4, 0), Segment(1, 5, 9, 5)]


def test_records_of_older_versions_are_read(tmp_path: Path) -> None:
    write_record(tmp_path, 0, frames=5, last_pts=4, restart_pts=0, hands_on=True)
    store = SegmentStore(tmp_path)
    store.read_segments()
    assert store.segments == [Segment(0, 5, 4, 0, has_end_colors=True)]


def test_a_record_that_is_none_is_refused(tmp_path: Path) -> None:
    write_record(tmp_path, 0, frames=5, first_pts=4)
    with pytest.raises(UnusableSegmentsError, match="damaged or of another version"):
        SegmentStore(tmp_path).read_segments()


def test_only_what_is_older_than_the_film_is_tidied_up(tmp_path: Path) -> None:
    target = tmp_path / "film.mkv"
    target.touch()
    folder = segments_folder(target)
    folder.mkdir()
    write_record(folder, 0, frames=5, last_pts=4, restart_pts=0)
    os.utime(target, (1, 1))
    assert remove_outdated_segments(target) == 5
    assert folder.is_dir()
    os.utime(target)
    assert remove_outdated_segments(target) == 0
    assert not folder.exists()
