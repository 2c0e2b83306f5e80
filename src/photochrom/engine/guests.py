"""Networks that others trained, as ONNX files without a card of ours: one row for each.

Their weights are not shipped, and not downloaded before their licence was accepted. Inputs, ranges
and outputs are those of the authors' code: DDColor (Kang 2023, its pipeline's class), DeOldify
(Antic 2018, its generator and its filter), Zhang's `colorizers` (2016 and 2017).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from photochrom.atomic import make_folder, write_atomically
from photochrom.color.space import lab_to_rgb, rgb_to_lab
from photochrom.engine.contract import AB, Tensor
from photochrom.errors import ModelError
from photochrom.folders import cache_dir

ACCEPTED: Final = "PHOTOCHROM_ACCEPTED_LICENCES"
"""Environment variable: guests whose licences are accepted, comma-separated."""
_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)[:, None, None]
_IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)[:, None, None]

Planes: TypeAlias = NDArray[np.float32]
"""(N, channels, H, W) float32."""


def _grey(planes: Planes) -> Planes:
    """L as three equal sRGB channels in [0, 1]. planes: (N, 4, H, W) of the contract."""
    lab = planes[:, :3] * np.array([1.0, 0.0, 0.0], np.float32)[:, None, None]
    return np.asarray(np.clip(lab_to_rgb(lab, axis=1), 0.0, 1.0), np.float32)


def _lightness(planes: Planes) -> list[Planes]:
    return [planes[:, :1]]


def _lightness_and_hints(planes: Planes) -> list[Planes]:
    return [planes[:, :1], planes[:, 1:3] * planes[:, 3:], planes[:, 3:]]


def _grey_rgb(planes: Planes) -> list[Planes]:
    return [_grey(planes)]


def _imagenet_rgb(planes: Planes) -> list[Planes]:
    return [(_grey(planes) - _IMAGENET_MEAN) / _IMAGENET_STD]


def _rgb_codes(planes: Planes) -> list[Planes]:
    return [_grey(planes) * np.float32(255.0)]


def _ab(output: Planes) -> Planes:
    return output


def _ab_of_rgb(rgb: Planes) -> Planes:
    """a and b of sRGB in [0, 1]."""
    return np.asarray(rgb_to_lab(np.clip(rgb, 0.0, 1.0), axis=1)[:, 1:], np.float32)


def _ab_of_imagenet_rgb(output: Planes) -> Planes:
    return _ab_of_rgb(output * _IMAGENET_STD + _IMAGENET_MEAN)


def _ab_of_rgb_codes(output: Planes) -> Planes:
    return _ab_of_rgb(output / np.float32(255.0))


@dataclass(frozen=True)
class Guest:
    """A network of others: how it is asked, and what its answer is."""

    title: str
    size: int
    """Of its square picture, px, where its file does not fix one."""
    multiple: int
    channels: tuple[int, ...]
    """Of its inputs, in their order."""
    inputs: Callable[[Planes], list[Planes]]
    """From planes of our contract."""
    output_channels: int
    to_ab: Callable[[Planes], Planes]
    """(N, 2, H, W), CIELAB units, of its only, or first, output."""
    licence: str
    """As its authors say."""
    training_data: str
    takes_hints: bool = False


# What each is asked and answers, one row each.
GUESTS: Final[dict[str, Guest]] = {
    "ddcolor": Guest("DDColor", 512, 32, (3,), _grey_rgb, 2, _ab,
                     "Apache-2.0", "ImageNet"),
    "deoldify": Guest("DeOldify", 256, 16, (3,), _imagenet_rgb, 3, _ab_of_imagenet_rgb,
                      "MIT", "ImageNet"),
    "deoldify-codes": Guest("DeOldify in codes of 8 bits", 256, 16, (3,), _rgb_codes, 3,
                            _ab_of_rgb_codes, "MIT", "ImageNet"),
    "eccv16": Guest("Zhang 2016 (ECCV16)", 256, 8, (1,), _lightness, 2, _ab,
                    "BSD-2-Clause", "ImageNet"),
    "siggraph17": Guest("Zhang 2017 (SIGGRAPH17)", 256, 8, (1, 2, 1), _lightness_and_hints, 2, _ab,
                        "BSD-2-Clause", "ImageNet", takes_hints=True),
}  # fmt: skip


def split_guest(model: object) -> tuple[str, str] | None:
    """Name and location of ``ddcolor:LOCATION``; None for a model of our own."""
    name, colon, location = str(model).partition(":")
    return (name, location) if colon and name in GUESTS else None


def accept_licence(name: str) -> None:
    """Keep, for this user, that the licence of a guest was accepted. Raises OutputError."""
    record = _record(name)
    make_folder(record.parent)
    write_atomically(record, f"{GUESTS[name].licence}\n".encode(), overwrite=True)


def is_licence_accepted(name: str) -> bool:
    """Whether this user, or the environment, has accepted the licence of a guest."""
    accepted = os.environ.get(ACCEPTED, "").replace(" ", "").split(",")
    return name in accepted or _record(name).is_file()


def check_licence(name: str) -> None:
    """Raise ModelError unless a guest's licence was accepted, so that weights may be fetched."""
    if is_licence_accepted(name):
        return
    guest = GUESTS[name]
    raise ModelError(
        f"the weights of {guest.title} are under {guest.licence}, as its authors say; read it "
        f"where they are published, and set {ACCEPTED}={name} to have them downloaded"
    )


