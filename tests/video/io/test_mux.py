"""The joined film has every frame at its time, and all else that the source carried."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from fixtures.film import (
    MILLISECONDS,
    Film,
    decoded,
    luma,
    make_film,
    payloads,
    write_segments,
)

from photochrom.errors import OutputError
from photochrom.video.io.codecs import CODECS, Encoding
from photochrom.video.io.ebml import content, elements, find_tracks
from photochrom.video.io.matroska_display import display_size
from photochrom.video.io.mux import join_segments
from photochrom.video.io.passthrough import check_container
from photochrom.video.io.probe import probe
from photochrom.video.io.reader import read_frames

pytestmark = pytest.mark.slow

MP4 = Film(
    encoder="libx264",
    format="mp4",
    time_base=Fraction(1, 24000),
    times=tuple(1000 * i for i in range(24)),
    options=(("qp", "0"),),
)
CARRYING: dict[str, Any] = {
    "audio": "aac",
    "chapters": True,
    "metadata": (("title", "Nächte"), ("comment", "from the attic")),
}
FILMS = {
    ".mkv": Film(subtitle="subrip", attachment=b"not really a font", **CARRYING),
    ".mp4": replace(MP4, subtitle="mov_text", **CARRYING),
    ".mov": replace(MP4, format="mov", subtitle="mov_text", **CARRYING),
}
LOSSLESS = Encoding("h264", crf=0)
B_FRAMES = Encoding("h264", crf=1, preset="medium")


def joined(
    folder: Path,
    film: Film,
    counts: Sequence[int] = (),
    *,
    source: str = ".mkv",
    target: str = "",
    encoding: Encoding = LOSSLESS,
    **part: Any,
) -> tuple[Path, Path]:
    """Source and joined film."""
    path = folder / f"source{source}"
    if not path.exists():
        make_film(path, film)
    info = probe(path)
    segments = write_segments(
        folder / f"parts{len(counts)}", info, encoding, counts or [film.frames], **part
    )
    out = folder / f"out{len(counts)}{target or source}"
    join_segments(segments, info, out, comment="coloured by a test", **part)
    return path, out


def chapters(path: Path) -> list[tuple[str, Fraction, Fraction]]:
    with av.open(str(path)) as container:
        return [
            (c["metadata"]["title"], c["start"] * c["time_base"], c["end"] * c["time_base"])
            for c in container.chapters()
        ]


def times(path: Path, kind: str) -> list[Fraction]:
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return [
            p.pts * p.time_base for p in container.demux(stream) if p.size and p.pts is not None
        ]


@pytest.mark.parametrize("kind", FILMS)
def test_sound_titles_chapters_and_words_are_carried(tmp_path: Path, kind: str) -> None:
    source, out = joined(tmp_path, FILMS[kind], [10, 14], source=kind)
    assert payloads(source, "audio") == payloads(out, "audio")
    assert times(source, "audio") == times(out, "audio")
    texts = [text for text in payloads(source, "subtitle") if text.strip(b"\0")]
    assert texts == [text for text in payloads(out, "subtitle") if text.strip(b"\0")]
    assert len(texts) == 2
    assert chapters(out) == chapters(source)
    assert [title for title, _, _ in chapters(out)] == ["Dawn", "Dusk"]
    with av.open(str(out)) as film:
        words = {key.lower(): value for key, value in film.metadata.items()}
        assert words["title"] == "Nächte"
        assert words["comment"] == "from the attic; coloured by a test"
        assert film.streams.audio[0].language == "eng"
        if kind != ".mov":  # the source has none there
            assert next(s for s in film.streams if s.type == "subtitle").language == "deu"


def test_fonts_are_carried_by_matroska(tmp_path: Path) -> None:
    _, out = joined(tmp_path, FILMS[".mkv"])
    with av.open(str(out)) as film:
        (font,) = (s for s in film.streams if s.type == "attachment")
        assert font.data == b"not really a font"
        assert font.metadata["filename"] == "font.ttf"


TIMED = {
    "constant rate": (MP4, ".mp4"),
    "59.94 frames per second": (
        replace(MP4, times=(), time_base=None, rate=Fraction(60000, 1001)),
        ".mp4",
    ),
    "variable rate": (
        Film(time_base=MILLISECONDS, times=tuple(40 * i + (7 * i) % 11 for i in range(24))),
        ".mkv",
    ),
    "variable rate, late start": (
        Film(time_base=MILLISECONDS, times=tuple(5000 + 40 * i + (7 * i) % 11 for i in range(24))),
        ".mkv",
    ),
    "late start": (replace(MP4, times=tuple(50000 + 1000 * i for i in range(24))), ".mp4"),
}


@pytest.mark.parametrize("encoding", [LOSSLESS, B_FRAMES, Encoding("hevc", preset="ultrafast")])
@pytest.mark.parametrize(("film", "suffix"), TIMED.values(), ids=TIMED)
def test_every_frame_keeps_its_time_in_one_segment_or_many(
    tmp_path: Path, film: Film, suffix: str, encoding: Encoding
) -> None:
    source, out = joined(tmp_path, film, [5, 10, 1, 8], source=suffix, encoding=encoding)
    wanted = [time for time, _, _ in decoded(source)]
    assert [time for time, _, _ in decoded(out)] == wanted
    assert sorted(times(out, "video")) == wanted
    with av.open(str(out)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    decoding = [p.dts for p in packets if p.dts is not None]
    assert decoding == sorted(set(decoding))
    assert probe(out).duration_s == pytest.approx(probe(source).duration_s, abs=0.003)


@pytest.mark.parametrize("film", [Film(), Film(pix_fmt="gray"), Film(pix_fmt="yuv420p10le")])
def test_joined_segments_have_the_frames_of_one(tmp_path: Path, film: Film) -> None:
    _, one = joined(tmp_path, film)
    _, many = joined(tmp_path, film, [7, 1, 16])
    for a, b, index in zip(decoded(one), decoded(many), range(24), strict=True):
        assert a[0] == b[0]
        np.testing.assert_array_equal(a[1], luma(film, index))
        np.testing.assert_array_equal(b[1], a[1])
        np.testing.assert_array_equal(b[2], a[2])


def test_shape_turn_range_and_rate_are_kept(tmp_path: Path) -> None:
    tags = (("color_range", 2), ("colorspace", 1), ("color_primaries", 1), ("color_trc", 1))
    film = replace(MP4, rotation=90, aspect=Fraction(4, 3), tags=tags)
    source, out = joined(tmp_path, film, source=".mp4")
    before, after = probe(source), probe(out)
    same = ("rotation", "sample_aspect", "full_range", "matrix_code", "primaries", "transfer")
    for name in (*same, "rate", "frames", "time_base"):
        assert getattr(after, name) == getattr(before, name), name
    _, mkv = joined(tmp_path, film, source=".mp4", target=".mkv")
    assert (probe(mkv).rotation, probe(mkv).rate) == (90, Fraction(24))
    assert probe(mkv).full_range


def test_hevc_in_mp4_has_the_tag_that_apple_reads(tmp_path: Path) -> None:
    _, out = joined(tmp_path, MP4, source=".mp4", encoding=Encoding("hevc", preset="ultrafast"))
    with av.open(str(out)) as film:
        assert film.streams.video[0].codec_tag == "hvc1"


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_joins(tmp_path: Path, codec: str) -> None:
    source, out = joined(tmp_path, Film(), [11, 13], encoding=Encoding(codec))
    assert [t for t, _, _ in decoded(out)] == [t for t, _, _ in decoded(source)]


def test_a_part_begins_at_zero_with_its_own_sound_and_chapters(tmp_path: Path) -> None:
    film = Film(frames=72, subtitle="subrip", **CARRYING)
    source, out = joined(tmp_path, film, [10, 14], start_s=1.0, end_s=2.0)
    shown = decoded(out)
    assert len(shown) == 24
    assert shown[0][0] == 0
    np.testing.assert_array_equal(shown[0][1], luma(film, 24))
    sounds = [
        (t, p) for t, p in zip(times(source, "audio"), payloads(source, "audio")) if 1 <= t < 2
    ]
    assert payloads(out, "audio") == [payload for _, payload in sounds]
    assert times(out, "audio") == [time - 1 for time, _ in sounds]
    assert times(out, "subtitle") == [0, Fraction(1, 2)]
    half = Fraction(1, 2)
    assert chapters(out) == [("Dawn", 0, half), ("Dusk", half, 1)]
    assert probe(out).duration_s == pytest.approx(1.0, abs=0.05)


def test_a_container_that_cannot_carry_all_is_refused_early(tmp_path: Path) -> None:
    info = probe(make_film(tmp_path / "a.mkv", FILMS[".mkv"]))
    with pytest.raises(OutputError, match=r"subtitle: srt, deu; write to a \.mkv"):
        check_container(info, tmp_path / "b.mp4", "h264")
    with pytest.raises(OutputError, match="does not hold h264"):
        check_container(info, tmp_path / "b.webm", "h264")
    with pytest.raises(OutputError, match="does not hold av1"):
        check_container(info, tmp_path / "b.mov", "av1")
    with pytest.raises(OutputError, match=r"no film that can be written; use one of \.mp4"):
        check_container(info, tmp_path / "b.avi", "h264")
    assert check_container(info, tmp_path / "b.mkv", "h264") == ()


def test_what_stays_behind_is_told(tmp_path: Path) -> None:
    film = replace(FILMS[".mkv"], subtitle="", aspect=Fraction(4, 3), encoder="libx264")
    info = probe(make_film(tmp_path / "a.mkv", film))
    (left,) = check_container(info, tmp_path / "b.mp4", "h264")
    assert "font.ttf" in left
    bare = probe(make_film(tmp_path / "c.mp4", replace(MP4, aspect=Fraction(4, 3))))
    (shape,) = check_container(bare, tmp_path / "b.webm", "av1")
    assert "shape of the pixels (4/3)" in shape


@pytest.mark.parametrize("codec", ["av1", "ffv1"])
def test_matroska_tells_the_shape_of_the_pixels(tmp_path: Path, codec: str) -> None:
    """Also where the codec does not; and the checksum of its tracks is right."""
    film = replace(MP4, frames=3, times=(0, 1000, 2000), aspect=Fraction(64, 45), audio="aac")
    _, out = joined(tmp_path, film, source=".mp4", target=".mkv", encoding=Encoding(codec))
    assert probe(out).sample_aspect == Fraction(64, 45)
    data = out.read_bytes()
    with out.open("rb") as file:
        tracks = find_tracks(file, out)
        assert tracks is not None
        checksum = next(elements(file, tracks.start, tracks.end))
        assert checksum.id == 0xBF
        found = content(file, checksum)
    assert int.from_bytes(found, "little") == zlib.crc32(data[checksum.end : tracks.end])
    assert len(payloads(out, "video")) == 3
    assert display_size(576, 720, Fraction(64, 45)) == (576, 1024)
    assert display_size(48, 64, Fraction(4, 3)) == (54, 96)


def test_a_size_that_grows_is_named(tmp_path: Path) -> None:
    info = probe(make_film(tmp_path / "a.mkv", Film(frames=1, size=(121, 161))))
    for codec in ("h264", "hevc"):
        (note,) = check_container(info, tmp_path / "b.mkv", codec)
        assert "161 x 121 becomes 162 x 122" in note
    for codec in ("av1", "prores", "ffv1"):
        assert check_container(info, tmp_path / "b.mkv", codec) == ()


def test_an_existing_film_stays_unless_told_otherwise(tmp_path: Path) -> None:
    info = probe(make_film(tmp_path / "a.mkv", Film(frames=2)))
    segments = write_segments(tmp_path / "parts", info, LOSSLESS, [2])
    out = tmp_path / "out.mkv"
    out.write_bytes(b"old")
    with pytest.raises(OutputError, match="--overwrite"):
        join_segments(segments, info, out)
    assert out.read_bytes() == b"old"
    join_segments(segments, info, out, overwrite=True)
    assert len(decoded(out)) == 2


@pytest.mark.parametrize("error", [OutputError("full"), KeyboardInterrupt(), OSError(28, "full")])
def test_an_interrupted_join_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    info = probe(make_film(tmp_path / "a.mkv", Film(frames=2)))
    segments = write_segments(tmp_path / "parts", info, LOSSLESS, [2])
    out = tmp_path / "out.mkv"
    out.write_bytes(b"old")
    before = sorted(tmp_path.iterdir())

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError if isinstance(error, Exception) else KeyboardInterrupt):
        join_segments(segments, info, out, overwrite=True)
    assert out.read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == before


def test_segments_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    info = probe(make_film(tmp_path / "a.mkv", Film(frames=4)))
    (a,) = write_segments(tmp_path / "a", info, LOSSLESS, [4])
    (b,) = write_segments(tmp_path / "b", info, Encoding("h264", crf=30), [4])
    out = tmp_path / "out.mkv"
    with pytest.raises(OutputError, match="encoded differently"):
        join_segments([a, b], info, out)
    with pytest.raises(OutputError, match="out of order"):
        join_segments([a, a], info, out)
    (tmp_path / "cut.nut").write_bytes(a.read_bytes()[:40])
    with pytest.raises(OutputError, match="no whole segment"):
        join_segments([a, tmp_path / "cut.nut"], info, out)
    with pytest.raises(OutputError, match="no segment"):
        join_segments([], info, out)
    assert not out.exists()


def test_a_coloured_film_can_be_read_again(tmp_path: Path) -> None:
    source, out = joined(tmp_path, FILMS[".mp4"], [12, 12], source=".mp4")
    again = list(read_frames(probe(out)))
    for before, after in zip(read_frames(probe(source)), again, strict=True):
        assert before.pts == after.pts
        np.testing.assert_array_equal(before.luma, after.luma)


def test_segments_without_a_source_make_a_film_that_begins_at_zero(tmp_path: Path) -> None:
    film = Film(time_base=MILLISECONDS, times=tuple(5000 + 40 * i for i in range(24)))
    info = probe(make_film(tmp_path / "a.mkv", film))
    (path,) = write_segments(tmp_path / "parts", info, B_FRAMES, [24])
    join_segments([path], probe(path), tmp_path / "b.mp4")
    assert [t for t, _, _ in decoded(tmp_path / "b.mp4")] == [Fraction(i, 25) for i in range(24)]
