"""Where training photos come from: folders, archives, films, and the field's data sets.

A source is recognised by its layout, or named by ``data.kind``. Every layout is one row of
`LAYOUTS`: how it is recognised, and how its photos are listed.
"""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from photochrom.errors import InputError
from photochrom.imageio import is_picture_name
from photochrom.training.data import layouts
from photochrom.training.data.layouts import (
    TEST,
    VALIDATION,
    Member,
    Source,
    Stream,
    is_archive,
    picture_files,
)
from photochrom.training.recipe.recipe import DataRecipe, SourceKind
from photochrom.video.names import is_film

Report = Callable[[str], None]
"""Called with what happens, a line at a time."""


class Layout(NamedTuple):
    """One row of the table.

    fits: whether a path is laid out so. members: its photos, sorted, and its streams.
    description: in words, for messages.
    """

    fits: Callable[[Path], bool]
    members: Callable[[Source], Iterator[Member | Stream]]
    description: str


def members(
    recipe: DataRecipe, archives: ExitStack, report: Report = lambda _: None
) -> Iterator[Member]:
    """The photos of all sources, one source after the other, sorted within each; or as many as
    ``data.limit`` allows, the streams' last.

    Photos that a data set keeps for testing are left out, and their number reported.
    archives: keeps the archives open for as long as members are read. report: called with what
    each source was taken for. Raises InputError for a source of no known or of another layout.
    """
    all_members = _all_members(recipe, archives, report)
    if recipe.limit:
        yield from _draw_limited(all_members, recipe)
        return
    for entry in all_members:
        if isinstance(entry, Stream):
            yield from entry.members
        else:
            yield entry


def place_in_order(name: str, split_seed: int) -> int:
    """The place of a photo, or of a group of them, in a random order that is always the same.

    In [0, 2⁶⁴).
    """
    seed = f"{split_seed}:" if split_seed else ""
    return int.from_bytes(hashlib.sha1(f"{seed}{name}".encode()).digest()[:8], "big")


def _draw_limited(all_members: Iterable[Member | Stream], recipe: DataRecipe) -> Iterator[Member]:
    """The first ``data.limit`` in the random order; where there are fewer, the beginnings of the
    streams too. Of a data set's own validation part as many again, or as many as are held out.
    An archive that cannot be read is always among them, and so is reported.
    """
    photos_at_hand: list[Member] = []
    streams: list[Stream] = []
    for entry in all_members:
        if isinstance(entry, Stream):
            streams.append(entry)
        else:
            photos_at_hand.append(entry)
    places = [place_in_order(m.group or m.name, recipe.split_seed) for m in photos_at_hand]
    broken = [i for i, member in enumerate(photos_at_hand) if isinstance(member.read, _Refusal)]
    photos = [i for i, member in enumerate(photos_at_hand) if not isinstance(member.read, _Refusal)]
    validation_photos = [i for i in photos if photos_at_hand[i].part == VALIDATION]
    other_photos = [i for i in photos if photos_at_hand[i].part != VALIDATION]
    selection = sorted(other_photos, key=places.__getitem__)[: recipe.limit]
    selection += sorted(validation_photos, key=places.__getitem__)[
        : max(recipe.limit, recipe.validation)
    ]
    yield from (photos_at_hand[i] for i in sorted(selection + broken))
    beginnings = chain.from_iterable(stream.members for stream in streams)
    yield from islice(beginnings, max(0, recipe.limit - len(other_photos)))


def _all_members(
    recipe: DataRecipe, archives: ExitStack, report: Report
) -> Iterator[Member | Stream]:
    for path in map(Path, recipe.sources):
        kind = recognize(path) if recipe.kind == "auto" else recipe.kind
        layout = LAYOUTS[kind]
        if not layout.fits(path):
            raise InputError(
                f"{path} is not {layout.description} (data.kind = {kind!r}); set it to 'auto'"
            )
        if kind not in _PLAIN:
            report(f"{path.name}: {layout.description}")
        test_count = 0
        for member in layout.members(Source(path, recipe.frames_per_s, archives, report)):
            if isinstance(member, Member) and member.part == TEST:
                test_count += 1
            else:
                yield member
        if test_count:
            report(f"{path.name}: {test_count} photos are its test set and left out")


def recognize(path: Path) -> SourceKind:
    """The first layout of the table that fits. Raises InputError where none does."""
    for kind, layout in LAYOUTS.items():
        if layout.fits(path):
            return kind
    raise InputError(
        f"cannot read {path} as a folder or zip file of photos, as tar shards or as a film"
    )


