"""Baseline JPEG encoded strip by strip, in threads.

A strip is encoded as a JPEG of its own with the same tables, and its entropy-coded data become a
restart interval of the whole: at a restart marker, prediction begins anew, as it does in a file.
Without chroma subsampling no block reaches over a strip's border, so the pixels are those of a
file that is encoded in one piece. The bytes depend on the picture alone, not on the processors.

Source: ITU-T T.81 (1992), sections B.2.2 (frame), B.2.4.4 (restart interval), F.1.2.3.
"""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import simplejpeg
from numpy.typing import NDArray

from photochrom.processors import thread_count

_BLOCK_PX = 8
_STRIP_BLOCKS = 16_384
"""About a megapixel: of smaller pictures the threads cost more than they gain."""
_MOST_RESTART_BLOCKS = 65_535
"""What a restart interval can say."""
_MAX_THREADS = 8
_SOF0, _SOS, _DRI, _RST0, _EOI = 0xC0, 0xDA, 0xDD, 0xD0, b"\xff\xd9"


def encode_jpeg_strips(samples: NDArray[Any], quality: int) -> bytes:
    """A JPEG without chroma subsampling.

    samples: (H, W) grey or (H, W, 3) RGB, uint8, contiguous. quality: 0 to 100.
    """
    height, width = samples.shape[:2]
    across = -(-width // _BLOCK_PX)
    rows = max(1, _STRIP_BLOCKS // across)
    strips = [samples[top : top + rows * _BLOCK_PX] for top in range(0, height, rows * _BLOCK_PX)]
    threads = min(thread_count(_MAX_THREADS), len(strips))
    if len(strips) == 1 or rows * across > _MOST_RESTART_BLOCKS:
        return _encode(samples, quality)
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(lambda strip: _encode(strip, quality), strips))
    return b"".join(_join_parts(parts, height, rows * across))


def _encode(samples: NDArray[Any], quality: int) -> bytes:
    if samples.ndim == 2:
        grey: bytes = simplejpeg.encode_jpeg(samples[..., None], quality, "GRAY", "Gray", False)
        return grey
    color: bytes = simplejpeg.encode_jpeg(samples, quality, "RGB", "444", False)
    return color


def _join_parts(parts: list[bytes], height: int, interval: int) -> list[bytes | memoryview]:
    """The pieces of one file. interval: blocks (MCUs) of each part but the last, which may have
    fewer.
    """
    frame, scan, begin = _places(parts[0])
    head = bytearray(parts[0][:begin])
    struct.pack_into(">H", head, frame + 5, height)
    restart = struct.pack(">BBHH", 0xFF, _DRI, 4, interval)
    pieces: list[bytes | memoryview] = [bytes(head[:scan]), restart, bytes(head[scan:])]
    for number, part in enumerate(parts):
        if number:
            pieces.append(bytes((0xFF, _RST0 + (number - 1) % 8)))
        pieces.append(memoryview(part)[_places(part)[2] : -len(_EOI)])
    return [*pieces, _EOI]


def _places(data: bytes) -> tuple[int, int, int]:
    """Where libjpeg has put the frame header, the scan header and the data behind it."""
    at, frame = 2, 0
    while True:
        marker, length = struct.unpack_from(">xBH", data, at)
        if marker == _SOF0:
            frame = at
        if marker == _SOS:
            return frame, at, at + 2 + length
        at += 2 + length
