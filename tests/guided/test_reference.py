"""A reference of the same scene gives its colours; one of something else changes nothing."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from photochrom import Colorizer, Picture, write
from photochrom.cli import main
from photochrom.engine import ModelIdentity, load
from photochrom.errors import InputError
from photochrom.evaluation.dataset import to_grey
from photochrom.evaluation.metrics import psnr
from photochrom.guided.matching import match
from photochrom.guided.reference import ReferenceMatcher
from photochrom.guided.reference_files import ReferenceFolder, read_reference

pytestmark = pytest.mark.slow  # a shipped model is loaded

MODEL = "photochrom-film"


@pytest.fixture(scope="module")
def color() -> Colorizer:
    return Colorizer(MODEL, device="cpu", threads=1)


@pytest.fixture
def takes(astronaut: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Two overlapping parts of one portrait, the second one mirrored."""
    small = astronaut[::2, ::2]
    return np.ascontiguousarray(small[:, :200]), np.ascontiguousarray(small[:, :55:-1])


@pytest.fixture
def other_scene() -> NDArray[np.uint8]:
    picture: NDArray[np.uint8] = skimage.data.chelsea()[::2, ::2]  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(picture)


def test_the_same_scene_gives_its_colors_and_another_changes_nothing(
    color: Colorizer,
    takes: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    other_scene: NDArray[np.uint8],
) -> None:
    truth, other_take = takes
    grey = to_grey(truth)
    alone = color(grey)
    np.testing.assert_array_equal(color(grey, reference=other_scene), alone)
    guided = color(grey, reference=[other_scene, Image.fromarray(other_take)])
    assert psnr(guided, truth) > psnr(alone, truth) + 2.0


def test_a_grey_or_toned_reference_is_refused(
    color: Colorizer, grey_scene: NDArray[np.uint8]
) -> None:
    sepia = np.rint(grey_scene[..., None] * np.array([1.0, 0.85, 0.66])).astype(np.uint8)
    for reference in (grey_scene, sepia):
        with pytest.raises(InputError, match="the reference picture has no colours to give"):
            color(grey_scene, reference=reference)


def test_a_reference_of_another_range_is_refused(
    color: Colorizer, takes: tuple[NDArray[np.uint8], NDArray[np.uint8]]
) -> None:
    truth, other_take = takes
    with pytest.raises(InputError, match=r"must lie in \[0, 1\]"):
        color(to_grey(truth), reference=other_take.astype(np.float32))


def test_matches_are_mutual_and_know_how_far_their_neighbors_agree(
    rng: np.random.Generator,
) -> None:
    vectors = rng.normal(size=(5, 6, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    same = match(vectors, vectors)
    assert same.mutual.all()
    assert same.agreement == 1.0
    np.testing.assert_array_equal(same.places, np.arange(30).reshape(5, 6))
    shuffled = rng.permutation(vectors.reshape(30, 16)).reshape(5, 6, 16)
    scattered = match(vectors, shuffled)
    assert scattered.mutual.all()
    assert scattered.agreement < 0.5


def test_a_folder_finds_the_reference_and_says_so(
    tmp_path: Path,
    takes: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    other_scene: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path / "cache"))
    truth, other_take = takes
    album = tmp_path / "album"
    album.mkdir()
    Image.fromarray(other_take).save(album / "take.png")
    Image.fromarray(other_scene).save(album / "other.png")
    Image.fromarray(to_grey(truth)).save(album / "grey.png")
    ours = ModelIdentity("photochrom-film 0.1.0", "0" * 12).signature
    write(album / "ours.png", Picture(other_take, generator=ours))
    Image.fromarray(to_grey(truth)).save(tmp_path / "a.png")
    arguments = ["image", str(tmp_path / "a.png"), "--model", MODEL, "--json", "--device", "cpu"]
    assert main([*arguments, "--reference-from", str(album)]) == 0
    record = json.loads(capsys.readouterr().out)
    rows = [(Path(row["name"]).name, row["same_scene"]) for row in record["references"]]
    assert rows == [("take.png", True), ("other.png", False)]
    assert "it has colours of" in record["notes"][0]


def test_a_folder_is_looked_at_once_and_files_are_refused_clearly(
    tmp_path: Path,
    grey_scene: NDArray[np.uint8],
    other_scene: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path / "cache"))
    # Disks of long ago have names in other encodings, which only Linux hands out.
    album = tmp_path / (os.fsdecode(b"M\xfcnchen") if sys.platform == "linux" else "album")
    album.mkdir()
    Image.fromarray(grey_scene).save(album / "grey.png")
    matcher = ReferenceMatcher(load(MODEL, device="cpu", threads=1), threads=1)
    for folder, words in (
        (album, "holds no picture in colours"),
        (tmp_path / "nowhere", "is no folder"),
    ):
        with pytest.raises(InputError, match=words):
            ReferenceFolder(folder, matcher)
    for file, words in (("grey.png", "has no colours to give"), ("none.png", "none.png")):
        with pytest.raises(InputError, match=words):
            read_reference(album / file, matcher)
    Image.fromarray(other_scene).save(album / "other.png")
    first = ReferenceFolder(album, matcher)
    with monkeypatch.context() as patch:
        patch.setattr(ReferenceMatcher, "reference", lambda *_: pytest.fail("looked again"))
        second = ReferenceFolder(album, matcher)
    (index,) = (tmp_path / "cache" / "references").glob("*.npz")
    index.write_bytes(b"")  # as a disk that was full may leave it
    assert len(ReferenceFolder(album, matcher).candidates(first._vectors[0])) == 1
    scene = matcher.reference(other_scene, "").scene
    assert [r.name for r in first.candidates(scene)] == [str(album / "other.png")]
    assert [r.name for r in second.candidates(scene)] == [str(album / "other.png")]
