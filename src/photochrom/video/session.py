"""A film together with the network that colours it: what every way of colouring begins with."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from photochrom.engine import Network, load, local_model
from photochrom.pipeline import guess_chroma
from photochrom.video.converter import Converter, PreparedFrame, prepare_frames
from photochrom.video.io.damage import DamageLog
from photochrom.video.io.frame import FilmInfo
from photochrom.video.io.reader import read_frames
from photochrom.video.options import FilmSettings
from photochrom.video.temporal.propagation import Guess

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FilmSession:
    """One film, its network, and how both are to be used; see `open_session`."""

    info: FilmInfo
    settings: FilmSettings
    network: Network
    guess: Guess
    """The network's, as vivid as the settings ask for."""
    converter: Converter
    damage: DamageLog
    """What is found of damage while the film is read."""

    def frames(
        self, start_s: float | None = None, end_s: float | None = None
    ) -> Iterator[PreparedFrame]:
        """The film's frames with what the network sees of them; times as for `read_frames`.

        Raises InputError as `decoded_frames` does.
        """
        frames = read_frames(
            self.info,
            start_s=start_s,
            end_s=end_s,
            deinterlace=self.settings.deinterlace,
            damage=self.damage,
        )
        return prepare_frames(frames, self.converter)

    def warn_of_damage(self) -> None:
        """Log what was found of damage, for those who get no `FilmOutcome`."""
        for sentence in self.damage.sentences(self.info):
            _log.warning("%s: %s", self.info.path, sentence)


def open_session(info: FilmInfo, settings: FilmSettings) -> FilmSession:
    """Load the network for a film that `probe` has found.

    Raises ModelError where the network cannot be used, InputError where the film is turned by no
    quarter turns.
    """
    network = load(local_model(settings.model), device=settings.device, threads=settings.threads)
    network.card.check_photographs("films")
    guess = partial(guess_chroma, network, vividness=settings.vividness)
    converter = Converter(info, network.card, settings.size)
    return FilmSession(info, settings, network, guess, converter, DamageLog(settings.damage))
