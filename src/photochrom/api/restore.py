"""Mending pictures of any kind, and films."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from photochrom.api.film import film_kinds
from photochrom.api.kinds import to_picture, unpack
from photochrom.api.progress import Progress, progress_reporter
from photochrom.errors import PhotochromError, requires_extra
from photochrom.imageio import Picture, Source
from photochrom.restoration import parse_kinds
from photochrom.restoration.repair import restore_pixels

if TYPE_CHECKING:
    from PIL import Image

    from photochrom.api.kinds import Tensor
    from photochrom.video.options import FilmOutcome, FilmProgress

_Code = TypeVar("_Code", bound=np.generic)
_Tensor = TypeVar("_Tensor", bound="Tensor")


# fmt: off
@overload
def restore(source: Source | Picture, *, only: Sequence[str] | None = ...) -> Picture: ...
@overload
def restore(source: Image.Image, *, only: Sequence[str] | None = ...) -> Image.Image: ...
@overload
def restore(source: NDArray[_Code], *, only: Sequence[str] | None = ...) -> NDArray[_Code]: ...
@overload
def restore(source: _Tensor, *, only: Sequence[str] | None = ...) -> _Tensor: ...
# fmt: on
def restore(source: Any, *, only: Sequence[str] | None = None) -> Any:
    """Mend a picture: JPEG blocks, halftone dots, scratches, dust, grain, blur, fading.

    Each kind of damage is measured, and mended as far as it is there; a picture without any comes
    back as it is, bit for bit. Lightness alone is mended, so that a tone stays. Nothing is
    coloured: `colorize(restore("scan.jpg"))` does both.

    Args:
        source: A picture as for `colorize`, but no list.
        only: The kinds of damage that are looked for: of "blocks", "halftone", "scratches", "dust",
            "grain", "blur" and "fading"; None: all. Of scratches and dust that are named, even one
            is mended; otherwise only as many as photographs do not have by themselves.

    Returns:
        For a file a `Picture`, whose `notes` say what was mended; for a Pillow image, an array or
        a tensor the same kind, dtype and shape.

    Raises:
        InputError: The picture cannot be read, holds values outside of its range (NaN, too), or
            there is no such kind.

    Examples:
        >>> restore("newspaper.png").save("newspaper.restored.png")
        >>> rgb = colorize(restore(grey, only=["halftone"]))
    """
    names = [only] if isinstance(only, str) else only
    kinds = None if names is None else parse_kinds(names)
    own = unpack(source)
    if own is not None:
        return own.pack([restore_pixels(pixels, kinds).pixels for pixels in own.pictures])
    picture = to_picture(source)
    try:
        done = restore_pixels(picture.pixels, kinds)
    except PhotochromError as error:
        if not isinstance(source, (str, os.PathLike)):
            raise
        raise type(error)(f"cannot mend {os.fspath(source)}: {error}") from error
    notes = (f"mended: {done.description}",) if done.findings else ()
    return dataclasses.replace(picture, pixels=done.pixels, notes=picture.notes + notes)


def restore_film(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    only: Sequence[str] | None = None,
    shots: str | os.PathLike[str] | None = None,
    mask: str | os.PathLike[str] | None = None,
    codec: str | None = None,
    crf: int | None = None,
    deinterlace: bool = False,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool | Progress = False,
) -> FilmOutcome:
    """Mend a film's pictures: blocks, flicker, scratches, dust, grain, fading. Nothing is coloured.

    Needs `pip install 'photochrom[video]'`. The film is looked through first; one in which nothing
    is found is copied bit for bit. Memory does not grow with the film's pictures.
    `film(..., restore=True)` mends and colours.

    Args:
        source: The film.
        target: The film to write (.mp4, .m4v, .mov, .mkv, .webm), with sound, subtitles, chapters
            and times kept; it appears when it is complete.
        only: The kinds of damage that are looked for: of "blocks", "flicker",
            "scratches", "dust", "grain" and "fading"; None: all.
        shots: A file that says of single shots which kinds are mended in them, as
            `photochrom restore --shots` takes it.
        mask: A film to write (.mkv, without loss) of the same frames, white where they were
            changed, else black.
        codec: As for `film`.
        crf: As for `film`.
        deinterlace: As for `film`.
        overwrite: As for `film`.
        resume: As for `film`.
        progress: As for `film`; counted are the frames that are mended.

    Returns:
        What became of the film: `frames`, `changes` (of each frame that was mended, what), `notes`.

    Raises:
        InputError: The film cannot be read or breaks off, or there is no such kind.
        OutputError: The target exists or cannot be written; what was finished then stays.
        MissingDependencyError: The extra `video` is not installed.

    Examples:
        >>> restore_film("old.mp4", "old.restored.mp4", only=["flicker", "dust"]).notes
    """
    with requires_extra("video", "a film"):
        from photochrom.video.options import FilmSettings
        from photochrom.video.restore import restore_film as mend_film
        from photochrom.video.shots_file import read_shots
    encoding: dict[str, Any] = {"crf": crf} | ({} if codec is None else {"codec": codec})
    settings = FilmSettings(
        restore=film_kinds(True if only is None else only),
        shots=() if shots is None else read_shots(Path(shots)),
        deinterlace=deinterlace,
        overwrite=overwrite,
        resume=resume,
    )
    settings = dataclasses.replace(
        settings, encoding=dataclasses.replace(settings.encoding, **encoding)
    )
    with progress_reporter(progress, Path(source).name) as report:

        def note(done: FilmProgress) -> None:
            if not done.is_measuring:
                report(done.frames, done.total)

        return mend_film(
            Path(source), Path(target), settings, note, None if mask is None else Path(mask)
        )