def _record(name: str) -> Path:
    return cache_dir() / "models" / f"licence-{name}.txt"


def check_signature(
    guest: Guest, inputs: Sequence[Tensor], outputs: Sequence[Tensor], source: str
) -> tuple[int, int] | None:
    """The fixed (height, width) of its inputs; None where its file leaves them open.

    Raises ModelError unless inputs and the first output are as its row says.
    """
    rows = [*zip(inputs, guest.channels), *zip(outputs[:1], [guest.output_channels])]
    if len(inputs) != len(guest.channels) or not outputs:
        rows = []
    for tensor, channels in rows:
        fixed = tensor.shape[1] if len(tensor.shape) == 4 else 0
        if not tensor.is_float32 or (fixed != channels and isinstance(fixed, int)):
            rows = []
            break
    if not rows:
        shapes = ", ".join(f"{t.name} {list(t.shape)}" for t in (*inputs, *outputs))
        raise ModelError(
            f"{source} is not a {guest.title} network: it has {shapes}; wanted are float32 inputs "
            f"of {' and '.join(map(str, guest.channels))} channels and an output of "
            f"{guest.output_channels}; choose its own name of {', '.join(GUESTS)}"
        )
    height, width = inputs[0].shape[2:]
    if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
        return height, width
    return None


def guest_run(
    guest: Guest,
    shape: tuple[int, int] | None,
    names: Sequence[str],
    run: Callable[[dict[str, Planes]], list[NDArray[Any]]],
) -> Callable[[Planes], dict[str, NDArray[Any]]]:
    """What runs a guest behind our contract.

    shape: as of `check_signature`; pictures of other sizes are brought to it, and its chroma back,
    as the authors do. names: of its inputs. run: its engine, inputs by name to outputs in order.
    """

    def answer(planes: Planes) -> dict[str, NDArray[Any]]:
        full = (planes.shape[2], planes.shape[3])
        seen = planes if shape is None else resize_planes(planes, shape)
        feeds = [np.ascontiguousarray(p, np.float32) for p in guest.inputs(seen)]
        # Files of others often take a single picture at a time.
        found = [
            guest.to_ab(run({name: feed[n : n + 1] for name, feed in zip(names, feeds)})[0])
            for n in range(len(planes))
        ]
        return {AB: resize_planes(np.concatenate(found), full)}

    return answer


def resize_planes(planes: Planes, shape: tuple[int, int]) -> Planes:
    """Planes of our contract, or chroma alone, at another size; hints keep their colours."""
    if planes.shape[2:] == shape:
        return planes
    from photochrom.color.fit import shrink  # by OpenCV, which no network waits for

    result = np.empty((*planes.shape[:2], *shape), np.float32)
    for image, target in zip(planes, result):
        if len(image) == 2:
            target[:] = shrink(image.transpose(1, 2, 0), shape).transpose(2, 0, 1)
            continue
        covered = shrink(image[3], shape)
        target[0] = shrink(image[0], shape)
        for number in (1, 2):
            target[number] = shrink(image[number] * image[3], shape) / np.maximum(covered, 1e-6)
        target[3] = covered > 0
    return result
