"""The saved colours of an album or film in a file beside it, and the places where they were found.

The file is JSON, which Python reads and writes by itself; docs/guided.md describes it. A view is
kept in place of features, since it is smaller and speaks to any model.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.atomic import write_atomically
from photochrom.color.fit import working_shape
from photochrom.engine import Network
from photochrom.errors import InputError, PhotochromError
from photochrom.guided.proposal_sheet import TILE_PX, Tile, proposal_sheet
from photochrom.guided.saved_colors import LEAST_SCORE, ColorFinder, SavedColor
from photochrom.guided.strokes import ASPECT_SLACK
from photochrom.hints import Hint, parse_color
from photochrom.imageio import eight_bit_rgb, read, read_preview
from photochrom.tables import Source, build

_log = logging.getLogger(__name__)
_FORMAT = 1
RADIUS_SHARE: Final = 0.01
"""Radius of a place as a hint, of the photograph's short side."""
_ADVICE = "put a copy back, or remove the file and save the colours again"


@dataclass(frozen=True)
class AlbumPlace:
    """Where a photograph shows a thing whose colour is saved."""

    name: str
    """Of the saved colour."""
    photo: str
    """Path of the photograph from the file's folder, with slashes."""
    x: float
    """Px of the photograph from the upper left one, which is 0."""
    y: float
    size: tuple[int, int]
    """Width and height of the photograph, px."""
    score: float
    """As of a `photochrom.guided.saved_colors.FoundPlace`."""
    accepted: bool = False
    """Whether a person said that it is right."""
    time_s: float | None = None
    """Of a film's frame in place of a photograph, seconds from the film's first."""

    @property
    def picture(self) -> tuple[str, float | None]:
        """Which photograph it is in, or which frame of a film."""
        return self.photo, self.time_s


class FilmFrame(NamedTuple):
    """A frame of a film, in place of a photograph."""

    film: Path
    time_s: float
    """Seconds from the film's first frame."""
    pixels: NDArray[Any]
    """(H, W) or (H, W, 3), upright, as for `photochrom.pipeline.colorize`."""


ReadFrame: TypeAlias = Callable[[Path, float], NDArray[np.uint8]]
"""The frame of a film at a time: (H, W) or (H, W, 3)."""


