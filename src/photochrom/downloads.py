"""Files from the network: asked for piece by piece, and gone on with where a download stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

_TIMEOUT_S = 30
_CHUNK_BYTES = 1 << 20
_PARTIAL, _RANGE_BEYOND_END = 206, 416


class DownloadError(Exception):
    """What came in the way, in words that callers put into an error of their own."""


class Answer(NamedTuple):
    """start: of the file's bytes, the first that comes; 0 also where the server knows no ranges.

    total_bytes: of the whole file; None where the server does not say. chunks: the body in pieces;
    raises DownloadError.
    """

    start: int
    total_bytes: int | None
    chunks: Iterator[bytes]


@contextmanager
def fetch(url: str, *, user_agent: str, start: int = 0) -> Iterator[Answer]:
    """Ask for the bytes of ``url`` from ``start`` on; http or https. Raises DownloadError."""
    import http.client  # slow to import, and hardly ever needed
    import urllib.error
    import urllib.request

    headers = {"User-Agent": user_agent}
    if start:
        headers["Range"] = f"bytes={start}-"
    failures = (OSError, ValueError, http.client.HTTPException)
    try:
        answer = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_S
        )
    except urllib.error.HTTPError as error:
        error.close()
        if start and error.code == _RANGE_BEYOND_END:  # all of it is there
            yield Answer(start, start, iter(()))
            return
        raise DownloadError(
            f"the server answers {error.code} {error.reason}; check the address"
        ) from None
    except failures as error:
        raise DownloadError(_reason(error)) from None
    with answer:
        begin = start if answer.status == _PARTIAL else 0
        length = answer.headers.get("Content-Length")
        total = begin + int(length) if length and length.isdecimal() else None
        yield Answer(begin, total, _chunks(answer, failures))


def _chunks(answer: Any, failures: tuple[type[Exception], ...]) -> Iterator[bytes]:
    try:
        while chunk := answer.read(_CHUNK_BYTES):
            yield chunk
    except failures as error:
        raise DownloadError(_reason(error)) from None


def _reason(error: Exception) -> str:
    return f"{getattr(error, 'reason', error)}; check the address and the network"


def resume_download(
    part: Path, url: str, *, user_agent: str, report: Callable[[int, int | None], None]
) -> None:
    """Add to ``part`` what of ``url`` is not in it yet; what came stays there if it breaks off.

    report: called with the bytes that are there, and of how many. Raises DownloadError; OSError
    where the file cannot be written.
    """
    have = part.stat().st_size if part.is_file() else 0
    with fetch(url, user_agent=user_agent, start=have) as answer:
        done = answer.start
        with part.open("r+b" if done else "wb") as file:
            file.seek(done)
            for chunk in answer.chunks:
                file.write(chunk)
                done += len(chunk)
                report(done, answer.total_bytes)
    if answer.total_bytes is not None and done < answer.total_bytes:
        raise DownloadError(f"it broke off after {done} of {answer.total_bytes} bytes")


def file_digest(path: Path, algorithm: str, first_bytes: int | None = None) -> str:
    """Checksum of a file, or of its first bytes, as hex digits; algorithm: "sha256", "md5"."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    left = first_bytes
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES if left is None else min(left, _CHUNK_BYTES)):
            digest.update(chunk)
            left = None if left is None else left - len(chunk)
    return digest.hexdigest()
