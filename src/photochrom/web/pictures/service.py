"""All rules about pictures, for pages and programs alike.

Whoever asks, asks as a user: another's picture does not exist. What cannot be done is raised as
an error of `photochrom.web.errors`, in words for the person.
"""

from __future__ import annotations

from photochrom.web.pictures.downloads import (
    FORMS,
    HandedOut,
    Link,
    film_pair,
    film_to_show,
    result_file,
    revoke,
    share_of,
    share_picture,
    shared,
    shows_colors,
)
from photochrom.web.pictures.library import (
    PER_PAGE,
    Page,
    delete_everything,
    delete_picture,
    edit_picture,
    get_picture,
    list_pictures,
    rename_picture,
    used_bytes,
)
from photochrom.web.pictures.live_preview import preview_hint, variant_preview, variants
from photochrom.web.pictures.uploads import create_picture, storage

__all__ = [
    "FORMS",
    "PER_PAGE",
    "HandedOut",
    "Link",
    "Page",
    "create_picture",
    "delete_everything",
    "delete_picture",
    "edit_picture",
    "film_pair",
    "film_to_show",
    "get_picture",
    "list_pictures",
    "preview_hint",
    "rename_picture",
    "result_file",
    "revoke",
    "share_of",
    "share_picture",
    "shared",
    "shows_colors",
    "storage",
    "used_bytes",
    "variant_preview",
    "variants",
]
