"""How well faces are told apart: on people that nothing was learned from, and on turned pictures.

*Verification*: of all pairs of pictures, how often one person's is closer than two people's (the
area under the ROC curve). *Rank 1*: how often the nearest enrolled picture shows the same person,
with one picture of everybody enrolled (``first``), or with all but the query (``others``). *Found
again*: how often an enrolled picture that is turned is nearest to itself.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError
from photochrom.faces.grouping import WITHIN_GROUP, face_distances, group_by_distance
from photochrom.faces.model import FaceNet
from photochrom.faces.preprocess import FACE_PX, Face
from photochrom.faces.recognition import (
    COMPARISONS,
    Comparison,
    Gallery,
    Query,
    Template,
    make_query,
    make_templates,
)

ANGLES = (-60, -45, -40, -35, -30, -25, -20, -15, -10, -5, 0,
          5, 10, 15, 20, 25, 30, 35, 40, 45, 60)  # fmt: skip
"""Degrees at which turned pictures are looked for."""
FALSE_ACCEPTANCE = 0.01
"""Share of pairs of different people that the threshold lets pass."""

ALBUM_PEOPLE = 20
ALBUMS = 40
"""So many people each are drawn so many times, to measure how an album is grouped."""


@dataclass(frozen=True)
class FaceScores:
    """One way of comparing.

    auc, rank_1_first, rank_1_others: in [0, 1]. threshold: the distance at which the share
    `FALSE_ACCEPTANCE` of pairs of different people passes; true_acceptance: the share of pairs of
    one person that does. found_again: for each angle the share, in [0, 1].
    """

    auc: float
    rank_1_first: float
    rank_1_others: float
    threshold: float
    true_acceptance: float
    found_again: tuple[float, ...]


@dataclass(frozen=True)
class GroupingScores:
    """How well an album's faces are grouped, in the mean over albums drawn from the people.

    people: in an album. precision: of the pairs of faces in one group, the share of one person's.
    recall: of all pairs of one person's, the share in one group. Both in [0, 1].
    """

    people: int
    precision: float
    recall: float


@dataclass(frozen=True)
class FaceReport:
    """What was measured, by way of comparing.

    people, pictures, turned: how many there were. left_out: people with a single picture. angles:
    degrees, as `FaceScores.found_again` has them. grouping: by embedding.
    """

    people: int
    left_out: int
    pictures: int
    turned: int
    angles: tuple[float, ...]
    scores: Mapping[Comparison, FaceScores]
    grouping: GroupingScores

    def to_table(self) -> dict[str, Any]:
        """For a JSON file; what a model's card takes of it is in there by itself."""
        metrics: dict[str, float] = {}
        for by, scores in self.scores.items():
            within_30 = [
                f for a, f in zip(self.angles, scores.found_again, strict=True) if abs(a) <= 30
            ]
            metrics |= {
                f"{by}_auc": round(scores.auc, 4),
                f"{by}_rank_1_first": round(scores.rank_1_first, 4),
                f"{by}_rank_1_others": round(scores.rank_1_others, 4),
                f"{by}_found_within_30_degrees": round(min(within_30), 4),
            }
        return {
            **asdict(self),
            "thresholds": {by: round(s.threshold, 4) for by, s in self.scores.items()},
            "card_metrics": metrics,
        }


