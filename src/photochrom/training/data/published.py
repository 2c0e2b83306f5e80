"""Data sets as their publishers hand them out: address, size, checksum, licence; and the download.

No file is unpacked: recipes read archives as they are.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from photochrom import __version__
from photochrom.downloads import DownloadError, file_digest, resume_download
from photochrom.errors import InputError, OutputError

Report = Callable[[str, int, int | None], None]
"""Called with a file's name, how many of its bytes are there, and of how many."""


@dataclass(frozen=True)
class Checksum:
    """What the publisher, or a program that has checked it for years, says that a file is."""

    algorithm: str
    """"md5" or "sha256"."""
    digits: str
    """In lower-case hex."""
    says: str
    """Who says so."""
    first_bytes: int | None = None
    """Of how many bytes from the beginning; None: of the whole file."""

    def __str__(self) -> str:
        part = "" if self.first_bytes is None else f" of its first {self.first_bytes} bytes"
        return f"{self.algorithm.upper()}{part} {self.digits}, {self.says}"


@dataclass(frozen=True)
class PublishedFile:
    """One file of a data set."""

    url: str
    checksum: Checksum
    size_bytes: int | None = None
    """None where nobody says it."""

    @property
    def name(self) -> str:
        """What it is called here."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class PublishedData:
    """A data set and who may use it for what."""

    title: str
    page: str
    """Where its publishers describe it."""
    licence: str
    files: tuple[PublishedFile, ...]
    use: str
    """How it is trained on: what stands behind ``photochrom train``; FOLDER is where it lies."""


_TORCHVISION = "which torchvision checks"
_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
PUBLISHED: dict[str, PublishedData] = {
    "coco-sample": PublishedData(
        "21,837 photographs of COCO's training part, as fast.ai hands them out",
        "https://cocodataset.org",
        "annotations CC BY 4.0; each photograph has the licence its author chose on Flickr, which "
        "COCO's terms of use pass on",
        (
            PublishedFile(
                "https://s3.amazonaws.com/fast-ai-coco/coco_sample.tgz",
                Checksum("md5", "006cd55d633d94b36ecaf661467830ec", "which fastai checks", 1 << 20),
                3_245_877_008,
            ),
        ),
        "two-phase --data FOLDER/coco_sample.tgz --set data.limit=10000 --set data.validation=2000",
    ),
    "mirflickr": PublishedData(
        "MIRFLICKR-25000: 25,000 photographs from Flickr",
        "https://press.liacs.nl/mirflickr/mirdownload.html",
        "each photograph has the Creative Commons licence its author chose; the archive lists them",
        (
            PublishedFile(
                "https://press.liacs.nl/mirflickr/mirflickr25k.v3b/mirflickr25k.zip",
                Checksum(
                    "md5", "a23d0a8564ee84cda5622a6c2f947785", "which its page of downloads names"
                ),
            ),
        ),
        "pix2pix --data FOLDER/mirflickr25k.zip --set data.validation=2000",
    ),
    "mnist": PublishedData(
        "MNIST: 70,000 handwritten digits of 28 x 28 px",
        "http://yann.lecun.com/exdb/mnist/",
        "CC BY-SA 3.0, of Yann LeCun and Corinna Cortes, as Keras' documentation says",
        tuple(
            PublishedFile(f"{_MNIST}{name}-ubyte.gz", Checksum("md5", digits, _TORCHVISION))
            for name, digits in (
                ("train-images-idx3", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
                ("train-labels-idx1", "d53e105ee54ea40749a09fcbcd1e9432"),
                ("t10k-images-idx3", "9fb629c4189551a2d022fa330f9573f3"),
                ("t10k-labels-idx1", "ec29112dd5afa0611ce80d1b7f02629c"),
            )
        ),
        "digits-dcgan --data FOLDER",
    ),
}
"""Every data set that can be fetched, by its name."""


def download_data(
    data: PublishedData,
    folder: Path,
    report: Report = lambda name, done, total: None,
    *,
    accept: str = "",
) -> list[Path]:
    """Fetch what is not in ``folder`` yet, and check it; what broke off is gone on with.

    accept: SHA-256 of a file whose checksum nobody publishes as a whole, by which a person says
    that it is the right one. Returns the files. Raises InputError where a file cannot be fetched or
    is not the published one, OutputError where it cannot be kept.
    """
    return [_download(file, folder, report, accept) for file in data.files]


def _download(file: PublishedFile, folder: Path, report: Report, accept: str) -> Path:
    target = folder / file.name
    part = folder / f"{file.name}.part"
    if target.is_file():
        _check(file, target, f"remove {target} to fetch it again")
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_room(file, part)
        if not part.is_file() or part.stat().st_size != file.size_bytes:
            resume_download(
                part,
                file.url,
                user_agent=f"photochrom/{__version__}",
                report=lambda done, total: report(file.name, done, total or file.size_bytes),
            )
        try:
            _check(file, part, "nothing was kept; try again, or another day")
        except InputError:
            part.unlink()
            raise
        if file.checksum.first_bytes is not None:
            _check_acceptance(file, part, accept)
        part.replace(target)
    except DownloadError as error:
        raise InputError(
            f"{file.url} cannot be fetched: {error}; the same call goes on where it stopped, and a "
            f"file fetched by other means is taken and checked if it lies there as {target}"
        ) from None
    except OSError as error:
        raise OutputError(
            f"{file.name} cannot be kept in {folder}: {error.strerror or error}; free some space, "
            "or name another folder by --out"
        ) from error
    return target


def _check_room(file: PublishedFile, part: Path) -> None:
    """Raise OutputError where the rest of a file of known size does not fit on the disk."""
    have = part.stat().st_size if part.is_file() else 0
    missing = (file.size_bytes or 0) - have
    free = shutil.disk_usage(part.parent).free
    if missing > free:
        raise OutputError(
            f"{file.name} needs {missing / 1e9:.1f} GB more in {part.parent}, and {free / 1e9:.1f} "
            "GB are free; free some space, or name another folder by --out"
        )


def _check(file: PublishedFile, path: Path, advice: str) -> None:
    """Raise InputError unless a file has the size and the checksum that it should have."""
    size = path.stat().st_size
    if file.size_bytes is not None and size != file.size_bytes:
        raise InputError(
            f"{path} is not the published file: it has {size} bytes, not {file.size_bytes}; "
            f"{advice}"
        )
    checksum = file.checksum
    digits = file_digest(path, checksum.algorithm, checksum.first_bytes)
    if digits != checksum.digits:
        raise InputError(
            f"{path} is not the published file: its {checksum.algorithm.upper()} is {digits}, not "
            f"{checksum.digits}; {advice}"
        )


def _check_acceptance(file: PublishedFile, part: Path, accept: str) -> None:
    """Raise InputError unless a person says that the file as a whole is the right one."""
    digits = file_digest(part, "sha256")
    if accept.lower() == digits:
        return
    what = f"is {digits}, not {accept}" if accept else f"is {digits}"
    raise InputError(
        f"{file.name} is fetched, and its size and beginning are as published, but nobody "
        f"publishes a checksum of the whole; its SHA-256 {what}: compare it with somebody's whom "
        f"you trust, and call again with --accept-checksum {digits}"
    )
