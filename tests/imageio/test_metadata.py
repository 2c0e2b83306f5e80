"""EXIF, XMP, resolution and the mark of generated colour survive the way through photochrom."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from fixtures.imageio import XMP, exif_block, exif_facts, heic_bytes, pillow_bytes, png_bytes
from numpy.typing import NDArray
from PIL import Image

from photochrom.imageio import (
    FORMATS,
    Metadata,
    Picture,
    containers,
    exif,
    page_count,
    read,
    read_generator,
    tiff_decoder,
    write,
    writing_notes,
    xmp,
)
from photochrom.imageio.icc import parse as parse_profile

SUFFIXES = [row.suffix for row in FORMATS.values() if row.encode is not None]
MAKE, MAKER_NOTE, DATE, SOFTWARE, ORIENTATION = 0x010F, 0x927C, 0x9003, 0x0131, 0x0112
GENERATED = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
TOOL = "{http://ns.adobe.com/xap/1.0/}CreatorTool"


def attributes(packet: bytes) -> dict[str, str]:
    """All attributes of the packet's descriptions, by an independent parser."""
    return {
        name: value
        for element in ET.fromstring(packet.strip()).iter()
        for name, value in element.attrib.items()
    }


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_xmp_and_resolution_are_kept(
    tmp_path: Path, scene: NDArray[np.uint8], suffix: str, order: str
) -> None:
    block = exif_block(order=order)
    metadata = Metadata(exif=block, xmp=XMP, dpi=(600.0, 300.0))
    write(tmp_path / f"a{suffix}", Picture(scene, metadata=metadata))
    back = read(tmp_path / f"a{suffix}").metadata
    assert back.exif is not None
    assert back.xmp is not None
    facts = exif_facts(back.exif)
    assert facts[MAKE] == "Eastman Kodak C"
    assert facts[MAKER_NOTE] == b"\x07" * 24
    assert facts[DATE] == "1923"
    assert b"Grandmother" in back.xmp
    assert back.dpi == pytest.approx((600.0, 300.0), rel=1e-3)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_generated_colour_is_marked(tmp_path: Path, scene: NDArray[np.uint8], suffix: str) -> None:
    metadata = Metadata(exif=exif_block(), xmp=XMP)
    generator = "photochrom-base 0.1.0 (photochrom 0.1.0)"
    write(tmp_path / f"a{suffix}", Picture(scene, metadata=metadata), generator=generator)
    back = read(tmp_path / f"a{suffix}").metadata
    assert back.xmp is not None
    assert back.exif is not None
    marks = attributes(back.xmp)
    assert marks[GENERATED].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert marks[TOOL] == generator
    assert b"Grandmother" in back.xmp
    assert exif_facts(back.exif)[SOFTWARE] == generator


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_mark_is_found_without_reading_the_picture(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (500, 500, 3), np.uint8)
    write(path, Picture(noise, metadata=Metadata(exif=exif_block(), xmp=XMP)))
    assert read_generator(path) is None
    generator = 'my "own" net & <others> 1.0 (photochrom 0.1.0, model 0123456789ab)'
    write(path, Picture(noise), generator=generator, overwrite=True)
    assert read_generator(path) == generator
    write(path, read(path), generator="another 2", overwrite=True)
    assert read_generator(path) == "another 2"
    assert read_generator(tmp_path / "none.jpg") is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_picture_without_metadata_is_marked_too(
    tmp_path: Path, grey_scene: NDArray[np.uint8], suffix: str
) -> None:
    write(tmp_path / f"a{suffix}", Picture(grey_scene), generator="tester 1")
    packet = read(tmp_path / f"a{suffix}").metadata.xmp
    assert packet is not None
    assert attributes(packet)[TOOL] == "tester 1"


def test_a_second_mark_replaces_the_first() -> None:
    twice = xmp.mark_generated(xmp.mark_generated(XMP, "first 1"), "second <2> & \x00")
    assert twice.count(b"DigitalSourceType=") == 1
    assert attributes(twice)[TOOL] == "second <2> &  "


