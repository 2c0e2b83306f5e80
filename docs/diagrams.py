"""Draw the diagrams of diagrams.md as SVG, from the tables below.

``python docs/diagrams.py`` writes them into docs/pictures/, ``--check`` only tells (exit code 1)
which are out of date.
"""

from __future__ import annotations

import argparse
import sys
from html import escape
from pathlib import Path
from typing import NamedTuple

PICTURES = Path(__file__).parent / "pictures"
_BOX = (150, 52)
_STEP = (200, 96)
_MARGIN = 16
_HEAD = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
    'orient="auto"><path d="M0 0L8 4L0 8z" fill="#3c4a5c"/></marker></defs>'
)


class Box(NamedTuple):
    """column, row: its place. text: one line or two. kind: "data", "learns" or "does"."""

    column: float
    row: float
    text: str
    kind: str = "does"


class Arrow(NamedTuple):
    """From one box to another. label: beside its middle. dashed: what is not always there."""

    start: str
    end: str
    label: str = ""
    dashed: bool = False


class Diagram(NamedTuple):
    """title: for those who cannot see it. boxes: by name."""

    title: str
    boxes: dict[str, Box]
    arrows: tuple[Arrow, ...]


_FILL = {"data": "#f3efe4", "learns": "#dbe9f8", "does": "#ffffff"}

DIAGRAMS = {
    "gan": Diagram(
        "Training against a critic: G colours, D tells real from fake, both learn in turn",
        {
            "photo": Box(0, 1, "photograph\nin colour", "data"),
            "L": Box(1, 0, "L, grey\n(and hints)", "data"),
            "ab": Box(1, 2, "true a, b", "data"),
            "G": Box(2, 0, "generator G", "learns"),
            "fake": Box(3, 0, "L with G's a, b", "data"),
            "real": Box(3, 2, "L with true a, b", "data"),
            "D": Box(4, 1, "critic D", "learns"),
            "loss_G": Box(5, 0, "loss of G: L1,\nperceptual, GAN"),
            "loss_D": Box(5, 2, "loss of D:\nreal or fake"),
        },
        (
            Arrow("photo", "L"), Arrow("photo", "ab"), Arrow("L", "G"), Arrow("G", "fake"),
            Arrow("ab", "real"), Arrow("fake", "D"), Arrow("real", "D"), Arrow("D", "loss_D"),
            Arrow("D", "loss_G"),
        ),
    ),
    "unet": Diagram(
        "A U-Net: each level halves the picture, its mirror doubles it and sees it again",
        {
            "in": Box(0, 0, "L\n256 x 256", "data"),
            "d1": Box(1, 0, "64 channels\n128 x 128", "learns"),
            "d2": Box(1, 1, "128\n64 x 64", "learns"),
            "d3": Box(1, 2, "256\n32 x 32", "learns"),
            "deep": Box(2, 3, "512, down to\n1 x 1", "learns"),
            "u3": Box(3, 2, "256\n32 x 32", "learns"),
            "u2": Box(3, 1, "128\n64 x 64", "learns"),
            "u1": Box(3, 0, "64\n128 x 128", "learns"),
            "out": Box(4, 0, "a, b\n256 x 256", "data"),
        },
        (
            Arrow("in", "d1"), Arrow("d1", "d2"), Arrow("d2", "d3"), Arrow("d3", "deep"),
            Arrow("deep", "u3"), Arrow("u3", "u2"), Arrow("u2", "u1"), Arrow("u1", "out"),
            Arrow("d1", "u1", "skip", dashed=True), Arrow("d2", "u2", "skip", dashed=True),
            Arrow("d3", "u3", "skip", dashed=True),
        ),
    ),
    "critic": Diagram(
        "PatchGAN: convolutions see 70 x 70 px patches and say of each whether it is real",
        {
            "lab": Box(0, 0, "L, a, b\n256 x 256", "data"),
            "c1": Box(1, 0, "C64\n128 x 128", "learns"),
            "c2": Box(2, 0, "C128\n64 x 64", "learns"),
            "c3": Box(3, 0, "C256\n32 x 32", "learns"),
            "c4": Box(4, 0, "C512\n31 x 31", "learns"),
            "map": Box(5, 0, "30 x 30 scores,\none a patch", "data"),
        },
        (
            Arrow("lab", "c1"), Arrow("c1", "c2"), Arrow("c2", "c3"), Arrow("c3", "c4"),
            Arrow("c4", "map"),
        ),
    ),
    "autoencoder": Diagram(
        "An encoder-decoder: all that comes out has gone through the narrowest layer",
        {
            "in": Box(0, 0, "picture", "data"),
            "encoder": Box(1, 0, "encoder:\nhalvings", "learns"),
            "code": Box(2, 0, "code: the\nnarrowest layer", "data"),
            "decoder": Box(3, 0, "decoder:\ndoublings", "learns"),
            "out": Box(4, 0, "picture, or\nits a, b", "data"),
            "loss": Box(2, 1, "loss: how far\nthey differ"),
        },
        (
            Arrow("in", "encoder"), Arrow("encoder", "code"), Arrow("code", "decoder"),
            Arrow("decoder", "out"), Arrow("in", "loss"), Arrow("out", "loss"),
        ),
    ),
    "data-flow": Diagram(
        "A photograph on its way: its lightness never changes, the network guesses a and b",
        {
            "file": Box(0, 0, "file", "data"),
            "read": Box(1, 0, "imageio: read,\norient, to sRGB"),
            "L": Box(2, 0, "L at full size", "data"),
            "small": Box(2, 1, "L at working\nsize, hints", "data"),
            "net": Box(3, 1, "engine: network", "learns"),
            "ab": Box(4, 1, "a, b, upsampled\nalong edges"),
            "compose": Box(4, 0, "compose inside\nthe gamut"),
            "write": Box(5, 0, "imageio: write,\nmetadata kept"),
        },
        (
            Arrow("file", "read"), Arrow("read", "L"), Arrow("L", "small"), Arrow("small", "net"),
            Arrow("net", "ab"), Arrow("ab", "compose"), Arrow("L", "compose"),
            Arrow("compose", "write"),
        ),
    ),
    "studio": Diagram(
        "The studio: one process answers browsers and programs, another colours",
        {
            "browser": Box(0, 0, "browser\nor phone"),
            "program": Box(0, 1, "program\n(API, token)"),
            "web": Box(1.5, 0.5, "web process:\npages, API, previews"),
            "db": Box(3, 0, "database:\naccounts, pictures", "data"),
            "files": Box(3, 1, "files: originals,\nresults", "data"),
            "queue": Box(3, 2, "queue of jobs", "data"),
            "worker": Box(4.5, 1, "worker: the\nmodel colours"),
        },
        (
            Arrow("browser", "web"), Arrow("program", "web"), Arrow("web", "db"),
            Arrow("web", "files"), Arrow("web", "queue"), Arrow("queue", "worker"),
            Arrow("worker", "files"), Arrow("worker", "db"),
        ),
    ),
}  # fmt: skip


