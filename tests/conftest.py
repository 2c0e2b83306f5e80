"""Fixtures for all rooms: small drawn pictures, photographs that scikit-image ships, no network.

All pictures are sRGB-encoded. The photographs named below are inside scikit-image's wheel; others
of ``skimage.data`` would be downloaded and must not be used.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import hypothesis
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

# Shared and loaded machines are slow at times; the same examples every time keep a red test red.
hypothesis.settings.register_profile("photochrom", deadline=None, derandomize=True)
hypothesis.settings.load_profile("photochrom")

pytest_plugins = ("fixtures.chromium", "fixtures.private_page", "fixtures.web")

PHOTOS = ("astronaut", "cat", "coffee", "rocket")


@pytest.fixture(scope="session", autouse=True)
def only_this_machine() -> Iterator[None]:
    """Tests run offline: connecting to anything but this machine fails the test that tries."""
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any) -> None:
        if self.family != getattr(socket, "AF_UNIX", None):
            host = address[0]
            if host not in ("127.0.0.1", "::1", "localhost"):
                raise AssertionError(f"a test tried to reach {host}; tests run offline")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_here)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_cache_of_yours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept for the next process is kept for the next test alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHOTOCHROM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator of random numbers with the same seed in every test."""
    return np.random.default_rng(20)


@pytest.fixture(scope="session")
def _scene() -> NDArray[np.float64]:
    height, width = 90, 120
    y, x = np.mgrid[0:height, 0:width]
    sky = np.stack([0.45 + 0.004 * y, 0.62 + 0.003 * y, 0.93 - 0.001 * y], axis=-1)
    meadow = np.stack([0.25 + 0.002 * x, 0.52 + 0.001 * x, 0.18 + 0.0 * x], axis=-1)
    scene = np.where((y > 52 + 4 * np.sin(x / 14))[..., None], meadow, sky)
    scene[(y - 18) ** 2 + (x - 96) ** 2 < 100] = (0.98, 0.86, 0.35)
    scene[38:70, 20:56] = (0.72, 0.22, 0.16)
    scene[46:56, 30:40] = (0.95, 0.92, 0.80)
    grain = np.random.default_rng(7).normal(0.0, 0.012, (height, width, 1))
    return np.asarray(np.clip(scene + grain, 0.0, 1.0), dtype=np.float64)


@pytest.fixture
def scene(_scene: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A drawn landscape with sky, meadow, sun and a red house: (90, 120, 3) uint8."""
    return np.rint(_scene * 255).astype(np.uint8)


@pytest.fixture
def scene16(_scene: NDArray[np.float64]) -> NDArray[np.uint16]:
    """The same landscape in 16 bit: (90, 120, 3) uint16, using the low bits too."""
    return np.rint(_scene * 65535).astype(np.uint16)


@pytest.fixture
def grey_scene(scene: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same landscape as a black-and-white photograph: (90, 120) uint8."""
    return np.rint(scene @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)


@pytest.fixture(params=PHOTOS)
def photo(request: pytest.FixtureRequest) -> NDArray[np.uint8]:
    """A real colour photograph, one after the other of :data:`PHOTOS`: (H, W, 3) uint8."""
    picture: NDArray[np.uint8] = getattr(skimage.data, request.param)()
    return picture


@pytest.fixture
def astronaut() -> NDArray[np.uint8]:
    """The portrait of Eileen Collins: (512, 512, 3) uint8."""
    picture: NDArray[np.uint8] = skimage.data.astronaut()
    return picture
