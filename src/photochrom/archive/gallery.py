"""The doubtful results of an archive on contact sheets, and in pages on which a person decides.

Doubtful is what the network is least sure of, what has the strongest cast, what was taken for
coloured already, and what is damaged. The pages are files: they need no server, and hand out what
is decided as a file for `photochrom archive decide`.
"""

from __future__ import annotations

import dataclasses
import html
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.archive.manifest import Manifest
from photochrom.archive.stores import Store
from photochrom.atomic import write_atomically
from photochrom.damage import DamagePolicy
from photochrom.errors import InputError, OutputError, PhotochromError
from photochrom.guided.proposal_sheet import Tile, proposal_sheet
from photochrom.imageio import Picture, eight_bit_rgb, read_preview, write

DEFAULT_SHARE: Final = 0.05
"""Of the results that count as doubtful by confidence, and by cast."""
DEFAULT_LIMIT: Final = 200
"""Inputs that are shown for each reason, at most."""
REASONS: Final[Mapping[str, str]] = {
    "unsure": "the network is least sure",
    "cast": "the strongest cast",
    "in colour": "in colour already",
    "damaged": "damaged",
}
_CONDITIONS: Final = {
    "unsure": "state = 'coloured' AND confidence IS NOT NULL",
    "cast": "state = 'coloured' AND cast_ab IS NOT NULL",
    "in colour": "state = 'in colour'",
    "damaged": "state = 'coloured' AND damage IS NOT NULL",
}
_ORDERS: Final = {
    "unsure": "confidence",
    "cast": "cast_ab DESC",
    "in colour": "key",
    "damaged": "key",
}
_PX = 560
_SHEET_TILES = 32
_MAX_PIXELS = 1 << 30
_SALVAGE: DamagePolicy = "salvage"


@dataclass(frozen=True)
class Doubt:
    """An input that a person should look at."""

    key: str
    reasons: tuple[str, ...]
    """Keys of `REASONS`."""
    result: str | None
    facts: str
    """What is known of it, in words."""
    decision: str | None


@dataclass(frozen=True)
class GalleryReport:
    """What was written. shown: inputs by reason. unreadable: keys of those that cannot be shown."""

    page: Path
    sheets: tuple[Path, ...]
    shown: dict[str, int]
    unreadable: tuple[str, ...]


def find_doubts(
    manifest: Manifest, *, share: float = DEFAULT_SHARE, limit: int = DEFAULT_LIMIT
) -> list[Doubt]:
    """The inputs that a person should look at, those with the most reasons first.

    share: of the coloured ones that count as unsure, and as having a cast, (0, 1]. What was
    approved or rejected before is left out.
    """
    found: dict[str, list[str]] = {}
    rows: dict[str, Any] = {}
    for reason, condition in _CONDITIONS.items():
        where = f"({condition}) AND coalesce(decision, '') NOT IN ('approve', 'reject')"
        most = limit
        if reason in ("unsure", "cast"):
            most = min(limit, max(1, round(share * manifest.number(where))))
        for row in manifest.first_rows(where, _ORDERS[reason], most):
            found.setdefault(row["key"], []).append(reason)
            rows[row["key"]] = row
    doubts = [
        Doubt(key, tuple(reasons), rows[key]["result"], _facts(rows[key]), rows[key]["decision"])
        for key, reasons in found.items()
    ]
    order = list(REASONS)
    return sorted(doubts, key=lambda d: (-len(d.reasons), order.index(d.reasons[0])))


def _facts(row: Any) -> str:
    facts = [f"{row['width']} x {row['height']} px"]
    if row["tone"]:
        facts.append(row["tone"])
    if row["confidence"] is not None:
        facts.append(f"confidence {row['confidence']:.2f}")
    if row["cast_ab"] is not None:
        facts.append(f"cast {row['cast_ab']:.0f}")
    if row["damage"]:
        facts.append(row["damage"])
    return ", ".join(facts)


def write_gallery(
    folder: Path, manifest: Manifest, source: Store, target: Store, doubts: Sequence[Doubt]
) -> GalleryReport:
    """Write ``index.html``, its pictures, and contact sheets for each reason.

    Raises InputError where there is nothing to show, OutputError.
    """
    if not doubts:
        raise InputError(f"nothing in {manifest.path} is doubtful; there is nothing to show")
    try:
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error
    cards, unreadable = [], []
    tiles: dict[str, list[Tile]] = {reason: [] for reason in REASONS}
    for number, doubt in enumerate(doubts):
        try:
            original = _small(source.read(doubt.key), doubt.key)
            shown = original
            if doubt.result is not None:
                shown = _small(target.read_result(doubt.result), doubt.result)
        except PhotochromError:
            unreadable.append(doubt.key)
            continue
        names = f"pictures/{number:05d}-original.jpg", f"pictures/{number:05d}-result.jpg"
        _write_jpeg(folder / names[0], original)
        if doubt.result is not None:
            _write_jpeg(folder / names[1], shown)
        height, width = shown.shape[:2]
        cards.append(
            {
                **dataclasses.asdict(doubt),
                "original": names[0],
                "result": None if doubt.result is None else names[1],
                "width": width,
                "height": height,
            }
        )
        for reason in doubt.reasons:
            tiles[reason].append(Tile(doubt.key, shown))
    page = folder / "index.html"
    title = str(manifest.fact("target") or "")
    write_atomically(page, _page(title, cards).encode(), overwrite=True)
    return GalleryReport(
        page,
        tuple(_write_sheets(folder, tiles)),
        {reason: len(found) for reason, found in tiles.items()},
        tuple(unreadable),
    )


def _write_sheets(folder: Path, tiles: Mapping[str, Sequence[Tile]]) -> Iterator[Path]:
    for reason, found in tiles.items():
        for first in range(0, len(found), _SHEET_TILES):
            number = first // _SHEET_TILES + 1
            path = folder / f"sheet-{reason.replace(' ', '-')}-{number}.png"
            sheet = proposal_sheet(found[first : first + _SHEET_TILES])
            write_atomically(path, sheet, overwrite=True)
            yield path


def _small(data: bytes, name: str) -> NDArray[np.uint8]:
    picture = read_preview(data, _PX, name=name, max_pixels=_MAX_PIXELS, damage=_SALVAGE)
    pixels = eight_bit_rgb(picture)
    scale = min(1.0, _PX / max(pixels.shape[:2]))
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _write_jpeg(path: Path, pixels: NDArray[np.uint8]) -> None:
    stream = io.BytesIO()
    write(stream, Picture(pixels), format_name="JPEG", quality=88)
    write_atomically(path, stream.getvalue(), overwrite=True)


def _page(title: str, cards: Sequence[Mapping[str, Any]]) -> str:
    template = files("photochrom.archive").joinpath("gallery.html").read_text(encoding="utf-8")
    data = json.dumps({"cards": cards, "reasons": REASONS, "archive": title})
    # Nothing of a file's name ends the script that it is in.
    safe = data.replace("<", "\\u003c")
    return template.replace("{{title}}", html.escape(title)).replace("{{data}}", safe)
