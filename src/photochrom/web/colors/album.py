"""A user's saved colours: named at a place of a picture, proposed in the others, deleted.

Nothing is looked for before the first colour is saved; the worker then looks through the user's
photographs while nothing else waits (`photochrom.web.colors.search`).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from photochrom.errors import InputError, ModelError
from photochrom.guided.color_file import RADIUS_SHARE
from photochrom.guided.saved_colors import ColorFinder
from photochrom.hints import Hint
from photochrom.web import jobs
from photochrom.web.accounts.tokens import MAX_ROW_ID
from photochrom.web.database import ColorPlace, Picture, SavedColor, User, db
from photochrom.web.errors import Conflict, InvalidInput, NotFound
from photochrom.web.i18n import _
from photochrom.web.pictures.edits import Edit, edit_picture, parse_color, parse_place
from photochrom.web.pictures.library import get_photo
from photochrom.web.pictures.live_preview import current_previewer
from photochrom.web.pictures.thumbnails import cutout, decode_jpeg, decode_png, encode_png
from photochrom.web.storage import current_storage

MAX_NAME: Final = 100
"""The longest name of a saved colour, in characters."""
MAX_COLORS: Final = 50
"""Of one user: each is 50 to 100 kB in the database, and is looked for in every photograph."""


_PLACES = (
    select(ColorPlace, SavedColor, Picture)
    .select_from(ColorPlace)
    .join(SavedColor, SavedColor.id == ColorPlace.color_id)
    .join(Picture, Picture.id == ColorPlace.picture_id)
)


class Proposal(NamedTuple):
    """A place where a saved colour was found, and nobody has said whether that is right."""

    place: ColorPlace
    color: SavedColor
    picture: Picture

    @property
    def hint(self) -> dict[str, Any]:
        """As `Edit.parse` takes it: a spot of the size that `photochrom colors` has."""
        width = max(1.0, 2 * RADIUS_SHARE * min(self.picture.width, self.picture.height))
        return {
            "points": [[self.place.x, self.place.y]],
            "color": self.color.color,
            "width": round(width, 1),
        }

    @property
    def cutout(self) -> str:
        """The address of what is around the place, which browsers keep.

        With more than its number, which SQLite gives to the next place when this one is deleted.
        """
        return f"/colors/places/{self.place.id}.jpg?v={self.color.id}-{self.picture.id}"


def list_colors(user: User) -> list[SavedColor]:
    """The user's saved colours, the oldest first."""
    rows = select(SavedColor).filter_by(user_id=user.id).order_by(SavedColor.id)
    return list(db.session.scalars(rows))


def save_color(
    user: User, picture_id: str, name: object, place: object, color: object
) -> SavedColor:
    """Name the colour of a place of a photograph, and have it looked for in the others.

    place: [x, y], px of the upright original. Raises NotFound, InvalidInput, Conflict where there
    are too many, or one of that name.
    """
    picture = get_photo(user, picture_id)
    title = " ".join(_storable(name).split()) if isinstance(name, str) else ""
    if not title:
        raise InvalidInput(_("Enter a name, such as “Anna's coat”."))
    if len(title) > MAX_NAME:
        raise InvalidInput(_("A name has at most {most} characters.").format(most=MAX_NAME))
    x, y = parse_place(place, picture.height, picture.width)
    value = parse_color(color)
    known = list_colors(user)
    if len(known) >= MAX_COLORS:
        raise Conflict(
            _("There are {most} saved colours already. Delete one first.").format(most=MAX_COLORS)
        )
    if any(saved.name == title for saved in known):
        raise Conflict(_("A colour of this name is saved already. Choose another name."))
    row = SavedColor(
        user_id=user.id, name=title, color=value.lower(), picture_id=picture.id, x=x, y=y,
        width=picture.width, height=picture.height, view=_view(picture, x, y, value),
    )  # fmt: skip
    db.session.add(row)
    try:
        db.session.commit()
    except IntegrityError:  # by another page at the same moment
        db.session.rollback()
        raise Conflict(_("A colour of this name is saved already. Choose another name.")) from None
    jobs.wake()
    return row


def _storable(name: str) -> str:
    """Without what no database keeps: zero bytes, and halves of characters, as JSON may have."""
    return name.encode("utf-8", "replace").decode().replace("\0", " ")


