"""What can be chosen when a film is coloured, how far it is, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from photochrom.damage import DEFAULT_DAMAGE_POLICY, DamagePolicy
from photochrom.engine import FILM_MODEL
from photochrom.hints import ColorHint
from photochrom.pipeline import NO_SHIFT, NetworkSettings, WhiteBalance
from photochrom.restoration.kinds import FilmKind
from photochrom.video.io.codecs import Encoding
from photochrom.video.io.damage import DamagedSpot
from photochrom.video.restoration.mend import FrameChange
from photochrom.video.temporal.guess_interval import ASK_EVERY
from photochrom.video.temporal.smoothing import DEFAULT_STEADY

SEGMENT_FRAMES = 1500
"""Frames of a segment: at most so much work is lost. Each costs some frames of warming up."""


@dataclass(frozen=True)
class FilmHint:
    """A person's word: at this time, this place has this colour; it holds through the shot."""

    time_s: float
    """Seconds from the film's first frame."""
    hint: ColorHint
    """As of a photograph, in px of the film as it is shown (after its rotation). A `Hint` without a
    radius is a small disc, since a point is lost on the way to the next frame."""


@dataclass(frozen=True)
class KeyFrame:
    """A coloured still of the frame at a time; its colours hold through the shot."""

    time_s: float
    """Seconds from the film's first frame."""
    picture: Path


@dataclass(frozen=True)
class Shot:
    """What is said of the shot in which a frame lies."""

    time_s: float
    """Of that frame, seconds from the film's first."""
    hints: tuple[ColorHint, ...] = ()
    """As of a `FilmHint`, in that frame."""
    still: Path | None = None
    """As of a `KeyFrame`, of that frame."""
    references: tuple[Path, ...] = ()
    """In place of the film's; none: the film's."""
    white_balance: WhiteBalance | None = None
    """In place of the film's; None: the film's."""
    restore: tuple[FilmKind, ...] | None = None
    """Kinds of damage that are mended in it, in place of the film's; None: the film's."""


@dataclass(frozen=True)
class FilmSettings(NetworkSettings):
    """How a film is coloured."""

    model: str | Path = FILM_MODEL

    steady: float = DEFAULT_STEADY
    ask_every: int = ASK_EVERY
    """Frames after which the network is asked again at the latest, as for `steady_chroma`."""
    encoding: Encoding = field(default_factory=Encoding)
    start_s: float | None = None
    end_s: float | None = None
    """Seconds from the film's first frame; None: the whole."""
    deinterlace: bool = False
    damage: DamagePolicy = DEFAULT_DAMAGE_POLICY
    """What becomes of a damaged film: by default, damaged spots do not end it, but without its end
    it is refused."""
    hints: tuple[FilmHint, ...] = ()
    keyframes: tuple[KeyFrame, ...] = ()
    shots: tuple[Shot, ...] = ()
    """What is said of single shots, as a file has it (`photochrom.video.shots_file`)."""
    references: tuple[Path, ...] = ()
    """Pictures in colours, which give them to the shots that show the same."""
    reference_folder: Path | None = None
    """In place of `references`: a folder of which each shot gets the best one."""
    color_file: Path | None = None
    """Saved colours (`photochrom.guided.color_file`), of which those accepted are hints."""
    alternatives: int = 1
    """Versions of each still, 1 to `photochrom.variants.MOST_ALTERNATIVES`."""
    white_balance: WhiteBalance = NO_SHIFT
    """Shift of all colours but those of hints and key frames; one cast for each shot."""
    restore: tuple[FilmKind, ...] = ()
    """Kinds of damage that are looked for and mended before the film is coloured."""
    overwrite: bool = False
    """Replace the output; begin anew where there is unfinished work."""
    resume: bool = False
    """Go on where unfinished work ended."""
    segment_frames: int = SEGMENT_FRAMES
    shot_folder: Path | None = None
    """Where the segments of the finished film are kept, each within one shot. A later run with the
    same folder colours only those shots of which hints, stills or other things are said than
    before; None: nothing is kept."""


@dataclass(frozen=True)
class FilmProgress:
    """How far a film is."""

    frames: int
    """Done, with those of an earlier run."""
    resumed_frames: int
    """Of these, done in an earlier run."""
    total: int | None
    """Of the film, or of the part that is coloured, as far as the file says."""
    device: str
    """That the network runs on; empty before, and where there is none."""
    is_measuring: bool = False
    """Whether the film is only looked through, for damage to its pictures; the work comes then."""


Progress: TypeAlias = Callable[[FilmProgress], None]


@dataclass(frozen=True)
class FilmOutcome:
    """What became of a film."""

    source: Path
    target: Path
    frames: int
    resumed_frames: int
    """Frames that an earlier run had done."""
    seconds: float
    """Of this run, with everything."""
    model: str
    """Empty where nothing was coloured."""
    device: str
    notes: tuple[str, ...] = ()
    """What the source had that the result has not, and where it is damaged."""
    damage: tuple[DamagedSpot, ...] = ()
    """Where frames are damaged or lost."""
    changes: tuple[FrameChange, ...] = ()
    """Of the frames that were mended (`FilmSettings.restore`)."""
    found_kinds: tuple[FilmKind, ...] = ()
    """Kinds of damage that were found and mended."""

    @property
    def fps(self) -> float:
        """Frames per second of this run."""
        return (self.frames - self.resumed_frames) / max(self.seconds, 1e-9)