@pytest.mark.parametrize(
    "packet",
    [b"", b"<x", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b"<a/>", b"\xff\xfe", b"<a>" * 5000],
)
def test_a_broken_packet_gives_way_to_the_mark(packet: bytes) -> None:
    assert attributes(xmp.mark_generated(packet, "tester 1"))[TOOL] == "tester 1"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_orientation_is_applied_once(
    tmp_path: Path, scene: NDArray[np.uint8], suffix: str, orientation: int
) -> None:
    name = {".jpg": "JPEG", ".tif": "TIFF"}.get(suffix, suffix[1:].upper())
    tag = Image.Exif()
    tag[ORIENTATION] = orientation
    options: dict[str, Any] = {"exif": tag.tobytes()}
    if suffix in (".jpg", ".webp"):
        options["quality"] = 95
    stored = Image.fromarray(scene)
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation)
    upright = np.asarray(stored if turn is None else stored.transpose(turn))
    (tmp_path / f"a{suffix}").write_bytes(pillow_bytes(stored, name, **options))
    first = read(tmp_path / f"a{suffix}")
    assert first.pixels.shape == upright.shape
    assert np.abs(first.pixels.astype(int) - upright).mean() < 8
    write(tmp_path / f"b{suffix}", first)
    second = read(tmp_path / f"b{suffix}")
    assert second.pixels.shape == upright.shape
    if first.metadata.exif is not None:
        assert exif.orientation(first.metadata.exif) == 1


def test_sixteen_bit_tiff_is_turned_once(tmp_path: Path, scene16: NDArray[np.uint16]) -> None:
    import tifffile

    tifffile.imwrite(
        tmp_path / "a.tif", scene16, photometric="rgb", extratags=[(ORIENTATION, 3, 1, 6, True)]
    )
    np.testing.assert_array_equal(read(tmp_path / "a.tif").pixels, np.rot90(scene16, -1))


def test_what_repeats_the_size_turns_with_the_picture(
    tmp_path: Path, scene: NDArray[np.uint8]
) -> None:
    data = pillow_bytes(
        scene, "JPEG", exif=b"Exif\x00\x00" + exif_block(6), dpi=(300, 600), xmp=XMP
    )
    (tmp_path / "a.jpg").write_bytes(data)
    metadata = read(tmp_path / "a.jpg").metadata
    assert metadata.exif is not None
    facts = exif_facts(metadata.exif)
    assert (facts[0xA002], facts[0xA003]) == (480, 640)
    assert metadata.dpi == (600.0, 300.0)
    assert metadata.xmp is not None
    assert b'tiff:Orientation="1"' in metadata.xmp


def test_heic_keeps_its_exif_and_is_not_turned_twice(
    tmp_path: Path, scene: NDArray[np.uint8]
) -> None:
    (tmp_path / "a.heic").write_bytes(heic_bytes(scene, exif_block(1)))
    picture = read(tmp_path / "a.heic")
    assert picture.format == "HEIC"
    assert picture.metadata.exif is not None
    assert exif_facts(picture.metadata.exif)[MAKE] == "Eastman Kodak C"
    assert np.abs(picture.pixels.astype(int) - scene).max() <= 4
    turned = read(heic_bytes(scene, exif_block(6)))  # which libheif turns
    assert turned.pixels.shape == (120, 90, 3)
    assert turned.metadata.exif is not None
    facts = exif_facts(turned.metadata.exif)
    assert (facts[ORIENTATION], facts[0xA002], facts[0xA003]) == (1, 480, 640)


def test_damaged_exif_is_left_out_and_said(tmp_path: Path, scene: NDArray[np.uint8]) -> None:
    data = png_bytes(scene, 2, (b"eXIf", b"nonsense"))
    (tmp_path / "a.png").write_bytes(data)
    picture = read(tmp_path / "a.png")
    assert picture.metadata.exif is None
    assert "EXIF" in picture.notes[0]


@pytest.mark.parametrize("tag", [exif.EXIF_IFD, exif.GPS_IFD])
@pytest.mark.parametrize("kind", ["grey", "colour", "deep"])
def test_a_bad_pointer_costs_a_tiff_its_exif_and_not_its_pixels(
    tmp_path: Path, scene: NDArray[np.uint8], scene16: NDArray[np.uint16], kind: str, tag: int
) -> None:
    samples = {"grey": scene[..., 1].copy(), "colour": scene, "deep": scene16}[kind]
    write(tmp_path / "sound.tif", Picture(samples, metadata=Metadata(exif=exif_block())))
    pointer = exif.Value(exif.LONG, 1, b"\xff\xff\xff\x7f")
    data = exif.replace_entries((tmp_path / "sound.tif").read_bytes(), {tag: pointer})
    (tmp_path / "a.tif").write_bytes(data)
    picture = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.pixels, samples)
    assert picture.metadata.exif is None
    assert picture.notes == ("its EXIF data are damaged and were left out",)


