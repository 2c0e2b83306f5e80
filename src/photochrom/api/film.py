"""Colouring a film: into a file, or frame by frame."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from photochrom.api.paths import Paths, each_path
from photochrom.api.progress import Progress, progress_reporter
from photochrom.engine import FILM_MODEL
from photochrom.errors import InputError, requires_extra
from photochrom.hints import ColorHint, check_hints
from photochrom.pipeline import DEFAULT_VIVIDNESS, NO_SHIFT, Size, WhiteBalance
from photochrom.restoration import FILM_KINDS, FilmKind, parse_film_kinds

if TYPE_CHECKING:
    from photochrom.video.options import FilmOutcome, FilmProgress

_NO_HINTS: Mapping[float, Sequence[ColorHint]] = {}
_NO_STILLS: Mapping[float, str | os.PathLike[str]] = {}


def film_kinds(restore: bool | Sequence[str]) -> tuple[FilmKind, ...]:
    """The kinds of damage that ``restore`` means. Raises InputError for one that there is not."""
    if isinstance(restore, bool):
        return FILM_KINDS if restore else ()
    return parse_film_kinds([restore] if isinstance(restore, str) else restore)


# fmt: off
@overload
def film(
    source: str | os.PathLike[str], target: None = ..., *,
    start_s: float | None = ..., end_s: float | None = ..., deinterlace: bool = ...,
    hints: Mapping[float, Sequence[ColorHint]] = ...,
    stills: Mapping[float, str | os.PathLike[str]] = ...,
    shots: str | os.PathLike[str] | None = ...,
    reference: Paths | None = ..., colors: str | os.PathLike[str] | None = ...,
    restore: bool | Sequence[str] = ..., steady: float | None = ...,
    every_frame: bool = ...,
    model: str | os.PathLike[str] = ..., device: str = ..., threads: int | None = ...,
    size: Size = ..., vividness: float = ..., white_balance: WhiteBalance = ...,
) -> Generator[tuple[float, NDArray[np.uint8]]]: ...
@overload
def film(
    source: str | os.PathLike[str], target: str | os.PathLike[str], *,
    start_s: float | None = ..., end_s: float | None = ..., deinterlace: bool = ...,
    hints: Mapping[float, Sequence[ColorHint]] = ...,
    stills: Mapping[float, str | os.PathLike[str]] = ...,
    shots: str | os.PathLike[str] | None = ...,
    reference: Paths | None = ..., colors: str | os.PathLike[str] | None = ...,
    restore: bool | Sequence[str] = ..., steady: float | None = ...,
    every_frame: bool = ...,
    codec: str = ..., crf: int | None = ..., preset: str | None = ...,
    hardware: str | None = ...,
    overwrite: bool = ..., resume: bool = ..., progress: bool | Progress = ...,
    model: str | os.PathLike[str] = ..., device: str = ..., threads: int | None = ...,
    size: Size = ..., vividness: float = ..., white_balance: WhiteBalance = ...,
) -> FilmOutcome: ...
# fmt: on
def film(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    deinterlace: bool = False,
    hints: Mapping[float, Sequence[ColorHint]] = _NO_HINTS,
    stills: Mapping[float, str | os.PathLike[str]] = _NO_STILLS,
    shots: str | os.PathLike[str] | None = None,
    reference: Paths | None = None,
    colors: str | os.PathLike[str] | None = None,
    restore: bool | Sequence[str] = False,
    steady: float | None = None,
    every_frame: bool = False,
    codec: str | None = None,
    crf: int | None = None,
    preset: str | None = None,
    hardware: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool | Progress = False,
    model: str | os.PathLike[str] = FILM_MODEL,
    device: str = "auto",
    threads: int | None = None,
    size: Size = "auto",
    vividness: float = DEFAULT_VIVIDNESS,
    white_balance: WhiteBalance = NO_SHIFT,
) -> Any:
    """Colour a film steadily: into another file, or without a target frame by frame.

    Needs `pip install 'photochrom[video]'`. Memory does not grow with the film's length.

    Args:
        source: The film.
        target: The film to write (.mp4, .m4v, .mov, .mkv, .webm), with sound, subtitles, chapters
            and times kept; it appears when it is complete. None: nothing is written, the frames
            are handed out.
        start_s: Where to begin, seconds from the film's first frame; None: there.
        end_s: Where to end; None: with the film.
        deinterlace: Make a whole picture of the two half ones in each frame of an interlaced film,
            which is refused otherwise.
        hints: Colours of places by the seconds of their frames: `Hint`, `Stroke` and `Area`, in
            pixels of the film as it is shown. They hold through the shot.
        stills: Coloured stills of frames, paths by the seconds of the frames; likewise.
        shots: A file that says of single shots their hints, strokes, areas, stills, references and
            tone, as `photochrom film --shots` takes it; ``hints`` and ``stills`` count more.
        reference: A picture in colours of the same scene, people or things, or a list of some,
            as paths: shots that show it get its colours. One of something else changes nothing.
        colors: A file of saved colours (`photochrom.guided.color_file`), of which those accepted in
            this film are hints.
        restore: True: mend damage to the pictures first, for which the film is looked through;
            names: of these kinds alone ("blocks", "flicker", "scratches", "dust", "grain",
            "fading"). A film without any comes out as without this.
        steady: How far colours follow the motion, 0 (each frame by itself) to 1; None: the default
            of `photochrom film`.
        every_frame: Ask the network for each frame, and not only where there is news.
        codec: Of the target, one that `photochrom film --codec` has; None: h264, which plays
            everywhere.
        crf: Constant quality of the target, smaller is better; None: the codec's own.
        preset: How much time the encoder takes; None: the codec's own.
        hardware: Encode by the machine's own: "nvenc", "videotoolbox", "qsv" or "vaapi", or by the
            first that passes a trial, "auto"; None: the processor encodes.
        overwrite: Replace the target, and begin anew where there is unfinished work.
        resume: Go on where an earlier call for this target was stopped.
        progress: With a target: called with the numbers of frames that are done and of all (None
            where the film does not say); or True for a bar on stderr.
        model: As for `colorize`.
        device: As for `colorize`.
        threads: Of the network, and of the encoder; None: each as it likes best.
        size: As for `colorize`.
        vividness: As for `colorize`.
        white_balance: As for `colorize`; what is said in hints and stills stays as it is. The cast
            is one for each shot.

    Returns:
        Without a target a generator of (seconds from the film's first frame, picture): (H, W, 3)
        uint8, sRGB-encoded, upright. Close it when you leave it early. With a target what became of
        the film: `frames`, `seconds`, `fps`, `model`, `device`, `notes` (what the target has not).

    Raises:
        InputError: The film cannot be read or breaks off, or something that was asked for makes no
            sense; frame by frame also while they are taken.
        OutputError: The target exists or cannot be written; what was finished then stays.
        ModelError: The model cannot be used.
        MissingDependencyError: The extra `video` is not installed.

    Examples:
        >>> film("old.mp4", "old.color.mp4", progress=True)
        >>> for seconds, rgb in film("old.mp4"):
        ...     print(f"{seconds:.2f} s: {rgb.shape}")
    """
    with requires_extra("video", "a film"):
        from photochrom.video.film import color_film
        from photochrom.video.frames import color_frames
        from photochrom.video.options import FilmHint, FilmSettings, KeyFrame
        from photochrom.video.shots_file import read_shots
    for of_frame in hints.values():
        check_hints(of_frame)
    settings = FilmSettings(
        model=model if isinstance(model, str) else Path(model),
        device=device,
        threads=threads,
        size=size,
        vividness=vividness,
        start_s=start_s,
        end_s=end_s,
        deinterlace=deinterlace,
        hints=tuple(FilmHint(time_s, hint) for time_s in hints for hint in hints[time_s]),
        keyframes=tuple(KeyFrame(time_s, Path(path)) for time_s, path in stills.items()),
        shots=() if shots is None else read_shots(Path(shots)),
        references=() if reference is None else tuple(map(Path, each_path(reference))),
        color_file=None if colors is None else Path(colors),
        white_balance=white_balance,
        restore=film_kinds(restore),
        overwrite=overwrite,
        resume=resume,
    )
    if steady is not None:
        settings = replace(settings, steady=steady)
    if every_frame:
        settings = replace(settings, ask_every=1)
    if target is None:
        of_target = {
            "codec": codec,
            "crf": crf,
            "preset": preset,
            "hardware": hardware,
            "overwrite": overwrite or None,
            "resume": resume or None,
            "progress": progress or None,
        }
        given = [name for name, value in of_target.items() if value is not None]
        if given:
            raise InputError(f"without a target there is nothing for {', '.join(given)} to do")
        return color_frames(Path(source), settings)
    encoding: dict[str, Any] = {"crf": crf, "preset": preset, "hardware": hardware}
    encoding |= {} if codec is None else {"codec": codec}
    settings = replace(settings, encoding=replace(settings.encoding, **encoding))
    with progress_reporter(progress, Path(source).name) as report:

        def note(done: FilmProgress) -> None:
            if not done.is_measuring:
                report(done.frames, done.total)

        return color_film(Path(source), Path(target), settings, note)
