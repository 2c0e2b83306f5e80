"""PDFs, as scanners write them: each page becomes a picture of its own, by the extra formats-all.

It is kept as a PNG, so that no document, which may hold programs, is ever sent back.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator
from functools import cache
from pathlib import PurePath
from typing import IO, Final

from photochrom.errors import InputError
from photochrom.imageio import FORMATS, page_count
from photochrom.web.errors import InvalidInput, TooLarge
from photochrom.web.i18n import _
from photochrom.web.pictures.decoding import decode_picture
from photochrom.web.pictures.reasons import refusal

MAX_PAGES: Final = 20
"""Of a document that is taken in at once."""
_BEGINNING: Final = b"%PDF-"


@cache
def document_endings() -> tuple[str, ...]:
    """Of the names of documents that are taken in; none where the extra is not installed."""
    if importlib.util.find_spec("pypdfium2") is None:
        return ()
    return tuple(ending for row in FORMATS.values() if row.is_document for ending in row.suffixes)


def is_document(stream: IO[bytes]) -> bool:
    """Whether a file begins like a document that can be read; it stands at its beginning again."""
    start = stream.read(len(_BEGINNING))
    stream.seek(0)
    return start == _BEGINNING and bool(document_endings())


def document_pages(
    stream: IO[bytes], name: str, limit: int, user_id: int
) -> Iterator[tuple[str, IO[bytes]]]:
    """The pages of a document, each with a name, as a PNG.

    limit: bytes. user_id: who sends it. Raises InvalidInput, with the reason, TooLarge and TooMany.
    """
    content = stream.read(limit + 1)
    if len(content) > limit:
        raise TooLarge(
            _("The file is larger than {megabytes} MB.").format(megabytes=limit // 1_000_000)
        )
    try:
        count = page_count(content, name=name)
        if count > MAX_PAGES:
            raise InvalidInput(
                _("“{name}” has too many pages: {number} instead of at most {limit}.").format(
                    name=name, number=count, limit=MAX_PAGES
                )
            )
        for number in range(1, count + 1):
            page = io.BytesIO()
            with decode_picture(content, name, number, user_id=user_id) as picture:
                picture.save(page, format_name="PNG")
            page.seek(0)
            title = PurePath(name).stem
            if count > 1:
                title = _("{name}, page {number}").format(name=title, number=number)
            yield f"{title}.png", page
    except InputError as error:
        raise InvalidInput(refusal(error, name)) from None