def evaluate_faces(
    net: FaceNet,
    faces: Sequence[Face] | NDArray[np.uint8],
    people: Sequence[str],
    *,
    turned: int = 200,
    angles: Sequence[float] = ANGLES,
    progress: Callable[[float], None] = lambda _: None,
) -> FaceReport:
    """Measure on faces of people with several pictures each.

    people: whose each is. Who has a single picture is left out. turned: so many of the pictures,
    evenly spread over all, are turned, by ``angles`` (degrees). progress: called with the share
    that is done. Raises InputError where nobody, or one person alone, has two pictures.
    """
    names, counts = np.unique(np.asarray(people), return_counts=True)
    several = set(names[counts > 1])
    if len(several) < 2:
        raise InputError(
            f"{len(several)} people have two pictures and more; two such people are the least "
            "that can be evaluated"
        )
    kept = [i for i, person in enumerate(people) if person in several]
    faces, owners = [np.asarray(faces[i]) for i in kept], np.asarray(people)[kept]
    templates: list[Template] = []
    queries: list[Query] = []
    for start in range(0, len(faces), 16):
        templates += make_templates(net, faces[start : start + 16])
        queries += [make_query(net, face) for face in faces[start : start + 16]]
        progress(0.5 * len(queries) / len(faces))
    chosen = evenly_spread(turned, len(faces))
    gallery = Gallery(templates)
    found = _found_again(net, faces, chosen, gallery, angles, lambda s: progress(0.5 + 0.5 * s))
    scores: dict[Comparison, FaceScores] = {}
    for by in COMPARISONS:
        apart = np.stack([gallery.distances(query, by) for query in queries])
        scores[by] = _scores(apart, owners, found[by])
    grouping = _grouping_scores(face_distances(templates), owners, scores["embedding"].threshold)
    return FaceReport(
        len(several), len(names) - len(several), len(faces), len(chosen), tuple(angles), scores,
        grouping,
    )  # fmt: skip


