"""Colouring pictures of any kind: `colorize`, and `Colorizer` for many of them."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from photochrom import pipeline
from photochrom.api.kinds import to_picture, unpack
from photochrom.api.paths import Paths, each_path
from photochrom.color.look import DEFAULT_STRENGTH, Match
from photochrom.color.smoothing import Smoothing, check_smoothing
from photochrom.color.tone import ToneJudgement
from photochrom.engine import DEFAULT_MODEL, ModelCard, Network, load
from photochrom.errors import InputError, PhotochromError
from photochrom.guided.alternatives import AlternativeMaker
from photochrom.guided.look_files import album_look
from photochrom.guided.notes import clip_notes, spread_notes
from photochrom.guided.reference import Reference, ReferenceMatcher
from photochrom.guided.strokes import Strokes, read_strokes
from photochrom.guided.suggestions import DEFAULT_COUNT, Suggestion, suggest_colors
from photochrom.hints import ColorHint, check_hints
from photochrom.imageio import Picture, Source, eight_bit_rgb, with_one_channel
from photochrom.pipeline import (
    DEFAULT_VIVIDNESS,
    NO_SHIFT,
    ColorPrediction,
    Guide,
    NetworkSettings,
    Size,
    Spread,
    WhiteBalance,
)

if TYPE_CHECKING:
    from PIL import Image

    from photochrom.api.kinds import Tensor

_Code = TypeVar("_Code", bound=np.generic)
_Source = TypeVar("_Source", bound="Source | Picture")
_Tensor = TypeVar("_Tensor", bound="Tensor")
_Own = TypeVar("_Own", bound="Image.Image | NDArray[Any] | Tensor")

References: TypeAlias = "_AnyPicture | list[_AnyPicture] | tuple[_AnyPicture, ...]"
"""Pictures in colours, which give theirs to what shows the same."""
_AnyPicture: TypeAlias = "Source | Picture | Image.Image | NDArray[Any] | Tensor"

_State: TypeAlias = "tuple[NetworkSettings, bool, WhiteBalance, Smoothing, Match | None]"


class Colorizer:
    """A model that is ready to colour: a session for many pictures.

    It can be shared between threads, and pickled: a worker process loads the model for itself.

    Examples:
        >>> color = Colorizer("photochrom-faces", vividness=1.2)
        >>> color("scan.tif").save("scan.color.tif")
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = DEFAULT_MODEL,
        *,
        device: str = "auto",
        threads: int | None = None,
        size: Size = "auto",
        vividness: float = DEFAULT_VIVIDNESS,
        keep_colors: bool = True,
        white_balance: WhiteBalance = NO_SHIFT,
        smooth: Smoothing = "none",
        match: Paths = (),
        match_strength: float = DEFAULT_STRENGTH,
    ) -> None:
        """Load a model.

        Args:
            model: A shipped name (see `models`), the path of an `.onnx` file, or an address with
                its checksum: `https://host/file.onnx#sha256=...`, `hf:owner/repo/file.onnx#...`.
            device: Where it runs: "auto", "cpu", "cuda", "coreml", "directml" or "openvino".
            threads: Of the processor; None lets the engine choose.
            size: Working size of the network, px of the short side, or "auto": the one that the
                model likes best.
            vividness: Factor on the colours: 0 is grey, 1 as the model means it.
            keep_colors: Coloured places of otherwise grey pictures keep their colours.
            white_balance: Shift of all colours: warmer, cooler, without a cast.
            smooth: As for `colorize`.
            match: A picture in colours, a folder of them, or several of both, whose common cast and
                vividness all pictures get that are coloured.
            match_strength: Which share of the way to that look, from 0 to 1.

        Raises:
            ModelError: The model is unknown or damaged, or the device is not available.
            InputError: There is no such way to smooth; what is to be matched has no colours.
            MissingDependencyError: The extra of that way is not installed.
        """
        place = model if isinstance(model, str) else Path(model)
        self._settings = NetworkSettings(place, device, threads, size, vividness)
        self._keep_colors = keep_colors
        self._white_balance = white_balance
        check_smoothing(smooth)
        self._smooth = smooth
        paths = [Path(path) for path in each_path(match)]
        self._match = Match(album_look(paths), match_strength) if paths else None
        self._lock = Lock()
        # By process: a fork has its parent's network, but not the threads that run it. It keeps it
        # all the same, since a network that is given up waits for its threads.
        self._networks: dict[int, Network] = {}
        self._matchers: dict[int, ReferenceMatcher] = {}
        self._network()

    @property
    def card(self) -> ModelCard:
        """What the model says about itself."""
        return self._network().card

    @property
    def device(self) -> str:
        """Where it runs, in words: "CPU, ONNX Runtime 1.31.1"."""
        return self._network().device

    # fmt: off
    @overload
    def __call__(
        self, source: Source | Picture, *, hints: Sequence[ColorHint] = ..., strokes: Strokes = ...,
        spread: Spread = ..., reference: References | None = ...,
        size: Size | None = ..., vividness: float | None = ..., keep_colors: bool | None = ...,
        white_balance: WhiteBalance | None = ..., smooth: Smoothing | None = ...,
    ) -> Picture: ...
    @overload
    def __call__(
        self, source: Image.Image, *, hints: Sequence[ColorHint] = ..., strokes: Strokes = ...,
        spread: Spread = ..., reference: References | None = ...,
        size: Size | None = ..., vividness: float | None = ..., keep_colors: bool | None = ...,
        white_balance: WhiteBalance | None = ..., smooth: Smoothing | None = ...,
    ) -> Image.Image: ...
    @overload
    def __call__(
        self, source: NDArray[_Code], *, hints: Sequence[ColorHint] = ..., strokes: Strokes = ...,
        spread: Spread = ..., reference: References | None = ...,
        size: Size | None = ..., vividness: float | None = ..., keep_colors: bool | None = ...,
        white_balance: WhiteBalance | None = ..., smooth: Smoothing | None = ...,
    ) -> NDArray[_Code]: ...
    @overload
    def __call__(
        self, source: list[_Source], *,
        reference: References | None = ...,
        size: Size | None = ..., vividness: float | None = ..., keep_colors: bool | None = ...,
        white_balance: WhiteBalance | None = ..., smooth: Smoothing | None = ...,
    ) -> list[Picture]: ...
    @overload
    def __call__(
        self, source: list[_Own], *,
        reference: References | None = ...,
        size: Size | None = ..., vividness: float | None = ..., keep_colors: bool | None = ...,
        white_balance: WhiteBalance | None = ..., smooth: Smoothing | None = ...,
    ) -> list[_Own]: ...
    @overload
    def __call__(
        self, source: _Tensor, *, hints: Sequence[ColorHint] = ..., strokes: Strokes = ...,
        spread: Spread = ..., reference: References | None = ...,
        size: Size | None = ..., vividness: float | None = ..., keep_colors: bool | None = ...,
        white_balance: WhiteBalance | None = ..., smooth: Smoothing | None = ...,
    ) -> _Tensor: ...
    # fmt: on
    def __call__(
        self,
        source: Any,
        *,
        hints: Sequence[ColorHint] = (),
        strokes: Strokes = (),
        spread: Spread = "auto",
        reference: References | None = None,
        size: Size | None = None,
        vividness: float | None = None,
        keep_colors: bool | None = None,
        white_balance: WhiteBalance | None = None,
        smooth: Smoothing | None = None,
    ) -> Any:
        """Colour a picture, or a list of them.

        Args:
            source: As for `colorize`.
            hints: Colours that are known of some places; for one picture.
            strokes: As for `colorize`.
            spread: As for `colorize`.
            reference: As for `colorize`; of a list of pictures, each is compared with it.
            size: In place of the session's.
            vividness: In place of the session's.
            keep_colors: In place of the session's.
            white_balance: In place of the session's.
            smooth: In place of the session's.

        Returns:
            As `colorize`.

        Raises:
            InputError: As `colorize`.
        """
        hints = _all_hints(strokes, hints)
        shift = self._white_balance if white_balance is None else white_balance
        smoothing = self._smooth if smooth is None else smooth
        references = self._references(reference)
        new_guide = partial(self._matcher().guide, references) if references else None
        if isinstance(source, list):
            _refuse_hints(hints, len(source))
        return self._color(
            source, hints, spread, new_guide, size, vividness, keep_colors, shift, smoothing
        )

    def _color(
        self,
        source: Any,
        hints: Sequence[ColorHint],
        spread: Spread,
        new_guide: Callable[[], Guide] | None,
        size: Size | None,
        vividness: float | None,
        keep_colors: bool | None,
        shift: WhiteBalance,
        smooth: Smoothing,
    ) -> Any:
        """One picture, or a batch of them, as `__call__` has it.

        new_guide: makes what gives colours to one picture.
        """
        if isinstance(source, list):
            return [
                self._color(
                    item, hints, spread, new_guide, size, vividness, keep_colors, shift, smooth
                )
                for item in source
            ]
        network, chosen = self._network(), self._call_settings(size, vividness)

        def color(pixels: NDArray[Any]) -> NDArray[Any]:
            return pipeline.colorize(
                pixels,
                model=network,
                size=chosen.size,
                vividness=chosen.vividness,
                hints=hints,
                keep=self._kept_places(pixels, keep_colors),
                white_balance=shift,
                spread=spread,
                smooth=smooth,
                match=self._match,
                guide=None if new_guide is None else new_guide(),
            )

        own = unpack(source)
        if own is not None:
            _refuse_hints(hints, len(own.pictures))
            colored = own.pack([color(pixels) for pixels in own.pictures])
            for note in clip_notes(own.pictures[0], hints):
                warnings.warn(note, stacklevel=2)
            return colored
        picture = with_one_channel(to_picture(source))
        with _name_in_errors(source):
            colored = color(picture.pixels)
            notes = picture.notes + clip_notes(picture.pixels, hints)
            if new_guide is None:
                notes += spread_notes(picture.pixels, hints, spread, network.card)
        signature = network.identity.signature
        return dataclasses.replace(picture, pixels=colored, notes=notes, generator=signature)

    def alternatives(
        self,
        source: Source | Picture | Image.Image | NDArray[Any] | Tensor,
        count: int = 5,
        *,
        size: Size | None = None,
        vividness: float | None = None,
    ) -> list[Any]:
        """Clearly different versions of one picture, from what the model itself holds possible.

        Args:
            source: A picture as for `colorize`; of tensors, a single one.
            count: How many, 2 to 6.
            size: In place of the session's.
            vividness: In place of the session's.

        Returns:
            A list of what `colorize` returns: the model's own answer, then the others, the
            likeliest first.

        Raises:
            InputError: As `colorize`; there is no such number of versions.
            ModelError: The model gives no distribution of colours.
        """
        if hasattr(source, "read"):  # an open file gives its content once
            source = to_picture(source)
        chosen = self._call_settings(size, vividness)
        maker = AlternativeMaker(self._network(), threads=chosen.threads)
        guides = maker.guides(count, vividness=chosen.vividness)

        def version(guide: Guide) -> Any:
            shift, smooth = self._white_balance, self._smooth
            return self._color(
                source, (), "network", lambda: guide, size, vividness, None, shift, smooth
            )

        return [self(source, size=size, vividness=vividness), *map(version, guides)]

    def predict(
        self,
        source: Source | Picture | Image.Image | NDArray[Any] | Tensor,
        *,
        hints: Sequence[ColorHint] = (),
        strokes: Strokes = (),
        size: Size | None = None,
        vividness: float | None = None,
        keep_colors: bool | None = None,
    ) -> ColorPrediction:
        """What the network makes of one picture, as arrays and at its own size.

        Args:
            source: A picture as for `colorize`; of tensors, a single one.
            hints: Colours that are known of some places.
            strokes: As for `colorize`.
            size: In place of the session's.
            vividness: In place of the session's.
            keep_colors: In place of the session's.

        Returns:
            A named tuple. `L`: (h, w) float32 in [0, 100], the lightness that the network saw.
            `ab`: (h/k, w/k, 2) float32 in CIELAB units, the colours that it proposes.
            `confidence`: (h/k, w/k) float32 in [0, 1], or None for a network that gives none.

        Raises:
            InputError: As `colorize`.
        """
        own = unpack(source)
        pictures = [to_picture(source).pixels] if own is None else own.pictures
        if len(pictures) != 1:
            raise InputError(f"predict takes one picture, not a batch of {len(pictures)}")
        chosen = self._call_settings(size, vividness)
        with _name_in_errors(source):
            return pipeline.predict(
                pictures[0],
                self._network(),
                size=chosen.size,
                vividness=chosen.vividness,
                hints=_all_hints(strokes, hints),
                keep=self._kept_places(pictures[0], keep_colors),
            )

    def suggest(
        self,
        source: Source | Picture | Image.Image | NDArray[Any] | Tensor,
        x: float,
        y: float,
        *,
        count: int = DEFAULT_COUNT,
        hints: Sequence[ColorHint] = (),
        strokes: Strokes = (),
    ) -> list[Suggestion]:
        """Clearly different colours that a place may have, from the network's distribution.

        Args:
            source: A picture as for `colorize`; of tensors, a single one.
            x: Column of the place, px of the full picture from the left, which is 0.
            y: Row of the place, px of the full picture from the top, which is 0.
            count: Of colours, at most.
            hints: Colours that are known of some places.
            strokes: As for `colorize`.

        Returns:
            Likeliest first, named tuples: `rgb`, sRGB from 0 to 255, at the place's own lightness,
            but at L* 35 at least and 80 at most, where it can be told from others; `ab`, CIELAB
            units; `probability`, in [0, 1], the share of the network's distribution that is nearest
            to it. They have the session's vividness; on black bars, which stay grey, it is grey
            alone.

        Raises:
            InputError: As `colorize`, and for a place outside of the picture.
            ModelError: The network classifies no colours, or colours drawings.
        """
        own = unpack(source)
        pictures = [to_picture(source).pixels] if own is None else own.pictures
        if len(pictures) != 1:
            raise InputError(f"suggest takes one picture, not a batch of {len(pictures)}")
        known = _all_hints(strokes, hints)
        extractor = self._matcher().extractor
        with _name_in_errors(source):
            return suggest_colors(
                pictures[0],
                x,
                y,
                extractor,
                count=count,
                hints=known,
                size=self._settings.size,
                vividness=self._settings.vividness,
                keep=self._kept_places(pictures[0], None),
            )

    def __getstate__(self) -> _State:
        return self._settings, self._keep_colors, self._white_balance, self._smooth, self._match

    def __setstate__(self, state: _State) -> None:
        self._settings, self._keep_colors, self._white_balance, self._smooth, self._match = state
        self._lock = Lock()
        self._networks = {}
        self._matchers = {}

    def __repr__(self) -> str:
        chosen = self._settings
        return (
            f"Colorizer({str(chosen.model)!r}, device={chosen.device!r}, size={chosen.size!r}, "
            f"vividness={chosen.vividness!r}, keep_colors={self._keep_colors!r}, "
            f"white_balance={self._white_balance!r}, smooth={self._smooth!r}"
            + ("" if self._match is None else f", match={self._match!r}")
            + ")"
        )

    def _call_settings(self, size: Size | None, vividness: float | None) -> NetworkSettings:
        session = self._settings
        return dataclasses.replace(
            session,
            size=session.size if size is None else size,
            vividness=session.vividness if vividness is None else vividness,
        )

    def _kept_places(self, pixels: NDArray[Any], keep_colors: bool | None) -> ToneJudgement | None:
        """What `pipeline.colorize` keeps of a picture; nothing where it is in colour all over."""
        pipeline.check_numbers(pixels, DEFAULT_VIVIDNESS)
        if not (self._keep_colors if keep_colors is None else keep_colors):
            return None
        return pipeline.kept_places(pixels)

    def _references(self, given: References | None) -> Sequence[Reference]:
        """What a call names as references, ready for its pictures."""
        if given is None:
            return ()
        items = given if isinstance(given, (list, tuple)) else [given]
        found = []
        for item in items:
            own = unpack(item)
            pictures = [eight_bit_rgb(to_picture(item))] if own is None else own.pictures
            name = os.fspath(item) if isinstance(item, (str, os.PathLike)) else "picture"
            found += [self._matcher().reference(pixels, name) for pixels in pictures]
        return found

    def _matcher(self) -> ReferenceMatcher:
        """What compares pictures in this process, made when it is first needed."""
        network, process = self._network(), os.getpid()
        with self._lock:
            if process not in self._matchers:
                threads = self._settings.threads
                self._matchers[process] = ReferenceMatcher(network, threads=threads)
            return self._matchers[process]

    def _network(self) -> Network:
        """The network of this process, loaded when it is first needed."""
        process = os.getpid()
        with self._lock:
            if process not in self._networks:
                chosen = self._settings
                network = load(chosen.model, device=chosen.device, threads=chosen.threads)
                self._networks[process] = network
            return self._networks[process]


