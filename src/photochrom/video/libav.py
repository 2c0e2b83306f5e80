"""The door to PyAV: the optional package, how a film is opened, and what went wrong in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from photochrom.errors import InputError, MissingDependencyError

try:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream
except ImportError as error:
    raise MissingDependencyError(
        "films need PyAV, which is not installed: pip install 'photochrom[video]'"
    ) from error

__all__ = ["InputContainer", "VideoStream", "av", "film_stream", "opened", "words"]

METADATA_ERRORS = "surrogateescape"
"""Old files carry titles in other encodings than UTF-8; their bytes go through unchanged."""


def words(error: av.FFmpegError) -> str:
    """What libav says of an error, without its numbers and file names."""
    return (error.strerror or type(error).__name__).lower()


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """The film file, open for reading; only local files, also where a playlist names others.

    Raises InputError where the file cannot be opened or is no film at all.
    """
    try:
        container = av.open(
            f"file:{path}",
            "r",
            container_options={"protocol_whitelist": "file"},
            metadata_errors=METADATA_ERRORS,
        )
    except av.FFmpegError as error:
        raise InputError(
            f"cannot read {path}: {words(error)}; it is no film, or damaged, or cut off "
            "before its table of contents (an .mp4 that was never finished)"
        ) from error
    with container:
        yield container


def film_stream(container: InputContainer) -> VideoStream | None:
    """The first video stream that is no cover picture."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    return None
