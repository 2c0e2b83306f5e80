"""What a person asks of a picture: hints, variant, strength and detail of its colours."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, TypeAlias, TypeGuard

from numpy.typing import NDArray
from sqlalchemy import update

from photochrom.engine import Network
from photochrom.guided.areas import Area
from photochrom.guided.strokes import Stroke
from photochrom.hints import Hint
from photochrom.pipeline import (
    DEFAULT_VIVIDNESS,
    MAX_SHIFT,
    NO_SHIFT,
    Guide,
    Size,
    WhiteBalance,
    kept_places,
)
from photochrom.variants import ALTERNATIVES, MAX_SIZE_PX, VARIANTS, colorize_variant
from photochrom.web import jobs
from photochrom.web.database import Picture, User, db
from photochrom.web.errors import Conflict, InvalidInput
from photochrom.web.i18n import _
from photochrom.web.pictures.history import finished_result, keep_result
from photochrom.web.pictures.library import get_picture
from photochrom.web.pictures.models import check_choice
from photochrom.web.pictures.references import keep_reference, reference_file
from photochrom.web.pictures.space import EDIT_RESERVE_MB, estimate_edit_bytes, require_space
from photochrom.web.storage import PICTURE_ID, current_storage

MIN_SIZE_PX: Final = 32
"""The least render factor that is taken; the largest is `MAX_SIZE_PX`, as a larger one would hold
up everybody and take more memory than there may be."""
MAX_VIVIDNESS: Final = 3.0
MAX_HINTS: Final = 200
"""Points, strokes and areas together."""
MAX_AREAS: Final = 20
"""Of a picture: each is found anew whenever it is coloured."""
MAX_TOLERANCE: Final = 100.0
"""Of an area, units of L*."""
MAX_STROKE_POINTS: Final = 5000
"""Of all strokes of a picture together."""
MAX_STROKE_WIDTH: Final = 0.1
"""As a share of the picture's longer side."""
MAX_STROKE_LENGTH: Final = 60
"""Of all strokes of a picture together, in longer sides of it: painting them takes as long as they
are."""

MAX_MODEL_NAME: Final = 100
"""Of the model that is chosen, characters."""
ALTERNATIVE_COUNT: Final = 5
"""Versions of a picture by the model's own distribution, the first of them its own answer."""
VERSIONS: Final = (*VARIANTS, *ALTERNATIVES[1:ALTERNATIVE_COUNT])
"""What a picture's row may name. Rows hold the place here: add new ones at the end."""

EditHint: TypeAlias = "Hint | Stroke | Area"
"""What a person says of a picture's colours in the studio."""

