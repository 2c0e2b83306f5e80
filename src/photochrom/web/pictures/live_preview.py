"""Colours at the size of a screen, at once: what a hint would do, and the variants to choose from.

The web process has a small copy of the picture and networks of its own for this: one for colours
alone, which costs a tenth less, and one that is loaded once somebody asks for suggestions, versions
or the colours of another picture. What is kept in the end is coloured by the worker from the
original.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from flask import Response, current_app
from numpy.typing import NDArray

from photochrom.engine import (
    Network,
    feature_extractor,
    load,
    load_with_features,
    local_model,
)
from photochrom.errors import ModelError
from photochrom.guided.areas import Area
from photochrom.guided.strokes import Stroke
from photochrom.guided.suggestions import Suggestion, suggest_colors
from photochrom.pipeline import kept_places
from photochrom.processors import limit_threads, share_size
from photochrom.variants import VARIANTS, uncertain_places
from photochrom.web.database import Picture, User
from photochrom.web.errors import InvalidInput, NotFound, TooMany
from photochrom.web.i18n import _
from photochrom.web.pictures.edit_colorizer import ColorizerCache, EditColorizer
from photochrom.web.pictures.edits import (
    VERSIONS,
    Edit,
    EditHint,
    parse_place,
    parse_tolerance,
)
from photochrom.web.pictures.library import get_photo
from photochrom.web.pictures.mending import mend
from photochrom.web.pictures.models import find_model
from photochrom.web.pictures.references import reference_file
from photochrom.web.pictures.thumbnails import THUMBNAIL_PX, decode_jpeg, encode_jpeg, shrink
from photochrom.web.settings import current_settings
from photochrom.web.storage import current_storage

PREVIEW_PIXELS: Final = 600_000
"""Size of a preview: enough for a phone, in less than half the time of the page's own picture."""
_MAX_COPIES: Final = 16
"""Small copies that are kept in memory, 2 MB each."""
_MAX_CONCURRENT: Final = 2
_MAX_OF_ONE_USER: Final = 3
"""Of what is computed or waits for it: a page asks for so much at once."""
_TURN_TIMEOUT_S: Final = 5.0
_EXTENSION: Final = "photochrom-previewer"
_SUGGESTIONS: Final = 4
"""At most, so that they are one row above the palette."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Copy:
    pixels: NDArray[np.uint8]
    """(h, w) where it is grey, or (h, w, 3), of the original as it is."""
    scale: float
    """From px of the original to px of the copy."""


class Previewer:
    """The network and the small copies of one web process."""

    def __init__(self) -> None:
        self._plain: EditColorizer | None = None
        """Of the studio's own model, without confidence or features."""
        self._whole: EditColorizer | None = None
        """Of the same model, with both; None: nobody has asked for them."""
        self._others = ColorizerCache()
        self._silent: set[str | None] = set()
        """The models, as they are chosen, that suggest no colours."""
        self._copies: OrderedDict[tuple[str, int, bool, bool], _Copy] = OrderedDict()
        self._lock = threading.Lock()
        self._load_locks = {name: threading.Lock() for name in ("plain", "whole")}
        self._turn = threading.Semaphore(_MAX_CONCURRENT)
        self._inside: Counter[int] = Counter()

    def warm(self) -> None:
        """Load the network and run it once: the first run takes several times as long."""
        self._load_plain().colorize(np.zeros((64, 64), np.uint8), Edit(), None)

    def colorize(self, picture: Picture, edit: Edit, longest: int) -> NDArray[np.uint8]:
        """The picture with a long side of at most ``longest`` px, in colours: (h, w, 3).

        Raises NotFound where it has gone meanwhile, InvalidInput as `reference_file` and for what
        the model cannot do, TooMany where others take all the time.
        """
        copy = self._load_copy(picture, longest, edit)
        h, w = copy.pixels.shape[:2]
        hints = tuple(_scaled_hint(hint, copy.scale, h, w) for hint in edit.hints)
        reference = None if edit.reference is None else reference_file(picture, edit.reference)
        edit = replace(edit, hints=hints)
        rgb, _signature = self.colorize_whole(copy.pixels, edit, reference, picture.user_id)
        return np.asarray(rgb, np.uint8)

    def colorize_whole(
        self,
        pixels: NDArray[Any],
        edit: Edit,
        reference: Path | None = None,
        user_id: int | None = None,
    ) -> tuple[NDArray[Any], str]:
        """These pixels, (h, w) or (h, w, 3), in colours, and the signature of the model.

        reference: the file that the edit's is in. user_id: who asks; None: nobody who is known.

        Raises InvalidInput for a model that is not offered and a version that it does not have,
        TooMany where others, or this user, take all the time.
        """
        is_plain = edit.variant == 0 and reference is None
        load_colorizer = self._load_plain if is_plain else self._load_whole
        colorizer = load_colorizer(edit.chosen_model)
        with self._a_turn(user_id):
            if VERSIONS[edit.variant].alternative is not None and not colorizer.has_alternatives:
                raise InvalidInput(_("The model of this studio has no such version."))
            try:
                rgb, _agreement = colorizer.colorize(pixels, edit, reference)
            except ModelError as error:
                if reference is None:
                    raise
                _log.warning("no colours of references: %s", error)
                text = _("The model of this studio takes no colours from other pictures.")
                raise InvalidInput(text) from None
            return rgb, colorizer.network.identity.signature

    def suggest(
        self, picture: Picture, x: float, y: float, edit: Edit, longest: int
    ) -> list[Suggestion]:
        """Likely colours of a place, px of the original; none of a model that has no colour bins.

        They are as vivid as the model means them, since what is chosen of them stays so.
        Raises NotFound where the picture has gone meanwhile, TooMany where others take all the
        time.
        """
        if picture.chosen_model in self._silent:
            return []
        copy = self._load_copy(picture, longest, picture)
        h, w = copy.pixels.shape[:2]
        known = [_scaled_hint(hint, copy.scale, h, w) for hint in edit.hints]
        place = _scaled_place(x, y, copy.scale, h, w)
        with self._a_turn(picture.user_id):
            try:
                extractor = feature_extractor(self._load_whole(picture.chosen_model).network)
                return suggest_colors(
                    copy.pixels,
                    *place,
                    extractor,
                    count=_SUGGESTIONS,
                    hints=known,
                    size=edit.working_size,
                    keep=kept_places(copy.pixels) if edit.keeps_places else None,
                )
            except ModelError as error:
                _log.warning("no colours are suggested: %s", error)
                self._silent.add(picture.chosen_model)
                return []

    def outlines(
        self, picture: Picture, x: float, y: float, tolerance: float, longest: int
    ) -> tuple[list[NDArray[np.float64]], float]:
        """The edges of what a place is part of, as `AreaPlace.outlines` has them, px of the
        original, and its share of the picture.

        Raises NotFound where the picture has gone meanwhile, TooMany where others take all the
        time.
        """
        copy = self._load_copy(picture, longest, picture)
        place = _scaled_place(x, y, copy.scale, *copy.pixels.shape[:2])
        with self._a_turn(picture.user_id):
            area = Area(*place, (0, 0, 0), tolerance).on_picture(copy.pixels)
            rings = [(ring + 0.5) / copy.scale - 0.5 for ring in area.outlines]
            return rings, float(area.inside.mean())

    def uncertain_places(
        self, picture: Picture, edit: Edit, longest: int
    ) -> list[tuple[float, float]]:
        """Where the network is least sure, as `uncertain_places` has it, px of the original.

        Raises NotFound where the picture has gone meanwhile, TooMany where others take all the
        time.
        """
        copy = self._load_copy(picture, longest, edit)
        h, w = copy.pixels.shape[:2]
        hints = [_scaled_hint(hint, copy.scale, h, w) for hint in edit.hints]
        network = self._load_whole(edit.chosen_model).network
        with self._a_turn(picture.user_id):
            found = uncertain_places(copy.pixels, network, edit.size or "auto", hints)
        return [
            _scaled_place(x, y, 1 / copy.scale, picture.height, picture.width) for x, y in found
        ]

    def network(self) -> Network:
        """The model, with its features."""
        return self._load_whole().network

    def has_alternatives(self, chosen_model: str | None) -> bool:
        """Whether the model of a picture tells what else that may be."""
        colorizer = self._load_whole(chosen_model)
        with self._a_turn():
            return colorizer.has_alternatives

    @contextlib.contextmanager
    def _a_turn(self, user_id: int | None = None) -> Iterator[None]:
        """The right to compute. Raises TooMany where others, or this user, take all the time."""
        busy = TooMany(_("The studio is busy. Try again in a moment."), 2)
        with self._count(user_id, busy):
            if not self._turn.acquire(timeout=_TURN_TIMEOUT_S):
                raise busy
            try:
                with limit_threads(share_size(_MAX_CONCURRENT)):
                    yield
            finally:
                self._turn.release()

    @contextlib.contextmanager
    def _count(self, user_id: int | None, busy: TooMany) -> Iterator[None]:
        """One more request of a user, of which there are few at once."""
        if user_id is None:
            yield
            return
        with self._lock:
            if self._inside[user_id] >= _MAX_OF_ONE_USER:
                raise busy
            self._inside[user_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside[user_id] -= 1
                self._inside += Counter()  # which forgets those with none

    def _load_plain(self, chosen_model: str | None = None) -> EditColorizer:
        """What colours, without confidence or features where the model is the studio's own.

        chosen_model: as of `Picture`. Raises InvalidInput for one that is not offered.
        """
        settings, model = current_settings(), _find_model(chosen_model)
        if model != settings.model:
            return self._others.get(model, settings.device)
        with self._load_locks["plain"]:
            if self._plain is None:
                network = load(
                    local_model(model),
                    device=settings.device,
                    callers=_MAX_CONCURRENT,
                    confidence="none",
                )
                self._plain = EditColorizer(network)
            return self._plain

    def _load_whole(self, chosen_model: str | None = None) -> EditColorizer:
        """What colours with all that the model knows; as for `_load_plain`."""
        settings, model = current_settings(), _find_model(chosen_model)
        if model != settings.model:
            return self._others.get(model, settings.device)
        with self._load_locks["whole"]:
            if self._whole is None:
                network = load_with_features(
                    local_model(model), device=settings.device, callers=_MAX_CONCURRENT
                )
                self._whole = EditColorizer(network)
            return self._whole

    def _load_copy(self, picture: Picture, longest: int, source: Edit | Picture) -> _Copy:
        """A small copy of a picture, or of what is left of it without its damage.

        source: says which of them, and whether a person sees scratches in it.
        """
        mended, scratched = source.restore, source.restore and source.scratched
        key = (picture.id, longest, mended, scratched)
        with self._lock:
            if key in self._copies:
                self._copies.move_to_end(key)
                return self._copies[key]
        try:
            screen = _screen_copy(picture.id, mended=mended, scratched=scratched)
        except FileNotFoundError:
            raise NotFound(_("There is no such picture.")) from None
        pixels = np.asarray(shrink(screen, longest), np.uint8)
        if (pixels == pixels[..., :1]).all():
            pixels = np.ascontiguousarray(pixels[..., 0])  # a third less to compute
        copy = _Copy(pixels, pixels.shape[1] / picture.width)
        with self._lock:
            self._copies[key] = copy
            while len(self._copies) > _MAX_COPIES:
                self._copies.popitem(last=False)
        return copy


def _find_model(chosen_model: str | None) -> str:
    """The model of a picture, as `load` takes it. Raises InvalidInput for one that is not
    offered.
    """
    return current_settings().model if chosen_model is None else find_model(chosen_model)


def _screen_copy(picture_id: str, *, mended: bool, scratched: bool) -> NDArray[np.uint8]:
    """The original at the size of a screen: mended at its own size, once the worker has done so,
    and else at this one. scratched: as for `mend`. Raises FileNotFoundError.
    """
    storage = current_storage()
    if mended and (path := storage.mended_copy(picture_id, scratched=scratched)).is_file():
        return decode_jpeg(path.read_bytes())
    screen = decode_jpeg(storage.grey(picture_id).read_bytes())
    return np.asarray(mend(screen, scratched=scratched).pixels, np.uint8) if mended else screen


def current_previewer() -> Previewer:
    """That of the app that is answering."""
    previewer: Previewer = current_app.extensions.setdefault(_EXTENSION, Previewer())
    return previewer


def preview_edit(user: User, picture_id: str, changes: Mapping[str, object]) -> bytes:
    """What the picture would look like: a JPEG of about `PREVIEW_PIXELS`; nothing is kept.

    changes: as for `Edit.from_picture`. Raises NotFound, InvalidInput, TooMany.
    """
    picture = get_photo(user, picture_id)
    edit = Edit.from_picture(picture, **changes)
    return encode_jpeg(current_previewer().colorize(picture, edit, _preview_side(picture)))


def suggest_for_place(
    user: User, picture_id: str, place: object, hints: object
) -> list[Suggestion]:
    """Likely colours of a place, likeliest first; none of a model that cannot tell.

    place: [x, y], px of the upright original. hints: what is known, as for `Edit.parse`; None: what
    is kept with the picture. Raises NotFound, InvalidInput, TooMany.
    """
    picture = get_photo(user, picture_id)
    x, y = parse_place(place, picture.height, picture.width)
    edit = Edit.from_picture(picture, **({} if hints is None else {"hints": hints}))
    return current_previewer().suggest(picture, x, y, edit, _preview_side(picture))


def find_outlines(
    user: User, picture_id: str, place: object, tolerance: object
) -> tuple[list[list[list[float]]], float]:
    """The edges of the area around a place: rings of x and y, px of the upright original; and its
    share of the picture, [0, 1].

    place, tolerance: as for `Edit.parse`. Raises NotFound, InvalidInput, TooMany.
    """
    picture = get_photo(user, picture_id)
    x, y = parse_place(place, picture.height, picture.width)
    rings, share = current_previewer().outlines(
        picture, x, y, parse_tolerance(tolerance), _preview_side(picture)
    )
    return [np.round(ring, 1).tolist() for ring in rings], share


def find_uncertain_places(
    user: User, picture_id: str, changes: Mapping[str, object]
) -> list[tuple[float, float]]:
    """Where a hint would help most, most of all first: x and y, px of the upright original.

    changes: as for `Edit.from_picture`. Raises NotFound, InvalidInput, TooMany.
    """
    picture = get_photo(user, picture_id)
    edit = Edit.from_picture(picture, **changes)
    return current_previewer().uncertain_places(picture, edit, _preview_side(picture))


def offered_versions(user: User, picture_id: str) -> tuple[Picture, list[int]]:
    """The picture, and which of `VERSIONS` it can have, the likeliest first.

    The model's alternatives, or where it has none, the other variants; and what the picture has.
    Raises NotFound, InvalidInput for a film, TooMany.
    """
    picture = get_photo(user, picture_id)
    offered = list(range(len(VARIANTS)))
    if current_previewer().has_alternatives(picture.chosen_model):
        offered = [0, *range(len(VARIANTS), len(VERSIONS))]
    return picture, offered if picture.variant in offered else [*offered, picture.variant]


def preview_variant(user: User, picture_id: str, number: int) -> bytes:
    """A version of the picture as it is corrected so far: a small JPEG.

    Raises NotFound, InvalidInput for a film, TooMany.
    """
    picture = get_photo(user, picture_id)
    if not 0 <= number < len(VERSIONS):
        raise NotFound(_("There is no such version."))
    edit = Edit.from_picture(picture, variant=number)
    return encode_jpeg(current_previewer().colorize(picture, edit, THUMBNAIL_PX))


def preview_response(data: bytes) -> Response:
    """A picture made for this request alone."""
    response = Response(data, mimetype="image/jpeg")
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _preview_side(picture: Picture) -> int:
    """The long side of a preview, px."""
    aspect = max(picture.width, picture.height) / min(picture.width, picture.height)
    return round(math.sqrt(PREVIEW_PIXELS * aspect))


def _scaled_hint(hint: EditHint, scale: float, height: int, width: int) -> EditHint:
    """A hint in a copy of ``height`` x ``width`` px, at the centre of the same place."""
    if isinstance(hint, Stroke):
        points = [_scaled_place(x, y, scale, height, width) for x, y in hint.points]
        return replace(hint, points=points, width=hint.width * scale)
    x, y = _scaled_place(hint.x, hint.y, scale, height, width)
    if isinstance(hint, Area):
        return replace(hint, x=x, y=y)
    return replace(hint, x=x, y=y, radius=hint.radius * scale)


def _scaled_place(x: float, y: float, scale: float, height: int, width: int) -> tuple[float, float]:
    left, top = (x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5
    return max(0.0, min(left, width - 1.0)), max(0.0, min(top, height - 1.0))
