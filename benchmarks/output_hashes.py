"""Has any pixel or any film frame changed? Hashes of all that comes out.

    python benchmarks/output_hashes.py > before.json            with the older sources or packages
    python benchmarks/output_hashes.py --compare before.json    exit code 1 if anything differs

Colours the shipped examples, the photographs that scikit-image brings along (8 and 16 bit, grey,
with transparency, with hints, more and less vivid, each shipped model) and a film of two shots that
is made here, by `photochrom image` and `photochrom film`; what the command line has no option for
(the ways of upsampling) by `colorize` in Python. What is hashed are decoded pixels and decoded
frames with their times, so that another order of metadata in a file changes nothing.

--source CHECKOUT runs the sources of another checkout, --python that of another environment; this
script itself needs scikit-image, OpenCV, Pillow and PyAV, and photochrom not at all. So one script
can be held against any commit:

    git worktree add /tmp/older 029540b
    python benchmarks/output_hashes.py --source /tmp/older > before.json
    python benchmarks/output_hashes.py --compare before.json

The same machine is meant: networks and encoders may round differently on another processor. For the
same reason all runs on the CPU by ONNX Runtime, whatever else is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
import skimage.data
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).parent.parent
CPU = ("--device", "cpu")
PACKAGES = (
    *("av", "numpy", "onnxruntime", "opencv-contrib-python-headless", "opencv-python-headless"),
    *("pillow", "simplejpeg"),
)
"""Whose versions are noted, because they can change a pixel."""
COLOR_PHOTOS = (
    *("astronaut.png", "chelsea.png", "coffee.png", "ihc.png", "motorcycle_left.png"),
    *("rocket.jpg", "retina.jpg"),
)
GREY_PHOTOS = ("brick.png", "camera.png", "coins.png", "moon.png", "page.png")
LOSSLESS_SUFFIXES = (".png", ".tif")
HINTS = ("--hint", "120,200,#c81e1e,8", "--hint", "300,90,#2a52be")
FILM_SIZE = (144, 192)
FILM_CUT, FILM_FRAMES = 20, 36
FILM_RATE = 24
FILM_HINT = ("--hint", "0.25,96,60,#c81e1e")

ABOUT = """
import importlib.metadata, json, platform, sys
import photochrom
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps({"photochrom": photochrom.__version__, "python": platform.python_version(),
                  "packages": found, "file": photochrom.__file__}))
"""
COLORIZE = """
import sys
import numpy as np
try:
    from photochrom.pipeline import colorize
except ImportError:  # where it was at first
    from photochrom.colorize import colorize
