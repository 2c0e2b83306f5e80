"""Drawn photos to train on, enough to see that learning learns; and a disk that is soon full."""

from __future__ import annotations

import csv
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


def drawn_photo(seed: int, height: int = 96, width: int = 120) -> NDArray[np.uint8]:
    """Blue above, green below, a few red discs: (height, width, 3) uint8 RGB."""
    random = np.random.default_rng(seed)
    rgb = np.empty((height, width, 3), dtype=np.uint8)
    horizon = int(random.integers(height // 3, 2 * height // 3))
    rgb[:horizon] = (110, 160, 230)
    rgb[horizon:] = (70, 140, 50)
    for _ in range(3):
        centre = (int(random.integers(width)), int(random.integers(height)))
        cv2.circle(rgb, centre, int(random.integers(6, 16)), (190, 40, 40), -1)
    noise = random.normal(0, 4, (height, width, 1))
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


def drawn_folder(folder: Path, count: int = 24) -> Path:
    """Write ``count`` drawn photos as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        cv2.imwrite(str(folder / f"{seed:03d}.png"), drawn_photo(seed)[:, :, ::-1])
    return folder


def losses_of(run: Path) -> list[dict[str, str]]:
    """The rows of a run's losses, without its speed."""
    with (run / "losses.csv").open(newline="") as file:
        return [
            {k: v for k, v in row.items() if k != "images_per_s"} for row in csv.DictReader(file)
        ]


@contextmanager
def no_file_beyond(size_bytes: int) -> Iterator[None]:
    """The system refuses to let any file grow beyond this, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
