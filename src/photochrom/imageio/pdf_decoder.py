"""Pages of a PDF as pictures, by PDFium: most PDFs of old photographs are scans."""

from __future__ import annotations

from typing import Any

import numpy as np

from photochrom.errors import InputError, requires_extra
from photochrom.imageio.decoders import StoredPicture
from photochrom.imageio.options import ReadOptions, check_page, check_size, page_note

_DEFAULT_DPI = 300.0
_POINTS_PER_INCH = 72.0
_EDGE_PX = 0.004
_PURPOSE = "reading PDF"


def decode_pdf(data: bytes, options: ReadOptions) -> StoredPicture:
    """One page of a PDF, as many pixels as its largest scan has; needs the extra "formats-all"."""
    with requires_extra("formats-all", _PURPOSE):
        import pypdfium2
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise InputError("it is a PDF with a password; save it without") from error
        raise
    try:
        notes = _end_notes(data, options)
        count = len(document)
        page = document[check_page(options.page, count) - 1]
        dpi = _scan_resolution(page)
        scale = _pixel_scale(page, dpi / _POINTS_PER_INCH, options)
        samples = page.render(scale=scale, rev_byteorder=True).to_numpy()[..., :3].copy()
    finally:
        document.close()
    if samples.ndim == 3 and (samples == samples[..., :1]).all():
        samples = np.ascontiguousarray(samples[..., 0])
    return StoredPicture(
        samples, dpi=(dpi, dpi), orientation=1, notes=(*page_note(options.page, count), *notes)
    )


def page_count(data: bytes) -> int:
    """How many pages the file has; needs the extra "formats-all"."""
    with requires_extra("formats-all", _PURPOSE):
        import pypdfium2
    document = pypdfium2.PdfDocument(data)
    try:
        return len(document)
    finally:
        document.close()


def _end_notes(data: bytes, options: ReadOptions) -> tuple[str, ...]:
    """The note for a file that ends early, of which PDFium shows what it finds.

    How much of a page is missing then, nothing tells. Raises InputError if it is not to be read.
    """
    if data.rfind(b"%%EOF") > max(data.rfind(b"endobj"), data.rfind(b"endstream")):
        return ()
    if options.damage != "salvage":
        raise InputError(
            "the file ends early, and pages may be missing or blank; --damaged salvage colours "
            "what is there"
        )
    return ("the file ends early; what is there was read",)


def _pixel_scale(page: Any, scale: float, options: ReadOptions) -> float:
    """The scale at which PDFium renders a page, so that a scan keeps its pixels.

    PDFium rounds up what the page needs, and what a picture on it needs: a scan of 2480 px would be
    drawn to 2481 or 2482, since its place is a number of points with few decimals. So the page is
    made wider by less than a hundredth of a pixel, and its size is rounded to nearest.
    """
    edge = _EDGE_PX / scale
    boxes = np.array([page.get_mediabox(), page.get_cropbox()])
    low, high = boxes[:, :2].max(axis=0), boxes[:, 2:].min(axis=0)
    if (low < high).all():
        box = (*(low - edge).tolist(), *(high + edge).tolist())
        page.set_mediabox(*box)
        page.set_cropbox(*box)
    sides: tuple[float, float] = page.get_size()
    wide, high_px = (max(1, round(side * scale)) for side in sides)
    check_size(wide, high_px, options.max_pixels)
    return min((px - _EDGE_PX) / side for px, side in zip((wide, high_px), sides))


def _scan_resolution(page: Any) -> float:
    """Pixels per inch of the page's largest picture; 300 where it has none."""
    import pypdfium2.raw as pdfium

    best, area = _DEFAULT_DPI, 0.0
    for found in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE]):
        left, bottom, right, top = found.get_bounds()
        width, height = found.get_px_size()
        shown = (right - left) * (top - bottom)
        if shown > area and right > left and top > bottom:
            pixels = max(width, height) / max(right - left, top - bottom)
            best, area = pixels * _POINTS_PER_INCH, shown
    return best
