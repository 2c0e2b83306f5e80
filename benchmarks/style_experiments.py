"""Does colour pass over as style? The experiments of docs/style.md, on pictures of scikit-image and
scikit-learn and on a drawn painting.

    python benchmarks/style_experiments.py --size 128 --out build/style

prints mean CIEDE2000 to the true colours (of the grey picture, of the transfer, of the same
picture as a --reference, and of what the shipped model colours by itself), and writes the pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data
from skimage.color import deltaE_ciede2000
from sklearn.datasets import load_sample_image

import photochrom
from photochrom.color.luminance import lightness
from photochrom.color.space import lab_to_rgb, rgb_to_lab
from photochrom.imageio import Picture, eight_bit_rgb
from photochrom.style_transfer.layer_sheets import layer_sheet
from photochrom.style_transfer.options import SHIPPED_LAYERS, StyleOptions
from photochrom.style_transfer.transfer import layer_maps, transfer_style

Rgb = NDArray[np.uint8]
WHOLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
HEIGHT_PX = 200


class Place(NamedTuple):
    """A photograph that is made grey, and a picture in colour of the same or another place."""

    name: str
    photo: Rgb
    style: Rgb


def places() -> Iterator[Place]:
    """The three places: the same, a similar, an unrelated one."""
    left, right, _ = data.stereo_motorcycle()
    china, flower = load_sample_image("china.jpg"), load_sample_image("flower.jpg")
    half = china.shape[1] // 2
    yield Place("the same, from another side", left, right)
    yield Place("similar: the other half of a palace", china[:, :half], china[:, half:])
    yield Place("unrelated: a flower", left, flower)


def painting() -> Rgb:
    """Swirls of short strokes, blue with yellow lights: drawn, after no painter's picture."""
    rng = np.random.default_rng(8)
    canvas = np.full((320, 400, 3), (52, 66, 110), np.uint8)
    lights = rng.uniform((30, 20), (370, 200), (7, 2))
    for _ in range(9000):
        x, y = rng.uniform((0, 0), (400, 320))
        away = np.array([x, y]) - lights
        distance = np.hypot(*away.T)
        nearest = distance.argmin()
        angle = np.arctan2(away[nearest, 1], away[nearest, 0]) + np.pi / 2
        glow = np.exp(-distance[nearest] / 28)
        base = np.array([30, 60, 140]) if y < 240 else np.array([40, 80, 60])
        color = base * (1 - glow) + np.array([250, 215, 90]) * glow + rng.normal(0, 16, 3)
        reach = 7 * np.array([np.cos(angle), np.sin(angle)])
        ends = [tuple(int(v) for v in (x, y) + way * reach) for way in (-1, 1)]
        cv2.line(
            canvas, ends[0], ends[1], tuple(map(float, np.clip(color, 0, 255))), 2, cv2.LINE_AA
        )
    return canvas


def grey(rgb: Rgb) -> Rgb:
    """Of the same lightness."""
    plain = np.stack([lightness(rgb), *(np.zeros(rgb.shape[:2], np.float32),) * 2], axis=-1)
    return np.rint(np.clip(lab_to_rgb(plain), 0, 1) * 255).astype(np.uint8)


def difference(rgb: Rgb, truth: Rgb) -> float:
    """Mean CIEDE2000 between two pictures."""
    lab = [rgb_to_lab(picture.astype(np.float64) / 255) for picture in (rgb, truth)]
    return float(deltaE_ciede2000(*lab).mean())


def row(*pictures: Rgb) -> Rgb:
    """Pictures of one height beside each other."""
    gap = np.full((HEIGHT_PX, 4, 3), 255, np.uint8)
    fitted = []
    for picture in pictures:
        width = round(picture.shape[1] * HEIGHT_PX / picture.shape[0])
        fitted += [cv2.resize(picture, (width, HEIGHT_PX), interpolation=cv2.INTER_AREA), gap]
    return np.hstack(fitted[:-1])


def save(path: Path, rows: list[Rgb]) -> None:
    """Rows of pictures as one JPEG."""
    width = max(one.shape[1] for one in rows)
    even = [
        cv2.copyMakeBorder(
            one, 0, 4, 0, width - one.shape[1], cv2.BORDER_CONSTANT, value=(255,) * 3
        )
        for one in rows
    ]
    photochrom.write(path, Picture(np.vstack(even)), overwrite=True, quality=88)


def colors(out: Path, options: StyleOptions) -> None:
    """Grey photograph, colour photograph: how near the true colours, as a table and a sheet."""
    rows = []
    heads = ("style", "grey", "transfer", "reference", "automatic")
    print(("{:38}" + "{:>11}" * 4).format(*heads), "  (mean CIEDE2000)")
    for place in places():
        plain = grey(place.photo)
        result = eight_bit_rgb(Picture(transfer_style(plain, place.style, options).rgb))
        matched = eight_bit_rgb(photochrom.colorize(Picture(plain), reference=place.style))
        automatic = eight_bit_rgb(photochrom.colorize(Picture(plain)))
        figures = [difference(one, place.photo) for one in (plain, result, matched, automatic)]
        print(("{:38}" + "{:11.2f}" * 4).format(place.name, *figures), flush=True)
        rows.append(row(plain, place.style, result, place.photo))
    save(out / "style-colors.jpg", rows)


def paintings(out: Path, options: StyleOptions) -> None:
    """A photograph and a painting, chroma alone and whole; and what layers see of the latter."""
    photo, drawn = load_sample_image("china.jpg"), painting()
    chroma = transfer_style(photo, drawn, options)
    full = transfer_style(photo, drawn, StyleOptions(True, options.steps, size=options.size))
    for name, one in (("chroma", chroma), ("full", full)):
        left = sum(one.after.values()) / sum(one.before.values())
        print(f"painting, {name}: {100 * left:.1f} % of the style's loss are left", flush=True)
    save(out / "style-painting.jpg", [row(photo, drawn), row(chroma.rgb, full.rgb)])
    maps = layer_maps(drawn, options, SHIPPED_LAYERS)
    sheets = [cv2.cvtColor(layer_sheet(maps[name]), cv2.COLOR_GRAY2RGB) for name in SHIPPED_LAYERS]
    save(out / "style-layers.jpg", [row(*sheets)])


def main() -> None:
    """Run all experiments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/style"))
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--weights", help="the whole VGG-19: conv1_1 to conv5_1 as well")
    parser.add_argument("--only", choices=("colors", "paintings"), help="one of the two parts")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    options = StyleOptions(steps=given.steps, size=given.size)
    if given.only != "paintings":
        colors(given.out, options)
    if given.only != "colors":
        paintings(given.out, options)
    if given.weights:
        print("conv1_1, 2_1, 3_1, 4_1, 5_1:")
        whole = StyleOptions(
            steps=given.steps, size=given.size, style_layers=WHOLE, weights=given.weights
        )
        colors(given.out, whole)


if __name__ == "__main__":
    main()
