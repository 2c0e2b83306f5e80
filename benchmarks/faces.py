"""What colouring faces from close up brings: error by the size of the face, and of whole pictures.

    python benchmarks/faces.py photos.zip
    python benchmarks/faces.py faces.zip --limit 60

Pictures in colour are made grey and coloured by photochrom-base, by photochrom-faces, and by both
(``faces:A:B``, which `photochrom image --faces` takes). Pictures without a face that is found are
left out. A face's error is the mean distance of ab, CIELAB units, in the ellipse that its box
holds; an interval is 1.96 standard errors of the mean difference from photochrom-base.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photochrom.engine import DEFAULT_MODEL, FACE_MODEL, load
from photochrom.engine.close_ups import COLORED, SHARE, FacePart
from photochrom.evaluation.dataset import grey_to_rgb, open_pictures, to_grey
from photochrom.evaluation.metrics import ciede2000, psnr, to_lab
from photochrom.pipeline import colorize

MODELS = (DEFAULT_MODEL, FACE_MODEL, f"faces:{DEFAULT_MODEL}:{FACE_MODEL}")
BOUNDS = (0.0, 0.005, 0.01, 0.03, 0.06, 0.25, 10.0)
"""Of the rows: the share of the picture that the box of a face takes."""


def main() -> None:
    """Print a row for all pictures, and one for the faces of each size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--limit", type=int, help="so many pictures, drawn at random by seed 0")
    parser.add_argument("--share", type=float, default=SHARE, help="of the second model in a face")
    arguments = parser.parse_args()
    networks = [load(model, device="cpu", confidence="none") for model in MODELS]
    close_ups = networks[-1].close_ups
    assert close_ups is not None
    close_ups.share = arguments.share
    pictures = open_pictures(arguments.photos)
    names = pictures.sample(arguments.limit, 0)
    wholes, faces = [], []
    for name in names:
        truth = pictures.read(name)
        grey = grey_to_rgb(to_grey(truth))
        found = close_ups.find(grey)
        if not found:
            continue
        colored = [colorize(grey, model=network) for network in networks]
        true_lab, labs = to_lab(truth), [to_lab(rgb) for rgb in colored]
        values = [(psnr(rgb, truth), ciede2000(lab, true_lab)) for rgb, lab in zip(colored, labs)]
        wholes.append(np.array(values).T)
        for face in found:
            inside = face_ellipse(face, grey.shape[:2])
            errors = [np.hypot(*(lab - true_lab)[inside][:, 1:].T).mean() for lab in labs]
            faces.append([4 * inside.mean() / np.pi, *errors])
    print(f"pictures: {len(names)}, with faces: {len(wholes)}; columns: {', '.join(MODELS)}")
    for title, rows in zip(("PSNR, dB", "CIEDE2000"), np.moveaxis(np.array(wholes), 1, 0)):
        print_row(title, rows)
    table = np.array(faces)
    print_row("ab error of all faces", table[:, 1:])
    for least, most in pairwise(BOUNDS):
        rows = table[(table[:, 0] >= least) & (table[:, 0] < most)]
        if len(rows):
            print_row(f"of {least:.1%} to {min(most, 1):.1%} of the picture", rows[:, 1:])


def face_ellipse(face: FacePart, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """What the box of a face holds, (H, W)."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    down, across = face.radius_y / COLORED[1], face.radius_x / COLORED[0]
    inside = ((rows - face.y) / down) ** 2 + ((columns - face.x) / across) ** 2 <= 1
    return np.asarray(inside, np.bool_)


def print_row(title: str, rows: NDArray[np.float64]) -> None:
    """Means, and how far both are from the first. rows: (N, models)."""
    change = rows[:, -1] - rows[:, 0]
    means = "  ".join(f"{mean:6.2f}" for mean in rows.mean(axis=0))
    wide = 1.96 * change.std() / np.sqrt(len(change))
    print(f"{title:32} {len(rows):4}  {means}  {change.mean():+.2f} ± {wide:.2f}")


if __name__ == "__main__":
    main()