_COLOR: Final = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Edit:
    """What is asked of a picture. `Edit.parse` and `Edit.from_picture` check it."""

    size: int | None = None
    """Render factor: the short side that the network sees, px; None: the model's own."""
    vividness: float = DEFAULT_VIVIDNESS
    hints: tuple[EditHint, ...] = ()
    variant: int = 0
    """Its place in `VERSIONS`."""
    keep_colors: bool = True
    """Whether the original's own colours are kept."""
    own_colors: str | None = None
    """Which it has: as `Picture.own_colors`."""
    white_balance: WhiteBalance = NO_SHIFT
    reference: str | None = None
    """Identifier of the picture that gives colours."""
    restore: bool = False
    """Whether damage is mended before (`photochrom.web.pictures.mending`)."""
    scratched: bool = False
    """Whether a person sees scratches or specks in it. Matters only where damage is mended."""
    chosen_model: str | None = None
    """The name of the model; None: the one that the studio chooses."""

    @property
    def leaves_colors(self) -> bool:
        """Whether nothing is coloured: of a picture in colour, no others have been asked for."""
        rest = replace(self, own_colors=None, restore=False, scratched=False, chosen_model=None)
        return self.own_colors == "all" and rest == Edit()

    @property
    def working_size(self) -> Size:
        """As `photochrom.pipeline.colorize` takes it."""
        return "auto" if self.size is None else self.size

    @property
    def keeps_places(self) -> bool:
        """Whether coloured places of the original keep their colours."""
        return self.keep_colors and self.own_colors == "places"

    @classmethod
    def parse(
        cls,
        height: int,
        width: int,
        *,
        hints: object = (),
        size: object = None,
        vividness: object = DEFAULT_VIVIDNESS,
        variant: object = 0,
        keep_colors: object = True,
        temperature: object = 0.0,
        tint: object = 0.0,
        neutral: object = 0.0,
        reference: object = None,
        restore: object = False,
        scratched: object = False,
        chosen_model: object = None,
        own_colors: str | None = None,
    ) -> Edit:
        """The edit that a browser or program sends for a picture of this size.

        hints: of points [x, y, "#rrggbb"], strokes {"points": [[x, y], …], "color": "#rrggbb",
        "width": 12} and areas {"area": [x, y], "color": "#rrggbb", "tolerance": 12}, in px of the
        upright original. own_colors: as `Picture.own_colors`, which nobody sends.
        Raises InvalidInput for what makes no sense, naming it.
        """
        if not isinstance(keep_colors, bool):
            raise InvalidInput(_("Whether colours are kept is true or false."))
        if not isinstance(restore, bool):
            raise InvalidInput(_("Whether damage is mended is true or false."))
        if not isinstance(scratched, bool):
            raise InvalidInput(_("Whether there are scratches or specks is true or false."))
        return cls(
            _parse_size(size),
            _parse_vividness(vividness),
            _parse_hints(hints, height, width),
            _parse_variant(variant),
            keep_colors,
            own_colors,
            WhiteBalance(
                _parse_shift(temperature, _("temperature")),
                _parse_shift(tint, _("tint")),
                _parse_neutral(neutral),
            ),
            _parse_reference(reference),
            restore,
            scratched,
            _parse_model(chosen_model),
        )

    @classmethod
    def from_picture(cls, picture: Picture, **changes: object) -> Edit:
        """The edit that a picture has, but for some changes, named as its columns are.

        Raises InvalidInput for changes that make no sense.
        """
        values = {
            "hints": picture.hints,
            "size": picture.size,
            "vividness": picture.vividness,
            "variant": picture.variant,
            "keep_colors": picture.keep_colors,
            "temperature": picture.temperature,
            "tint": picture.tint,
            "neutral": picture.neutral,
            "reference": picture.reference,
            "restore": picture.restore,
            "scratched": picture.scratched,
            "chosen_model": picture.chosen_model,
            **changes,
        }
        return cls.parse(picture.height, picture.width, own_colors=picture.own_colors, **values)

    def columns(self) -> dict[str, Any]:
        """The values of a picture's row."""
        return {
            "hints": [_hint_value(hint) for hint in self.hints],
            "size": self.size,
            "vividness": self.vividness,
            "variant": self.variant,
            "keep_colors": self.keep_colors,
            "temperature": self.white_balance.temperature,
            "tint": self.white_balance.tint,
            "neutral": self.white_balance.neutral,
            "reference": self.reference,
            "restore": self.restore,
            "scratched": self.scratched,
            "chosen_model": self.chosen_model,
        }

    def colorize(
        self, rgb: NDArray[Any], network: Network, guide: Guide | None = None
    ) -> NDArray[Any]:
        """A picture, (H, W) or (H, W, 3), in the colours asked for: (H, W, 3) of its dtype.

        guide: the colours of what `photochrom.web.pictures.edit_colorizer` has beside the network.
        """
        if self.leaves_colors and rgb.ndim == 3:
            return rgb
        return colorize_variant(
            rgb,
            VERSIONS[self.variant],
            network,
            size=self.working_size,
            vividness=self.vividness,
            hints=self.hints,
            keep=kept_places(rgb) if self.keeps_places else None,
            white_balance=self.white_balance,
            guide=guide,
        )


def edit_picture(
    user: User,
    picture_id: str,
    changes: Mapping[str, object],
    *,
    expected_revision: object = None,
) -> Picture:
    """Ask for other colours; the picture is coloured anew as its next revision.

    The result that it has is kept as one to go back to.

    changes: as for `Edit.from_picture`; what is not named stays as it is.
    expected_revision: the revision that the person saw; None: whatever it is.
    Raises NotFound, InvalidInput, Conflict where the picture has changed since it was seen, and as
    `require_space`: the next result takes space beside the one that there is.
    """
    picture = get_picture(user, picture_id)
    if expected_revision is not None and expected_revision != picture.revision:
        raise Conflict(_("This picture was changed elsewhere. Load the page again."))
    edit = Edit.from_picture(picture, **changes)
    if picture.kind == "film" and (edit.hints or edit.variant):
        raise InvalidInput(_("Films take neither hints nor versions."))
    if picture.kind == "film" and edit.reference is not None:
        raise InvalidInput(_("Films take no colours from pictures."))
    if picture.kind == "film" and edit.scratched:
        raise InvalidInput(_("Only photographs can be said to have scratches or specks."))
    if "chosen_model" in changes:
        check_choice(edit.chosen_model, picture.kind)
    reference = None if edit.reference is None else reference_file(picture, edit.reference)
    past = finished_result(picture, Edit.from_picture(picture).columns())
    revision = picture.revision
    reserved_bytes = _next_result_bytes(picture)
    if reference is not None:
        reserved_bytes += reference.stat().st_size
    require_space(user, reserved_bytes - picture.reserved_bytes, reserve_mb=EDIT_RESERVE_MB)
    if reference is not None and edit.reference is not None:
        keep_reference(picture_id, edit.reference, reference)
    db.session.rollback()
    row = db.session.execute(
        update(Picture)
        .where(Picture.id == picture_id, Picture.user_id == user.id, Picture.revision == revision)
        .values(
            **edit.columns(),
            revision=revision + 1,
            reference_agreement=None,
            restored=None,
            reserved_bytes=reserved_bytes,
            state="waiting",
            problem=None,
            progress=0.0,
            attempts=0,
            claimed_by=None,
        )
        .returning(Picture.id)
        .execution_options(synchronize_session=False)
    ).first()
    if row is not None and past is not None:
        keep_result(past)
    db.session.commit()
    if row is None:
        raise Conflict(_("This picture was changed elsewhere. Load the page again."))
    picture = get_picture(user, picture_id)
    jobs.enqueue(jobs.make_job(picture))
    return picture