class ColorFile:
    """Saved colours, the places proposed for them, and those accepted."""

    def __init__(self, path: Path, *, must_exist: bool = True) -> None:
        """Read the file; without ``must_exist``, one that is not there is empty.

        Raises InputError where it is missing or damaged.
        """
        self.path = path
        self._colors: dict[str, SavedColor] = {}
        self._places: tuple[AlbumPlace, ...] = ()
        if path.exists():
            self._colors, self._places = _read(path)
        elif must_exist:
            raise InputError(
                f"there are no saved colours in {path}; photochrom colors save NAME PHOTO "
                "X,Y,COLOR begins the file, --project names another"
            )

    @property
    def colors(self) -> tuple[SavedColor, ...]:
        """In the order in which they were saved."""
        return tuple(self._colors.values())

    @property
    def places(self) -> tuple[AlbumPlace, ...]:
        """Accepted and proposed places; their numbers count from 1."""
        return self._places

    def save(self, name: str, photo: Path | FilmFrame, hint: Hint, network: Network) -> None:
        """Name the colour of a place of a photograph, or of a film's frame, and write the file.

        Raises InputError for a name that is saved already or empty, and as
        `photochrom.guided.saved_colors.ColorFinder.save` does.
        """
        if not name.strip():
            raise InputError(
                "a saved colour has an empty name; call it by what it is the colour of"
            )
        if name in self._colors:
            raise InputError(
                f"{name!r} is saved already, of {self._colors[name].photo}; forget it first, or "
                "choose another name"
            )
        path, time_s, pixels = _open(photo)
        finder = ColorFinder(network)
        color = finder.save(name, pixels, hint, self._relative(path), time_s)
        self._colors[name] = color
        self._write()

    def forget(self, name: str) -> int:
        """Remove a colour and its places, and write the file. Returns how many places it had.

        Raises InputError for a name that is not saved.
        """
        if name not in self._colors:
            known = ", ".join(map(repr, self._colors)) or "none"
            raise InputError(f"no colour is saved as {name!r}; there are: {known}")
        del self._colors[name]
        kept = tuple(place for place in self._places if place.name != name)
        count = len(self._places) - len(kept)
        self._places = kept
        self._write()
        return count

    def find(
        self,
        photos: Iterable[Path | FilmFrame],
        network: Network,
        on_photo: Callable[[int], object] = lambda _done: None,
        *,
        least_score: float = LEAST_SCORE,
    ) -> tuple[AlbumPlace, ...]:
        """Look for all colours in photographs, and write the file. Returns what is proposed.

        photos: or frames of films, one for each shot; taken one after the other.
        Earlier proposals in these photographs and films are replaced; accepted places stay, and so
        does what others have changed in the file meanwhile.
        on_photo: is told how many are done. least_score: as for
        `photochrom.guided.saved_colors.ColorFinder.find`.
        Raises InputError where nothing is saved or a photograph cannot be read.
        """
        if not self._colors:
            raise InputError(f"no colour is saved in {self.path}; save one before looking for it")
        finder = ColorFinder(network)
        settled = self._find_settled()
        proposed: list[AlbumPlace] = []
        names = set()
        for number, photo in enumerate(photos, 1):
            path, time_s = photo[:2] if isinstance(photo, FilmFrame) else (photo, None)
            name = self._relative(path)
            names.add(name)
            wanted = [c for c in self.colors if (c.name, (name, time_s)) not in settled]
            if wanted:
                _, _, pixels = _open(photo)
                size = (pixels.shape[1], pixels.shape[0])
                proposed += [
                    AlbumPlace(
                        place.name,
                        name,
                        place.x,
                        place.y,
                        size,
                        round(place.score, 4),
                        time_s=time_s,
                    )
                    for place in finder.find(pixels, wanted, least_score=least_score)
                ]
            on_photo(number)
        if self.path.exists():  # an album takes minutes
            self._colors, self._places = _read(self.path)
        settled = self._find_settled()
        new = [p for p in proposed if p.name in self._colors and (p.name, p.picture) not in settled]
        kept = [p for p in self._places if p.accepted or p.photo not in names]
        self._places = (*kept, *new)
        self._write()
        return tuple(new)

    def _find_settled(self) -> set[tuple[str, tuple[str, float | None]]]:
        """Which colours are known of which pictures, so that none is proposed there."""
        accepted = {(place.name, place.picture) for place in self._places if place.accepted}
        return accepted | {(color.name, color.picture) for color in self.colors}

    def accept(self, numbers: Sequence[int] = ()) -> tuple[AlbumPlace, ...]:
        """Take proposals as right, and write the file. Returns them.

        numbers: as of `places`, from 1; none means all. Raises InputError for other numbers.
        """
        wrong = [number for number in numbers if not 1 <= number <= len(self._places)]
        if wrong:
            raise InputError(
                f"{wrong[0]} is the number of no place in {self.path}; there are "
                f"{len(self._places)}, which photochrom colors list shows"
            )
        chosen = set(numbers or range(1, len(self._places) + 1))
        self._places = tuple(
            replace(place, accepted=True) if number in chosen else place
            for number, place in enumerate(self._places, 1)
        )
        self._write()
        return tuple(self._places[number - 1] for number in sorted(chosen))

    def hints(self, photo: Path) -> tuple[Hint, ...]:
        """What is known of a photograph: colours saved of it, and accepted places."""
        return tuple(hint for _, hint in self._hints(photo))

    def film_hints(self, film: Path) -> tuple[tuple[float, Hint], ...]:
        """What is known of a film, with the times of the frames, seconds from the first."""
        return tuple((time_s, hint) for time_s, hint in self._hints(film) if time_s is not None)

    def _hints(self, photo: Path) -> Iterator[tuple[float | None, Hint]]:
        name = self._relative(photo)
        places: list[SavedColor | AlbumPlace] = [*self.colors]
        places += [place for place in self._places if place.accepted]
        for place in places:
            if place.photo == name:
                radius = RADIUS_SHARE * min(place.size)
                rgb = self._colors[place.name].rgb
                yield place.time_s, _SizedHint(place.x, place.y, rgb, radius, place.size)

    def write_sheet(self, path: Path, read_frame: ReadFrame) -> None:
        """A PNG of all places with their numbers, for a look. Raises OutputError.

        read_frame: gives the frames of films. What cannot be read any more is empty, and its title
        says so.
        """
        content = proposal_sheet(list(self._tiles(read_frame)))
        write_atomically(path, content, overwrite=True)

    def _tiles(self, read_frame: ReadFrame) -> Iterator[Tile]:
        """The saved colours, and the places."""
        for color in self.colors:
            yield Tile(f"saved: {color.name}", color.view, color.rgb, color.center)
        pictures: dict[tuple[str, float | None], NDArray[np.uint8] | None] = {}
        for number, place in enumerate(self._places, 1):
            if place.picture not in pictures:
                pictures = {place.picture: self._picture(place, read_frame)}
            picture = pictures[place.picture]
            if picture is None:
                width, height = place.size
                empty = np.zeros(working_shape(height, width, TILE_PX // 2, 1), np.uint8)
                yield Tile(f"{number}: {place.name}, cannot be read", empty)
                continue
            title = f"{number}: {place.name}, {place.score:.2f}"
            center = ((place.x + 0.5) / place.size[0], (place.y + 0.5) / place.size[1])
            rgb = self._colors[place.name].rgb
            yield Tile(f"{title}, accepted" if place.accepted else title, picture, rgb, center)

    def _picture(self, place: AlbumPlace, read_frame: ReadFrame) -> NDArray[np.uint8] | None:
        path = self.path.parent / place.photo
        try:
            if place.time_s is not None:
                return read_frame(path, place.time_s)
            return eight_bit_rgb(read_preview(path, TILE_PX))
        except PhotochromError as error:
            _log.info("not on the sheet: %s", error)
            return None

    def _relative(self, photo: Path) -> str:
        """A photograph as the file calls it."""
        full, folder = photo.resolve(), self.path.parent.resolve()
        if full.anchor != folder.anchor:  # another drive of Windows
            return full.as_posix()
        return Path(os.path.relpath(full, folder)).as_posix()

    def _write(self) -> None:
        table = {
            "format": _FORMAT,
            "colors": [
                {
                    "name": color.name,
                    "color": "#{:02x}{:02x}{:02x}".format(*color.rgb),
                    "photo": color.photo,
                    "x": color.x,
                    "y": color.y,
                    "size": list(color.size),
                    "view": base64.b64encode(
                        cv2.imencode(".png", color.view)[1].tobytes()
                    ).decode(),
                    **({} if color.time_s is None else {"time_s": color.time_s}),
                }
                for color in self.colors
            ],
            "places": [
                {key: value for key, value in asdict(place).items() if value is not None}
                for place in self._places
            ],
        }
        content = json.dumps(table, indent=1, ensure_ascii=False) + "\n"
        # Names of files may hold bytes that are no UTF-8, which JSON has as escapes.
        data = content.encode("utf-8", "backslashreplace")
        write_atomically(self.path, data, overwrite=True)


@dataclass(frozen=True)
class _SizedHint(Hint):
    """A hint of a photograph that had a size, and may have another by now."""

    size: tuple[int, int] = (1, 1)
    """Width and height, px."""

    def on_picture(self, picture: NDArray[Any]) -> Hint:
        """The hint in px of the picture. Raises InputError for other proportions."""
        height, width = picture.shape[:2]
        across, down = width / self.size[0], height / self.size[1]
        if abs(math.log(across / down)) > max(ASPECT_SLACK, 1 / min(*self.size, height, width)):
            raise InputError(
                f"{self.title} is of a saved colour, for {self.size[0]} x {self.size[1]} px, which "
                f"are not the proportions of the picture of {width} x {height} px any more; save "
                "or find the colour again"
            )
        x = min(max((self.x + 0.5) * across - 0.5, 0.0), width - 1.0)
        y = min(max((self.y + 0.5) * down - 0.5, 0.0), height - 1.0)
        return Hint(x, y, self.color, self.radius * math.sqrt(across * down)).on_picture(picture)


@dataclass(frozen=True)
class _ColorTable:
    name: str
    color: str
    photo: str
    x: float
    y: float
    size: tuple[int, int]
    view: str
    time_s: float | None = None


@dataclass(frozen=True)
class _FileTable:
    format: int
    colors: tuple[_ColorTable, ...]
    places: tuple[AlbumPlace, ...]


def _read(path: Path) -> tuple[dict[str, SavedColor], tuple[AlbumPlace, ...]]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is damaged, it is not JSON ({error}); {_ADVICE}") from error
    source = Source(str(path), InputError, advice=_ADVICE)
    if isinstance(table, dict) and table.get("format", _FORMAT) != _FORMAT:
        raise InputError(
            f"{path} is of format {table['format']!r}, and this photochrom reads {_FORMAT}; it is "
            "of another version of photochrom, which reads it"
        )
    content = build(_FileTable, table, source)
    colors: dict[str, SavedColor] = {}
    for row in content.colors:
        if row.name in colors:
            raise source.refuse(f"{path} saves {row.name!r} twice")
        try:
            rgb = parse_color(row.color)
        except InputError as error:
            raise source.refuse(f"{path}, {row.name!r}: {error}") from error
        _check_place(row.x, row.y, row.size, f"{row.name!r} in {path}", source)
        view = _read_view(row, path, source)
        colors[row.name] = SavedColor(
            row.name, rgb, row.photo, row.x, row.y, row.size, view, row.time_s
        )
    for place in content.places:
        if place.name not in colors:
            raise source.refuse(f"{path} has a place of {place.name!r}, which it does not save")
        _check_place(place.x, place.y, place.size, f"a place of {place.name!r} in {path}", source)
    return colors, content.places


def _open(photo: Path | FilmFrame) -> tuple[Path, float | None, NDArray[Any]]:
    """Path, time and pixels. Raises InputError where it cannot be read."""
    return photo if isinstance(photo, FilmFrame) else (photo, None, read(photo).pixels)


def _check_place(x: float, y: float, size: tuple[int, int], what: str, source: Source) -> None:
    """Raise InputError for what is in no photograph."""
    width, height = size
    if not (0 <= x <= width - 1 and 0 <= y <= height - 1):
        raise source.refuse(f"{what} is at {x:g}, {y:g}, outside of {width} x {height} px")


def _read_view(row: _ColorTable, path: Path, source: Source) -> NDArray[np.uint8]:
    try:
        content = np.frombuffer(base64.b64decode(row.view, validate=True), np.uint8)
    except (binascii.Error, ValueError):
        content = np.zeros(0, np.uint8)
    view = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE) if len(content) else None
    if view is None:
        raise source.refuse(f"the view of {row.name!r} in {path} is no PNG")
    return np.asarray(view, np.uint8)
