"""Decoding the netpbm formats: PBM, PGM, PPM, PAM, and PFM with floating-point samples.

Source: the netpbm manual (pbm, pgm, ppm, pam); Paul Debevec's PFM.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError
from photochrom.imageio.decoders import StoredPicture
from photochrom.imageio.options import (
    ReadOptions,
    check_page,
    check_size,
    missing_pixels,
    salvage_note,
)

_TOKEN = re.compile(rb"(?:\s|#[^\n]*\n)*([^\s#]+)")
_CHANNELS = {b"P1": 1, b"P2": 1, b"P3": 3, b"P4": 1, b"P5": 1, b"P6": 3, b"Pf": 1, b"PF": 3}
_TEXT = (b"P1", b"P2", b"P3")
_BITMAPS = (b"P1", b"P4")
_PAM_CMYK = re.compile(rb"^TUPLTYPE[ \t]+CMYK", re.MULTILINE)
"""Of Ghostscript and ImageMagick; four channels are otherwise RGB and transparency."""


class _Header(NamedTuple):
    kind: bytes
    width: int
    height: int
    channels: int
    top: float
    """Largest value; of PFM the scale, negative for little-endian."""
    start: int


def decode_pnm(data: bytes, options: ReadOptions) -> StoredPicture:
    """PBM, PGM, PPM and PAM with 1 to 16 bits; PFM whose samples lie in [0, 1]."""
    header = _pam_header(data) if data[:2] == b"P7" else _header(data)
    check_size(header.width, header.height, options.max_pixels)
    check_page(options.page, 1)
    if header.kind in (b"Pf", b"PF"):
        samples, missing = _floating_samples(data, header)
        notes: tuple[str, ...] = ("its samples, floating-point, were taken as sRGB in [0, 1]",)
    else:
        samples, missing = _whole_samples(data, header)
        notes = ()
    if missing:
        if options.damage != "salvage":
            raise missing_pixels(missing, "the file ends early")
        notes += (salvage_note(missing),)
    planes = samples.reshape(header.height, header.width, header.channels)
    colors = 1 if header.channels < 3 else 3
    alpha = np.ascontiguousarray(planes[..., colors]) if header.channels > colors else None
    color = planes[..., 0] if colors == 1 else planes[..., :3]
    return StoredPicture(np.ascontiguousarray(color), alpha, notes=notes)


def _header(data: bytes) -> _Header:
    kind, position = data[:2], 2
    numbers = []
    for _ in range(2 if kind in _BITMAPS else 3):
        token = _TOKEN.match(data, position)
        if token is None:
            raise ValueError("its header is cut off")
        numbers.append(float(token[1]))
        position = token.end()
    width, height, top = (*numbers, 1.0)[:3]
    start = position if kind in _TEXT else position + 1
    return _Header(kind, int(width), int(height), _CHANNELS[kind], top, start)


def _pam_header(data: bytes) -> _Header:
    end = data.find(b"ENDHDR\n")
    if end < 0:
        raise ValueError("its header is cut off")
    lines = (line.split() for line in data[:end].splitlines() if not line.startswith(b"#"))
    facts = {words[0]: int(words[1]) for words in lines if len(words) == 2 and words[1].isdigit()}
    width, height, depth, top = (facts[key] for key in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"))
    if not 1 <= depth <= 4:
        raise InputError(f"it has {depth} channels; only 1 to 4 are supported")
    if _PAM_CMYK.search(data, 0, end):
        raise InputError("its pixels are CMYK; save it as RGB, or as TIFF")
    return _Header(b"P7", width, height, depth, float(top), end + 7)


def _whole_samples(data: bytes, header: _Header) -> tuple[NDArray[Any], float]:
    """All samples in a row, uint8 or uint16 over the whole range, and the share that is missing."""
    count = header.width * header.height * header.channels
    top = int(header.top)
    if not 1 <= top <= 65535:
        raise InputError(f"its largest value is {top}; it must be from 1 to 65535")
    if header.kind == b"P4":
        row = -(-header.width // 8)
        packed = np.frombuffer(data, np.uint8, offset=header.start)[: row * header.height]
        missing = 1.0 - packed.size / (row * header.height)
        packed = np.pad(packed, (0, row * header.height - packed.size))
        bits = np.unpackbits(packed.reshape(header.height, row), axis=1)[:, : header.width]
        return np.where(bits.ravel(), 0, 255).astype(np.uint8), missing
    if header.kind in _TEXT:
        text = re.sub(rb"#[^\n]*", b" ", data[header.start :])
        if header.kind == b"P1":
            text = b" ".join(bytes([digit]) for digit in b"".join(text.split()))
        values = np.array(text.split()[:count], np.int64)
    else:
        dtype = np.dtype(">u2" if top > 255 else "u1")
        stored = data[header.start : header.start + count * dtype.itemsize]
        whole = len(stored) // dtype.itemsize * dtype.itemsize
        values = np.frombuffer(stored[:whole], dtype)
    missing = 1.0 - values.size / count
    values = np.pad(values, (0, count - values.size))
    if header.kind == b"P1":
        return np.where(values, 0, 255).astype(np.uint8), missing
    if top == 255:
        return np.clip(values, 0, 255).astype(np.uint8), missing
    if top == 65535:
        return np.clip(values, 0, 65535).astype(np.uint16), missing
    stretched = np.rint(np.clip(values, 0, top) * ((255 if top < 256 else 65535) / top))
    return stretched.astype(np.uint8 if top < 256 else np.uint16), missing


def _floating_samples(data: bytes, header: _Header) -> tuple[NDArray[Any], float]:
    """Samples of PFM, whose rows go from below, as uint16; and the share that is missing."""
    count = header.width * header.height * header.channels
    dtype = np.dtype("<f4" if header.top < 0 else ">f4")
    stored = data[header.start : header.start + 4 * count]
    values = np.frombuffer(stored[: len(stored) // 4 * 4], dtype)
    if not (np.isfinite(values).all() and values.size) or values.min() < 0 or values.max() > 1:
        raise InputError(
            "its samples are floating-point and do not lie in [0, 1]; save it with 8 or 16 bits"
        )
    missing = 1.0 - values.size / count
    rows = np.pad(values, (0, count - values.size)).reshape(header.height, -1)[::-1]
    return np.rint(rows.ravel() * 65535.0).astype(np.uint16), missing
