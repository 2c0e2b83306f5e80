"""References in files: given by name, or found in a folder of pictures in colours.

Of a folder an index is kept in the cache: for each picture what it shows as a whole, so that the
few that are most alike are found without looking at all of them again. Those few are then compared
place by place, and the best of them gives its colours if it shows the same scene.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from photochrom.atomic import write_atomically
from photochrom.engine import Network
from photochrom.errors import InputError, PhotochromError
from photochrom.folders import cache_dir
from photochrom.guided.reference import Reference, ReferenceGuide, ReferenceMatcher
from photochrom.imageio import eight_bit_rgb, is_picture_name, read, read_generator, read_preview

CANDIDATES: Final = 5
"""Pictures of a folder that are compared place by place."""

_log = logging.getLogger(__name__)
_INDEX_VERSION = 1
_INDEX_PX = 1024
"""Long side of the pictures that the index is made of: more than a network sees."""


def read_reference(path: Path, matcher: ReferenceMatcher) -> Reference:
    """A file as a reference. Raises InputError where it cannot be read or has no colours."""
    return matcher.reference(eight_bit_rgb(read(path)), str(path))


def reference_pictures(folder: Path) -> Iterator[Path]:
    """The pictures of a folder and its subfolders, by their names; in order."""
    for path in sorted(folder.rglob("*")):
        if not path.name.startswith(".") and is_picture_name(path.name) and path.is_file():
            yield path


class ReferenceFiles:
    """Files that give their colours to pictures, ready for many of them; thread-safe."""

    def __init__(
        self, network: Network, paths: Sequence[Path], folder: Path | None, threads: int | None
    ) -> None:
        """paths: references by name; or else folder: of which the best one is taken.

        Raises InputError as `read_reference` and `ReferenceFolder` do, ModelError for a network
        that hands out no features.
        """
        self._matcher = ReferenceMatcher(network, threads=threads)
        self._references = [read_reference(path, self._matcher) for path in paths]
        self._folder = None if folder is None else ReferenceFolder(folder, self._matcher)

    def guide(self) -> ReferenceGuide:
        """Their colours, for one picture."""
        if self._folder is not None:
            return self._matcher.best_guide(self._folder.candidates)
        return self._matcher.guide(self._references)


class ReferenceFolder:
    """The pictures in colours of a folder and its subfolders. Safe to share between threads."""

    def __init__(self, folder: Path, matcher: ReferenceMatcher) -> None:
        """Look at every picture that the index does not know yet.

        Left out are what photochrom coloured, and what is grey, toned, or cannot be read.
        Raises InputError where there is no such folder, or no picture in colours in it.
        """
        if not folder.is_dir():
            raise InputError(f"the reference folder {folder} is no folder; give one of pictures")
        self._matcher = matcher
        scenes = _scenes(folder, matcher)
        if not scenes:
            raise InputError(
                f"the reference folder {folder} holds no picture in colours; pictures that are "
                "grey, toned, or coloured by photochrom are none"
            )
        self._paths = tuple(scenes)
        vectors = np.stack(list(scenes.values()))
        self._mean = vectors.mean(axis=0)
        self._vectors = vectors

    def candidates(self, scene: NDArray[np.float32]) -> Sequence[Reference]:
        """The pictures that are most alike, best first.

        scene: (C,), as `photochrom.guided.matching.scene_vector` has it.
        """
        # What all scenes have in common says nothing; a few pictures do not show what that is.
        mean = self._mean if len(self._paths) > CANDIDATES else np.float32(0.0)
        own, others = scene - mean, self._vectors - mean
        cosines = others @ own / np.maximum(np.linalg.norm(others, axis=1), 1e-6)
        best = np.argsort(-cosines, kind="stable")[:CANDIDATES]
        return [read_reference(self._paths[i], self._matcher) for i in best]


def _scenes(folder: Path, matcher: ReferenceMatcher) -> Mapping[Path, NDArray[np.float32]]:
    """What the pictures in colours of a folder show, from the index and by looking."""
    index_file = _index_file(folder, matcher)
    known = _read_index(index_file)
    found: dict[str, NDArray[np.float32] | None] = {}
    for path in reference_pictures(folder):
        state = path.stat()
        key = f"{path.relative_to(folder).as_posix()}|{state.st_mtime_ns}|{state.st_size}"
        found[key] = known[key] if key in known else _scene(path, matcher)
    if found.keys() != known.keys():
        _write_index(index_file, found)
    return {
        folder / key.rsplit("|", 2)[0]: scene for key, scene in found.items() if scene is not None
    }


def _scene(path: Path, matcher: ReferenceMatcher) -> NDArray[np.float32] | None:
    """What a picture shows; None where it is no reference, and why in the log."""
    try:
        if read_generator(path) is not None:
            _log.info("%s was coloured by photochrom, and is no reference", path)
            return None
        preview = read_preview(path, _INDEX_PX)
        return matcher.reference(eight_bit_rgb(preview), str(path)).scene
    except PhotochromError as error:
        _log.info("no reference: %s", error)
        return None


def _index_file(folder: Path, matcher: ReferenceMatcher) -> Path:
    name = f"{folder.resolve()}|{matcher.identity.checksum}|{_INDEX_VERSION}"
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:24]
    return cache_dir() / "references" / f"{digest}.npz"


def _read_index(path: Path) -> Mapping[str, NDArray[np.float32] | None]:
    """The index of a folder; empty where there is none, or none that can be read."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            rows = list(zip(arrays["names"].tolist(), arrays["scenes"], strict=True))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return {}
    return {name: scene if scene.any() else None for name, scene in rows}


def _write_index(path: Path, scenes: Mapping[str, NDArray[np.float32] | None]) -> None:
    length = max((len(scene) for scene in scenes.values() if scene is not None), default=0)
    rows = [np.zeros(length, np.float32) if scene is None else scene for scene in scenes.values()]
    content = io.BytesIO()
    np.savez(content, names=np.array(list(scenes), dtype=np.str_), scenes=np.array(rows))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content.getvalue(), overwrite=True)
    except (OSError, PhotochromError) as error:
        _log.info("the index of references is not kept: %s", error)