def test_a_block_with_nothing_to_change_stays_as_it_is() -> None:
    block = exif_block(1)
    assert exif.upright(block, sides_swapped=False) == block
    assert exif.upright(exif_block(3), sides_swapped=False) != exif_block(3)


@pytest.mark.parametrize("room", [0, 300])
def test_a_block_that_fills_its_segment_goes_back_into_a_jpeg(
    tmp_path: Path, scene: NDArray[np.uint8], room: int
) -> None:
    note = bytes(containers.JPEG_EXIF_BYTES - room - len(exif_block(maker_note=b"\x07")) + 1)
    block = exif_block(maker_note=note)
    assert len(block) == containers.JPEG_EXIF_BYTES - room
    (tmp_path / "a.jpg").write_bytes(pillow_bytes(scene, "JPEG", exif=b"Exif\x00\x00" + block))
    write(tmp_path / "b.jpg", read(tmp_path / "a.jpg"), generator="tester 1")
    back = read(tmp_path / "b.jpg").metadata
    assert back.exif is not None
    assert back.xmp is not None
    assert exif_facts(back.exif)[MAKER_NOTE] == note
    assert exif_facts(back.exif).get(SOFTWARE) == (None if room == 0 else "tester 1")
    assert attributes(back.xmp)[TOOL] == "tester 1"


def test_the_old_thumbnail_is_gone() -> None:
    tag = Image.Exif()
    tag[MAKE] = "Agfa"
    block = bytearray(tag.tobytes().removeprefix(b"Exif\x00\x00"))
    count = int.from_bytes(block[8:10], "big")
    at = 10 + 12 * count
    block[at : at + 4] = len(block).to_bytes(4, "big")
    start = len(block) + 2 + 24 + 4
    for value in (b"\x00\x02", b"\x02\x01\x00\x04\x00\x00\x00\x01", start.to_bytes(4, "big")):
        block += value
    block += b"\x02\x02\x00\x04\x00\x00\x00\x01" + (999).to_bytes(4, "big") + bytes(4)
    block += b"T" * 999
    fixed = exif.upright(bytes(block), sides_swapped=False)
    assert b"TTT" not in fixed
    assert exif_facts(fixed)[MAKE] == "Agfa"


@pytest.mark.parametrize("size", [10, 70_000, 300_000])
def test_large_xmp_and_profiles_pass_through_jpeg(
    tmp_path: Path, scene: NDArray[np.uint8], size: int
) -> None:
    packet = XMP.replace(b"Grandmother", b"Grandmother" + b"a" * size)
    write(tmp_path / "a.jpg", Picture(scene, metadata=Metadata(xmp=packet)), generator="tester 1")
    back = read(tmp_path / "a.jpg").metadata.xmp
    assert back is not None
    assert b"Grandmother" + b"a" * size in back
    assert attributes(back)[TOOL] == "tester 1"
    Image.open(tmp_path / "a.jpg").load()


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("packed", [False, True])
def test_png_holds_more_metadata_than_the_libraries_allow(
    tmp_path: Path, scene: NDArray[np.uint8], depth: type[Any], packed: bool
) -> None:
    packet = XMP.replace(b"Grandmother", b"Grandmother" + b"a" * 10_000_000)
    text = (b"\x01\x00\x00\x00" + zlib.compress(packet)) if packed else bytes(4) + packet
    chunks = [(b"iTXt", b"XML:com.adobe.xmp\x00" + text)]
    chunks.append((b"eXIf", exif_block(maker_note=bytes(10_000_000))))
    samples = scene.astype(depth)
    (tmp_path / "a.png").write_bytes(png_bytes(samples, 2, *chunks))
    picture = read(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.pixels, samples)
    assert picture.metadata.xmp == xmp.upright(packet)
    assert picture.metadata.exif is not None
    assert exif_facts(picture.metadata.exif)[MAKE] == "Eastman Kodak C"


def test_chunks_are_left_out_and_a_png_without_them_is_not_copied(
    scene: NDArray[np.uint8],
) -> None:
    plain, full = png_bytes(scene, 2), png_bytes(scene, 2, (b"tEXt", b"a\x00b"), (b"eXIf", b"c"))
    metadata = [c for c in containers.png_chunks(full) if c.name in (b"tEXt", b"eXIf")]
    assert containers.png_without_chunks(full, metadata) == plain
    assert containers.png_without_chunks(plain, []) is plain


