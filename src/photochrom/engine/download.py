"""Fetching one file from the network: checked before it counts, whole or not at all."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

from photochrom import __version__
from photochrom.atomic import remove_leftovers, write_atomically
from photochrom.downloads import DownloadError, fetch
from photochrom.errors import ModelError, OutputError

MAX_BYTES = 2 * 1024**3
"""No model is larger; a server that sends more is cut off."""
_log = logging.getLogger(__name__)


def download(url: str, checksum: str, target: Path) -> bytes:
    """Fetch ``url`` into ``target``.

    url: http or https. checksum: SHA-256, 64 lower-case hex digits.
    Returns the content. Raises ModelError when the file cannot be fetched or kept, or is not
    what the checksum says; then nothing is left behind.
    """
    _log.info("fetching %s", url.partition("?")[0])  # a query can hold a signature
    content = b"".join(_fetch(url))
    actual = hashlib.sha256(content).hexdigest()
    if actual != checksum:
        raise ModelError(
            f"{url} is not the file that was asked for: its SHA-256 is {actual}, not {checksum}; "
            "check the address and the checksum (nothing was kept)"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target.parent)
        write_atomically(target, content, overwrite=True)
    except (OSError, OutputError) as error:
        raise ModelError(
            f"the model was fetched but cannot be kept: {error}; "
            "free some space or set PHOTOCHROM_CACHE to another folder"
        ) from None
    _log.info("kept %d bytes in %s", len(content), target)
    return content


def _fetch(url: str) -> Iterator[bytes]:
    """The body of the answer, in pieces."""
    try:
        with fetch(url, user_agent=f"photochrom/{__version__}") as answer:
            yield from _limit_size(answer.chunks, url)
    except DownloadError as error:
        raise ModelError(
            f"{url} cannot be fetched: {error} (a model file fetched by other means can be given "
            "by its path)"
        ) from None


def _limit_size(chunks: Iterator[bytes], url: str) -> Iterator[bytes]:
    received = 0
    for chunk in chunks:
        received += len(chunk)
        if received > MAX_BYTES:
            raise ModelError(f"{url} is larger than {MAX_BYTES >> 30} GiB, which no model is")
        yield chunk