def source_files(path: Path) -> list[Path]:
    """The files of a folder that its photos may come from: those that a cache depends on."""
    other_files = (
        file
        for file in path.rglob("*")
        if (is_film(file) or is_archive(file) or file.suffix in (".npy", ".json", ".csv", ".txt"))
        and file.is_file()
    )
    return [*picture_files(path), *sorted(other_files)]


def _folder(source: Source) -> Iterator[Member | Stream]:
    """Pictures, films and archives of a folder and its subfolders."""
    path = source.path
    for file in picture_files(path):
        yield Member(f"{path.name}/{file.relative_to(path).as_posix()}", file.read_bytes)
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        nested_source = source._replace(path=file)
        if is_film(file):
            all_members, is_stream = layouts.film(nested_source), True
        elif is_archive(file):
            is_stream = _is_tar(file)
            all_members = _tar(nested_source) if is_stream else _zip(nested_source)
        else:
            continue
        members = _nested_members(all_members, path.name, file.name)
        if is_stream:
            yield Stream(members)
        else:
            yield from members


def _nested_members(all_members: Iterator[Member], folder: str, file: str) -> Iterator[Member]:
    """Those of one film or archive of a folder. A broken one is a photo that cannot be read, not
    the end.
    """
    try:
        for member in all_members:
            group = f"{folder}/{member.group}" if member.group else ""
            yield member._replace(name=f"{folder}/{member.name}", group=group)
    except InputError as error:
        yield Member(f"{folder}/{file}", _Refusal(str(error)))


@dataclass(frozen=True)
class _Refusal:
    """Reads what cannot be read: says why."""

    reason: str

    def __call__(self) -> bytes:
        raise InputError(self.reason)


def _zip(source: Source) -> Iterator[Member]:
    path = source.path
    try:
        archive = source.archives.enter_context(zipfile.ZipFile(path))
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(
            f"cannot read {path} as a folder or zip file of photos: {error}"
        ) from error
    for name in sorted(filter(is_picture_name, archive.namelist())):
        yield Member(f"{path.name}/{name}", partial(archive.read, name))


def _tar(source: Source) -> Iterator[Member]:
    """In the order of the archive, which is read as a stream: shards may be large."""
    path = source.path
    try:
        with tarfile.open(path, "r|*") as archive:
            for entry in archive:
                if entry.isfile() and is_picture_name(entry.name):
                    file = archive.extractfile(entry)
                    data = b"" if file is None else file.read()
                    name = entry.name.removeprefix("./")
                    yield Member(f"{path.name}/{name}", partial(bytes, data))
    except (OSError, EOFError, tarfile.TarError) as error:
        raise InputError(f"cannot read {path} as a tar file of photos: {error}") from error


def _as_stream(
    members: Callable[[Source], Iterator[Member]],
) -> Callable[[Source], Iterator[Stream]]:
    return lambda source: iter((Stream(members(source)),))


def _is_tar(path: Path) -> bool:
    return is_archive(path) and path.suffix.lower() != ".zip"


LAYOUTS: Mapping[SourceKind, Layout] = {
    "film": Layout(is_film, _as_stream(layouts.film), "a film"),
    "zip": Layout(lambda path: path.is_file() and zipfile.is_zipfile(path), _zip, "a zip file"),
    "tar": Layout(_is_tar, _as_stream(_tar), "a tar file"),
    "mirflickr-npy": Layout(
        layouts.is_mirflickr_npy, layouts.mirflickr_npy, "MIRFLICKR-25k as L and ab arrays"
    ),
    "mirflickr": Layout(layouts.is_mirflickr, layouts.mirflickr, "MIRFLICKR"),
    "coco": Layout(layouts.is_coco, layouts.coco, "COCO"),
    "imagenet": Layout(layouts.is_imagenet, layouts.imagenet, "ImageNet's folders of classes"),
    "celeba": Layout(layouts.is_celeba, layouts.celeba, "CelebA"),
    "lfw": Layout(layouts.is_lfw, layouts.lfw, "LFW, a folder for each person"),
    "retina": Layout(layouts.is_retina, layouts.retina, "retina photographs as in DRIVE"),
    "folder": Layout(Path.is_dir, _folder, "a folder of photos"),
}
"""Every layout by its kind; the particular ones come before those that fit anything."""

_PLAIN = ("folder", "zip")
