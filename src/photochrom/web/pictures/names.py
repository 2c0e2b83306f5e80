"""What pictures are called: as their owner types it, as a page shows it, as a file is named."""

from __future__ import annotations

import unicodedata
from typing import Final

from photochrom.imageio import FORMATS, read_suffixes
from photochrom.web.database import MAX_NAME
from photochrom.web.i18n import _
from photochrom.web.pictures.documents import document_endings
from photochrom.web.storage import kept_suffixes

_MORE_FILMS: Final = (".m4v", ".3gp", ".3g2", ".mpeg", ".mpe", ".m2v", ".vob", ".asf", ".ogm")


def file_endings() -> tuple[str, ...]:
    """Of the files that are taken in; what counts is their content, but scripts see only names."""
    documents = [ending for row in FORMATS.values() if row.is_document for ending in row.suffixes]
    pictures = [ending for ending in read_suffixes() if ending not in documents]
    kept = kept_suffixes().values()
    return tuple(dict.fromkeys((*kept, *pictures, *document_endings(), *_MORE_FILMS)))


def clean_name(name: str) -> str:
    """A name that can be shown: without slashes, control characters and what hides its ending.

    Neither empty nor, in itself, short enough.
    """
    name = unicodedata.normalize("NFC", name)
    # Cc: control characters; Cf: among them those that turn the direction of writing; Cs: halves.
    name = "".join(c if unicodedata.category(c) not in ("Cc", "Cf", "Cs") else " " for c in name)
    name = " ".join(name.replace("/", "-").replace("\\", "-").split()).strip(". ")
    return name or _("Picture")


def clean_file_name(path: str) -> str:
    """What a picture is called that comes as this file, of which some browsers send all the path.

    Nobody chose a name longer than `MAX_NAME` on purpose: it is cut before its ending.
    """
    name = clean_name(path.replace("\\", "/").rpartition("/")[2])
    if len(name) <= MAX_NAME:
        return name
    ending = name[len(picture_title(name)) :]
    return name[: MAX_NAME - len(ending)].rstrip() + ending


def picture_title(name: str) -> str:
    """A picture's name without the ending that only its file needs."""
    ending = next((ending for ending in file_endings() if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)] or name


def film_time(seconds: float) -> str:
    """A time of a film as players show it: 1:05, or 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
