"""Run every command of docs/reports.md in its small form, from top to bottom, in one folder.

python tools/report_commands.py FOLDER [--only WORDS] [--list]

FOLDER is made, and gets what the page's commands name (DATA, photo.jpg, episode.mp4, ...): the
photographs inside scikit-image and scikit-learn, or drawn. Then each command runs as it stands on
the page, with settings behind it that make it short; its output is FOLDER/logs/NUMBER.txt. The
exit code is 1 where one of them failed. Wants the extras that the page names, and no network;
`photochrom data get` is left out (tests/training/test_published.py has a stand-in for the server).
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import skimage.data
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits, load_sample_images

from photochrom.nets import build
from photochrom.nets.resnet import ResNetEncoder
from photochrom.training.recipe.builtin import colorization_names, recipe_path
from photochrom.training.recipe.toml import load_recipe, with_sources

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reports.md"
RGB = NDArray[np.uint8]
"""Photographs: (height, width, 3), sRGB-encoded."""

SMALL_PATCHES = ("data.validation=2",)
SMALL_DIGITS = ("images=40", "batch=20", "classifier_images=640")
SMALL_TRANSFER = ("size=32", "epochs=1", "batch=4", "fixed_epochs=0")


def main() -> None:
    """Make the stand-ins, run the commands, print a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", metavar="WORDS", help="commands that hold WORDS")
    parser.add_argument("--list", action="store_true", help="print the commands, run nothing")
    arguments = parser.parse_args()
    commands = [c for c in page_commands() if arguments.only in c]
    if arguments.list:
        print(*commands, sep="\n")
        return
    folder = arguments.folder.absolute()
    if folder.exists():
        parser.error(f"{folder} exists; name a folder that does not")
    make_stand_ins(folder)
    failed = 0
    for number, command in enumerate(commands, 1):
        begin = time.monotonic()
        log = folder / "logs" / f"{number:02d}.txt"
        code = run(command, folder, log)
        failed += code != 0
        print(f"{code:3d} {time.monotonic() - begin:6.1f} s  {command}", flush=True)
        if code:
            print("    " + "\n    ".join(log.read_text(errors="replace").splitlines()[-5:]))
    print(f"{len(commands)} commands, {failed} failed")
    sys.exit(failed > 0)


def page_commands() -> list[str]:
    """The page's whole commands, each once, in its order; not the names in the table of tests."""
    text = PAGE.read_text(encoding="utf-8").partition("\n## Small forms")[0].replace("\n", " ")
    spans = re.findall(r"`((?:photochrom|python) [^`]+)`", text)
    return [c for c in dict.fromkeys(spans) if not c.startswith("photochrom data get")]


