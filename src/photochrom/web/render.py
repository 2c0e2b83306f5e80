"""What the worker does with one picture: read, colour, write, so that the result file comes last.

A result that is there is whole, and its previews with it; a kill at any moment leaves a picture
that is coloured anew, or a finished one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from photochrom.engine import ModelIdentity, local_model
from photochrom.errors import InputError, OutputError
from photochrom.imageio import (
    FORMATS,
    eight_bit_rgb,
    is_transparent,
    read_generator,
    with_one_channel,
    write,
)
from photochrom.restoration import FILM_KINDS
from photochrom.web.database import Picture
from photochrom.web.film_time import FilmClock, usual_pace
from photochrom.web.i18n import _
from photochrom.web.pictures.decoding import read_original
from photochrom.web.pictures.edit_colorizer import EditColorizer
from photochrom.web.pictures.edits import Edit
from photochrom.web.pictures.mending import change_overlay, mend
from photochrom.web.pictures.models import find_model
from photochrom.web.pictures.shots import StillEdit, shot_times, still_edits, to_shots
from photochrom.web.pictures.space import check_film_length
from photochrom.web.pictures.thumbnails import (
    SCREEN_PX,
    THUMBNAIL_PX,
    encode_jpeg,
    encode_png,
    shrink,
)
from photochrom.web.settings import WebSettings
from photochrom.web.storage import Storage, save

if TYPE_CHECKING:
    from photochrom.video.io.frame import FilmInfo
    from photochrom.video.options import FilmProgress, FilmSettings

ProgressCallback: TypeAlias = Callable[[float, "float | None"], bool]
"""Is told how far it is, in [0, 1], and answers whether to go on."""

ColorizerLoader: TypeAlias = Callable[[str | None], EditColorizer]
"""The colorizer of a model; None: of the studio's own. Raises ModelError."""

_FILM_PREVIEW_S: Final = 12.0
_FILM_SUFFIXES: Final = (".mkv", ".mov")
"""Of a coloured film, where its original's own cannot be written or does not hold its sound.
Matroska holds nearly everything, and QuickTime what telephones once recorded (AMR)."""
_OWN_SUFFIXES: Final = (".mp4", ".mov")
"""Of originals whose results are called alike before Matroska is thought of."""
_REPORT_INTERVAL_S: Final = 0.5


class CancelledError(Exception):
    """The work was given up on demand; nothing of it counts, and it can go on later."""


@dataclass(frozen=True)
class RenderTask:
    """A revision of a picture, as its row says it."""

    picture_id: str
    revision: int
    kind: str
    name: str
    media_type: str
    edit: Edit
    stills: tuple[StillEdit, ...] = ()
    """Of a film: what is said of its shots."""
    model: str | None = None
    """The model that was chosen, as `photochrom.engine.load` takes it; None: the studio's."""
    usual_pace: float = 1.0
    """Of films, as `film_time.usual_pace` has it."""

    @classmethod
    def from_picture(cls, picture: Picture) -> RenderTask:
        """What a row asks for. Raises InvalidInput where the model that it names is gone."""
        chosen = picture.chosen_model
        return cls(
            picture.id,
            picture.revision,
            picture.kind,
            picture.name,
            picture.media_type,
            Edit.from_picture(picture),
            still_edits(picture) if picture.kind == "film" else (),
            None if chosen is None else find_model(chosen),
            usual_pace(restore=picture.restore) if picture.kind == "film" else 1.0,
        )


class RenderResult(NamedTuple):
    """What made a result."""

    model: str | None = None
    """Its name and version; None: of a file that is there, it is not known, or the original's own
    colours are left alone."""
    agreement: float | None = None
    """As `Picture.reference_agreement`."""
    restored: list[str] | None = None
    """As `Picture.restored`."""
    film_pace: float | None = None
    """As `Picture.film_pace`."""


def render(
    task: RenderTask,
    storage: Storage,
    load_colorizer: ColorizerLoader,
    settings: WebSettings,
    on_progress: ProgressCallback,
) -> RenderResult:
    """Make the result file of an order, unless it is there.

    load_colorizer: is asked for photographs, by the task's model.
    Raises CancelledError, and PhotochromError where it cannot be coloured or written.
    """
    result = storage.result(task.picture_id, task.revision)
    if result is not None:
        generator = read_generator(result)
        maker = None if generator is None else ModelIdentity.parse(generator)
        return RenderResult(None if maker is None else maker.title)
    if task.kind == "film":
        return _render_film(task, storage, settings, on_progress)
    return _render_photo(task, storage, load_colorizer(task.model), settings)


