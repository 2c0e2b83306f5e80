"""Either the old or the whole new file is there, and nothing else; every refusal says why."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg
from fixtures.imageio import exif_block
from numpy.typing import NDArray
from PIL import Image

from photochrom import atomic
from photochrom.atomic import replacement_file, write_atomically
from photochrom.errors import OutputError
from photochrom.imageio import Metadata, Picture, read, write
from photochrom.imageio.jpeg_strips import encode_jpeg_strips

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


@pytest.fixture
def picture(scene: NDArray[np.uint8]) -> Picture:
    return Picture(scene)


def test_an_existing_file_stays_unless_told_otherwise(tmp_path: Path, picture: Picture) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match="--overwrite"):
        write(path, picture)
    assert path.read_bytes() == b"old"
    write(path, picture, overwrite=True)
    np.testing.assert_array_equal(read(path).pixels, picture.pixels)


@pytest.mark.parametrize("step", ["os.fsync", "os.replace", "os.write"])
@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EIO, "Input/output error"),
        KeyboardInterrupt(),
    ],
    ids=["full disk", "broken disk", "Ctrl-C"],
)
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path,
    picture: Picture,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    error: BaseException,
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    if step == "os.write":
        import builtins

        true_open = builtins.open

        class FullFile:
            def __init__(self, *arguments: Any, **options: Any) -> None:
                self.file = true_open(*arguments, **options)

            def __enter__(self) -> FullFile:
                return self

            def __exit__(self, *_: object) -> None:
                self.file.close()

            def write(self, data: bytes) -> int:
                self.file.write(data[:100])
                self.file.flush()
                raise error

        monkeypatch.setattr("photochrom.atomic.open", FullFile, raising=False)
    else:
        monkeypatch.setattr(step, failing(error))
    expected = OutputError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        write(path, picture, overwrite=True)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        assert "the disk is full" in str(caught.value)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_is_no_place_for_a_picture(picture: Picture) -> None:
    with pytest.raises(OutputError, match="no format that can be written"):
        write("/dev/full", picture, overwrite=True)


def test_a_file_that_appears_meanwhile_is_not_overwritten(
    tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    true_fsync = os.fsync

    def appear(descriptor: int) -> None:
        true_fsync(descriptor)
        path.write_bytes(b"someone else's")

    monkeypatch.setattr(os, "fsync", appear)
    with pytest.raises(OutputError, match="appeared meanwhile"):
        write(path, picture)
    assert path.read_bytes() == b"someone else's"
    assert len(list(tmp_path.iterdir())) == 1


def test_file_systems_without_hard_links_work_too(
    tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", failing(OSError(errno.EPERM, "no links here")))
    write(tmp_path / "a.png", picture)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


@POSIX
@pytest.mark.parametrize(
    ("of_input", "of_output"), [(0o600, 0o600), (0o644, 0o644), (0o444, 0o644), (0o777, 0o644)]
)
def test_a_private_photograph_stays_private(
    tmp_path: Path, picture: Picture, of_input: int, of_output: int
) -> None:
    old_umask = os.umask(0o022)
    try:
        source = tmp_path / "a.png"
        write(source, picture)
        source.chmod(of_input)
        write(tmp_path / "b.png", read(source))
    finally:
        os.umask(old_umask)
    assert stat.S_IMODE((tmp_path / "b.png").stat().st_mode) == of_output


@POSIX
def test_a_replaced_file_keeps_its_mode_and_its_link(tmp_path: Path, picture: Picture) -> None:
    target, link = tmp_path / "a.png", tmp_path / "link.png"
    write(target, picture)
    target.chmod(0o640)
    link.symlink_to(target)
    write(link, picture, overwrite=True)
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@POSIX
@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused(tmp_path: Path, picture: Picture) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="permission denied"):
            write(tmp_path / "a.png", picture)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("code", "words"), [(errno.EROFS, "read-only"), (errno.EACCES, "permission denied")]
)
def test_a_read_only_target_is_said(
    tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    monkeypatch.setattr(os, "open", failing(OSError(code, os.strerror(code))))
    with pytest.raises(OutputError, match=words):
        write(tmp_path / "a.png", picture)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.heic", "no format that can be written"),
        ("a", "a name without suffix"),
        ("missing/a.png", "does not exist"),
        ("folder.png", "it is a folder"),
        ("a" * 300 + ".png", "name is too long"),
    ],
)
def test_impossible_targets_are_refused(
    tmp_path: Path, picture: Picture, name: str, reason: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match=reason):
        write(tmp_path / name, picture, overwrite=True)


def test_jpeg_holds_no_transparency(tmp_path: Path, scene: NDArray[np.uint8]) -> None:
    alpha = np.full(scene.shape[:2], 255, np.uint8)
    write(tmp_path / "a.jpg", Picture(scene, alpha))
    alpha[0, 0] = 0
    with pytest.raises(OutputError, match="no transparency"):
        write(tmp_path / "b.jpg", Picture(scene, alpha))


@pytest.mark.parametrize(
    ("name", "width"),
    [("a.jpg", 65_501), ("a.webp", 16_384), ("a.avif", 65_537)],
    ids=["JPEG", "WebP", "AVIF"],
)
def test_a_side_too_long_for_the_format_is_said(tmp_path: Path, name: str, width: int) -> None:
    with pytest.raises(OutputError, match="pixels a side"):
        write(tmp_path / name, Picture(np.zeros((1, width, 3), np.uint8)))


def test_quality_has_a_range(tmp_path: Path, picture: Picture) -> None:
    with pytest.raises(OutputError, match="between 0 and 100"):
        write(tmp_path / "a.jpg", picture, quality=101)


def test_exif_longer_than_a_segment_goes_into_several(
    tmp_path: Path, scene: NDArray[np.uint8]
) -> None:
    block = exif_block(maker_note=bytes(range(256)) * 600)
    write(tmp_path / "a.jpg", Picture(scene, metadata=Metadata(exif=block)))
    assert read(tmp_path / "a.jpg").metadata.exif == block
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.getexif().get_ifd(0x8769)[0x927C] == bytes(range(256)) * 600


@POSIX
def test_what_a_killed_process_left_goes_and_what_is_being_written_stays(tmp_path: Path) -> None:
    (tmp_path / ".photochrom-0123.tmp").write_bytes(b"of a killed process")
    with replacement_file(tmp_path / "a.bin", overwrite=False) as temporary:
        script = "import sys; from pathlib import Path; from photochrom.atomic import *;"
        script += "remove_leftovers(Path(sys.argv[1]))"
        subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
        assert list(tmp_path.iterdir()) == [temporary]
        temporary.write_bytes(b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


@POSIX
def test_a_file_taken_for_left_over_before_its_lock_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Path] = []
    lock = atomic._lock

    def late_lock(file: int) -> bool:
        if not taken:
            taken.extend(tmp_path.glob(".photochrom-*.tmp"))
            taken[0].unlink()
        return lock(file)

    monkeypatch.setattr(atomic, "_lock", late_lock)
    write_atomically(tmp_path / "a.bin", b"whole", overwrite=False)
    assert (tmp_path / "a.bin").read_bytes() == b"whole"
    assert len(taken) == 1


def test_a_jpeg_of_strips_has_the_pixels_of_one_in_a_piece() -> None:
    rng = np.random.default_rng(5)
    for shape in ((1030, 2051, 3), (1499, 1501), (24, 40, 3)):
        rough = rng.integers(0, 256, (20, 30), dtype=np.uint8)
        plane = cv2.resize(rough, shape[1::-1], interpolation=cv2.INTER_CUBIC)
        samples = np.ascontiguousarray(np.stack([plane, 255 - plane, plane // 2], -1))
        samples = samples if len(shape) == 3 else plane
        space, sampling = ("RGB", "444") if len(shape) == 3 else ("GRAY", "Gray")
        whole = simplejpeg.encode_jpeg(samples.reshape(*shape[:2], -1), 98, space, sampling, False)
        strips = encode_jpeg_strips(samples, 98)
        assert (strips != whole) == (shape[0] > 100), "large pictures have restart markers"
        for data in (strips, whole):
            assert simplejpeg.decode_jpeg_header(data)[:2] == shape[:2]
        np.testing.assert_array_equal(
            simplejpeg.decode_jpeg(strips, space, strict=True),
            simplejpeg.decode_jpeg(whole, space, strict=True),
        )
