"""A segment of film has the source's luma and times; the encoder's choices are checked early."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from fixtures.film import MILLISECONDS, Film, decoded, luma, make_film, neutral, write_segments

from photochrom.errors import OutputError
from photochrom.video.io.codecs import CODECS, Encoding
from photochrom.video.io.encoder import FilmWriter
from photochrom.video.io.frame import Frame
from photochrom.video.io.probe import probe
from photochrom.video.io.reader import read_frames

LOSSLESS = {
    "ffv1": Encoding("ffv1"),
    "h264": Encoding("h264", crf=0),
    "hevc": Encoding("hevc", crf=0, preset="ultrafast"),
}
KINDS = {
    "8 bits": Film(frames=9),
    "10 bits": Film(frames=9, pix_fmt="yuv420p10le"),
    "grey": Film(frames=9, pix_fmt="gray"),
    "odd size": Film(frames=9, size=(47, 85)),
    "one frame": Film(frames=1),
    "variable rate": Film(
        frames=9, time_base=MILLISECONDS, times=tuple(700 + 40 * i + (7 * i) % 11 for i in range(9))
    ),
}


@pytest.mark.parametrize("film", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("encoding", LOSSLESS.values(), ids=LOSSLESS)
def test_lossless_codecs_keep_every_code_of_luma_and_chroma(
    tmp_path: Path, film: Film, encoding: Encoding
) -> None:
    info = probe(make_film(tmp_path / "a.mkv", film))
    (path,) = write_segments(tmp_path / "parts", info, encoding, [film.frames])
    height, width = film.size
    written = decoded(path)
    assert len(written) == film.frames
    for index, frame in enumerate(read_frames(info)):
        time, y, u = written[index]
        assert time == (frame.pts - info.start_pts) * info.time_base + 3600
        np.testing.assert_array_equal(y[:height, :width], luma(film, index))
        assert y.dtype == frame.luma.dtype
        np.testing.assert_array_equal(u, neutral(info)[..., 0] + index % 16)


def test_odd_sizes_are_made_even_where_the_codec_needs_it(tmp_path: Path) -> None:
    film = Film(frames=2, size=(47, 85))
    info = probe(make_film(tmp_path / "a.mkv", film))
    sizes = {}
    for name, encoding in LOSSLESS.items():
        (path,) = write_segments(tmp_path / name, info, encoding, [2])
        y = decoded(path)[0][1]
        sizes[name] = y.shape
        np.testing.assert_array_equal(y[:, -1], np.pad(y[:47, 84], (0, y.shape[0] - 47), "edge"))
    assert sizes == {"ffv1": (47, 85), "h264": (48, 86), "hevc": (48, 86)}


@pytest.mark.parametrize("full_range", [False, True])
def test_prores_has_10_bits_and_double_chroma_lines(tmp_path: Path, full_range: bool) -> None:
    film = Film(frames=2, tags=(("color_range", 2 if full_range else 1),))
    info = probe(make_film(tmp_path / "a.mkv", film))
    (path,) = write_segments(tmp_path / "parts", info, Encoding("prores"), [2])
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv422p10le"
    _, y, u = decoded(path)[0]
    assert u.shape == (64, 48)
    assert np.abs(u.astype(int) - 512).max() <= 2
    wanted = luma(film, 0).astype(float) * (1023 / 255 if full_range else 4)
    assert np.abs(y - wanted).mean() < 3  # the codec's loss


@pytest.mark.skipif(sys.platform != "linux", reason="threads are looked at there")
def test_no_codec_changes_how_threads_are_scheduled(tmp_path: Path) -> None:
    # As root SVT-AV1 would make this thread and its own real-time ones.
    source = make_film(tmp_path / "in.mkv", Film(frames=3, size=(64, 64)))
    info = probe(source)
    usual = os.sched_getscheduler(0)
    for codec in CODECS:
        with FilmWriter(tmp_path / f"{codec}.mkv", info, Encoding(codec)) as writer:
            for frame in read_frames(info):
                writer.write(frame, neutral(info))
                for thread in Path("/proc/self/task").iterdir():
                    with contextlib.suppress(ProcessLookupError):  # it has ended
                        assert os.sched_getscheduler(int(thread.name)) == usual, codec


def test_av1_is_written(tmp_path: Path) -> None:
    film = Film(frames=5, size=(67, 85))
    info = probe(make_film(tmp_path / "a.mkv", film))
    (path,) = write_segments(tmp_path / "parts", info, Encoding("av1", preset="12"), [5])
    times = [time for time, _, _ in decoded(path)]
    assert times == [frame.pts * info.time_base + 3600 for frame in read_frames(info)]


def test_the_tags_go_with_the_film_and_the_matrix_is_always_named(tmp_path: Path) -> None:
    tags = (("color_range", 2), ("colorspace", 1), ("color_primaries", 1), ("color_trc", 1))
    film = Film(frames=2, encoder="libx264", aspect=Fraction(4, 3), tags=tags)
    info = probe(make_film(tmp_path / "a.mkv", film))
    (path,) = write_segments(tmp_path / "parts", info, Encoding(), [2])
    written = probe(path)
    assert written.sample_aspect == Fraction(4, 3)
    assert (written.full_range, written.matrix_code) == (True, 1)
    assert (written.primaries, written.transfer) == (1, 1)
    untagged = probe(make_film(tmp_path / "b.mkv", Film(frames=2)))
    (path,) = write_segments(tmp_path / "untagged", untagged, Encoding(), [2])
    assert untagged.matrix_code == 2
    assert probe(path).matrix_code == 6


def test_segments_of_one_film_have_the_same_parameters_and_bytes(tmp_path: Path) -> None:
    info = probe(make_film(tmp_path / "a.mkv", Film()))
    encoding = Encoding(threads=2)
    once = write_segments(tmp_path / "once", info, encoding, [12, 12])
    again = write_segments(tmp_path / "again", info, encoding, [12, 12])
    assert [p.read_bytes() for p in once] == [p.read_bytes() for p in again]


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"codec": "mpeg2"}, "h264, hevc, av1, prores, ffv1"),
        ({"crf": 52}, "0 to 51"),
        ({"codec": "ffv1", "crf": 3}, "none"),
        ({"preset": "quick"}, "veryfast"),
        ({"codec": "av1", "preset": "fast"}, "13"),
        ({"codec": "prores", "preset": "fast"}, "none"),
    ],
)
def test_settings_that_a_codec_does_not_have_are_refused(values: dict[str, Any], word: str) -> None:
    with pytest.raises(OutputError, match=word):
        Encoding(**values)


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_has_its_own_defaults(codec: str) -> None:
    assert Encoding(codec).options()


def test_frames_of_another_shape_or_depth_are_refused(tmp_path: Path) -> None:
    info = probe(make_film(tmp_path / "a.mkv", Film(frames=1)))
    frame = next(read_frames(info))
    with FilmWriter(tmp_path / "a.nut", info) as writer:
        with pytest.raises(ValueError, match="are not"):
            writer.write(frame, neutral(info)[1:])
        with pytest.raises(ValueError, match="uint16"):
            writer.write(frame, neutral(info).astype(np.uint16))
        with pytest.raises(ValueError, match="are not"):
            writer.write(Frame(0, frame.luma[1:], 0), neutral(info))
        writer.write(frame, neutral(info))


def test_what_the_disk_refuses_is_told(tmp_path: Path) -> None:
    info = probe(make_film(tmp_path / "a.mkv", Film(frames=1)))
    writer = FilmWriter(tmp_path / "none" / "a.nut", info, Encoding("ffv1"))
    with pytest.raises(OutputError, match="no such file"):
        writer.write(next(read_frames(info)), neutral(info))


@pytest.mark.skipif(os.name != "posix", reason="the size of files is limited there")
def test_a_disk_that_gets_full_within_a_block_is_told(tmp_path: Path) -> None:
    program = """
import resource, sys
import numpy as np
from photochrom.errors import OutputError
from photochrom.video.io.codecs import Encoding
from photochrom.video.io.encoder import FilmWriter
from photochrom.video.io.probe import probe
from photochrom.video.io.reader import read_frames
info = probe(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    with FilmWriter(sys.argv[2], info, Encoding("ffv1")) as writer:
        for frame in read_frames(info):
            writer.write(frame, np.full((240, 320, 2), 128, np.uint8))
except OutputError as error:
    print(error)
"""
    film = make_film(tmp_path / "a.mkv", Film(frames=4, size=(480, 640), grain=200))
    command = [sys.executable, "-c", program, str(film), str(tmp_path / "b.nut")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "file too large; check the space on the disk" in run.stdout