source, target, upsampling = sys.argv[1:]
np.save(target, colorize(np.load(source), upsampling=upsampling, device="cpu"))
"""

Hashes = dict[str, list[str]]
"""Of each case the hashes of its picture (one) or of its frames, in their order."""


class Tool(NamedTuple):
    """The photochrom that is measured."""

    python: str
    source: Path | None

    def run(self, *arguments: str | Path) -> str:
        """Run Python with these arguments; its output. A failure ends this program and is shown."""
        environment = dict(os.environ)
        if self.source is not None:
            environment["PYTHONPATH"] = str(self.source.resolve() / "src")
        command = [self.python, *map(str, arguments)]
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
        if result.returncode:
            shown = " ".join(command)[-300:]
            raise SystemExit(f"{shown}\nended with {result.returncode}:\n{result.stderr}")
        return result.stdout

    def image(self, source: Path, out: Path, *options: str) -> list[Path]:
        """Colour a photograph or a folder of them; the results."""
        output = self.run("-m", "photochrom", "image", source, "-o", out, *CPU, "--json", *options)
        records = [json.loads(line) for line in output.splitlines()]
        for record in records:
            if record["status"] != "coloured":
                raise SystemExit(f"{record['input']} was not coloured: {record['message']}")
        return sorted(Path(record["output"]) for record in records)

    def film(self, source: Path, out: Path, *options: str | Path) -> Path:
        """Colour a film; the result."""
        threads = ("--threads", "2")
        self.run("-m", "photochrom", "film", source, "-o", out, *CPU, *threads, *options)
        return out


def main() -> int:
    """Colour, hash, print or compare."""
    arguments = parsed()
    tool = Tool(arguments.python, arguments.source)
    about = facts(tool)
    hashes: Hashes = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, digests in (
            *photo_hashes(tool, folder / "photos"),
            *array_hashes(tool, folder / "arrays"),
            *film_hashes(tool, folder / "films"),
        ):
            hashes[name] = digests
    if arguments.compare is None:
        print(json.dumps({"about": about, "hashes": hashes}, indent=1))
        return 0
    before = json.loads(arguments.compare.read_text(encoding="utf-8"))
    found = differences(before["hashes"], hashes)
    for line in found:
        print(line)
    if found and before["about"] != about:
        note(f"before: {before['about']}\nnow:    {about}")
    frames = sum(map(len, hashes.values()))
    note(f"{len(hashes)} cases, {frames} pictures and frames; {len(found)} cases differ")
    return 1 if found else 0


def parsed() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", default=sys.executable, help="the environment to run")
    parser.add_argument("--source", type=Path, help="the checkout to run, instead of what is there")
    parser.add_argument("--compare", type=Path, help="hashes of another run; tell what differs")
    arguments = parser.parse_args()
    if arguments.source is not None and not (arguments.source / "src" / "photochrom").is_dir():
        parser.error(f"{arguments.source} has no src/photochrom")
    return arguments


def facts(tool: Tool) -> dict[str, Any]:
    """Versions that may explain a difference. Ends the program where other sources would run."""
    about: dict[str, Any] = json.loads(tool.run("-c", ABOUT, *PACKAGES))
    file = Path(about.pop("file")).resolve()
    if tool.source is not None and tool.source.resolve() not in file.parents:
        raise SystemExit(f"{tool.python} runs {file}, not the sources in {tool.source}")
    return about | {"machine": platform.machine()}


def differences(before: Hashes, now: Hashes) -> list[str]:
    """One line for each case of before that is not as it was; what is new changes nothing."""
    lines = []
    for name in sorted(before):
        if name not in now:
            lines.append(f"{name}: is missing now")
        elif len(before[name]) != len(now[name]):
            lines.append(f"{name}: {len(now[name])} frames instead of {len(before[name])}")
        else:
            changed = [
                i for i, pair in enumerate(zip(before[name], now[name])) if len(set(pair)) > 1
            ]
            if changed and len(now[name]) == 1:
                lines.append(f"{name}: differs")
            elif changed:
                first = ", ".join(map(str, changed[:8]))
                lines.append(f"{name}: {len(changed)} of {len(now[name])} frames differ: {first}")
    return lines


def photo_hashes(tool: Tool, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Photographs by `photochrom image`."""
    examples = folder / "examples"
    examples.mkdir(parents=True)
    for path in sorted((ROOT / "examples").glob("*.jpg")):
        (examples / path.name).write_bytes(path.read_bytes())
    runs: list[tuple[str, Path, tuple[str, ...]]] = [("examples", examples, ())]
    photos = write_photos(folder / "formats")
    runs.append(("formats", photos, ("--force",)))
    one = examples / "astronaut.jpg"
    runs += [(f"vividness {v}", one, ("--vividness", v)) for v in ("0", "0.5", "1.6")]
    runs += [(f"size {px}", one, ("--size", px)) for px in ("96", "400")]
    runs += [(f"model {name}", one, ("--model", name)) for name in models(tool)]
    for kind, suffix in (("rgb16", "png"), ("grey16", "tif"), ("rgba", "png")):
        source = photos / f"astronaut-{kind}.{suffix}"
        runs.append((f"hints, {kind}", source, ("--force", *HINTS)))
    runs.append(("hints", examples / "coffee.jpg", HINTS))
    runs.append(("hints, vivid", examples / "coffee.jpg", (*HINTS, "--vividness", "1.4")))
    for name, source, options in runs:
        note(name)
        out = folder / "out" / re.sub(r"\W", "-", name)  # a dot would make it one file
        for path in tool.image(source, out, *options):
            yield f"image, {name}: {path.name}", [picture_hash(path)]


def models(tool: Tool) -> list[str]:
    """Names of the shipped models, from their files."""
    code = (
        "import photochrom, pathlib; folder = pathlib.Path(photochrom.__file__).parent; "
        "print(*sorted(file.stem for file in folder.rglob('photochrom-*.onnx')))"
    )
    return tool.run("-c", code).split()