# fmt: off
@overload
def colorize(
    source: Source | Picture, *, model: str | os.PathLike[str] = ..., device: str = ...,
    size: Size = ..., vividness: float = ..., hints: Sequence[ColorHint] = ...,
    reference: References | None = ...,
    strokes: Strokes = ..., spread: Spread = ..., keep_colors: bool = ...,
    white_balance: WhiteBalance = ..., smooth: Smoothing = ...,
) -> Picture: ...
@overload
def colorize(
    source: Image.Image, *, model: str | os.PathLike[str] = ..., device: str = ...,
    size: Size = ..., vividness: float = ..., hints: Sequence[ColorHint] = ...,
    reference: References | None = ...,
    strokes: Strokes = ..., spread: Spread = ..., keep_colors: bool = ...,
    white_balance: WhiteBalance = ..., smooth: Smoothing = ...,
) -> Image.Image: ...
@overload
def colorize(
    source: NDArray[_Code], *, model: str | os.PathLike[str] = ..., device: str = ...,
    size: Size = ..., vividness: float = ..., hints: Sequence[ColorHint] = ...,
    reference: References | None = ...,
    strokes: Strokes = ..., spread: Spread = ..., keep_colors: bool = ...,
    white_balance: WhiteBalance = ..., smooth: Smoothing = ...,
) -> NDArray[_Code]: ...
@overload
def colorize(
    source: list[_Source], *, model: str | os.PathLike[str] = ..., device: str = ...,
    reference: References | None = ...,
    size: Size = ..., vividness: float = ..., keep_colors: bool = ...,
    white_balance: WhiteBalance = ..., smooth: Smoothing = ...,
) -> list[Picture]: ...
@overload
def colorize(
    source: list[_Own], *, model: str | os.PathLike[str] = ..., device: str = ...,
    reference: References | None = ...,
    size: Size = ..., vividness: float = ..., keep_colors: bool = ...,
    white_balance: WhiteBalance = ..., smooth: Smoothing = ...,
) -> list[_Own]: ...
@overload
def colorize(
    source: _Tensor, *, model: str | os.PathLike[str] = ..., device: str = ...,
    size: Size = ..., vividness: float = ..., hints: Sequence[ColorHint] = ...,
    reference: References | None = ...,
    strokes: Strokes = ..., spread: Spread = ..., keep_colors: bool = ...,
    white_balance: WhiteBalance = ..., smooth: Smoothing = ...,
) -> _Tensor: ...
# fmt: on
def colorize(
    source: Any,
    *,
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    device: str = "auto",
    size: Size = "auto",
    vividness: float = DEFAULT_VIVIDNESS,
    hints: Sequence[ColorHint] = (),
    strokes: Strokes = (),
    spread: Spread = "auto",
    reference: References | None = None,
    keep_colors: bool = True,
    white_balance: WhiteBalance = NO_SHIFT,
    smooth: Smoothing = "none",
) -> Any:
    """Colour a black-and-white picture, or a list of them.

    The lightness of every pixel stays the picture's own. A sepia tone is ignored, and so are the
    colours of a picture that has them all over. The model stays loaded for the next call; for
    several models at once, or options that stay, make a `Colorizer`.

    Args:
        source: A path, the bytes of a file, or a file that is open for reading; what `read`
            returns. Or a Pillow image. Or a NumPy array: (H, W) grey or (H, W, 3) RGB. Or a torch
            tensor on any device: (C, H, W) or (N, C, H, W), 1 or 3 channels. Arrays and tensors are
            sRGB-encoded: uint8, uint16, or floating in [0, 1]. Or a list of any one of these.
        model: A shipped name (see `models`), the path of an `.onnx` file, or an address with its
            checksum: `https://host/file.onnx#sha256=...`, `hf:owner/repo/file.onnx#sha256=...`.
        device: Where it runs: "auto", "cpu", "cuda", "coreml", "directml" or "openvino".
        size: Working size of the network, px of the short side, or "auto": the one that the model
            likes best, or the picture's own where that is smaller.
        vividness: Factor on the colours: 0 is grey, 1 as the model means it. Hints keep theirs.
        hints: Colours that are known of some places: `Hint`s, `Stroke`s and `Area`s, in any order;
            where they overlap, the later one counts. For one picture.
        strokes: What somebody painted: a PNG that is transparent but for the colours, of the
            picture's proportions; a JSON file of lines; or `Stroke`s. Hints count more.
        spread: How these colours spread: "network", as the network sees things; "exact", by
            lightness alone, without the network; "auto", exactly on drawings and maps.
        reference: A picture in colours, or a list of them, of any kind that `source` may be: what
            shows the same scene, people or things gets its colours. One that shows something else
            changes nothing.
        keep_colors: Coloured places of otherwise grey pictures (a stamp, a red coat in snow, tinted
            cheeks) keep their colours; False colours them anew.
        white_balance: Shift of all colours but those of hints: `WhiteBalance(temperature=8)` is
            warmer, `WhiteBalance(neutral=1)` takes a cast away.
        smooth: How colours are made calmer where the lightness is: one for each superpixel ("slic")
            or segment ("felzenszwalb") by scikit-image, less total variation ("tv"), a dense random
            field ("crf") by pydensecrf2; or "none".

    Returns:
        For a file a `Picture`: pixels in full depth and all metadata, with `.save()` and
        `.to_pil()`. For a Pillow image another one, RGB or RGBA with 8 bits, sRGB; its EXIF data
        are kept, and its orientation is not applied. For an array (H, W, 3) and for a tensor
        (3, H, W) or (N, 3, H, W) of the same dtype, range and device; no gradients flow. For a list
        a list.

    Raises:
        InputError: The picture cannot be read, has another shape or type, holds values outside of
            its range (NaN, too); a hint or number makes no sense; a reference is grey.
        ModelError: The model is unknown or damaged, or the device is not available.
        MissingDependencyError: `smooth` needs an extra that is not installed.

    Examples:
        >>> colorize("grandmother.jpg").save("grandmother.color.jpg")
        >>> colorize("cup.jpg", hints=[Hint(120, 200, "#c81e1e", radius=8)]).to_pil().show()
        >>> rgb = colorize(grey)  # a NumPy array gives a NumPy array
    """
    session = _session(model if isinstance(model, str) else Path(model), device)
    return session(
        source,
        hints=hints,
        strokes=strokes,
        spread=spread,
        reference=reference,
        size=size,
        vividness=vividness,
        keep_colors=keep_colors,
        white_balance=white_balance,
        smooth=smooth,
    )