def run(command: str, folder: Path, log: Path) -> int:
    """Run one command in its small form; its exit code."""
    words = shlex.split(command)
    if words[0] == "python":
        words = [sys.executable, str(ROOT / words[1]), *words[2:], "--photographs", "10"]
    else:
        words = [sys.executable, "-m", *words, *small(words[1:])]
    # Nothing of the person's own: no store of faces, no studio, no cache.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PHOTOCHROM_")}
    environment |= {k: str(folder / "home") for k in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")}
    with log.open("wb") as file:
        file.write(f"$ {shlex.join(words)}\n".encode())
        file.flush()
        process = subprocess.Popen(
            words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )  # fmt: skip
        if words[3] == "serve":
            wait_for(log, b"http://")
            time.sleep(2)  # the rest of what it has to say
            process.send_signal(signal.SIGINT)
        return process.wait()


def wait_for(log: Path, words: bytes, seconds: float = 60) -> None:
    """Until a log says these words."""
    end = time.monotonic() + seconds
    while words not in log.read_bytes() and time.monotonic() < end:
        time.sleep(0.1)


def small(words: list[str]) -> list[str]:
    """Arguments behind a command that make it short."""
    command, *rest = words
    if command == "train":
        changes = small_training(rest[0], "--epochs" in rest)
        return [word for change in changes for word in ("--set", change)] + ["--threads", "2"]
    if command == "transfer":
        changes = [word for change in SMALL_TRANSFER for word in ("--set", change)]
        return ["--seeds", "1", *changes]
    if command in ("evaluate", "turning-point", "compare"):
        given = {"--limit": "4", "--size": "64"}
        return [word for option, value in given.items() if option not in rest
                for word in (option, value)]  # fmt: skip
    if command == "serve":
        return ["--port", "0"]
    return []


def small_training(recipe_name: str, by_epochs: bool) -> list[str]:
    """Settings that make a recipe a matter of seconds."""
    if recipe_name.startswith("digits-"):
        return list(SMALL_DIGITS)
    if recipe_name.startswith("patch-"):
        return list(SMALL_PATCHES)
    assert recipe_name in colorization_names(), recipe_name
    recipe = load_recipe(recipe_path(recipe_name), with_sources(["data.grey="], [PAGE]))
    crop = max(64, build(recipe.net.name, recipe.net.options).multiple_of)
    changes = ["data.validation=2", "data.short_side=64", "monitor.grid=2"]
    changes += [] if by_epochs else ["budget_images=6"]
    narrow = {"net": recipe.net.options, "critic": recipe.critic.options}
    changes += [
        f"{part}.options.width=16" for part, options in narrow.items() if "width" in options
    ]
    for number, stage in enumerate(recipe.stages):
        here = {"crop": crop, "loss_side": 64, "batch": 2, "accumulate": 1,
                "keep_every_images": min(stage.keep_every_images, 2),
                "critic_alone": float(stage.critic_alone == 1), "generator_waits": 0.0,
                "saved_pictures": min(stage.saved_pictures, 2)}  # fmt: skip
        changes += [f"stages.{number}.{key}={value}" for key, value in here.items()]
    return changes


def photographs() -> list[RGB]:
    """Photographs inside the two packages, and their halves: sixteen at a short side of 128 px."""
    own = [bundled(name) for name in ("astronaut", "cat", "coffee", "rocket")]
    found = [*own, *load_sample_images().images]
    views = [rgb[:, ::flip] for rgb in found for flip in (1, -1)]
    views += [rgb[: rgb.shape[0] // 2] for rgb in found]
    return [shrink(rgb, 128) for rgb in views]


def bundled(name: str) -> RGB:
    """A photograph inside scikit-image's wheel."""
    return np.asarray(getattr(skimage.data, name)())


def shrink(rgb: RGB, side: int) -> RGB:
    """A picture whose short side is so many px."""
    scale = side / min(rgb.shape[:2])
    return np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def write(path: Path, rgb: NDArray[Any]) -> None:
    """Write a picture, RGB or grey, and the folder that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), rgb[..., ::-1] if rgb.ndim == 3 else rgb):
        raise OSError(f"{path} cannot be written")


def make_stand_ins(folder: Path) -> None:
    """Everything that the page's commands read, by the names that they have there."""
    (folder / "logs").mkdir(parents=True)
    (folder / "home").mkdir()
    photos = photographs()
    folders = "DATA HELD-OUT all-sorts clothes few-in-colour fundus landscapes portraits"
    for name in folders.split():
        for number, rgb in enumerate(photos):
            write(folder / name / f"{number:02d}.png", rgb)
    for number, rgb in enumerate(photos):
        write(folder / "many-in-grey" / f"{number:02d}.png", cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
        write(folder / "FOLDER" / ("people", "things")[number % 2] / f"{number:02d}.png", rgb)
    for name, rgb in {"photo": photos[4], "face": bundled("astronaut"), "fundus": photos[0],
                      "street": photos[8], "starry-night": photos[10]}.items():  # fmt: skip
        write(folder / f"{name}.jpg", rgb)
    for name, rgb in zip(("red", "green", "blue"), np.moveaxis(photos[2], 2, 0), strict=True):
        write(folder / f"{name}.tif", rgb.astype(np.uint16) * 257)
    write_archives(folder)
    write_digits(folder / "data" / "mnist")
    write_masks(folder / "MASKS")
    write_film(folder / "episode.mp4", photos)
    shutil.copy(folder / "episode.mp4", folder / "grey.mp4")
    body = ResNetEncoder(101, inputs=3).state_dict()
    torch.save(body, folder / "resnet101-63fe2227.pth")


def write_archives(folder: Path) -> None:
    """Zip files, and the tables that say of which set a photograph is."""
    members = sorted((folder / "DATA").iterdir())
    with zipfile.ZipFile(folder / "mirflickr25k.zip", "w") as archive:
        for number, path in enumerate(members, 1):
            archive.write(path, f"mirflickr/im{number}.png")
    for stem, sets in (("photos", ("landscapes", "people")),
                       ("photos-eval", ("clothing_ccp", "weather_shubhankarm"))):  # fmt: skip
        with zipfile.ZipFile(folder / f"{stem}.zip", "w") as archive:
            for path in members:
                archive.write(path, path.name)
        with (folder / f"{stem}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("name", "set"))
            rows.writerows((path.name, sets[number % 2]) for number, path in enumerate(members))


def write_digits(folder: Path) -> None:
    """scikit-learn's digits in the files of MNIST's test part."""
    folder.mkdir(parents=True)
    digits = load_digits()
    pictures = [cv2.resize(np.uint8(p * 15.9), (28, 28)) for p in digits.images[:600]]
    sizes = struct.pack(">4I", 0x803, len(pictures), 28, 28)
    files = {"images-idx3": sizes + b"".join(p.tobytes() for p in pictures),
             "labels-idx1": struct.pack(">2I", 0x801, len(pictures))
             + digits.target[: len(pictures)].astype(np.uint8).tobytes()}  # fmt: skip
    for name, content in files.items():
        (folder / f"t10k-{name}-ubyte.gz").write_bytes(gzip.compress(content))


def write_masks(folder: Path) -> None:
    """Pictures with a bright block and, beside them, which pixels it has."""
    for number in range(12):
        picture = np.random.default_rng(number).integers(0, 60, (40, 48), np.uint8)
        mask = np.zeros((40, 48), np.uint8)
        left = 4 * number % 24
        picture[8:32, left : left + 20], mask[8:32, left : left + 20] = 255, 4
        write(folder / "images" / f"{number}.png", picture)
        write(folder / "masks" / f"{number}.png", mask)


def write_film(path: Path, photos: list[RGB]) -> None:
    """Two shots of a second each, in which the camera pans."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for rgb in (photos[4], photos[8]):
            for step in range(12):
                view = np.ascontiguousarray(rgb[:96, 2 * step : 2 * step + 128])
                for packet in stream.encode(av.VideoFrame.from_ndarray(view, format="rgb24")):
                    film.mux(packet)
        for packet in stream.encode(None):
            film.mux(packet)


if __name__ == "__main__":
    main()