def write_photos(folder: Path) -> Path:
    """Photographs in each format and depth that is written and read; the folder."""
    folder.mkdir(parents=True)
    data = Path(skimage.data.__file__).parent
    for name in COLOR_PHOTOS:
        pixels = np.asarray(Image.open(data / name).convert("RGB"))
        Image.fromarray(pixels).save(folder / f"{Path(name).stem}-rgb.png")
    for name in GREY_PHOTOS:
        pixels = np.asarray(Image.open(data / name).convert("L"))
        Image.fromarray(pixels).save(folder / f"{Path(name).stem}-grey.png")
        write_deep(folder / f"{Path(name).stem}-grey16.png", deepened(pixels))
    portrait = np.asarray(Image.open(data / "astronaut.png").convert("RGB"))
    grey = np.asarray(Image.open(data / "astronaut.png").convert("L"))
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]]
    alpha = ((x + y) % 256).astype(np.uint8)
    rgba = np.dstack([portrait, alpha])
    for suffix in ("png", "tif", "webp"):
        options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
        Image.fromarray(rgba).save(folder / f"astronaut-rgba.{suffix}", **options)
    Image.fromarray(np.dstack([grey, alpha])).save(folder / "astronaut-greyalpha.png")
    for suffix in ("png", "tif"):
        write_deep(folder / f"astronaut-rgb16.{suffix}", deepened(portrait))
        write_deep(folder / f"astronaut-grey16.{suffix}", deepened(grey))
    write_deep(folder / "astronaut-rgba16.png", deepened(rgba))
    for suffix in ("jpg", "tif", "webp"):
        Image.fromarray(portrait).save(folder / f"portrait-rgb.{suffix}", quality=90)
    Image.fromarray(portrait[:256, :256]).save(folder / "portrait-rgb.avif", quality=80)
    Image.fromarray(portrait).quantize(64).save(folder / "portrait-palette.png")
    turned = Image.fromarray(portrait[:300])
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    turned.save(folder / "portrait-turned.jpg", exif=exif)
    sepia = np.clip(grey[..., None] * np.array([1.05, 0.92, 0.72]), 0, 255).astype(np.uint8)
    Image.fromarray(sepia).save(folder / "portrait-sepia.png")
    for height, width in ((1, 1), (1, 97), (3, 301), (333, 77)):
        Image.fromarray(grey[100 : 100 + height, 60 : 60 + width]).save(
            folder / f"odd-{height}x{width}.png"
        )
    return folder


