"""Which kind of store a place is."""

from __future__ import annotations

from pathlib import Path

from photochrom.archive.immich import ImmichStore
from photochrom.archive.stores import FolderStore, RemoteStore, Store, is_address


def open_store(place: str) -> Store:
    """The store of a folder, or of an address such as ``s3://bucket/scans``.

    Folders need no package. Raises MissingDependencyError where fsspec, or its package for the
    scheme, is not installed, and InputError for addresses that nothing can open.
    """
    if place.startswith("immich+"):
        return ImmichStore(place)
    if is_address(place) and not place.startswith("file://"):
        return RemoteStore(place)
    return FolderStore(Path(place.removeprefix("file://")))