def _render_photo(
    task: RenderTask, storage: Storage, colorizer: EditColorizer, settings: WebSettings
) -> RenderResult:
    original = storage.original(task.picture_id, task.media_type)
    max_pixels = settings.max_picture_mp * 1_000_000
    picture = with_one_channel(
        read_original(_read_bytes(original, task.name), task.name, max_pixels)
    )
    mended = None
    if task.edit.restore:
        mended = mend(picture.pixels, scratched=task.edit.scratched)
        picture = dataclasses.replace(picture, pixels=mended.pixels)
        screen = eight_bit_rgb(
            dataclasses.replace(picture, pixels=shrink(mended.pixels, SCREEN_PX), alpha=None)
        )
        overlay = change_overlay(mended.mask, screen.shape[:2])
        copy_path = storage.mended_copy(task.picture_id, scratched=task.edit.scratched)
        save(copy_path, encode_jpeg(screen))
        save(storage.change_overlay(task.picture_id), encode_png(overlay))
    restored = None if mended is None else mended.kinds
    reference = task.edit.reference
    copy = None if reference is None else storage.reference(task.picture_id, reference)
    rgb, agreement = colorizer.colorize(picture.pixels, task.edit, copy)
    result = dataclasses.replace(picture, pixels=rgb)
    small = eight_bit_rgb(dataclasses.replace(result, pixels=shrink(rgb, SCREEN_PX), alpha=None))
    save(storage.preview(task.picture_id, task.revision), encode_jpeg(small))
    save(
        storage.thumbnail(task.picture_id),
        encode_jpeg(np.asarray(shrink(small, THUMBNAIL_PX), np.uint8)),
    )
    suffix = FORMATS[picture.format].result_format(transparent=is_transparent(picture)).suffix
    path = storage.new_result(task.picture_id, task.revision, suffix)
    if task.edit.leaves_colors:
        write(path, result, overwrite=True)
        return RenderResult(restored=restored)
    network = colorizer.network
    write(path, result, overwrite=True, generator=network.identity.signature)
    return RenderResult(network.card.title, agreement, restored)


def _read_bytes(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"“{name}” cannot be read: {error.strerror}") from None


def _render_film(
    task: RenderTask, storage: Storage, settings: WebSettings, on_progress: ProgressCallback
) -> RenderResult:
    """First a short preview, then all of it, in segments that survive a kill."""
    # Needs PyAV, which a studio for photos alone does without.
    from photochrom.video.film import color_film
    from photochrom.video.io.probe import probe
    from photochrom.video.options import FilmSettings
    from photochrom.video.segments import UnusableSegmentsError, remove_segments
    from photochrom.video.shots_file import read_shots, write_shots

    source = storage.original(task.picture_id, task.media_type)
    info = probe(source)
    check_film_length(info.duration_s, settings.max_film_minutes)
    options = FilmSettings(
        model=local_model(task.model or settings.used_film_model),
        device=settings.device,
        size="auto" if task.edit.size is None else task.edit.size,
        vividness=task.edit.vividness,
        white_balance=task.edit.white_balance,
        deinterlace=True,  # interlaced frames come at any time, and nobody is there to be asked
        restore=FILM_KINDS if task.edit.restore else (),
        resume=True,
        shot_folder=storage.shot_segments(task.picture_id),
    )
    if task.stills:
        shot_file = storage.shot_file(task.picture_id)
        write_shots(shot_file, to_shots(task.stills, storage))
        options = dataclasses.replace(options, shots=read_shots(shot_file))
    target = _film_target(task, storage, info, options)
    reporter = _ProgressReporter(on_progress, info, settings.max_film_minutes, task.usual_pace)
    reporter.update()
    _film_preview(task, storage, info, options, reporter)
    _find_shots(task.picture_id, source, storage, reporter)
    try:
        outcome = color_film(source, target, options, reporter.report)
    except UnusableSegmentsError:
        # Begun by another version of photochrom or of the model.
        remove_segments(target)
        outcome = color_film(source, target, options, reporter.report)
    restored = [str(kind) for kind in outcome.found_kinds] if task.edit.restore else None
    return RenderResult(outcome.model, restored=restored, film_pace=reporter.film_pace())


