"""The worker's search for saved colours: one photograph at a time, while nothing else waits."""

from __future__ import annotations

import contextlib
import logging
from typing import Final

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from photochrom.engine import Network
from photochrom.errors import ModelError, PhotochromError
from photochrom.guided import saved_colors
from photochrom.guided.saved_colors import ColorFinder
from photochrom.hints import parse_color
from photochrom.web.database import ColorPlace, Picture, SavedColor, db
from photochrom.web.pictures.thumbnails import decode_jpeg, decode_png
from photochrom.web.storage import Storage

_KEPT_VIEWS: Final = 16
"""Photographs of saved colours whose features are kept for the next photograph, 2 MB each."""

_log = logging.getLogger(__name__)


class ColorSearch:
    """Looks through the photographs of users who have saved colours."""

    def __init__(self, network: Network, storage: Storage) -> None:
        self._network, self._storage = network, storage
        self._finder: ColorFinder | None = None
        self._finds = True
        self._views: set[str] = set()

    def search_one(self) -> bool:
        """Look for the colours that are new to one photograph; False where none waits for it."""
        if not self._finds:
            return False
        newest = func.max(SavedColor.id).label("newest")
        users = select(SavedColor.user_id, newest).group_by(SavedColor.user_id).subquery()
        waiting = select(Picture, users.c.newest).join(users, users.c.user_id == Picture.user_id)
        waiting = waiting.where(Picture.kind == "photo", Picture.colors_searched < users.c.newest)
        row = db.session.execute(waiting.order_by(Picture.created_at.desc()).limit(1)).first()
        if row is None:
            db.session.rollback()
            return False
        picture, newest_id = row
        new = select(SavedColor).where(
            SavedColor.user_id == picture.user_id,
            SavedColor.id > picture.colors_searched,
            SavedColor.id <= newest_id,
        )
        picture_id, width, height = picture.id, picture.width, picture.height
        try:
            rows = [row for row in db.session.scalars(new) if row.picture_id != picture_id]
            wanted = [_saved_color(row) for row in rows]
            db.session.rollback()
            places = self._find(picture_id, width, height, wanted) if wanted else []
        except ModelError as error:
            _log.warning("saved colours are not looked for: %s", error)
            self._finds = False
            return False
        except (PhotochromError, OSError) as error:  # it is not tried for ever
            _log.warning("picture %s: no colours (%s)", picture_id, type(error).__name__)
            places = []
        self._write(picture_id, newest_id, places)
        return True

    def _find(
        self, picture_id: str, width: int, height: int, wanted: list[saved_colors.SavedColor]
    ) -> list[dict[str, object]]:
        """Rows of `ColorPlace`."""
        self._views |= {color.photo for color in wanted}
        if self._finder is None or len(self._views) > _KEPT_VIEWS:
            self._finder = ColorFinder(self._network)
            self._views = {color.photo for color in wanted}
        pixels = decode_jpeg(self._storage.grey(picture_id).read_bytes())
        scale = width / pixels.shape[1]
        return [
            {
                "color_id": int(found.name),
                "picture_id": picture_id,
                "x": min(max(round((found.x + 0.5) * scale - 0.5), 0), width - 1),
                "y": min(max(round((found.y + 0.5) * scale - 0.5), 0), height - 1),
                "score": found.score,
            }
            for found in self._finder.find(pixels, wanted)
        ]

    def _write(self, picture_id: str, newest_id: int, places: list[dict[str, object]]) -> None:
        """Places and that they were looked for, or nothing where what they are of has gone."""
        db.session.rollback()
        done = update(Picture).where(Picture.id == picture_id).values(colors_searched=newest_id)
        for place in places:
            with contextlib.suppress(IntegrityError), db.session.begin_nested():
                # Unless the colour or the picture was deleted meanwhile.
                db.session.execute(insert(ColorPlace).values(**place))
        db.session.execute(done.execution_options(synchronize_session=False))
        db.session.commit()


def _saved_color(row: SavedColor) -> saved_colors.SavedColor:
    """A row as it is looked for. One view is known by its photograph, as long as that is there."""
    photo = row.picture_id or f"color {row.id}"
    view = decode_png(row.view)
    return saved_colors.SavedColor(
        str(row.id), parse_color(row.color), photo, row.x, row.y, (row.width, row.height), view
    )
