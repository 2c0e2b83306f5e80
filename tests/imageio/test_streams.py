"""Pictures out of bytes and file objects and into them, as whole as from a file to a file."""

from __future__ import annotations

import io
import os
import stat
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from fixtures.imageio import XMP, exif_block, heic_bytes, pillow_bytes
from numpy.typing import NDArray

from photochrom.errors import InputError, OutputError
from photochrom.imageio import FORMATS, Metadata, Picture, read, recognize, write


class OneWay(io.RawIOBase):
    """A raw stream that cannot be sought, and gives and takes a few bytes at a time."""

    def __init__(self, data: bytes = b"") -> None:
        self.data, self.taken = data, b""

    def read(self, size: int = -1) -> bytes:
        piece, self.data = self.data[:1000], self.data[1000:]
        return piece

    def write(self, data: Any) -> int:
        self.taken += bytes(data[:1000])
        return len(data[:1000])


class Plain:
    """The least that a file object can be."""

    name = 3  # as of a file that was opened by its number

    def __init__(self, data: bytes = b"") -> None:
        self.data = data

    def read(self, size: int) -> bytes:
        piece, self.data = self.data[:size], self.data[size:]
        return piece

    def write(self, data: bytes) -> None:
        self.data += data


@pytest.fixture
def deep(scene16: NDArray[np.uint16]) -> Picture:
    """16 bits, transparency, EXIF, XMP and a resolution."""
    alpha = np.ascontiguousarray(scene16[::-1, :, 0])
    return Picture(scene16, alpha, Metadata(exif_block(), XMP, dpi=(300.0, 300.0)))


def piped(data: bytes) -> IO[bytes]:
    """The reading end of a pipe that gets these bytes."""
    reading, writing = os.pipe()

    def fill() -> None:
        with os.fdopen(writing, "wb") as end:
            end.write(data)

    threading.Thread(target=fill).start()
    return os.fdopen(reading, "rb")


def test_bytes_and_streams_are_read_like_the_file(tmp_path: Path, deep: Picture) -> None:
    path = tmp_path / "a.png"
    write(path, deep)
    data, expected = path.read_bytes(), read(path)
    with path.open("rb") as file, piped(data) as pipe:
        for source in (data, bytearray(data), memoryview(data), file, pipe, io.BytesIO(data)):
            picture = read(source)
            np.testing.assert_array_equal(picture.pixels, deep.pixels)
            np.testing.assert_array_equal(picture.alpha, deep.alpha)
            assert picture.metadata.exif == expected.metadata.exif
            assert picture.metadata.xmp == expected.metadata.xmp
    for stream in (OneWay(data), Plain(data)):
        np.testing.assert_array_equal(read(stream).pixels, deep.pixels)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name, row in FORMATS.items() if row.encode])
def test_a_stream_gets_the_bytes_that_a_file_would(
    name: str, tmp_path: Path, deep: Picture
) -> None:
    row = FORMATS[name]
    picture = deep if row.alpha else Picture(deep.pixels, metadata=deep.metadata)
    path = tmp_path / f"a{row.suffix}"
    write(path, picture, generator="tester 1")
    buffer, one_way, plain = io.BytesIO(), OneWay(), Plain()
    for stream in (buffer, one_way, plain):
        write(stream, picture, format_name=name, generator="tester 1")  # type: ignore[arg-type]
    assert buffer.getvalue() == one_way.taken == plain.data == path.read_bytes()


def test_a_stream_is_read_from_where_it_stands_and_left_open(grey_scene: NDArray[np.uint8]) -> None:
    buffer = io.BytesIO(b"header" + pillow_bytes(grey_scene, "PNG"))
    buffer.seek(6)
    np.testing.assert_array_equal(read(buffer).pixels, grey_scene)
    assert not buffer.closed
    write(buffer, Picture(grey_scene))
    assert not buffer.closed


@pytest.mark.parametrize(
    ("of_picture", "name", "format_name", "expected"),
    [
        ("TIFF", None, "", "TIFF"),
        ("HEIC", None, "", "JPEG"),
        ("GIF", None, "", "PNG"),
        ("JPEG", None, "png", "PNG"),
        ("JPEG", None, ".tiff", "TIFF"),
        ("JPEG", None, "jpg", "JPEG"),
        ("JPEG", "a.webp", "", "WebP"),
        ("JPEG", "a.tmp", "", "JPEG"),
        ("JPEG", "a.tmp", "AVIF", "AVIF"),
    ],
)
def test_the_format_of_a_stream(
    grey_scene: NDArray[np.uint8],
    of_picture: str,
    name: str | None,
    format_name: str,
    expected: str,
) -> None:
    buffer = io.BytesIO()
    if name is not None:
        buffer.name = name
    write(buffer, Picture(grey_scene, format=of_picture), format_name=format_name)
    found = recognize(buffer.getvalue())
    assert found is not None
    assert found.name == expected