def test_pillow_finds_what_was_written(tmp_path: Path, scene: NDArray[np.uint8]) -> None:
    metadata = Metadata(exif=exif_block(), xmp=XMP, dpi=(300.0, 300.0))
    for suffix in SUFFIXES:
        write(tmp_path / f"a{suffix}", Picture(scene, metadata=metadata))
        with Image.open(tmp_path / f"a{suffix}") as image:
            assert image.getexif()[MAKE] == "Eastman Kodak C"
            assert image.getexif().get_ifd(0x8769)[MAKER_NOTE] == b"\x07" * 24
            packets = [image.info.get(name) for name in ("xmp", "XML:com.adobe.xmp")]
            assert "Grandmother" in str(packets)


def test_jpeg_segments_come_in_the_order_that_readers_expect(
    tmp_path: Path, scene: NDArray[np.uint8]
) -> None:
    write(tmp_path / "a.jpg", Picture(scene, metadata=Metadata(exif=exif_block(), xmp=XMP)))
    data = (tmp_path / "a.jpg").read_bytes()
    places = [data.index(mark) for mark in (b"JFIF", b"Exif", b"ns.adobe.com/xap", b"ICC_PROFILE")]
    assert places == sorted(places)
    assert containers.jpeg_header(data).components == 3
    assert Image.open(io.BytesIO(data)).info["jfif_version"] == (1, 1)


def test_a_preview_of_the_grey_picture_does_not_stay() -> None:
    preview = b"<xmp:Thumbnails xmlns:xmp='http://ns.adobe.com/xap/1.0/'>/9j/4AA</xmp:Thumbnails>"
    packet = XMP.replace(b"<dc:title>", preview + b"<dc:title>")
    marked = xmp.mark_generated(packet, "tester 1")
    assert b"/9j/4AA" not in marked
    assert b"Grandmother" in marked


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_captions_are_kept_or_noted(tmp_path: Path, scene: NDArray[np.uint8], suffix: str) -> None:
    jpeg = pillow_bytes(scene, "JPEG")
    caption = b"\x1c\x02\x78\x00\x0bGrandmother"
    block = b"Photoshop 3.0\x00" + b"8BIM\x04\x04\x00\x00\x00\x00\x00\x10" + caption
    segment = b"\xff\xed" + (len(block) + 2).to_bytes(2, "big") + block
    (tmp_path / "a.jpg").write_bytes(jpeg[:2] + segment + jpeg[2:])
    picture = read(tmp_path / "a.jpg")
    assert picture.metadata.iptc == caption
    assert picture.notes == ()
    target = tmp_path / f"b{suffix}"
    write(target, picture)
    notes = writing_notes(target, picture)
    if suffix in (".jpg", ".png", ".tif"):
        assert read(target).metadata.iptc == caption
        assert notes == ()
    else:
        assert "no place for its IPTC text" in notes[0]