def resume_picture(user: User, picture_id: str) -> None:
    """Colour what was stopped or failed; a film goes on where it was.

    Raises NotFound, Conflict where it is neither, and as `require_space`: its result takes space.
    """
    picture = get_picture(user, picture_id)
    reserved_bytes = _next_result_bytes(picture)
    if picture.state == "failed":
        more_bytes = reserved_bytes - picture.reserved_bytes
        require_space(user, more_bytes, reserve_mb=EDIT_RESERVE_MB)
    if not jobs.resume(picture_id, reserved_bytes):
        raise Conflict(_("It is not stopped."))
    jobs.enqueue(jobs.make_job(get_picture(user, picture_id)))


def _next_result_bytes(picture: Picture) -> int:
    """What the next result of a picture will take, about."""
    files = current_storage()
    return estimate_edit_bytes(
        files.original(picture.id, picture.media_type),
        files.result(picture.id, picture.done_revision),
        picture.kind,
        picture.media_type,
    )


def _parse_size(value: object) -> int | None:
    if value is None:
        return None
    if not _is_whole(value, MIN_SIZE_PX, MAX_SIZE_PX):
        raise InvalidInput(
            _("The render factor must be a whole number from {least} to {most}, or none.").format(
                least=MIN_SIZE_PX, most=MAX_SIZE_PX
            )
        )
    return value


def _parse_vividness(value: object) -> float:
    number = _finite_number(value)
    if number is None or not 0.0 <= number <= MAX_VIVIDNESS:
        raise InvalidInput(_("The vividness must be from 0 to {most}.").format(most=MAX_VIVIDNESS))
    return number


def _parse_shift(value: object, name: str) -> float:
    number = _finite_number(value)
    if number is None or abs(number) > MAX_SHIFT:
        raise InvalidInput(
            _("The {name} must be from -{most} to {most}.").format(name=name, most=f"{MAX_SHIFT:g}")
        )
    return number


def _parse_neutral(value: object) -> float:
    number = _finite_number(value)
    if number is None or not 0.0 <= number <= 1.0:
        raise InvalidInput(_("The share of the cast to remove must be from 0 to 1."))
    return number


def _parse_reference(value: object) -> str | None:
    if value is not None and not (isinstance(value, str) and PICTURE_ID.fullmatch(value)):
        raise InvalidInput(_("A reference is the identifier of a picture, or none."))
    return value


def _parse_model(value: object) -> str | None:
    if value is not None and not (isinstance(value, str) and 0 < len(value) <= MAX_MODEL_NAME):
        raise InvalidInput(_("A model is chosen by its name, or none is."))
    return value


def _parse_variant(value: object) -> int:
    if not _is_whole(value, 0, len(VERSIONS) - 1):
        raise InvalidInput(_("There are versions 0 to {last}.").format(last=len(VERSIONS) - 1))
    return value


