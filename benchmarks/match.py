"""Does --match make a series more alike, and does it cost truth?

    python benchmarks/match.py --films FILM... [--strengths 0.25,0.5,0.75,1]

Of each clip in colour frames are taken that lie apart, each exposed and graded otherwise (gamma,
contrast), as the prints of one afternoon are. Their grey versions are coloured, and brought to the
common look of (a) the true colours of other frames of the clip, an album that fits; (b) the series
itself; (c) the true colours of another clip, an album that does not fit. Prints the spread over
each series of the cast (root mean square distance from the mean, CIELAB units) and of the vividness
(standard deviation of its logarithm), and the mean CIEDE2000 to the truth with 95 % intervals of
the difference picture by picture. "transport" brings mean and covariance of ab to the album's, by
linear optimal transport, in place of cast and vividness.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np

from photochrom.color.difference import ciede2000
from photochrom.color.fit import shrink
from photochrom.color.look import Look, Match, common_look, find_look, match_chroma, picture_look
from photochrom.color.luminance import lightness
from photochrom.color.space import lab_to_rgb, rgb_to_lab
from photochrom.engine import load, local_model
from photochrom.pipeline import predict
from photochrom.video.io.pictures import rgb_frames
from photochrom.video.io.probe import probe

STEP, ALBUM_OFFSET = 8, 4
GAMMAS, CONTRASTS = (0.6, 0.8, 1.0, 1.3, 1.7), (1.0, 0.7, 0.85, 1.15)


def main() -> None:
    """Print the tables, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--films", nargs="+", type=Path, required=True)
    parser.add_argument("--strengths", default="0.25,0.5,0.75,1")
    parser.add_argument("--model", default="photochrom-base")
    arguments = parser.parse_args()
    network = load(local_model(arguments.model))
    clips = {film.stem: clip_frames(film) for film in arguments.films}
    guesses = {name: [guess(rgb, network) for rgb in series] for name, (series, _) in clips.items()}
    albums = {name: album for name, (_, album) in clips.items()}
    names = list(clips)
    rows = []
    for name in names:
        other = names[(names.index(name) + 1) % len(names)]
        looks = {
            "album": common_look([picture_look(rgb) for rgb in albums[name]]),
            "series": common_look([find_look(ab, L) for L, ab, _ in guesses[name]]),
            "other album": common_look([picture_look(rgb) for rgb in albums[other]]),
        }
        rows.append((name, "none", 0.0, *measure(guesses[name], lambda ab, _: ab)))
        for strength in map(float, arguments.strengths.split(",")):
            for title, look in looks.items():
                change = partial(match_chroma, match=Match(look, strength))
                rows.append((name, title, strength, *measure(guesses[name], change)))
            for title, album in (("album", albums[name]), ("other album", albums[other])):
                target = moments(np.concatenate([pixels(rgb) for rgb in album]))
                change = partial(transport, target=target, strength=strength)
                row = (name, f"{title}, by transport", strength)
                rows.append((*row, *measure(guesses[name], change)))
    print_rows(rows)


def clip_frames(film: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Frames of a series, each exposed otherwise, and of an album: (h, w, 3) in [0, 1]."""
    series, album = [], []
    for number, rgb in enumerate(rgb_frames(probe(film), 256)):
        small = np.asarray(rgb, np.float32) / 255.0
        if number % STEP == 0:
            i = len(series)
            lab = rgb_to_lab(small)
            L = 100 * (lab[..., 0] / 100) ** GAMMAS[i % len(GAMMAS)]
            lab[..., 0] = 50 + CONTRASTS[i % len(CONTRASTS)] * (L - 50)
            series.append(np.clip(lab_to_rgb(lab), 0, 1).astype(np.float32))
        elif number % STEP == ALBUM_OFFSET:
            album.append(small)
    return series, album


def guess(rgb: np.ndarray, network) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """L that the network saw, its ab, and the true ab at that size."""
    L = lightness(rgb)
    grey = np.clip(lab_to_rgb(np.stack([L, 0 * L, 0 * L], -1))[..., 1], 0, 1)
    found = predict(grey.astype(np.float32), network)
    shape = found.ab.shape[:2]
    truth = shrink(rgb_to_lab(rgb)[..., 1:].astype(np.float32), shape)
    return shrink(found.L, shape), found.ab, truth


def measure(guesses, change) -> tuple[float, float, np.ndarray]:
    """Spread of cast and of vividness over a series, and the CIEDE2000 of each picture."""
    casts, vividness, errors = [], [], []
    for L, ab, truth in guesses:
        now = change(ab, L)
        look: Look = find_look(now, L)
        casts.append(look.cast)
        vividness.append(np.log(max(look.vividness, 1.0)))
        errors.append(ciede2000(np.dstack([L, now]), np.dstack([L, truth])).mean())
    apart = np.array(casts) - np.mean(casts, axis=0)
    spread = float(np.sqrt((apart**2).sum(1).mean()))
    return spread, float(np.std(vividness)), np.array(errors)


def print_rows(rows) -> None:
    """One row for each way, over all clips."""
    print("| matched to | strength | spread of cast | of vividness | CIEDE2000 | difference |")
    print("|---|--:|--:|--:|--:|---|")
    base = np.concatenate([row[5] for row in rows if row[1] == "none"])
    rng = np.random.default_rng(0)
    for title, strength in dict.fromkeys((row[1], row[2]) for row in rows):
        mine = [row for row in rows if (row[1], row[2]) == (title, strength)]
        errors = np.concatenate([row[5] for row in mine])
        means = (errors - base)[rng.integers(0, len(errors), (2000, len(errors)))].mean(1)
        low, high = np.percentile(means, (2.5, 97.5))
        print(
            f"| {title} | {strength:g} | {np.mean([r[3] for r in mine]):.2f} | "
            f"{np.mean([r[4] for r in mine]):.2f} | {errors.mean():.2f} | "
            f"{(errors - base).mean():+.2f} [{low:+.2f}, {high:+.2f}] |"
        )


def pixels(rgb: np.ndarray) -> np.ndarray:
    """Some of a picture's ab, (n, 2)."""
    return rgb_to_lab(rgb)[::4, ::4, 1:].reshape(-1, 2)


def moments(ab: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of ab, (n, 2)."""
    return ab.mean(0), np.cov(ab.T) + 0.5 * np.eye(2)


def transport(ab: np.ndarray, _L: np.ndarray, target, strength: float) -> np.ndarray:
    """Linear optimal transport between normal distributions (Pitié, Kokaram 2007)."""
    mean, cov = moments(ab.reshape(-1, 2))
    root = _root(cov)
    inverse = np.linalg.inv(root)
    matrix = inverse @ _root(root @ target[1] @ root) @ inverse
    moved = (ab - mean) @ matrix.T + target[0]
    return (ab + strength * (moved - ab)).astype(np.float32)


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag(np.sqrt(np.maximum(values, 0))) @ vectors.T


if __name__ == "__main__":
    main()
