"""Which model made colours: what coloured files say of it, and reading it there again."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from photochrom import __version__
from photochrom.engine.card import ModelCard

_DIGITS = 12
_SIGNATURE = re.compile(
    rf"(?P<title>.+) \(photochrom [^(),]+(?:, model (?P<checksum>[0-9a-f]{{{_DIGITS}}}))?\)"
)


class ModelIdentity(NamedTuple):
    """A model, as the files that it coloured know it."""

    title: str
    """Name and version: ``photochrom-base 0.3.0``."""
    checksum: str
    """The first digits of its file's SHA-256; empty in earlier marks, which had none."""

    @classmethod
    def from_file(cls, card: ModelCard, content: bytes) -> ModelIdentity:
        """That of a model's file."""
        return cls(card.title, hashlib.sha256(content).hexdigest()[:_DIGITS])

    @classmethod
    def parse(cls, signature: str) -> ModelIdentity | None:
        """That of a `signature`; None where the text is none of ours."""
        match = _SIGNATURE.fullmatch(signature)
        return None if match is None else cls(match["title"], match["checksum"] or "")

    @property
    def signature(self) -> str:
        """Who made the colours, as coloured files say it in their metadata:
        ``photochrom-base 0.3.0 (photochrom 0.1.0, model 92b77f946b76)``.
        """
        return f"{self.title} (photochrom {__version__}, model {self.checksum})"

    def is_same(self, other: ModelIdentity) -> bool:
        """Whether it is the same file; where a checksum is not known, the same name and version."""
        if self.checksum and other.checksum:
            return self.checksum == other.checksum
        return self.title == other.title
