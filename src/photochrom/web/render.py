"""What the worker does with one picture: read, colour, write, so that the result file comes last.

A result that is there is whole, and its previews with it; a kill at any moment leaves a picture
that is coloured anew, or a finished one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from photochrom.engine import Network
from photochrom.errors import InputError, OutputError
from photochrom.imageio import FORMATS, eight_bit_rgb, is_transparent, read, write
from photochrom.web.database import Picture
from photochrom.web.i18n import _
from photochrom.web.pictures.edits import Edit
from photochrom.web.pictures.thumbnails import SCREEN_PX, THUMB_PX, jpeg, shrunk
from photochrom.web.settings import WebSettings
from photochrom.web.storage import Storage, save

if TYPE_CHECKING:
    from photochrom.video.io.frame import FilmInfo
    from photochrom.video.options import FilmProgress, FilmSettings

GoOn: TypeAlias = Callable[[float], bool]
"""Is told how far it is, in [0, 1], and answers whether to go on."""

_FILM_PREVIEW_S: Final = 12.0
_FILM_SUFFIXES: Final = (".mkv", ".mov")
"""Of a coloured film, where its original's own cannot be written or does not hold its sound.
Matroska holds nearly everything, and QuickTime what telephones once recorded (AMR)."""
_OWN_SUFFIXES: Final = (".mp4", ".mov")
"""Of originals whose results are called alike before Matroska is thought of."""
_TELL_EVERY_S: Final = 0.5


class Stopped(Exception):
    """The work was given up on demand; nothing of it counts, and it can go on later."""


@dataclass(frozen=True)
class Order:
    """A revision of a picture, as its row says it."""

    picture_id: str
    revision: int
    kind: str
    name: str
    media_type: str
    edit: Edit

    @classmethod
    def of(cls, picture: Picture) -> Order:
        """What a row asks for."""
        return cls(
            picture.id,
            picture.revision,
            picture.kind,
            picture.name,
            picture.media_type,
            Edit.of(picture),
        )


def color(
    order: Order, storage: Storage, network: Network, settings: WebSettings, go_on: GoOn
) -> None:
    """Make the result file of an order, unless it is there.

    Raises Stopped, and PhotochromError where it cannot be coloured or written.
    """
    if storage.result(order.picture_id, order.revision) is not None:
        return
    if order.kind == "film":
        _color_film(order, storage, settings, go_on)
    else:
        _color_photo(order, storage, network, settings)


def _color_photo(order: Order, storage: Storage, network: Network, settings: WebSettings) -> None:
    original = storage.original(order.picture_id, order.media_type)
    max_pixels = settings.max_picture_mp * 1_000_000
    picture = read(_bytes_of(original, order.name), name=order.name, max_pixels=max_pixels)
    rgb = order.edit.colorize(picture.pixels, network)
    result = dataclasses.replace(picture, pixels=rgb)
    small = eight_bit_rgb(dataclasses.replace(result, pixels=shrunk(rgb, SCREEN_PX), alpha=None))
    save(storage.preview(order.picture_id, order.revision), jpeg(small))
    save(storage.thumb(order.picture_id), jpeg(np.asarray(shrunk(small, THUMB_PX), np.uint8)))
    suffix = FORMATS[picture.format].result_format(transparent=is_transparent(picture)).suffix
    path = storage.new_result(order.picture_id, order.revision, suffix)
    write(path, result, overwrite=True, generator=network.card.signature)


def _bytes_of(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"“{name}” cannot be read: {error.strerror}") from None


def _color_film(order: Order, storage: Storage, settings: WebSettings, go_on: GoOn) -> None:
    """First a short preview, then all of it, in segments that survive a kill."""
    # Needs PyAV, which a studio for photos alone does without.
    from photochrom.video.film import color_film
    from photochrom.video.io.probe import probe
    from photochrom.video.options import FilmSettings
    from photochrom.video.segments import UnusableSegmentsError, remove_segments

    source = storage.original(order.picture_id, order.media_type)
    info = probe(source)
    chosen = FilmSettings(
        model=settings.model,
        device=settings.device,
        size="auto" if order.edit.size is None else order.edit.size,
        vividness=order.edit.vividness,
        deinterlace=info.interlaced,
        resume=True,
    )
    target = _film_target(order, storage, info, chosen)
    watch = _Watch(go_on)
    _film_preview(order, storage, info, chosen, watch)
    try:
        color_film(source, target, chosen, watch.tell)
    except UnusableSegmentsError:
        # Begun by another version of photochrom or of the model.
        remove_segments(target)
        color_film(source, target, chosen, watch.tell)


def _film_target(order: Order, storage: Storage, info: FilmInfo, chosen: FilmSettings) -> Path:
    """The name of the result, of the first kind of film that holds all that is heard or read.

    Raises InputError where none does.
    """
    from photochrom.video.io.mux import check_container

    own = [info.path.suffix] if info.path.suffix in _OWN_SUFFIXES else []
    for suffix in dict.fromkeys((*own, *_FILM_SUFFIXES)):
        target = storage.new_result(order.picture_id, order.revision, suffix)
        with contextlib.suppress(OutputError):
            check_container(info, target, chosen.encoding.codec)
            return target
    raise InputError(
        _("No film that the studio writes holds the sound or the subtitles of “{name}”.").format(
            name=order.name
        )
    )


def _film_preview(
    order: Order, storage: Storage, info: FilmInfo, chosen: FilmSettings, watch: _Watch
) -> None:
    """Some seconds from all over the film, or where it does not say its length, its beginning."""
    from photochrom.video.preview import preview_film
    from photochrom.web.pictures.film_info import colored_frame

    target = storage.film_preview(order.picture_id)
    end_s = _FILM_PREVIEW_S if info.duration_s is None else None
    settings = dataclasses.replace(chosen, resume=False, overwrite=True, end_s=end_s)
    try:
        preview_film(info.path, target, _FILM_PREVIEW_S, settings, watch.only_ask)
    except InputError:
        # Too narrow for one, or so much shorter than its header says that a place lies behind its
        # end: it is coloured all the same.
        return
    frame = colored_frame(target)
    save(storage.preview(order.picture_id, order.revision), jpeg(_small(frame, SCREEN_PX)))
    save(storage.thumb(order.picture_id), jpeg(_small(frame, THUMB_PX)))


def _small(frame: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    return np.asarray(shrunk(frame, longest), np.uint8)


class _Watch:
    """Passes a film's progress on, now and then, and stops the film on demand."""

    def __init__(self, go_on: GoOn) -> None:
        self._go_on = go_on
        self._told_at = 0.0
        self._share = 0.0

    def tell(self, progress: FilmProgress) -> None:
        """After each frame of the film."""
        if progress.total:
            self._share = min(1.0, progress.frames / progress.total)
        self.only_ask(progress)

    def only_ask(self, _progress: FilmProgress) -> None:
        """After each frame of the preview, which is no progress of the film."""
        if time.monotonic() - self._told_at < _TELL_EVERY_S:
            return
        self._told_at = time.monotonic()
        if not self._go_on(self._share):
            raise Stopped