@pytest.mark.parametrize(
    ("comment", "kept"),
    [
        (b"Grandmother, 1923", True),
        ("Großmutter".encode(), True),
        ("Großmutter".encode("latin-1"), True),
        (b"Created with GIMP", False),
        (b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90\n", False),
        (b" \x00", False),
    ],
)
@pytest.mark.parametrize("name", ["JPEG", "GIF"])
def test_a_comment_that_a_person_wrote_is_kept_or_its_loss_told(
    tmp_path: Path, scene: NDArray[np.uint8], name: str, comment: bytes, kept: bool
) -> None:
    image = Image.fromarray(scene)
    image = image.quantize(16) if name == "GIF" else image
    picture = read(pillow_bytes(image, name, comment=comment))
    assert picture.notes == ()
    for suffix in (".jpg", ".png", ".tif"):
        target = tmp_path / f"a{suffix}"
        write(target, picture)
        lost = ("TIFF has no place for its comment",) if kept and suffix == ".tif" else ()
        assert writing_notes(target, picture) == lost
    with Image.open(tmp_path / "a.jpg") as result:
        assert result.info.get("comment") == (comment if kept else None)
    with Image.open(tmp_path / "a.png") as result:
        text = "Großmutter" if comment.startswith(b"Gro") else comment.decode("latin-1")
        assert result.info.get("Comment") == (text if kept else None)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("name", "text", "kept"),
    [
        (b"tEXt", b"Description\x00Grandmother", True),
        (b"zTXt", b"Description\x00\x00" + zlib.compress(b"Grandmother"), True),
        (b"iTXt", b"Author\x00\x00\x00\x00\x00Grandfather", True),
        (b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + XMP, False),
        (b"tEXt", b"Software\x00gnome-screenshot", False),
        (b"tEXt", b"date:create\x002023-01-01T00:00:00+00:00", False),
        (b"tEXt", b"Comment\x00Created with GIMP", False),
        (b"iTXt", b"Comment\x00\x00\x00\x00\x00Created with GIMP", False),
    ],
)
def test_text_chunks_that_a_person_wrote_are_kept_or_their_loss_told(
    tmp_path: Path,
    scene: NDArray[np.uint8],
    depth: type[Any],
    name: bytes,
    text: bytes,
    kept: bool,
) -> None:
    picture = read(png_bytes(scene.astype(depth), 2, (name, text)))
    assert picture.notes == ()
    write(tmp_path / "a.png", picture)
    assert writing_notes(tmp_path / "a.png", picture) == ()
    chunks = containers.png_chunks((tmp_path / "a.png").read_bytes())
    assert ((name, text) in [(c.name, c.data) for c in chunks]) == kept
    lost = "JPEG has no place for its text chunks; EXIF and XMP are kept"
    assert (lost in writing_notes(tmp_path / "a.jpg", picture)) == kept


def test_our_own_files_have_nothing_to_tell(tmp_path: Path, scene: NDArray[np.uint8]) -> None:
    metadata = Metadata(exif=exif_block(), xmp=XMP, dpi=(300.0, 300.0))
    for suffix in SUFFIXES:
        write(tmp_path / f"a{suffix}", Picture(scene, metadata=metadata), generator="tester 1")
        assert read(tmp_path / f"a{suffix}").notes == ()


def test_an_exif_block_of_64_kib_with_a_thumbnail_goes_back_into_a_jpeg(
    tmp_path: Path, scene: NDArray[np.uint8]
) -> None:
    """As Nikon's D90 and D3100 write it: the segment is full, and its thumbnail has to go."""
    note = bytes(containers.JPEG_EXIF_BYTES - 30 - len(exif_block(maker_note=b"\x07")) + 1)
    block = bytearray(exif_block(maker_note=note))
    at = len(block)
    block[8 + 2 + 5 * 12 : 8 + 6 + 5 * 12] = at.to_bytes(4, "little")
    block += b"\x02\x00" + b"\x01\x02\x04\x00\x01\x00\x00\x00" + (8).to_bytes(4, "little")
    block += b"\x02\x02\x04\x00\x01\x00\x00\x00" + (10).to_bytes(4, "little") + bytes(4)
    assert len(block) == containers.JPEG_EXIF_BYTES
    exif_bytes = b"Exif\x00\x00" + bytes(block)
    (tmp_path / "a.jpg").write_bytes(pillow_bytes(scene, "JPEG", exif=exif_bytes))
    write(tmp_path / "b.jpg", read(tmp_path / "a.jpg"), generator="tester 1")
    back = read(tmp_path / "b.jpg").metadata.exif
    assert back is not None
    assert len(back) <= containers.JPEG_EXIF_BYTES
    assert exif.read_directory(back).next == 0
    assert exif_facts(back)[MAKER_NOTE] == note


def exif_segment(part: bytes) -> bytes:
    return b"\xff\xe1" + (len(part) + 8).to_bytes(2, "big") + b"Exif\x00\x00" + part


def test_exif_that_is_split_over_segments_is_put_together(scene: NDArray[np.uint8]) -> None:
    jpeg = pillow_bytes(scene, "JPEG")
    block = exif_block(maker_note=bytes(range(200)) * 400)
    size = containers.JPEG_EXIF_BYTES
    segments = b"".join(exif_segment(block[at : at + size]) for at in range(0, len(block), size))
    picture = read(jpeg[:2] + segments + jpeg[2:])
    assert picture.metadata.exif == block
    assert picture.notes == ()
    two = exif_segment(exif_block()) + exif_segment(exif_block(6))
    picture = read(jpeg[:2] + two + jpeg[2:])
    assert picture.metadata.exif == exif_block()
    assert "more than one block of EXIF" in picture.notes[0]


