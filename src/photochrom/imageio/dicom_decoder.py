"""Decoding DICOM, in which clinics store radiographs and scans, by pydicom.

Source: DICOM PS3.3, C.7.6.3 (image pixel), C.11.1 (modality LUT), C.11.2 (VOI LUT).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError, requires_extra
from photochrom.imageio.decoders import StoredPicture, StoredValues, show_values
from photochrom.imageio.options import ReadOptions, check_page, check_size, page_note

_PURPOSE = "reading DICOM"
_PSEUDO_COLOR = "colours that are given to a scan are pseudo-colour, and say nothing of tissue"
_INVERTED = "MONOCHROME1"
_GREY = (_INVERTED, "MONOCHROME2")


@contextmanager
def _ignore_warnings() -> Iterator[None]:
    """pydicom warns of what is odd in a file, and reads it nevertheless: of single values once they
    are asked for.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@_ignore_warnings()
def decode_dicom(data: bytes, options: ReadOptions) -> StoredPicture:
    """A frame of a DICOM file; needs the extra "science".

    Grey ones get their rescale and their first window (or table), and are inverted where the file's
    least value is white (MONOCHROME1); without a window they are shown from their least to their
    largest value. Nothing of the patient's data goes with the picture.
    """
    dataset, frame, notes = _open(data, options)
    if dataset.PhotometricInterpretation not in _GREY:
        return StoredPicture(_color_samples(dataset, frame), orientation=1, notes=notes)
    samples, shown = _show(dataset, _rescale(dataset, _pixels(dataset, frame)))
    if dataset.PhotometricInterpretation == _INVERTED:
        samples = np.asarray(65535 - samples)
    notes += (f"it is a DICOM file ({dataset.get('Modality') or 'of no modality'}); {shown}",)
    return StoredPicture(samples, orientation=1, notes=(*notes, _PSEUDO_COLOR))


@_ignore_warnings()
def dicom_values(data: bytes, options: ReadOptions) -> StoredValues:
    """The values of a grey frame after its rescale (CT: Hounsfield units); needs "science"."""
    dataset, frame, notes = _open(data, options)
    if dataset.PhotometricInterpretation not in _GREY:
        raise InputError(f"its pixels are {dataset.PhotometricInterpretation}, not measured values")
    values = _rescale(dataset, _pixels(dataset, frame))
    return StoredValues(np.ascontiguousarray(values, np.float32), notes)


@_ignore_warnings()
def frame_count(data: bytes) -> int:
    """How many frames the file has; needs the extra "science"."""
    return _frames(_read(data))


def _read(data: bytes) -> Any:
    with requires_extra("science", _PURPOSE):
        import pydicom
    return pydicom.dcmread(io.BytesIO(data))


def _frames(dataset: Any) -> int:
    return max(int(dataset.get("NumberOfFrames") or 1), 1)


def _open(data: bytes, options: ReadOptions) -> tuple[Any, int, tuple[str, ...]]:
    """The file, the index of the frame to read, and the note for a file of several."""
    dataset = _read(data)
    if "PixelData" not in dataset or "PhotometricInterpretation" not in dataset:
        raise InputError("it is a DICOM file without a picture (a report, a plan, a directory)")
    count = _frames(dataset)
    frame = check_page(options.page, count, "frames") - 1
    check_size(int(dataset.Columns), int(dataset.Rows), options.max_pixels)
    return dataset, frame, page_note(options.page, count, "frames")


def _pixels(dataset: Any, frame: int) -> NDArray[Any]:
    """(H, W) or (H, W, 3) as they are stored, YBR already as RGB. Raises InputError."""
    from pydicom.pixels.utils import pixel_array

    try:
        return np.asarray(pixel_array(dataset, index=frame))
    except (RuntimeError, NotImplementedError, KeyError) as error:
        syntax = dataset.file_meta.TransferSyntaxUID
        if not syntax.is_compressed:
            raise
        raise InputError(
            f"its pixels are compressed as {syntax.name}, which cannot be decoded here "
            f"({' '.join(str(error).split())}); install what that names, or save it uncompressed"
        ) from error


def _rescale(dataset: Any, stored: NDArray[Any]) -> NDArray[Any]:
    from pydicom.pixels.processing import apply_modality_lut

    return np.asarray(apply_modality_lut(stored, dataset))


def _show(dataset: Any, values: NDArray[Any]) -> tuple[NDArray[np.uint16], str]:
    """Rescaled values as grey (H, W) uint16, and in words how they became it."""
    from pydicom.pixels.processing import apply_voi

    if "VOILUTSequence" in dataset:
        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        grey = show_values(_floats(apply_voi(values, dataset)), 0.0, (1 << bits) - 1)
        return grey, "its table of grey values (VOI LUT) was applied"
    center, width = (_first(dataset.get(key)) for key in ("WindowCenter", "WindowWidth"))
    if center is None or width is None:
        low, high = float(values.min()), float(values.max())
        how = f"its values from {low:g} to {high:g} are shown as black to white: it has no window"
        return show_values(_floats(values), low, high), how
    how = f"its window was applied, center {center:g} and width {width:g}"
    function = dataset.get("VOILUTFunction") or "LINEAR"
    if function == "SIGMOID":
        share = 1.0 / (1.0 + np.exp(-4.0 * (values - center) / width))
        return show_values(_floats(share), 0.0, 1.0), how
    if function == "LINEAR":  # from C.11.2.1.2.1; LINEAR_EXACT is the plain one, C.11.2.1.3.2
        center, width = center - 0.5, width - 1.0
    return show_values(_floats(values), center - width / 2, center + width / 2), how


def _floats(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def _first(value: Any) -> float | None:
    """The first of several windows, which is the one to begin with; None where there is none."""
    if value is None or (isinstance(value, Sequence) and not value):
        return None
    return float(value[0] if isinstance(value, Sequence) else value)


def _color_samples(dataset: Any, frame: int) -> NDArray[Any]:
    """(H, W, 3) of RGB, YBR or a palette, 8 or 16 bits over their full range."""
    from pydicom.pixels.processing import apply_color_lut

    samples = _pixels(dataset, frame)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        colors = np.ascontiguousarray(np.asarray(apply_color_lut(samples, dataset))[..., :3])
        if colors.dtype == np.uint16 and not (colors & 255).any():  # of 8 bits, as most are
            colors = (colors >> 8).astype(np.uint8)
        return colors
    if samples.ndim != 3 or samples.shape[-1] != 3 or samples.dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"its pixels are {dataset.PhotometricInterpretation}, {samples.dtype}, of a kind that "
            "is not read; save it as RGB with 8 bits"
        )
    return np.ascontiguousarray(samples)
