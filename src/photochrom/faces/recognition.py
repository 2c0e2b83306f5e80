"""Which enrolled face is most like another: by embedding, by latent, or by reconstruction.

A face that is enrolled is described several times, turned by `TWIN_ANGLES`: a query that is turned
itself is close to one of these twins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError
from photochrom.faces.model import FaceNet
from photochrom.faces.preprocess import Face, Pose, circle, network_input, standardize

TWIN_ANGLES = (-30.0, -15.0, 0.0, 15.0, 30.0)
"""Degrees by which an enrolled face is turned."""
Comparison = Literal["embedding", "latent", "reconstruction"]
COMPARISONS: tuple[Comparison, ...] = ("embedding", "latent", "reconstruction")
"""embedding: 1 − cosine of the metric head, [0, 2]. latent: Euclidean distance of the
autoencoder's latents over the mean of their lengths. reconstruction: mean squared difference of the
query from what the decoder has made of the enrolled face, over the query's variance."""
_UPRIGHT = TWIN_ANGLES.index(0.0)
_GREY_STEP = 127.5 / 2
"""A reconstruction is kept in 256 steps from −2 to 2."""


@dataclass(frozen=True)
class Template:
    """What is kept of one enrolled face, T = number of `TWIN_ANGLES`.

    embeddings: (T, ·) float32 of length 1. latents: (T, ·) float32. reconstruction: (INPUT_PX,
    INPUT_PX) uint8, the decoder's picture of the upright face.
    """

    embeddings: NDArray[np.float32]
    latents: NDArray[np.float32]
    reconstruction: NDArray[np.uint8]


class Query(NamedTuple):
    """What is compared with the templates.

    embedding, latent: (·,). views: (T, INPUT_PX, INPUT_PX), the face turned by `TWIN_ANGLES`.
    """

    embedding: NDArray[np.float32]
    latent: NDArray[np.float32]
    views: NDArray[np.float32]


def make_template(net: FaceNet, face: Face) -> Template:
    """Describe a face that is to be enrolled."""
    return make_templates(net, [face])[0]


def make_templates(net: FaceNet, faces: Sequence[Face]) -> list[Template]:
    """Describe faces that are to be enrolled."""
    twins = len(TWIN_ANGLES)
    views = np.stack([network_input(f, Pose(angle)) for f in faces for angle in TWIN_ANGLES])
    described = net.describe(views, ("latent", "embedding"))
    upright = net.describe(views[_UPRIGHT::twins], ("reconstruction",))["reconstruction"]
    levels = np.clip(np.rint((upright + 2) * _GREY_STEP), 0, 255).astype(np.uint8)
    return [
        Template(
            described["embedding"][i * twins : (i + 1) * twins],
            described["latent"][i * twins : (i + 1) * twins],
            levels[i],
        )
        for i in range(len(faces))
    ]


def make_query(net: FaceNet, face: Face) -> Query:
    """Describe a face that is to be found."""
    views = np.stack([network_input(face, Pose(angle)) for angle in TWIN_ANGLES])
    described = net.describe(views[_UPRIGHT : _UPRIGHT + 1], ("latent", "embedding"))
    return Query(described["embedding"][0], described["latent"][0], views)


class Gallery:
    """Enrolled faces, ready to be compared with many queries."""

    def __init__(self, templates: Sequence[Template]) -> None:
        """Raises InputError where there is no template."""
        if not templates:
            raise InputError("nobody is enrolled; photochrom faces enroll NAME PICTURE does that")
        self._embeddings = np.stack([t.embeddings for t in templates])
        self._latents = np.stack([t.latents for t in templates])
        self._templates = templates

    def distances(self, query: Query, by: Comparison = "embedding") -> NDArray[np.float64]:
        """How far a query is from every face, (N,): for each that of its nearest twin."""
        if by == "reconstruction":
            views = _pixels_in_circle(query.views)
            squares = np.square(views).sum(axis=1, keepdims=True)
            apart = squares + self._picture_squares - 2 * views @ self._pictures.T
            return np.asarray((apart / squares).min(axis=0), np.float64)
        if by == "latent":
            lengths = np.linalg.norm(self._latents, axis=2) + np.linalg.norm(query.latent)
            apart = np.linalg.norm(self._latents - query.latent, axis=2) / (lengths / 2)
            return np.asarray(apart.min(axis=1), np.float64)
        cosines = self._embeddings @ query.embedding
        return np.asarray(np.maximum(1.0 - cosines.max(axis=1), 0.0), np.float64)

    @cached_property
    def _picture_squares(self) -> NDArray[np.float32]:
        squares: NDArray[np.float32] = np.square(self._pictures).sum(axis=1)
        return squares

    @cached_property
    def _pictures(self) -> NDArray[np.float32]:
        """What the decoder has made of each face, (N, pixels inside the circle)."""
        return _pixels_in_circle(
            np.stack([rebuilt_picture(template) for template in self._templates])
        )


def rebuilt_picture(template: Template) -> NDArray[np.float32]:
    """What the decoder has made of a face, (INPUT_PX, INPUT_PX), as the network sees faces."""
    return standardize(template.reconstruction.astype(np.float32))


def _pixels_in_circle(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, INPUT_PX, INPUT_PX) → (N, pixels inside the circle)."""
    return pictures[:, circle() > 0]