def test_what_an_archive_writes_into_a_tiff_is_kept(
    tmp_path: Path, scene: NDArray[np.uint8]
) -> None:
    tags = {269: "MS 1234", 285: "recto", 270: "Grandmother", 33922: (0.0, 0.0, 0.0, 5.0, 6.0, 0.0)}
    (tmp_path / "a.tif").write_bytes(pillow_bytes(scene, "TIFF", tiffinfo=tags))
    for suffix in (".tif", ".jpg", ".png"):
        write(tmp_path / f"b{suffix}", read(tmp_path / "a.tif"))
        block = read(tmp_path / f"b{suffix}").metadata.exif
        assert block is not None
        facts = exif_facts(block)
        assert {tag: facts[tag] for tag in tags} == tags


@pytest.mark.parametrize("kind", [7, 4])
def test_captions_of_a_tiff_are_kept(tmp_path: Path, scene: NDArray[np.uint8], kind: int) -> None:
    caption = b"\x1c\x02\x78\x00\x0bGrandmother"
    data = pillow_bytes(scene, "TIFF")
    stored = caption if kind == 7 else np.frombuffer(caption, ">u4").astype("<u4").tobytes()
    value = exif.Value(kind, len(stored) // (1 if kind == 7 else 4), stored)
    (tmp_path / "a.tif").write_bytes(exif.replace_entries(data, {33723: value}))
    for suffix in (".tif", ".jpg", ".png"):
        write(tmp_path / f"b{suffix}", read(tmp_path / "a.tif"))
        assert read(tmp_path / f"b{suffix}").metadata.iptc == caption


def test_a_packet_that_is_not_well_formed_is_mended_or_said(scene: NDArray[np.uint8]) -> None:
    packet = XMP.replace(b"Grandmother", b"Smith & Sons &amp; Co")
    picture = read(pillow_bytes(scene, "JPEG", xmp=packet))
    assert picture.metadata.xmp is not None
    assert b"Smith &amp; Sons &amp; Co" in xmp.mark_generated(picture.metadata.xmp, "tester 1")
    assert "has been mended" in picture.notes[0]
    broken = read(pillow_bytes(scene, "JPEG", xmp=packet.replace(b"</rdf:RDF>", b"")))
    assert "a new one takes its place" in broken.notes[0]


def test_breaks_of_lines_in_a_packet_stay() -> None:
    packet = XMP.replace(b'tiff:Orientation="6"', b'tiff:Artist="one&#xA;two&#9;three" x="&#13;"')
    packet = packet.replace(b" x=", b" tiff:Make=")
    twice = xmp.mark_generated(xmp.mark_generated(packet, "tester 1"), "tester 2")
    facts = attributes(twice)
    assert facts["{http://ns.adobe.com/tiff/1.0/}Artist"] == "one\ntwo\tthree"
    assert facts["{http://ns.adobe.com/tiff/1.0/}Make"] == "\r"


def test_a_packet_nested_beyond_all_sense_costs_no_picture(scene: NDArray[np.uint8]) -> None:
    packet = XMP.replace(b"Grandmother", b"<a>" * 3000 + b"</a>" * 3000)
    packet = packet.replace(b'"6"', b'"1"')
    picture = read(png_bytes(scene, 2, (b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + packet)))
    np.testing.assert_array_equal(picture.pixels, scene)
    assert "a new one takes its place" in picture.notes[0]


@pytest.mark.parametrize("what", ["packet", "segments", "bytes between", "raw profiles"])
def test_metadata_of_no_sense_cost_no_time(grey_scene: NDArray[np.uint8], what: str) -> None:
    jpeg = pillow_bytes(grey_scene, "JPEG")
    text = b"tEXtRaw profile type x\x00"
    data = {
        "packet": png_bytes(
            grey_scene[..., None], 0, (b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + b"a." * 30_000)
        ),
        "segments": jpeg[:20] + (b"\xff\xed\x00\x50Photoshop 3.0\x00" + bytes(64)) * 60_000,
        "bytes between": jpeg[:20] + b"\xff\xfe\x00\x02.." * 60_000,
        "raw profiles": png_bytes(grey_scene[..., None], 0, *[(text[:4], text[4:])] * 40_000),
    }[what]
    if data.startswith(jpeg[:20]):
        data += jpeg[20:]
    start = time.process_time()
    picture = read(data)
    assert time.process_time() - start < 1.0
    assert sum(map(len, picture.notes)) < 200


def test_directories_whose_values_overlap_take_no_more_memory_than_the_file(
    grey_scene: NDArray[np.uint8],
) -> None:
    rows = [struct.pack("<HHII", tag, 7, 20_000, 8) for tag in range(300, 600)]
    block = b"II*\x00" + struct.pack("<IH", 8, len(rows)) + b"".join(rows) + bytes(20_000)
    directory = exif.read_directory(block)
    assert sum(len(value.data) for value in directory.values.values()) <= len(block)
    picture = read(png_bytes(grey_scene[..., None], 0, (b"eXIf", block)))
    np.testing.assert_array_equal(picture.pixels, grey_scene)
    tags = [struct.pack(">4sII", b"t%03d" % index, 0, 1 << 20) for index in range(200)]
    icc = bytes(16) + b"GRAY" + b"XYZ " + bytes(12) + b"acsp" + bytes(88)
    icc += struct.pack(">I", 200) + b"".join(tags) + bytes(1 << 20)
    tracemalloc.start()
    parse_profile(icc)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1 << 20


def test_pages_of_a_tiff_that_overlap_are_not_all_looked_at(
    grey_scene: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiff_decoder, "_SHARED_BYTES", 1 << 20)
    tiff = pillow_bytes(grey_scene, "TIFF")
    (first,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, first)
    # Each of these directories is 4.8 kB long, and begins four bytes behind the one before.
    start, high = len(tiff) + len(tiff) % 2, 400
    body = bytearray(tiff.ljust(start, b"\x00") + struct.pack("<H", high) * 8000)
    struct.pack_into("<I", body, first + 2 + 12 * count, start)
    for page in range(1100):
        at = start + 4 * page
        struct.pack_into("<I", body, at + 2 + 12 * high, at + 4)
    assert page_count(bytes(body)) < 300


REGIONS = (
    b'<rdf:Description rdf:about="" '
    b'xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"'
    b' xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"'
    b' xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#"><mwg-rs:Regions'
    b' rdf:parseType="Resource"><mwg-rs:AppliedToDimensions stDim:w="120" stDim:h="80"/>'
    b"<mwg-rs:RegionList><rdf:Bag><rdf:li>%s</rdf:li></rdf:Bag></mwg-rs:RegionList>"
    b"</mwg-rs:Regions></rdf:Description>"
)
AREAS = {
    "attributes": b'<mwg-rs:Area stArea:x="0.25" stArea:y="0.1" stArea:w="0.2" stArea:h="0.1"/>',
    "elements": b"<mwg-rs:Area><stArea:x>0.25</stArea:x><stArea:y>0.1</stArea:y>"
    b"<stArea:w>0.2</stArea:w><stArea:h>0.1</stArea:h></mwg-rs:Area>",
}


@pytest.mark.parametrize("form", AREAS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_named_faces_turn_with_the_picture(orientation: int, form: str) -> None:
    grey = np.zeros((80, 120), np.uint8)
    grey[4:12, 18:42] = 255  # the face
    packet = XMP.replace(b'tiff:Orientation="6"', b"")
    packet = packet.replace(b"</rdf:RDF>", REGIONS % AREAS[form] + b"</rdf:RDF>")
    text = (b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + packet)
    picture = read(png_bytes(grey[..., None], 0, (b"eXIf", exif_block(orientation)), text))
    assert picture.metadata.xmp is not None
    root = ET.fromstring(picture.metadata.xmp.strip())
    facts = {name: value for element in root.iter() for name, value in element.attrib.items()}
    facts |= {element.tag: element.text or "" for element in root.iter() if len(element) == 0}
    area = "{http://ns.adobe.com/xmp/sType/Area#}"
    x, y, w, h = (float(facts[area + name]) for name in "xywh")
    height, width = picture.pixels.shape
    rows, columns = np.nonzero(picture.pixels)
    face = (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1)
    named = ((x - w / 2) * width, (x + w / 2) * width, (y - h / 2) * height, (y + h / 2) * height)
    np.testing.assert_allclose(named, face, atol=0.01)
    sides = "{http://ns.adobe.com/xap/1.0/sType/Dimensions#}"
    assert (float(facts[sides + "w"]), float(facts[sides + "h"])) == (width, height)