def _view(picture: Picture, x: float, y: float, color: str) -> bytes:
    """What is looked for, as a PNG. Raises InvalidInput where nothing can be seen there."""
    pixels = decode_jpeg(current_storage().grey(picture.id).read_bytes())
    scale = pixels.shape[1] / picture.width
    hint = Hint(
        min((x + 0.5) * scale, pixels.shape[1] - 1.0),
        min((y + 0.5) * scale, pixels.shape[0] - 1.0),
        color,
    )
    try:
        finder = ColorFinder(current_previewer().network())
        return encode_png(finder.save("", pixels, hint, picture.name).view)
    except ModelError:
        text = _("The model of this studio cannot find a place again in another picture.")
        raise InvalidInput(text) from None
    except InputError:
        raise InvalidInput(
            _(
                "Nothing can be seen around this place by which it could be found again. Choose "
                "one nearer to an edge or a texture."
            )
        ) from None


def delete_color(user: User, color_id: int) -> None:
    """Forget a colour, and where it was found; hints stay in their pictures. Raises NotFound."""
    color = _color(user, color_id)
    db.session.execute(delete(SavedColor).where(SavedColor.id == color.id))
    db.session.commit()


def list_proposals(user: User, picture_id: str | None = None) -> list[Proposal]:
    """What the user is asked about, in one picture or all, the surest first.

    Nothing is asked of a picture that keeps its own colours: by one hint it would lose all of them.
    """
    rows = _PLACES.where(SavedColor.user_id == user.id, ColorPlace.state == "proposed")
    rows = rows.order_by(ColorPlace.score.desc(), ColorPlace.id)
    if picture_id is not None:
        rows = rows.where(ColorPlace.picture_id == picture_id)
    found = [Proposal(*row) for row in db.session.execute(rows)]
    return [one for one in found if not Edit.from_picture(one.picture).leaves_colors]


def settle(user: User, place_id: int, *, accepted: bool, apply: bool) -> None:
    """Say whether a proposal is right. apply: it becomes a hint of its picture at once.

    Raises NotFound where it is none (any more), and as `edit_picture`.
    """
    found = next((p for p in list_proposals(user) if p.place.id == place_id), None)
    if found is None:
        raise NotFound(_("This is settled already."))
    picture_id, hints = found.picture.id, [*found.picture.hints, found.hint]
    if accepted and apply:
        edit_picture(user, picture_id, {"hints": hints})
    state = "accepted" if accepted else "refused"
    db.session.execute(update(ColorPlace).where(ColorPlace.id == place_id).values(state=state))
    db.session.commit()


def pictures_left(user: User) -> int:
    """In how many of the user's photographs the worker still has to look."""
    newest = select(func.max(SavedColor.id)).where(SavedColor.user_id == user.id).scalar_subquery()
    waiting = select(func.count()).select_from(Picture)
    waiting = waiting.where(Picture.user_id == user.id, Picture.kind == "photo")
    return int(db.session.scalar(waiting.where(Picture.colors_searched < newest)) or 0)


def color_cutout(user: User, color_id: int) -> bytes:
    """A JPEG of the place at which a colour was saved. Raises NotFound."""
    color = _color(user, color_id)
    center = ((color.x + 0.5) / color.width, (color.y + 0.5) / color.height)
    return cutout(decode_png(color.view), center, color.color)


def place_cutout(user: User, place_id: int) -> bytes:
    """A JPEG of a place where a colour was found. Raises NotFound."""
    query = _PLACES.where(SavedColor.user_id == user.id, ColorPlace.id == place_id)
    row = db.session.execute(query).first() if place_id <= MAX_ROW_ID else None
    if row is None:
        raise NotFound(_("There is no such place."))
    place, color, picture = row
    try:
        pixels = decode_jpeg(current_storage().grey(picture.id).read_bytes())
    except FileNotFoundError:
        raise NotFound(_("There is no such picture.")) from None
    center = ((place.x + 0.5) / picture.width, (place.y + 0.5) / picture.height)
    return cutout(np.asarray(pixels), center, color.color)


def _color(user: User, color_id: int) -> SavedColor:
    query = select(SavedColor).filter_by(id=color_id, user_id=user.id)
    color = db.session.scalar(query) if color_id <= MAX_ROW_ID else None
    if color is None:
        raise NotFound(_("There is no such saved colour."))
    return color