def evenly_spread(count: int, total: int) -> list[int]:
    """So many of ``total`` places, or all, as far apart from each other as they can be."""
    count = min(count, total)
    return [number * total // count for number in range(count)]


def turn(face: Face, angle: float) -> Face:
    """A face turned by so many degrees; what comes in from outside repeats the edge."""
    import cv2

    center = ((FACE_PX - 1) / 2, (FACE_PX - 1) / 2)
    matrix = cv2.getRotationMatrix2D(center, angle, 1.0)
    turned = cv2.warpAffine(
        face, matrix, (FACE_PX, FACE_PX), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(turned, np.uint8)


def draw_report(table: dict[str, Any], folder: Path) -> list[Path]:
    """The curve over angles and the rows by way of comparing, as PNG files in a folder.

    table: of `FaceReport.to_table`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for by, scores in table["scores"].items():
        axes.plot(table["angles"], [100 * f for f in scores["found_again"]], marker=".", label=by)
    axes.axvspan(-30, 30, alpha=0.08)
    axes.axvspan(-15, 15, alpha=0.08)
    axes.set(
        xlabel="turned by (degrees)", ylabel="found again (%)", ylim=(0, 102),
        title=f"{table['turned']} turned pictures among {table['pictures']} enrolled",
    )  # fmt: skip
    axes.legend(title="compared by")
    angles = folder / "angles.png"
    figure.savefig(angles, dpi=120)
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    keys = ("auc", "rank_1_first", "rank_1_others", "true_acceptance")
    for index, (by, scores) in enumerate(table["scores"].items()):
        places = np.arange(len(keys)) + 0.27 * (index - 1)
        bars = axes.bar(places, [100 * scores[key] for key in keys], 0.25, label=by)
        axes.bar_label(bars, fmt="%.0f")
    axes.set(
        xticks=range(len(keys)), ylabel="%", ylim=(0, 112),
        xticklabels=("AUC", "rank 1, one enrolled", "rank 1, all others", "accepted at 1 % false"),
        title=f"{table['people']} people that nothing was learned from",
    )  # fmt: skip
    axes.legend(title="compared by")
    people = folder / "people.png"
    figure.savefig(people, dpi=120)
    return [angles, people]


def draw_identification(
    query: NDArray[np.float32], best: NDArray[np.float32], apart: NDArray[np.float64],
    names: Sequence[str], by: Comparison,
) -> bytes:  # fmt: skip
    """A PNG file: the query, the decoder's picture of the nearest face, the distance to every one.

    The report's figures 4.18 to 4.20. query, best: (H, W). apart, names: (N,) of the enrolled.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(10, 3.6), layout="constrained")
    grid = figure.add_gridspec(1, 3, width_ratios=(1, 1, 2.6))
    nearest = int(apart.argmin())
    titles = ("query", f"nearest: {names[nearest]}, as decoded")
    for place, (picture, title) in enumerate(zip((query, best), titles, strict=True)):
        axes = figure.add_subplot(grid[place])
        axes.imshow(picture, cmap="gray")
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    axes = figure.add_subplot(grid[2])
    axes.plot(range(1, len(apart) + 1), apart, marker=".", linewidth=0.8)
    at = (nearest + 1, float(apart[nearest]))
    axes.plot(*at, "o", color="tab:red")
    axes.annotate(names[nearest], at, (6, 0), textcoords="offset points", fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set(xlabel="enrolled face", ylabel=f"distance by {by}", ylim=(0, None))
    file = io.BytesIO()
    figure.savefig(file, dpi=120, format="png")
    return file.getvalue()


def area_under_curve(same: NDArray[np.float64], different: NDArray[np.float64]) -> float:
    """How often a distance of ``same`` is smaller than one of ``different``; half where equal."""
    below = np.searchsorted(np.sort(different), same, side="left")
    not_above = np.searchsorted(np.sort(different), same, side="right")
    return float(1.0 - (below + not_above).mean() / 2 / len(different))


def _scores(
    apart: NDArray[np.float64], owners: NDArray[np.str_], found: tuple[float, ...]
) -> FaceScores:
    """apart: (N, N), queries by templates, of pictures whose owners are these."""
    own = owners[:, None] == owners[None]
    others = ~np.eye(len(owners), dtype=bool)
    same, different = apart[own & others], apart[~own]
    threshold = float(np.quantile(different, FALSE_ACCEPTANCE))
    without_self = np.where(others, apart, np.inf)
    first = np.unique(owners, return_index=True)[1]
    rest = np.setdiff1d(np.arange(len(owners)), first)
    nearest_first = owners[first][apart[np.ix_(rest, first)].argmin(axis=1)]
    return FaceScores(
        auc=area_under_curve(same, different),
        rank_1_first=float((nearest_first == owners[rest]).mean()),
        rank_1_others=float((owners[without_self.argmin(axis=1)] == owners).mean()),
        threshold=threshold,
        true_acceptance=float((same <= threshold).mean()),
        found_again=found,
    )


def _grouping_scores(
    apart: NDArray[np.float64], owners: NDArray[np.str_], threshold: float
) -> GroupingScores:
    """apart: (N, N). threshold: of one person's pictures, as `FaceScores.threshold`."""
    people = np.unique(owners)
    count = min(ALBUM_PEOPLE, len(people))
    random = np.random.default_rng(0)
    pairs = np.zeros(3)  # in one group and one person's, in one group, one person's
    for _ in range(ALBUMS):
        drawn = np.flatnonzero(np.isin(owners, random.choice(people, count, replace=False)))
        label = np.empty(len(drawn), np.intp)
        groups = group_by_distance(apart[np.ix_(drawn, drawn)], WITHIN_GROUP * threshold)
        for number, members in enumerate(groups):
            label[members] = number
        above = np.triu_indices(len(drawn), 1)
        together = (label[:, None] == label)[above]
        same = (owners[drawn][:, None] == owners[drawn])[above]
        pairs += [(together & same).sum(), together.sum(), same.sum()]
    return GroupingScores(
        count, float(pairs[0] / max(pairs[1], 1)), float(pairs[0] / max(pairs[2], 1))
    )


def _found_again(
    net: FaceNet, faces: Sequence[Face], chosen: Sequence[int], gallery: Gallery,
    angles: Sequence[float], progress: Callable[[float], None],
) -> dict[str, tuple[float, ...]]:  # fmt: skip
    """For each way of comparing and each angle the share of pictures nearest to themselves."""
    found: dict[str, list[float]] = {by: [] for by in COMPARISONS}
    for number, angle in enumerate(angles):
        hits = dict.fromkeys(COMPARISONS, 0)
        for place in chosen:
            query = make_query(net, turn(faces[place], angle))
            for by in COMPARISONS:
                hits[by] += int(gallery.distances(query, by).argmin()) == place
        for by in COMPARISONS:
            found[by].append(hits[by] / len(chosen))
        progress((number + 1) / len(angles))
    return {by: tuple(shares) for by, shares in found.items()}
