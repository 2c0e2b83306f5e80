"""A film together with the network that colours it: what every way of colouring begins with."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import dropwhile
from pathlib import Path

from photochrom.engine import Network, load, local_model
from photochrom.errors import ModelError
from photochrom.guided.reference_files import ReferenceFiles
from photochrom.pipeline import WhiteBalance, guess_chroma
from photochrom.restoration.kinds import FILM_KINDS
from photochrom.video.converter import Converter, PreparedFrame, prepare_frames
from photochrom.video.io.damage import DamageLog
from photochrom.video.io.frame import FilmInfo
from photochrom.video.io.reader import nearest_pts
from photochrom.video.options import FilmProgress, FilmSettings, Progress, Shot
from photochrom.video.shot_guide import NewGuide, ShotGuide
from photochrom.video.shot_spans import ShotSpan, shot_span
from photochrom.video.source import FilmSource, Part
from photochrom.video.temporal.propagation import Guess, KnownColors
from photochrom.video.temporal.smoothing import WorkingFrame

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FilmSession:
    """One film, its network, and how both are to be used; see `open_session`."""

    info: FilmInfo
    settings: FilmSettings
    network: Network
    guess: Guess
    """The network's, as vivid as the settings ask for, in the tone of the shot."""
    converter: Converter
    source: FilmSource
    guide: ShotGuide | None = None
    """References and tone, where there are any."""

    @property
    def known_colors(self) -> KnownColors | None:
        """What is known of the frames beside what a person gave to single ones; it has to be asked
        of each before `guess` is.
        """
        return None if self.guide is None else self.guide.frame_colors

    def notes(self) -> tuple[str, ...]:
        """What is to be said of the references, and of damage, once the film is coloured."""
        of_references = () if self.guide is None else self.guide.notes()
        return (*self.source.notes(), *of_references, *self.damage.sentences(self.info))

    @property
    def damage(self) -> DamageLog:
        """What is found of damage to the file while the film is read."""
        return self.source.damage

    def frames(
        self, start_s: float | None = None, end_s: float | None = None
    ) -> Iterator[PreparedFrame]:
        """The film's frames with what the network sees of them; times as for `read_frames`.

        Raises InputError as `decoded_frames` does.
        """
        return prepare_frames(self.source.frames(start_s, end_s), self.converter)

    def warn_of_damage(self) -> None:
        """Log what was found of damage, for those who get no `FilmOutcome`."""
        for sentence in self.damage.sentences(self.info):
            _log.warning("%s: %s", self.info.path, sentence)


def open_session(
    info: FilmInfo,
    settings: FilmSettings,
    progress: Progress | None = None,
    parts: Sequence[Part] | None = None,
) -> FilmSession:
    """Load the network for a film that `probe` has found, and the references; look the film through
    for damage to its pictures, where that is to be mended.

    progress: called after each frame of that. parts: of the film, that will be coloured; None:
    what the settings say.
    Raises ModelError where the network cannot be used, InputError where the film is turned by no
    quarter turns, and where references or shots of the settings make no sense.
    """
    network = load(
        local_model(settings.model),
        device=settings.device,
        threads=settings.threads,
        confidence="none",
    )
    network.card.check_photographs("films")
    if network.close_ups is not None:
        raise ModelError(
            f"{network.card.title} looks for faces in each picture by itself, and films would "
            "flicker; name one model"
        )
    guess = partial(guess_chroma, network, vividness=settings.vividness)
    converter = Converter(info, network.card, settings.size)
    source = open_source(info, settings, progress, parts)
    session = FilmSession(info, settings, network, guess, converter, source)
    guide = _shot_guide(session)
    return session if guide is None else replace(session, guess=guide.guess, guide=guide)


def open_source(
    info: FilmInfo,
    settings: FilmSettings,
    progress: Progress | None = None,
    parts: Sequence[Part] | None = None,
    *,
    with_chroma: bool = False,
) -> FilmSource:
    """The film to read from; arguments as for `open_session`, with_chroma as of `FilmSource`."""
    damage = DamageLog(settings.damage)
    source = FilmSource(info, settings.deinterlace, damage, with_chroma=with_chroma)
    of_shots = [s for s in settings.shots if s.restore is not None]
    kinds = {*settings.restore, *(kind for shot in of_shots for kind in shot.restore or ())}
    if not kinds:
        return source
    total = frames_expected(info, settings) if parts is None else None

    def report(frames: int) -> None:
        if progress is not None:
            progress(FilmProgress(frames, 0, total, "", is_measuring=True))

    source.measure(
        [kind for kind in FILM_KINDS if kind in kinds],
        parts or [(settings.start_s, settings.end_s)],
        report,
    )
    if of_shots and source.plan is not None:
        own = [(nearest_pts(info, shot.time_s), shot.restore or ()) for shot in of_shots]
        source.plan = source.plan.only(settings.restore, own)
    return source


def frames_expected(info: FilmInfo, settings: FilmSettings) -> int | None:
    """Frames of the part that is coloured, as far as the file says."""
    if settings.start_s is None and settings.end_s is None and info.frames is not None:
        return info.frames
    if info.rate is None or info.duration_s is None:
        return None
    end_s = min(info.duration_s, settings.end_s if settings.end_s is not None else math.inf)
    return max(1, round((end_s - (settings.start_s or 0.0)) * float(info.rate)))


def _shot_guide(session: FilmSession) -> ShotGuide | None:
    """References and tone of the film and of its shots; None where there are none."""
    settings, network = session.settings, session.network
    of_shots = [s for s in settings.shots if s.references or s.white_balance is not None]
    with_references = settings.references or settings.reference_folder is not None
    if not (of_shots or with_references or settings.white_balance):
        return None

    def new_guide(paths: tuple[Path, ...], folder: Path | None = None) -> NewGuide:
        return ReferenceFiles(network, paths, folder, threads=settings.threads).guide

    general = None
    if with_references:
        general = new_guide(settings.references, settings.reference_folder)
    own = {paths: new_guide(paths) for paths in {s.references for s in of_shots if s.references}}
    spans = [(_span(session, shot), shot) for shot in of_shots]

    def references(pts: int) -> NewGuide | None:
        found = [shot.references for span, shot in spans if span.holds(pts) and shot.references]
        return own[found[-1]] if found else general

    def white_balance(pts: int) -> WhiteBalance:
        found = [shot.white_balance for span, shot in spans if span.holds(pts)]
        return next((b for b in reversed(found) if b is not None), settings.white_balance)

    def frames_since(pts: int) -> Iterator[WorkingFrame]:
        before_s = session.info.seconds(pts) - 0.5 / float(session.info.nominal_rate)
        frames = (prepared.working for prepared in session.frames(before_s, settings.end_s))
        return dropwhile(lambda frame: frame.pts < pts, frames)

    look_ahead = frames_since if settings.steady > 0.0 else None
    return ShotGuide(session.guess, references, white_balance, look_ahead)


def _span(session: FilmSession, shot: Shot) -> ShotSpan:
    return shot_span(session.info, session.frames, nearest_pts(session.info, shot.time_s))