_sessions: dict[int, tuple[object, Colorizer]] = {}
"""The session of the latest `colorize`, by process (see `Colorizer`)."""


def _session(model: str | Path, device: str) -> Colorizer:
    """The session of the call before, where it was for the same model and device."""
    key = (model, device, _file_state(model))
    latest = _sessions.get(os.getpid())
    if latest is None or latest[0] != key:
        latest = _sessions[os.getpid()] = (key, Colorizer(model, device=device))
    return latest[1]


def _file_state(model: str | Path) -> tuple[int, int] | None:
    """Time and size of a model's file, which may be written anew; None for other names."""
    try:
        state = os.stat(model)  # noqa: PTH116
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


@contextmanager
def _name_in_errors(source: object) -> Iterator[None]:
    """Errors about a file name it."""
    try:
        yield
    except PhotochromError as error:
        if not isinstance(source, (str, os.PathLike)):
            raise
        raise type(error)(f"cannot colour {os.fspath(source)}: {error}") from error


def _all_hints(strokes: Strokes, hints: Sequence[ColorHint]) -> tuple[ColorHint, ...]:
    """Strokes and hints, in the order in which they count."""
    painted = read_strokes(strokes)
    check_hints(hints)
    return (*painted, *hints)


def _refuse_hints(hints: Sequence[ColorHint], pictures: int) -> None:
    if hints and pictures != 1:
        raise InputError(
            f"hints are of one picture, and {pictures} are given; colour them one by one"
        )