def _find_shots(
    picture_id: str, source: Path, storage: Storage, reporter: _ProgressReporter
) -> None:
    """A small still of each shot of a film, and when they are, unless that is known."""
    from photochrom.web.pictures.film_info import shot_frames

    if shot_times(storage, picture_id):
        return
    times_s = []
    for number, still in enumerate(shot_frames(source), 1):
        save(
            storage.shot_thumbnail(picture_id, number),
            encode_jpeg(_shrink_frame(np.dstack([still.pixels] * 3), THUMBNAIL_PX)),
        )
        times_s.append(still.time_s)
        reporter.update()
    save(storage.shots(picture_id), json.dumps(times_s).encode())


def _film_target(task: RenderTask, storage: Storage, info: FilmInfo, options: FilmSettings) -> Path:
    """The name of the result, of the first kind of film that holds all that is heard or read.

    Raises InputError where none does.
    """
    from photochrom.video.io.passthrough import check_container

    own = [info.path.suffix] if info.path.suffix in _OWN_SUFFIXES else []
    for suffix in dict.fromkeys((*own, *_FILM_SUFFIXES)):
        target = storage.new_result(task.picture_id, task.revision, suffix)
        with contextlib.suppress(OutputError):
            check_container(info, target, options.encoding.codec)
            return target
    raise InputError(
        _("No film that the studio writes holds the sound or the subtitles of “{name}”.").format(
            name=task.name
        )
    )


def _film_preview(
    task: RenderTask,
    storage: Storage,
    info: FilmInfo,
    options: FilmSettings,
    reporter: _ProgressReporter,
) -> None:
    """Some seconds from all over the film, or where it does not say its length, its beginning."""
    from photochrom.video.preview import preview_film
    from photochrom.web.pictures.film_info import colored_frame

    target = storage.film_preview(task.picture_id)
    end_s = _FILM_PREVIEW_S if info.duration_s is None else None
    settings = dataclasses.replace(options, resume=False, overwrite=True, end_s=end_s)
    try:
        preview_film(info.path, target, _FILM_PREVIEW_S, settings, reporter.check)
    except InputError:
        # Too narrow for one, or so much shorter than its header says that a place lies behind its
        # end: it is coloured all the same.
        return
    frame = colored_frame(target)
    save(
        storage.preview(task.picture_id, task.revision),
        encode_jpeg(_shrink_frame(frame, SCREEN_PX)),
    )
    save(storage.thumbnail(task.picture_id), encode_jpeg(_shrink_frame(frame, THUMBNAIL_PX)))


def _shrink_frame(frame: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    return np.asarray(shrink(frame, longest), np.uint8)


class _ProgressReporter:
    """Passes a film's progress on, now and then, and stops the film on demand."""

    def __init__(
        self, on_progress: ProgressCallback, info: FilmInfo, limit_minutes: int, usual_pace: float
    ) -> None:
        self._on_progress, self._limit_minutes = on_progress, limit_minutes
        seconds, rate = info.duration_s or 0.0, float(info.rate or 0)
        self._rate = rate
        self._preview_frames = min(_FILM_PREVIEW_S, seconds) * rate
        """Of the work, as far as the film says; no more of them count than that."""
        self._film_frames = seconds * rate
        self._report_s = -math.inf
        self._share = self._resumed_share = 0.0
        frames, megapixels = (
            self._preview_frames + self._film_frames,
            info.height * info.width / 1e6,
        )
        self._clock = FilmClock(frames, megapixels, usual_pace)

    def report(self, progress: FilmProgress) -> None:
        """After each frame of the film, which may be longer than it says. Raises TooLarge."""
        if self._rate:
            check_film_length(progress.frames / self._rate, self._limit_minutes)
        if progress.total and not progress.is_measuring:
            whole = self._preview_frames + progress.total
            self._share = min(1.0, (self._preview_frames + progress.frames) / whole)
            self._resumed_share = progress.resumed_frames / whole
        self.update()

    def check(self, progress: FilmProgress) -> None:
        """After each frame of the preview, which is work, too."""
        if self._film_frames and not progress.is_measuring:
            done = min(progress.frames, self._preview_frames)
            self._share = done / (self._preview_frames + self._film_frames)
        self.update()

    def update(self) -> None:
        """Say how far it is, now and then. Raises CancelledError where nobody wants it any more."""
        if time.monotonic() - self._report_s < _REPORT_INTERVAL_S:
            return
        self._report_s = time.monotonic()
        if not self._on_progress(
            self._share, self._clock.seconds_left(self._share, self._worked_share)
        ):
            raise CancelledError

    def film_pace(self) -> float | None:
        """As of `Picture`, when all is done."""
        return self._clock.pace(self._worked_share)

    @property
    def _worked_share(self) -> float:
        return max(0.0, self._share - self._resumed_share)
