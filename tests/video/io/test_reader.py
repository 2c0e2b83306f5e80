"""Frames come as the file has them, and a file that is no whole film is refused in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from fixtures.film import MILLISECONDS, ORDERLESS, Film, decoded, h264_in_avi, luma, make_film
from PIL import Image

from photochrom.errors import InputError
from photochrom.video.io.container import open_container, other_streams
from photochrom.video.io.damage import DamageLog
from photochrom.video.io.frame import Frame
from photochrom.video.io.probe import probe
from photochrom.video.io.reader import nearest_pts, read_frames

pytestmark = pytest.mark.slow

LOSSLESS_MP4 = Film(
    frames=48,
    encoder="libx264",
    format="mp4",
    options=(("qp", "0"), ("bf", "3"), ("g", "12"), ("x264-params", "open-gop=1:b-pyramid=2")),
)
KINDS = {
    "constant rate": Film(),
    "59.94 frames per second": replace(LOSSLESS_MP4, rate=Fraction(60000, 1001)),
    "variable rate, late start": Film(
        time_base=MILLISECONDS, times=tuple(5000 + 40 * i + (7 * i) % 11 for i in range(24))
    ),
    "10 bits": Film(pix_fmt="yuv420p10le"),
    "4:4:4": Film(pix_fmt="yuv444p"),
    "grey": Film(pix_fmt="gray"),
    "grey, 10 bits": Film(pix_fmt="gray10le"),
    "odd size": Film(size=(47, 85)),
    "one frame": Film(frames=1),
    "B-frames": LOSSLESS_MP4,
}


@pytest.mark.parametrize("film", KINDS.values(), ids=KINDS)
def test_luma_and_times_are_the_files_own(tmp_path: Path, film: Film) -> None:
    info = probe(make_film(tmp_path / "a", film))
    frames = list(read_frames(info))
    assert len(frames) == film.frames
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.luma, luma(film, index))
        assert frame.luma.dtype == (np.uint16 if info.bits == 10 else np.uint8)
        assert frame.luma.flags.c_contiguous
    wanted = [pts * film.base() for pts in film.pts()]
    unit = info.time_base
    assert all(abs(f.pts * unit - t) <= unit / 2 for f, t in zip(frames, wanted, strict=True))
    assert info.seconds(frames[0].pts) == 0


def test_dv_has_the_rate_of_its_frames(tmp_path: Path) -> None:
    film = Film(frames=3, size=(576, 720), encoder="dvvideo", format="dv", rate=Fraction(25))
    info = probe(make_film(tmp_path / "a.dv", film))
    assert info.rate == 25
    times_s = [info.seconds(frame.pts) for frame in read_frames(info, deinterlace=True)]
    assert times_s == pytest.approx([0, 0.04, 0.08])


@pytest.mark.parametrize(("encoder", "name"), [("apng", "apng"), ("png", "mov")])
def test_grey_pictures_of_png_need_no_matrix(tmp_path: Path, encoder: str, name: str) -> None:
    film = Film(frames=3, encoder=encoder, format=name, pix_fmt="gray")
    info = probe(make_film(tmp_path / "a", film))
    assert (info.full_range, info.matrix) == (True, "bt601")
    for index, frame in enumerate(read_frames(info)):
        np.testing.assert_array_equal(frame.luma, luma(film, index))


def test_a_film_says_what_it_is(tmp_path: Path) -> None:
    film = Film(
        encoder="libx264",
        aspect=Fraction(4, 3),
        audio="aac",
        subtitle="subrip",
        tags=(("color_range", 2), ("colorspace", 1), ("color_primaries", 1), ("color_trc", 1)),
    )
    info = probe(make_film(tmp_path / "a.mkv", film))
    assert (info.height, info.width, info.bits) == (64, 96, 8)
    assert (info.full_range, info.matrix, info.rate) == (True, "bt709", Fraction(24))
    assert (info.primaries, info.transfer, info.matrix_code) == (1, 1, 1)
    assert info.sample_aspect == Fraction(4, 3)
    assert info.streams == ("audio: aac, eng", "subtitle: srt, deu")
    assert info.duration_s == pytest.approx(1.0, abs=0.05)
    assert not any([info.interlaced, info.monochrome, info.rgb, info.rotation])


@pytest.mark.parametrize(("matrix", "transfer"), [(1, 1), (9, 16)])
def test_what_the_container_says_of_colours_counts_where_the_frames_say_nothing(
    tmp_path: Path, matrix: int, transfer: int
) -> None:
    film = Film(frames=2, encoder="libx265", options=(("x265-params", "log-level=none"),))
    plain, path = make_film(tmp_path / "plain.mkv", film), tmp_path / "a.mkv"
    with av.open(str(plain)) as source, av.open(str(path), "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_trc = transfer
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                copy.mux_one(packet)
    assert probe(plain).matrix == "bt601"
    if matrix == 1:
        assert probe(path).matrix == "bt709"
    else:
        refused(path, "is HDR or BT.2020")


def test_a_film_without_tags_counts_by_its_lines(tmp_path: Path) -> None:
    small = probe(make_film(tmp_path / "a.mkv", Film(frames=1)))
    large = probe(make_film(tmp_path / "b.mkv", Film(frames=1, size=(720, 64))))
    assert (small.matrix, large.matrix) == ("bt601", "bt709")
    assert not small.full_range


def test_grey_formats_are_full_range_unless_tagged(tmp_path: Path) -> None:
    untagged = probe(make_film(tmp_path / "a.mkv", Film(frames=1, pix_fmt="gray")))
    assert untagged.monochrome
    assert untagged.full_range
    tagged = Film(frames=1, pix_fmt="gray", tags=(("color_range", 1),))
    assert not probe(make_film(tmp_path / "b.mkv", tagged)).full_range


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_a_mirrored_film_is_not_taken_for_a_turned_one(tmp_path: Path, turned: int) -> None:
    film = replace(LOSSLESS_MP4, frames=2, rotation=turned, mirrored=True)
    info = probe(make_film(tmp_path / "a.mp4", film))
    assert (info.rotation % 360, info.mirrored) == (turned, True)


def test_rotation_is_told_and_not_done(tmp_path: Path) -> None:
    info = probe(make_film(tmp_path / "a.mp4", replace(LOSSLESS_MP4, rotation=90)))
    assert info.rotation == 90
    assert next(read_frames(info)).luma.shape == (64, 96)


def test_rgb_becomes_luma_of_the_films_matrix(tmp_path: Path) -> None:
    film = Film(pix_fmt="bgr0")
    info = probe(make_film(tmp_path / "a.mkv", film))
    assert info.rgb
    for index, frame in enumerate(read_frames(info)):
        wanted = 16 + luma(film, index) * (219 / 255)
        assert np.abs(frame.luma - wanted).max() <= 1


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("start", [1, 11, 12, 13, 30, 47])
def test_a_part_has_the_frames_and_times_of_the_whole(
    tmp_path: Path, suffix: str, start: int
) -> None:
    formats = {"mp4": "mp4", "mkv": "matroska", "ts": "mpegts"}
    info = probe(make_film(tmp_path / f"a.{suffix}", replace(LOSSLESS_MP4, format=formats[suffix])))
    whole = list(read_frames(info))
    end = min(start + 5, 48)
    end_s = None if end == 48 else info.seconds(whole[end].pts)
    part = list(read_frames(info, start_s=info.seconds(whole[start].pts), end_s=end_s))
    assert_same(part, whole[start:end])


def assert_same(some: Sequence[Frame], others: Sequence[Frame]) -> None:
    assert [frame.pts for frame in some] == [frame.pts for frame in others]
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one.luma, other.luma)


@pytest.mark.parametrize("kind", ORDERLESS)
def test_packets_are_not_taken_for_frames(tmp_path: Path, kind: str) -> None:
    info = probe(ORDERLESS[kind](tmp_path / "a", 45))
    whole = list(read_frames(info))
    shown = decoded(info.path)
    assert len(whole) == len(shown) == 45
    for frame, (_, y, _) in zip(whole, shown, strict=True):
        np.testing.assert_array_equal(frame.luma, y)
    for start, frame in enumerate(whole):
        assert_same(list(read_frames(info, start_s=info.seconds(frame.pts))), whole[start:])
        assert nearest_pts(info, info.seconds(frame.pts) + 0.004) == frame.pts


def test_frames_of_an_avi_are_evenly_spaced_whatever_their_order(tmp_path: Path) -> None:
    info = probe(h264_in_avi(tmp_path / "a.avi", 45))
    times_s = [info.seconds(frame.pts) for frame in read_frames(info)]
    assert times_s == pytest.approx([i / 24 for i in range(45)])


def packed_mpeg4(path: Path, frames: int) -> Path:
    """MPEG-4 in an .avi as DivX packed it: a frame and the B-frame before it share a packet, and
    the next one says only that nothing is coded (ISO 14496-2, 6.2.5).
    """
    film = Film(
        frames=frames, encoder="mpeg4", options=(("bf", "1"), ("g", "99"), ("b_strategy", "0"))
    )
    plain = make_film(path.with_name("plain.mkv"), film)
    with av.open(str(plain)) as source, av.open(str(path), "w", format="avi") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        stream.time_base = Fraction(1, 24)
        packets = [p for p in source.demux(video=0) if p.size]
        data = [bytes(source.streams.video[0].codec_context.extradata or b"") + bytes(packets[0])]
        data[0] = data[0].replace(b"\0\0\1\xb6", b"\0\0\1\xb2DivX503b1393p\0\0\1\xb6", 1)
        coded = packets[1:]
        while coded:
            if len(coded) > 1 and (coded[1].pts or 0) < (coded[0].pts or 0):
                time = (packets.index(coded[0]) + 1) % 24
                bits = int(f"0101{time:05b}1001111", 2)
                data += [bytes(coded[0]) + bytes(coded[1]), b"\0\0\1\xb6" + bits.to_bytes(2, "big")]
                coded = coded[2:]
            else:
                data.append(bytes(coded.pop(0)))
        for number, content in enumerate(data):
            packet = av.Packet(content)
            packet.stream, packet.time_base = stream, Fraction(1, 24)
            packet.pts = packet.dts = number
            packet.is_keyframe = number == 0
            copy.mux_one(packet)
    return path


def test_packed_b_frames_have_their_times(tmp_path: Path) -> None:
    info = probe(packed_mpeg4(tmp_path / "a.avi", 25))
    assert info.packed
    whole = list(read_frames(info))
    shown = [y for _, y, _ in decoded(tmp_path / "plain.mkv")]
    assert len(whole) == len(shown) == 25
    for frame, y in zip(whole, shown, strict=True):
        np.testing.assert_array_equal(frame.luma, y)
    assert [round(info.seconds(f.pts) * 24, 3) for f in whole] == list(range(25))
    for start in (0, 7, 8, 24):
        part = list(read_frames(info, start_s=info.seconds(whole[start].pts)))
        assert_same(part, whole[start:])


BARE = {"h264": "libx264", "hevc": "libx265", "m4v": "mpeg4", "mpeg2video": "mpeg2video"}
RATES = (Fraction(16), Fraction(24), Fraction(30000, 1001), Fraction(50))


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        (name, rate)
        for name in BARE
        for rate in RATES
        if (name, rate) != ("mpeg2video", Fraction(16))
    ],
)
def test_a_bare_stream_has_the_rate_that_it_says(tmp_path: Path, name: str, rate: Fraction) -> None:
    encoder = BARE[name]
    quiet = (("x265-params", "log-level=none"),) if encoder == "libx265" else ()
    film = Film(frames=20, encoder=encoder, format=name, rate=rate, options=(("bf", "2"), *quiet))
    info = probe(make_film(tmp_path / "a", film))
    assert info.rate == rate
    times = [info.seconds(frame.pts) for frame in read_frames(info)]
    assert times == pytest.approx([i / float(rate) for i in range(20)], abs=1e-4)


@pytest.mark.parametrize(("encoder", "name"), [("mpeg2video", "mpeg"), ("libx264", "flv")])
def test_a_part_up_to_the_very_end_has_the_frames_of_the_whole(
    tmp_path: Path, encoder: str, name: str
) -> None:
    options = (("bf", "2"), ("g", "12"))
    film = Film(frames=60, encoder=encoder, format=name, options=options)
    info = probe(make_film(tmp_path / "a", film))
    whole = list(read_frames(info))
    for start in (1, 30, 51, 57, 59):
        part = list(read_frames(info, start_s=info.seconds(whole[start].pts)))
        assert_same(part, whole[start:])


def test_the_frame_nearest_to_a_time_is_found_over_long_gaps(tmp_path: Path) -> None:
    times = (0, 40, 5000, 30_000, 30_040)
    info = probe(make_film(tmp_path / "a.mkv", Film(5, time_base=MILLISECONDS, times=times)))
    asked_s = {0.019: 0, 0.03: 40, 2.5: 40, 2.53: 5000, 17.4: 5000, 17.6: 30_000, 30.07: 30_040}
    assert {time_s: nearest_pts(info, time_s) for time_s in asked_s} == asked_s
    with pytest.raises(InputError, match=r"no frame of .* at 30\.2 s; its last one is at 30\.040"):
        nearest_pts(info, 30.2)
    with pytest.raises(InputError, match="at -1 s; it begins at 0 s"):
        nearest_pts(info, -1.0)


def test_times_outside_of_the_film_are_refused(tmp_path: Path) -> None:
    info = probe(make_film(tmp_path / "a.mkv", Film()))
    with pytest.raises(InputError, match="shorter"):
        list(read_frames(info, start_s=7.0))
    for start_s, end_s in ((0.5, 0.2), (None, 0.0)):
        with pytest.raises(InputError, match=r"nothing of .* between 0\S* s and 0\S* s"):
            list(read_frames(info, start_s=start_s, end_s=end_s))
    times = (0, 40, 9000)
    slow = probe(make_film(tmp_path / "b.mkv", Film(3, time_base=MILLISECONDS, times=times)))
    with pytest.raises(InputError, match=r"no frame of .* begins between 3 s and 4 s"):
        list(read_frames(slow, start_s=3.0, end_s=4.0))


TS = Film(
    frames=12, encoder="libx264", format="mpegts", options=(("qp", "0"), ("bf", "0"), ("g", "12"))
)


def appended(path: Path, *films: Film) -> Path:
    """Transport streams one behind the other."""
    parts = [make_film(path.with_name(f"{n}.ts"), film) for n, film in enumerate(films)]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def test_a_film_that_changes_its_depth_is_refused_with_the_second(tmp_path: Path) -> None:
    path = appended(tmp_path / "a.ts", TS, replace(TS, pix_fmt="yuv420p10le"))
    with pytest.raises(InputError, match=r"from 8 bits of luma to 10 bits of luma at 0\.5 s"):
        list(read_frames(probe(path)))


def test_interlaced_frames_behind_whole_ones_are_told_or_made_whole(tmp_path: Path) -> None:
    fields = replace(TS, options=(*TS.options, ("x264-params", "tff=1")))
    info, log = probe(appended(tmp_path / "a.ts", TS, fields)), DamageLog()
    assert not info.interlaced
    plain = list(read_frames(info, damage=log))
    assert any(s.startswith("from 0.5 s on, frames are interlaced") for s in log.sentences(info))
    whole = list(read_frames(info, deinterlace=True))
    assert_same(whole[:12], plain[:12])
    assert [frame.pts for frame in whole] == [frame.pts for frame in plain]
    assert all((a.luma != b.luma).any() for a, b in zip(whole[12:], plain[12:], strict=True))
    later = info.seconds(whole[15].pts)
    assert_same(list(read_frames(info, start_s=later, deinterlace=True)), whole[15:])


def test_of_a_film_of_whole_frames_nothing_is_filtered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = probe(make_film(tmp_path / "a.mkv", Film()))
    plain = list(read_frames(info))
    monkeypatch.setattr("photochrom.video.io.reader.Graph", None)
    assert_same(list(read_frames(info, deinterlace=True)), plain)


def test_interlaced_films_are_refused_or_made_whole(tmp_path: Path) -> None:
    film = Film(encoder="libx264", options=(("x264-params", "tff=1"), ("qp", "0")))
    info = probe(make_film(tmp_path / "a.mkv", film))
    assert info.interlaced
    with pytest.raises(InputError, match="--deinterlace"):
        list(read_frames(info))
    whole = list(read_frames(info, deinterlace=True))
    assert [frame.pts for frame in whole] == [round(i * 1000 / 24) for i in range(24)]
    apart = [np.abs(f.luma - luma(film, i).astype(float)).mean() for i, f in enumerate(whole)]
    assert max(apart) < 6  # the noise between the lines, not another picture
    part = list(read_frames(info, start_s=info.seconds(whole[12].pts), deinterlace=True))
    assert part[0].pts == whole[12].pts
    np.testing.assert_array_equal(part[0].luma, whole[12].luma)


def refused(path: Path, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        probe(path)
    assert str(path) in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_what_is_no_film_is_refused_in_words(tmp_path: Path) -> None:
    refused(tmp_path / "none.mp4", "no such file")
    refused(tmp_path, "not a regular file")
    (tmp_path / "empty.mp4").touch()
    refused(tmp_path / "empty.mp4", "0 bytes")
    (tmp_path / "text.mp4").write_text("no film\n" * 99)
    refused(tmp_path / "text.mp4", "no film, or damaged")
    Image.new("L", (64, 48)).save(tmp_path / "a.png")
    refused(tmp_path / "a.png", "photochrom image")


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    make_film(tmp_path / "a.mkv", Film(audio="aac"))
    with (
        av.open(str(tmp_path / "a.mkv")) as source,
        av.open(str(tmp_path / "sound.mka"), "w", format="matroska") as sound,
    ):
        copy = sound.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = copy
                sound.mux(packet)
    refused(tmp_path / "sound.mka", "no moving picture", "audio")


@pytest.mark.parametrize(
    ("film", "word"),
    [
        (Film(frames=1, pix_fmt="yuv420p12le"), "10 bits first"),
        (Film(frames=1, pix_fmt="yuva420p"), "transparent"),
        (Film(frames=1, pix_fmt="yuv420p10le", tags=(("colorspace", 9),)), "BT.2020"),
        (Film(frames=1, pix_fmt="yuv420p10le", tags=(("color_trc", 16),)), "HDR"),
        *((Film(frames=1, tags=(("colorspace", code),)), "colour matrix") for code in (8, 12, 14)),
    ],
    ids=["12 bits", "transparent", "BT.2020", "PQ", "YCgCo", "from primaries", "ICtCp"],
)
def test_kinds_that_cannot_be_kept_are_refused(tmp_path: Path, film: Film, word: str) -> None:
    refused(make_film(tmp_path / "a.mkv", film), word)


def animation(path: Path, name: str, alpha: tuple[int, ...]) -> Path:
    """Grey discs on grey that move, in a GIF, PNG or WebP; alpha: of each of its frames."""
    pictures = []
    for index, opacity in enumerate(alpha):
        codes = np.full((40, 60, 4), 90, np.uint8)
        codes[10:30, 5 + 4 * index : 25 + 4 * index] = 200
        codes[..., 3] = 255
        codes[:5, :5, 3] = opacity
        picture = Image.fromarray(codes)
        pictures.append(picture if min(alpha) < 255 else picture.convert("RGB"))
    pictures[0].save(
        path,
        name,
        save_all=True,
        append_images=pictures[1:],
        duration=[100] * (len(alpha) - 1) + [700],
        loop=0,
        disposal=0 if name == "PNG" else 2,
        lossless=True,
    )
    return path


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP"])
def test_animations_are_films(tmp_path: Path, name: str) -> None:
    info = probe(animation(tmp_path / "a", name, (255,) * 6))
    frames = list(read_frames(info))
    assert [round(info.seconds(frame.pts), 3) for frame in frames] == [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    for index, frame in enumerate(frames):
        assert frame.luma.shape == (40, 60)
        assert abs(int(frame.luma[20, 15 + 4 * index]) - (16 + 200 * 219 / 255)) < 2
        assert abs(int(frame.luma[2, 2]) - (16 + 90 * 219 / 255)) < 2
    assert frames[-1].duration * info.time_base == pytest.approx(0.7)
    assert_same(list(read_frames(info, start_s=0.3)), frames[3:])


def test_an_animated_avif_is_its_animation_and_not_the_still_beside(tmp_path: Path) -> None:
    path = animation(tmp_path / "a.avif", "AVIF", (255,) * 4)
    info = probe(path)
    frames = list(read_frames(info))
    assert [round(info.seconds(frame.pts), 3) for frame in frames] == [0, 0.1, 0.2, 0.3]
    for index, frame in enumerate(frames):
        assert int(frame.luma[20, 15 + 4 * index]) > int(frame.luma[2, 2]) + 80
    with open_container(path) as container:
        assert len(container.streams) == 2
        assert other_streams(container) == []


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP"])
def test_transparent_animations_are_refused_with_the_second(tmp_path: Path, name: str) -> None:
    refused(animation(tmp_path / "a", name, (0,) * 6), "partly transparent at 0.0 s", "ffmpeg")
    if name == "GIF":
        return  # Pillow writes only what differs, and that on what was there: nothing shows through
    info = probe(animation(tmp_path / "late", name, (255, 255, 255, 255, 0, 255)))
    with pytest.raises(InputError, match=r"partly transparent at 0\.4 s"):
        list(read_frames(info))


def test_the_hidden_alpha_of_vp9_is_not_dropped(tmp_path: Path) -> None:
    film = Film(frames=2, encoder="libvpx-vp9", pix_fmt="yuva420p")
    refused(make_film(tmp_path / "a.mkv", film), "partly transparent")


def test_an_animated_webp_that_is_damaged_is_refused(tmp_path: Path) -> None:
    path = animation(tmp_path / "a.webp", "WEBP", (255,) * 6)
    cut(path, 0.5)
    refused(path, "animated WebP", "damaged")


def cut(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


@pytest.mark.parametrize(
    "film",
    [
        Film(frames=72),
        Film(frames=72, audio="aac"),
        replace(LOSSLESS_MP4, frames=72, faststart=True),
    ],
    ids=["mkv", "mkv with sound", "mp4"],
)
def test_a_film_that_breaks_off_says_where(tmp_path: Path, film: Film) -> None:
    path = make_film(tmp_path / "a", film)
    cut(path, 0.5)
    info = probe(path)
    with pytest.raises(InputError, match=r"breaks off at \d\.\d s.*--to"):
        list(read_frames(info))


def test_an_mp4_without_its_table_is_refused(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mp4", LOSSLESS_MP4)
    cut(path, 0.5)
    refused(path, "cut off")


def test_frames_of_a_cut_film_come_before_the_error(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mkv", Film(frames=72))
    cut(path, 0.5)
    frames = read_frames(probe(path))
    assert len([next(frames) for _ in range(24)]) == 24
    with pytest.raises(InputError, match="breaks off"):
        list(frames)


def test_sound_that_outlasts_the_film_is_no_damage(tmp_path: Path) -> None:
    info = probe(make_film(tmp_path / "a.mkv", Film(audio="aac", audio_s=3.0)))
    assert len(list(read_frames(info))) == 24
