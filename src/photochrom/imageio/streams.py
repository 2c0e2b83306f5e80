"""Binary file objects: bytes out of them and into them, pipes too.

A file object is whatever has ``read`` or ``write``: an open file, ``sys.stdin.buffer``, an upload,
``io.BytesIO``. None of them is sought in, rewound or closed here.
"""

from __future__ import annotations

import io
import os
import stat
from typing import IO, Any

_CHUNK_BYTES = 1 << 20


def stream_name(stream: IO[Any]) -> str:
    """What messages call it: its own name, such as "<stdin>", or "the stream"."""
    name = getattr(stream, "name", None)
    return name if isinstance(name, str) and name else "the stream"


def read_all(stream: IO[Any], limit: int) -> bytes | None:
    """What is left of a stream, to its end; None: it is more than ``limit`` bytes.

    Raises ValueError for what gives no bytes, and whatever the stream raises.
    """
    _check_binary(stream)
    chunks: list[bytes] = []
    size = 0
    while size <= limit:
        chunk: Any = stream.read(_CHUNK_BYTES)
        if not isinstance(chunk, (bytes, bytearray, memoryview)):
            raise ValueError(f"its read() gives {type(chunk).__name__}, not bytes")
        if not chunk:
            return b"".join(chunks)
        chunks.append(bytes(chunk))
        size += len(chunk)
    return None


def write_all(stream: IO[Any], data: bytes) -> None:
    """Put all bytes into a stream, and flush it.

    Raises ValueError for what takes no bytes, and whatever the stream raises.
    """
    _check_binary(stream)
    rest = memoryview(data)
    while rest:
        count: Any = stream.write(bytes(rest) if len(rest) < len(data) else data)
        if count is None and isinstance(stream, io.RawIOBase):
            raise ValueError("it does not take more now; use a blocking stream")
        # Only raw streams may take a part; what else has a write() need not count.
        rest = rest[count if isinstance(stream, io.RawIOBase) else len(rest) :]
    flush = getattr(stream, "flush", None)
    if flush is not None:
        flush()


def stream_mode(stream: IO[Any]) -> int | None:
    """Permission bits of the file that a stream is; None where it is no file on a disk."""
    if not isinstance(stream, (io.FileIO, io.BufferedReader, io.BufferedRandom)):
        return None
    try:
        status = os.fstat(stream.fileno())
    except OSError:  # a reader of something in memory
        return None
    return stat.S_IMODE(status.st_mode) if stat.S_ISREG(status.st_mode) else None


def _check_binary(stream: object) -> None:
    if isinstance(stream, io.TextIOBase):
        raise ValueError("it is open as text; open it in binary mode")