def test_a_transparent_picture_whose_format_has_no_transparency_becomes_png(
    grey_scene: NDArray[np.uint8],
) -> None:
    buffer = io.BytesIO()
    write(buffer, Picture(grey_scene, np.zeros_like(grey_scene), format="HEIC"))
    assert recognize(buffer.getvalue()) is FORMATS["PNG"]


def test_a_format_named_for_a_path_is_written_there(
    tmp_path: Path, grey_scene: NDArray[np.uint8]
) -> None:
    write(tmp_path / "a", Picture(grey_scene), format_name="TIFF")
    assert read(tmp_path / "a").format == "TIFF"
    with pytest.raises(OutputError, match=r"as TIFF: its name ends in \.png"):
        write(tmp_path / "a.png", Picture(grey_scene), format_name="TIFF")


@pytest.mark.parametrize("format_name", ["heic", "jpeg2000", "."])
def test_a_format_that_cannot_be_written_is_refused(
    grey_scene: NDArray[np.uint8], format_name: str
) -> None:
    buffer = io.BytesIO()
    with pytest.raises(OutputError, match="use one of JPEG, PNG"):
        write(buffer, Picture(grey_scene), format_name=format_name)
    assert buffer.getvalue() == b""


def test_streams_that_give_no_bytes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with (tmp_path / "a.txt").open() as text, pytest.raises(InputError, match="binary mode"):
        read(text)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="binary mode"):
        read(io.StringIO("text"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"cannot read a picture from int; pass a path"):
        read(3)  # type: ignore[arg-type]

    class Odd:
        def read(self, size: int) -> str:
            return "text"

    with pytest.raises(InputError, match=r"read\(\) gives str, not bytes"):
        read(Odd())  # type: ignore[arg-type]


def test_streams_that_fail_are_an_error_that_names_them(grey_scene: NDArray[np.uint8]) -> None:
    closed = io.BytesIO()
    closed.close()
    with pytest.raises(InputError, match=r"cannot read the stream: .*closed"):
        read(closed)
    with pytest.raises(OutputError, match=r"cannot write the stream: .*closed"):
        write(closed, Picture(grey_scene))
    named = io.StringIO()
    named.name = "<stdout>"
    with pytest.raises(OutputError, match="cannot write <stdout>: it is open as text"):
        write(named, Picture(grey_scene))  # type: ignore[arg-type]
    with pytest.raises(OutputError, match="pass a path"):
        write(3, Picture(grey_scene))  # type: ignore[arg-type]
    reading, writing = os.pipe()
    os.close(reading)
    with (
        os.fdopen(writing, "wb", buffering=0) as broken,
        pytest.raises(OutputError, match=r"[Bb]roken"),
    ):
        write(broken, Picture(np.tile(grey_scene, (9, 9))))


def test_what_is_no_picture_is_named_as_it_came(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the picture: it is not a picture"):
        read(b"text")
    with pytest.raises(InputError, match="cannot read the stream: the file is empty"):
        read(io.BytesIO())
    with pytest.raises(InputError, match=r"cannot read aunt\.jpg: it is not a JPEG file"):
        read(b"text", name="aunt.jpg")
    (tmp_path / "a.png").write_bytes(b"text")
    with (tmp_path / "a.png").open("rb") as file, pytest.raises(InputError, match=r"a\.png"):
        read(file)


def test_an_endless_stream_is_left() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return bytes(size)

    endless = Endless()
    with pytest.raises(InputError, match="more than 67 MB cannot be a picture of at most 1e-06"):
        read(endless, max_pixels=1)  # type: ignore[arg-type]
    assert endless.given < 70_000_000


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_private_file_that_is_read_from_a_stream_stays_private(
    tmp_path: Path, grey_scene: NDArray[np.uint8]
) -> None:
    path = tmp_path / "a.png"
    write(path, Picture(grey_scene))
    path.chmod(0o600)
    with path.open("rb") as file:
        write(tmp_path / "b.png", read(file))
    assert stat.S_IMODE((tmp_path / "b.png").stat().st_mode) == 0o600
    with piped(path.read_bytes()) as pipe, tempfile.SpooledTemporaryFile() as upload:
        assert read(pipe).metadata.file_mode is None
        upload.write(path.read_bytes())
        upload.seek(0)
        assert read(upload).metadata.file_mode is None


def test_a_deep_heic_from_a_pipe_keeps_its_depth(scene16: NDArray[np.uint16]) -> None:
    with piped(heic_bytes(scene16)) as pipe:
        picture = read(pipe)
    assert picture.format == "HEIC"
    buffer = io.BytesIO()
    write(buffer, picture, format_name="PNG")
    assert read(buffer.getvalue()).pixels.dtype == np.uint16