def svg(diagram: Diagram) -> str:
    """The drawing as text: boxes below each other and side by side, arrows from edge to edge."""
    centers = {
        name: (
            _MARGIN + _BOX[0] / 2 + box.column * _STEP[0],
            _MARGIN + _BOX[1] / 2 + box.row * _STEP[1],
        )
        for name, box in diagram.boxes.items()
    }
    width = max(x for x, _ in centers.values()) + _BOX[0] / 2 + _MARGIN
    height = max(y for _, y in centers.values()) + _BOX[1] / 2 + _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'font-family="sans-serif" font-size="13"><title>{escape(diagram.title)}</title>{_HEAD}'
        f'<rect width="100%" height="100%" fill="#fff"/>'
    ]
    for arrow in diagram.arrows:
        (x0, y0), (x1, y1) = (_edge(centers[a], centers[b]) for a, b in (arrow[:2], arrow[1::-1]))
        dash = ' stroke-dasharray="5 4"' if arrow.dashed else ""
        lines.append(
            f'<path d="M{x0:g} {y0:g}L{x1:g} {y1:g}" stroke="#3c4a5c" fill="none"{dash} '
            'marker-end="url(#tip)"/>'
        )
        if arrow.label:
            lines.append(_text((x0 + x1) / 2, (y0 + y1) / 2 - 6, arrow.label))
    for name, box in diagram.boxes.items():
        x, y = centers[name]
        lines.append(
            f'<rect x="{x - _BOX[0] / 2:g}" y="{y - _BOX[1] / 2:g}" width="{_BOX[0]}" '
            f'height="{_BOX[1]}" rx="6" fill="{_FILL[box.kind]}" stroke="#3c4a5c"/>'
        )
        rows = box.text.split("\n")
        lines += [
            _text(x, y + 4.5 + 16 * (i - (len(rows) - 1) / 2), row) for i, row in enumerate(rows)
        ]
    return "\n".join([*lines, "</svg>\n"])


def _edge(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """Where the line from the middle of a box towards another leaves the box."""
    (x, y), dx, dy = start, end[0] - start[0], end[1] - start[1]
    share = min(_BOX[i] / 2 / abs(d) for i, d in enumerate((dx, dy)) if d)
    return x + share * dx, y + share * dy


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="middle" fill="#1d1d1f">{escape(text)}</text>'


def main() -> int:
    """Write the drawings, or tell which are out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if out of date")
    check = parser.parse_args().check
    stale = []
    for name, diagram in DIAGRAMS.items():
        path, text = PICTURES / f"diagram-{name}.svg", svg(diagram)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
            if not check:
                path.write_text(text, encoding="utf-8")
    if stale and check:
        sys.stderr.write(f"out of date: {', '.join(stale)}; run `make docs`\n")
    return int(bool(stale) and check)


if __name__ == "__main__":
    sys.exit(main())