def _parse_hints(values: object, height: int, width: int) -> tuple[EditHint, ...]:
    if not _is_list(values) or len(values) > MAX_HINTS:
        raise InvalidInput(
            _("Hints are a list of at most {most} points, strokes and areas.").format(
                most=MAX_HINTS
            )
        )
    tables = [value for value in values if isinstance(value, Mapping)]
    if sum("area" in value for value in tables) > MAX_AREAS:
        raise InvalidInput(_("A picture has at most {most} areas.").format(most=MAX_AREAS))
    points = sum(len(_stroke_points(value)) for value in tables if "area" not in value)
    if points > MAX_STROKE_POINTS:
        raise InvalidInput(
            _("The strokes of a picture have at most {most} points; these have {count}.").format(
                most=MAX_STROKE_POINTS, count=points
            )
        )
    hints = tuple(_parse_hint(value, height, width) for value in values)
    length = sum(_length(hint) for hint in hints if isinstance(hint, Stroke))
    if length > MAX_STROKE_LENGTH * max(height, width):
        raise InvalidInput(
            _("All strokes together are at most {most} pixels long; these are {length}.").format(
                most=MAX_STROKE_LENGTH * max(height, width), length=math.ceil(length)
            )
        )
    return hints


def _parse_hint(value: object, height: int, width: int) -> EditHint:
    if isinstance(value, Mapping):
        parse = _parse_area if "area" in value else _parse_stroke
        return parse(value, height, width)
    if not _is_list(value) or len(value) != 3:
        raise InvalidInput(
            _("A hint is x, y and a colour such as #c1272d, a stroke with points, or an area.")
        )
    x, y = parse_place(value[:2], height, width)
    return Hint(x, y, parse_color(value[2]))


def _parse_stroke(value: Mapping[object, object], height: int, width: int) -> Stroke:
    if set(value) != {"points", "color", "width"}:
        raise InvalidInput(_("A stroke has points, color and width."))
    most = MAX_STROKE_WIDTH * max(height, width)
    thickness = _finite_number(value["width"])
    if thickness is None or not 0 < thickness <= most:
        raise InvalidInput(
            _("The width of a stroke must be above 0 and at most {most} pixels.").format(
                most=f"{most:g}"
            )
        )
    places = [parse_place(point, height, width) for point in _stroke_points(value)]
    return Stroke(places, parse_color(value["color"]), thickness)


def _parse_area(value: Mapping[object, object], height: int, width: int) -> Area:
    if set(value) != {"area", "color", "tolerance"}:
        raise InvalidInput(_("An area has a place as its area, color and tolerance."))
    x, y = parse_place(value["area"], height, width)
    return Area(x, y, parse_color(value["color"]), parse_tolerance(value["tolerance"]))


def parse_tolerance(value: object) -> float:
    """The tolerance of an area, units of L*. Raises InvalidInput."""
    number = _finite_number(value)
    if number is None or not 0.0 < number <= MAX_TOLERANCE:
        raise InvalidInput(
            _("The tolerance of an area must be above 0 and at most {most}.").format(
                most=f"{MAX_TOLERANCE:g}"
            )
        )
    return number


def _stroke_points(stroke: Mapping[object, object]) -> Sequence[object]:
    """The places of a stroke as they were sent, at least one."""
    points = stroke.get("points")
    if not _is_list(points) or not points:
        raise InvalidInput(_("The points of a stroke are a list of x and y, at least one."))
    return points


def parse_place(value: object, height: int, width: int) -> tuple[float, float]:
    """x and y of a place, px of the upright original. Raises InvalidInput."""
    if not _is_list(value) or len(value) != 2:
        raise InvalidInput(_("A place is x and y."))
    x, y = _finite_number(value[0]), _finite_number(value[1])
    if x is None or y is None or not (0 <= x <= width - 1 and 0 <= y <= height - 1):
        raise InvalidInput(
            _("A hint lies outside of the picture, which has {width} × {height} pixels.").format(
                width=width, height=height
            )
        )
    return x, y


def parse_color(value: object) -> str:
    """A colour such as "#c1272d". Raises InvalidInput."""
    if not isinstance(value, str) or not _COLOR.fullmatch(value):
        raise InvalidInput(_("The colour of a hint is written like #c1272d."))
    return value


def _hint_value(hint: EditHint) -> list[Any] | dict[str, Any]:
    """A hint as `Edit.parse` takes it."""
    color = "#{:02x}{:02x}{:02x}".format(*hint.rgb)
    if isinstance(hint, Stroke):
        return {"points": [[x, y] for x, y in hint.points], "color": color, "width": hint.width}
    if isinstance(hint, Area):
        return {"area": [hint.x, hint.y], "color": color, "tolerance": hint.tolerance}
    return [hint.x, hint.y, color]


def _length(stroke: Stroke) -> float:
    """Of the line, px."""
    return sum(math.dist(start, end) for start, end in pairwise(stroke.points))


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_whole(value: object, least: int, most: int) -> TypeGuard[int]:
    """Whether it is a whole number in a range; a truth value is none."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _finite_number(value: object) -> float | None:
    """A number as it came; None for others; a truth value is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