def deepened(pixels: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """The picture in 16 bit, its low bits in use."""
    low = np.random.default_rng(16).integers(0, 256, pixels.shape, np.uint16)
    deep: NDArray[np.uint16] = (pixels.astype(np.uint16) << 8) | low
    return deep


def write_deep(path: Path, pixels: NDArray[np.uint16]) -> None:
    """Pillow holds no colour in 16 bit; OpenCV does, as BGR."""
    if pixels.ndim == 3:
        pixels = np.dstack([pixels[..., 2::-1], pixels[..., 3:]])
    if not cv2.imwrite(str(path), pixels):
        raise SystemExit(f"{path} could not be written")


def array_hashes(tool: Tool, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Arrays by `colorize` in Python, in each way of upsampling."""
    folder.mkdir()
    photo = np.asarray(Image.open(ROOT / "examples" / "palace.jpg"))
    arrays: dict[str, NDArray[Any]] = {
        "grey uint8": photo,
        "RGB uint16": deepened(np.dstack([photo] * 3)),
        "grey float32": (photo / 255).astype(np.float32),
    }
    for name, array in arrays.items():
        source, target = folder / "in.npy", folder / "out.npy"
        np.save(source, array)
        for upsampling in ("bicubic", "guided"):
            note(f"{name}, {upsampling}")
            tool.run("-c", COLORIZE, source, target, upsampling)
            yield f"colorize, {name}, {upsampling}", [array_hash(np.load(target))]


def film_hashes(tool: Tool, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Films by `photochrom film`, and the stills and key frames of one."""
    folder.mkdir()
    plain = write_film(folder / "plain.mkv", "ffv1", "yuv420p")
    deep = write_film(folder / "deep.mkv", "ffv1", "yuv420p10le")
    interlaced = write_film(
        folder / "interlaced.mkv", "libx264", "yuv420p", {"x264-params": "tff=1", "qp": "0"}
    )
    lossless = ("--codec", "ffv1")
    runs: list[tuple[str, Path, str, tuple[str | Path, ...]]] = [
        ("as it comes", plain, "mp4", ()),
        ("lossless", plain, "mkv", lossless),
        ("pinned", plain, "mkv", (*lossless, *FILM_HINT)),
        ("not steady", plain, "mkv", (*lossless, "--steady", "0", "--vividness", "1.3")),
        ("a part", plain, "mkv", (*lossless, "--from", "0.5", "--to", "1.1")),
        ("10 bit, pinned", deep, "mkv", (*lossless, *FILM_HINT)),
        ("10 bit HEVC", deep, "mkv", ("--codec", "hevc")),
        ("deinterlaced", interlaced, "mkv", (*lossless, "--deinterlace")),
        ("AV1", plain, "webm", ("--codec", "av1")),
        ("ProRes", plain, "mov", ("--codec", "prores")),
        ("preview", plain, "mkv", (*lossless, "--preview", "0.5")),
    ]
    for name, source, suffix, options in runs:
        note(f"film, {name}")
        out = folder / f"{name.replace(' ', '_')}.{suffix}"
        yield f"film, {name}", frame_hashes(tool.film(source, out, *options))
    note("film, stills and key frames")
    stills = folder / "stills"
    tool.run("-m", "photochrom", "film", plain, *CPU, "--stills", stills, *FILM_HINT)
    for path in sorted(stills.iterdir()):
        yield f"still, {path.name}", [picture_hash(path)]
        retouched = Image.open(path).convert("RGB").point(lambda code: min(255, code + 12))
        retouched.save(path)
    out = tool.film(plain, folder / "stills.mkv", *lossless, "--keyframes", stills)
    yield "film, key frames", frame_hashes(out)


def write_film(
    path: Path, encoder: str, pix_fmt: str, options: dict[str, str] | None = None
) -> Path:
    """A film of two shots, each of which moves over a photograph; without colour, without loss."""
    data = Path(skimage.data.__file__).parent
    shots = [
        np.asarray(Image.open(data / name).convert("L").resize((384, 384), Image.Resampling.BOX))
        for name in ("astronaut.png", "coffee.png")
    ]
    height, width = FILM_SIZE
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            encoder, rate=FILM_RATE, options=options or {}, width=width, height=height
        )
        stream.pix_fmt = pix_fmt
        for index in range(FILM_FRAMES):
            shot, at = (0, index) if index < FILM_CUT else (1, index - FILM_CUT)
            window = shots[shot][40 + at : 40 + at + height, 60 + 3 * at : 60 + 3 * at + width]
            grain = np.random.default_rng(index).integers(-3, 4, window.shape)
            codes = np.clip(16 + window * (219 / 255) + grain, 16, 235)
            container.mux(stream.encode(picture_of(codes, pix_fmt, index)))
        container.mux(stream.encode(None))
    return path


def picture_of(codes: NDArray[np.float64], pix_fmt: str, index: int) -> VideoFrame:
    """Luma codes of 8 bit as a frame without colour."""
    deep = "10" in pix_fmt
    dtype, scale = (np.uint16, 4) if deep else (np.uint8, 1)
    frame = VideoFrame(codes.shape[1], codes.shape[0], pix_fmt)
    for number, plane in enumerate(frame.planes):
        rows = np.frombuffer(memoryview(plane), dtype).reshape(plane.height, -1)
        rows[:] = 128 * scale
        if number == 0:
            rows[:, : codes.shape[1]] = np.rint(codes * scale)
    frame.pts, frame.time_base = index, Fraction(1, FILM_RATE)
    return frame


def picture_hash(path: Path) -> str:
    """Of a picture's decoded pixels, in all their depth, transparency included."""
    if path.suffix in LOSSLESS_SUFFIXES:
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if pixels is None:
            raise SystemExit(f"{path} could not be decoded")
        return array_hash(pixels)
    with Image.open(path) as picture:
        return array_hash(np.asarray(picture))


def frame_hashes(path: Path) -> list[str]:
    """Of each decoded frame of a film: its time, its kind, its planes."""
    hashes = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            time_ms = round(1000 * frame.pts * frame.time_base) if frame.pts is not None else None
            facts = f"{time_ms} ms {frame.format.name} {frame.width}x{frame.height}"
            planes = [plane_rows(plane, frame) for plane in frame.planes]
            hashes.append(array_hash(*planes, facts=facts))
    if not hashes:
        raise SystemExit(f"{path} has no frames")
    return hashes


def plane_rows(plane: Any, frame: VideoFrame) -> NDArray[np.uint8]:
    """A plane's bytes without the padding behind its rows."""
    bytes_each = 2 if frame.format.components[0].bits > 8 else 1
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width * bytes_each]


def array_hash(*arrays: NDArray[Any], facts: str = "") -> str:
    """Of shapes, types and values."""
    digest = hashlib.sha256(facts.encode())
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:24]


def note(text: str) -> None:
    """How far it is, on stderr."""
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
