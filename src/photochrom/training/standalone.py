"""A model with everything around it in one ONNX graph: sRGB in, sRGB out, any size.

What `photochrom.pipeline` does by NumPy and OpenCV is written here by operators that runtimes have,
so that a program in any language colours a picture with nothing but a runtime. Resampling is a
product with matrices (`photochrom.color.resample`), which the graph makes of the picture's size.

Left out, as it depends on what is in a picture: black bars and rounded corners, coloured places
that keep their colours, and hints exact to the pixel at their places.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from photochrom import __version__
from photochrom.atomic import check_target, write_atomically
from photochrom.color.fit import LONGEST_PER_SHORT
from photochrom.color.gamut import AS_ONE, STEPS, TINY
from photochrom.color.resample import CUBIC_A
from photochrom.color.space import LAB_DELTA, RGB_TO_XYZ, WHITE_XYZ, XYZ_TO_RGB
from photochrom.color.spread import (
    ALIKE_AB,
    ALIKE_BLOCK,
    ALIKE_DOUBT,
    ALIKE_L,
    ALIKE_REACH,
    FULL_WEIGHT,
    LIKE_L,
    REACH,
    SMALL_MISS,
)
from photochrom.color.upsample import BACK_PROJECTIONS
from photochrom.engine import ModelCard
from photochrom.engine.card import CARD_KEY, read_card
from photochrom.engine.contract import AB, INPUT
from photochrom.engine.find import read_model
from photochrom.engine.identity import ModelIdentity
from photochrom.pipeline import AB_LIMIT, MIN_HINT_GAIN
from photochrom.training.onnx_graph import GraphBuilder, Name, ancestors
from photochrom.training.onnx_weights import StoredWeights, store_weights, widen_weights

IMAGE, COLORED = "image", "colored"
"""(1, 3, H, W) float32 in [0, 1], sRGB-encoded; the picture, and the picture in colours."""
HINTS = "hints"
"""(k, 6) float32: x, y and radius, px of the picture; red, green and blue in [0, 1], sRGB-encoded.
A row whose radius is below 0 says nothing."""
VIVIDNESS = "vividness"
"""(1,) float32: factor on the chroma."""
GENERATOR_KEY = "photochrom.generator"
"""Metadata of the file: what to write into pictures as the one who made their colours."""

HintInputs: TypeAlias = Literal["none", "optional", "required"]
"""Whether a file takes hints and vividness. Optional inputs have values of their own (no hint, 1),
which ONNX Runtime lets a caller replace; others take them for constants, or ask for all inputs."""

_PREFIX = "standalone/"
_LAST_BITS = 1e-9
"""Of a double that is added to a side, px, and lost where it is none."""
_HALFWAY = 1e-4
"""From the middle between two multiples, in multiples."""
_CURVE_BEGINS = LAB_DELTA**3
_TANGENT = 3 * LAB_DELTA**2


def export_standalone(
    model: str | Path,
    out: Path,
    *,
    weights: StoredWeights | None = None,
    size: int | None = None,
    hints: HintInputs = "optional",
    overwrite: bool = False,
) -> int:
    """Write a model as one graph from sRGB to sRGB; returns the file's size in bytes.

    model: as for `read_model`. weights: how large ones are stored; None: as the model has them.
    size: the network's working size, px; None: the card's. hints: see `HintInputs`.
    overwrite: replace ``out`` if it exists.
    Raises ModelError for what is no model or colours drawings, OutputError.
    """
    check_target(out, overwrite=overwrite)
    path, content = read_model(model)
    card = read_card(content, str(path))
    card.check_photographs("a standalone graph")
    network = onnx.load_model_from_string(content)
    if weights is not None:
        widen_weights(network)
        store_weights(network, weights)
    graph = standalone_model(network, card, size or card.size, hints)
    identity = ModelIdentity.from_file(card, content)
    helper.set_model_props(graph, {CARD_KEY: card.to_json(), GENERATOR_KEY: identity.signature})
    onnx.checker.check_model(graph, full_check=True)
    stored = graph.SerializeToString()
    write_atomically(out, stored, overwrite=overwrite)
    return len(stored)


def standalone_model(
    network: ModelProto, card: ModelCard, size: int, hints: HintInputs = "optional"
) -> ModelProto:
    """The graph around a network of the contract (`photochrom.engine.contract`).

    card: of the network. size: its working size, px. The network's own nodes are taken over.
    """
    g = GraphBuilder(_PREFIX)
    picture = _Picture(g, size, card.multiple)
    L = _lightness_from_f(g, _f_of_rgb(g, picture.shrink()))
    gain: Name | float = card.chroma_gain
    hint_ab = mask = ""
    if hints != "none":
        gain = g.multiply(VIVIDNESS, card.chroma_gain)
        hint_ab, mask = _hint_planes(g, picture)
        scale = g.call("Max", gain, MIN_HINT_GAIN)
        bounded = g.clip(g.call("Div", hint_ab, scale), -AB_LIMIT, AB_LIMIT)
        g.call("Concat", L, bounded, mask, axis=1, output=INPUT)
    else:
        nothing = g.multiply(L, 0.0)
        g.call("Concat", L, nothing, nothing, nothing, axis=1, output=INPUT)
    before = g.nodes
    g.nodes = []
    ab = g.multiply(AB, gain)
    if hints != "none":
        ab = _with_hints(g, ab, L, hint_ab, mask)
    _compose(g, picture, ab)
    return _assemble(network, g, before, hints)


def _assemble(
    network: ModelProto, g: GraphBuilder, before: list[NodeProto], hints: HintInputs
) -> ModelProto:
    """The network between the nodes before it and those behind it, without what nobody needs."""
    nodes = [*before, *network.graph.node, *g.nodes]
    stored = {t.name: t for t in (*network.graph.initializer, *g.initializers)}
    inputs = [helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, [1, 3, "height", "width"])]
    if hints != "none":
        inputs += [
            helper.make_tensor_value_info(HINTS, TensorProto.FLOAT, ["k", 6]),
            helper.make_tensor_value_info(VIVIDNESS, TensorProto.FLOAT, [1]),
        ]
    if hints == "optional":
        nobody = np.array([[0, 0, -1, 0, 0, 0]], np.float32)
        inputs[1] = helper.make_tensor_value_info(HINTS, TensorProto.FLOAT, ["k", 6])
        stored[HINTS] = numpy_helper.from_array(nobody, HINTS)
        stored[VIVIDNESS] = numpy_helper.from_array(np.ones(1, np.float32), VIVIDNESS)
    nodes = ancestors(nodes, COLORED)
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "photochrom",
        inputs,
        [helper.make_tensor_value_info(COLORED, TensorProto.FLOAT, [1, 3, "height", "width"])],
        [tensor for name, tensor in stored.items() if name in used],
    )
    return helper.make_model(
        graph,
        opset_imports=network.opset_import,
        ir_version=network.ir_version,
        producer_name="photochrom",
        producer_version=__version__,
    )


class _Picture:
    """The picture and its sides: as it comes, and as the network sees it; (1,) float32 each."""

    def __init__(self, g: GraphBuilder, size: int, multiple: int) -> None:
        self._g = g
        self.full = [g.size(IMAGE, axis) for axis in (2, 3)]
        """Height and width, (1,) int64."""
        self.working: list[Name] = []
        """Height and width that the network sees, (1,) int64."""
        single = [g.as_float(side) for side in self.full]
        double = [g.call("Cast", side, to=TensorProto.DOUBLE) for side in self.full]
        short, long = g.call("Min", *single), g.call("Max", *single)
        target = g.call("Min", short, float(size))
        is_long = g.call("Less", g.multiply(short, float(LONGEST_PER_SHORT)), long)
        above = g.call("Where", is_long, g.multiply(target, float(LONGEST_PER_SHORT)), target)
        below = g.multiply(g.call("Where", is_long, long, short), float(multiple))
        short, long = g.call("Min", *double), g.call("Max", *double)
        target = g.call("Min", short, g.doubles(size))
        longest = g.call("Mul", target, g.doubles(LONGEST_PER_SHORT))
        scale = g.call("Min", g.call("Div", target, short), g.call("Div", longest, long))
        for one, two in zip(single, double, strict=True):
            # A side that lies halfway between two multiples, as the long one of a 3:2 picture may,
            # is rounded by the last bits of double precision, as by `working_shape`; by a runtime
            # that takes doubles for singles, to the even multiple, as nearly always there.
            cells = g.call("Div", g.multiply(one, above), below)
            halfway = g.call("Abs", g.add(g.call("Sub", cells, g.call("Floor", cells)), -0.5))
            even = g.multiply(g.call("Round", g.multiply(cells, 0.5)), 2.0)
            is_halfway = g.call("Less", halfway, _HALFWAY)
            by_single = g.call("Where", is_halfway, even, g.call("Round", cells))
            alike = g.call("Div", g.call("Mul", two, scale), g.doubles(multiple))
            by_double = g.as_float(g.call("Round", alike))
            moved = g.call("Sub", g.call("Add", two, g.doubles(_LAST_BITS)), two)
            has_doubles = g.call("Less", 0.0, g.as_float(moved))
            cells = g.call("Where", has_doubles, by_double, by_single)
            self.working.append(
                g.as_integers(g.multiply(g.call("Max", cells, 1.0), float(multiple)))
            )

    def shrink(self) -> Name:
        """The picture as the network sees it: (1, 3, h, w)."""
        g = self._g
        down, across = (
            _fitting_matrix(g, small, full)
            for small, full in zip(self.working, self.full, strict=True)
        )
        wide = g.call("MatMul", down, IMAGE)
        return g.call("MatMul", wide, g.call("Transpose", across, perm=[1, 0]))


def _column(g: GraphBuilder, values: Name) -> Name:
    """(n,) as (n, 1)."""
    return g.reshape(values, -1, 1)


def _fitting_matrix(g: GraphBuilder, target: Name, source: Name) -> Name:
    """`photochrom.color.fit.shrink` along one axis: (target, source). Sizes: (1,) int64."""
    grows = g.call("Less", source, target)
    return g.call(
        "Where", grows, _linear_matrix(g, target, source), _area_matrix(g, target, source)
    )


def _area_matrix(g: GraphBuilder, target: Name, source: Name) -> Name:
    """`photochrom.color.resample.area_matrix`, where target ≤ source."""
    sides = g.as_float(target), g.as_float(source)
    count = g.range(target)
    first, last = (
        _column(g, g.call("Div", g.multiply(edge, sides[1]), sides[0]))
        for edge in (count, g.add(count, 1.0))
    )
    places = g.range(source)
    start = g.call("Max", places, first)
    stop = g.call("Min", g.add(places, 1.0), last)
    covered = g.call("Max", g.call("Sub", stop, start), 0.0)
    return g.call("Div", g.multiply(covered, sides[0]), sides[1])


def _centers(g: GraphBuilder, target: Name, source: Name) -> Name:
    """Where the centres of the target's pixels lie among the source's: (target, 1)."""
    places = g.add(g.range(target), 0.5)
    scaled = g.call("Div", g.multiply(places, g.as_float(source)), g.as_float(target))
    return _column(g, g.add(scaled, -0.5))


def _linear_matrix(g: GraphBuilder, target: Name, source: Name) -> Name:
    """Linear interpolation; borders repeat the edge pixel."""
    last = g.add(g.as_float(source), -1.0)
    center = g.call("Min", g.call("Max", _centers(g, target, source), 0.0), last)
    distance = g.call("Abs", g.call("Sub", center, g.range(source)))
    return g.call("Max", g.call("Sub", 1.0, distance), 0.0)


def _cubic_matrix(g: GraphBuilder, target: Name, source: Name) -> Name:
    """`photochrom.color.resample.cubic_matrix`: (target, source)."""
    center = _centers(g, target, source)
    first = g.call("Floor", center)
    places, last = g.range(source), g.add(g.as_float(source), -1.0)
    terms = []
    for tap in range(-1, 3):
        at = g.add(first, float(tap))
        distance = g.call("Abs", g.call("Sub", center, at))
        weight = _cubic_weight(g, distance, near=tap in (0, 1))
        place = g.call("Min", g.call("Max", at, 0.0), last)
        # Whole numbers, so this is 1 at the place and 0 elsewhere.
        here = g.call("Max", g.call("Sub", 1.0, g.call("Abs", g.call("Sub", places, place))), 0.0)
        terms.append(g.multiply(weight, here))
    return g.add(*terms)


def _cubic_weight(g: GraphBuilder, d: Name, *, near: bool) -> Name:
    """Keys' cubic convolution at a distance in [0, 1], or in [1, 2]."""
    if near:
        inner = g.add(g.multiply(d, CUBIC_A + 2), -(CUBIC_A + 3))
        return g.add(g.multiply(inner, d, d), 1.0)
    inner = g.add(g.multiply(g.add(d, -5.0), d), 8.0)
    return g.multiply(g.add(g.multiply(inner, d), -4.0), CUBIC_A)


def _resampling_matrix(g: GraphBuilder, target: Name, source: Name) -> Name:
    """`photochrom.color.resample.resampling_matrix`."""
    grows = g.call("Less", source, target)
    return g.call("Where", grows, _cubic_matrix(g, target, source), _area_matrix(g, target, source))


def _srgb_to_linear(g: GraphBuilder, rgb: Name) -> Name:
    power = g.call("Pow", g.multiply(g.add(g.call("Max", rgb, 0.04045), 0.055), 1 / 1.055), 2.4)
    small = g.call("LessOrEqual", rgb, 0.04045)
    return g.call("Where", small, g.multiply(rgb, 1 / 12.92), power)


def _linear_to_srgb(g: GraphBuilder, linear: Name, output: Name) -> Name:
    power = g.call("Pow", g.call("Max", linear, 0.0031308), 1 / 2.4)
    curved = g.add(g.multiply(power, 1.055), -0.055)
    small = g.call("LessOrEqual", linear, 0.0031308)
    return g.call("Where", small, g.multiply(linear, 12.92), curved, output=output)


def _lab_f(g: GraphBuilder, t: Name) -> Name:
    curved = g.call("Max", t, _CURVE_BEGINS)
    straight = g.multiply(g.call("Sub", t, curved), 1 / _TANGENT)
    return g.add(g.call("Pow", curved, 1 / 3), straight)


def _lab_f_inverse(g: GraphBuilder, f: Name) -> Name:
    curved = g.call("Max", f, LAB_DELTA)
    straight = g.multiply(g.call("Sub", f, curved), _TANGENT)
    return g.add(g.multiply(curved, curved, curved), straight)


def _f_of_rgb(g: GraphBuilder, rgb: Name) -> Name:
    """CIELAB's f of Y: (1, 1, H, W) of sRGB (1, 3, H, W)."""
    return _lab_f(g, g.mix_channels(_srgb_to_linear(g, rgb), RGB_TO_XYZ[1:2]))


def _lightness_from_f(g: GraphBuilder, f: Name) -> Name:
    return g.add(g.multiply(f, 116.0), -16.0)


def _hint_planes(g: GraphBuilder, picture: _Picture) -> tuple[Name, Name]:
    """`photochrom.pipeline.hint_planes` of `HINTS`: ab (1, 2, h, w), mask (1, 1, h, w)."""
    # One row that says nothing goes before all others: there is always one, and it is number 0.
    nobody = np.array([[0, 0, -1, 0, 0, 0]], np.float32)
    rows = g.call("Concat", nobody, HINTS, axis=0)
    parts = [
        g.call("Slice", rows, g.integers(start), g.integers(stop), g.integers(1))
        for start, stop in ((0, 1), (1, 2), (2, 3), (3, 6))
    ]
    x, y, radius = (g.reshape(part, -1, 1, 1) for part in parts[:3])
    inside: list[Name] = []
    cell: list[Name] = []
    for axis, center in ((0, y), (1, x)):
        full, small = (g.as_float(sides[axis]) for sides in (picture.full, picture.working))
        shape = (1, -1, 1) if axis == 0 else (1, 1, -1)
        places = g.reshape(g.range(picture.working[axis]), *shape)
        middle = g.add(g.call("Div", g.multiply(g.add(places, 0.5), full), small), -0.5)
        apart = g.call("Sub", middle, center)
        inside.append(g.multiply(apart, apart))
        own = g.call("Floor", g.call("Div", g.multiply(g.add(center, 0.5), small), full))
        cell.append(g.call("Equal", places, own))
    covered = g.call("LessOrEqual", g.add(*inside), g.multiply(radius, radius))
    covered = g.call("Or", covered, g.call("And", *cell))
    covered = g.call("And", covered, g.call("LessOrEqual", 0.0, radius))
    number = g.reshape(g.range(g.size(rows, 0)), -1, 1, 1)
    where = g.multiply(g.as_float(covered), number)
    last = g.call("ReduceMax", where, axes=[0], keepdims=0)
    chroma = _chroma_of_rgb(g, parts[3])
    # Number 0 has no colour.
    chroma = g.multiply(chroma, g.call("Min", _column(g, g.range(g.size(rows, 0))), 1.0))
    planes = g.call("Gather", chroma, g.as_integers(last), axis=0)
    ab = g.call("Unsqueeze", g.call("Transpose", planes, perm=[2, 0, 1]), g.integers(0))
    mask = g.call("Unsqueeze", g.call("Min", last, 1.0), g.integers(0, 1))
    return ab, mask


def _chroma_of_rgb(g: GraphBuilder, rgb: Name) -> Name:
    """a and b, (k, 2), of sRGB colours, (k, 3)."""
    to_xyz = (RGB_TO_XYZ / WHITE_XYZ[:, None]).T.astype(np.float32)
    f = _lab_f(g, g.call("MatMul", _srgb_to_linear(g, rgb), to_xyz))
    return g.call("MatMul", f, np.array([[500, 0], [-500, 200], [0, -200]], np.float32))


def _with_hints(g: GraphBuilder, ab: Name, L: Name, hint_ab: Name, mask: Name) -> Name:
    """`photochrom.pipeline.with_hints`; the blurs of `photochrom.color.spread` as matrices."""
    sides = [g.size(ab, axis) for axis in (2, 3)]
    down, across = (
        _area_matrix(g, small, g.size(L, axis)) for axis, small in zip((2, 3), sides, strict=True)
    )
    across = g.call("Transpose", across, perm=[1, 0])
    small_L, hint_ab, mask = (
        g.call("MatMul", g.call("MatMul", down, planes), across) for planes in (L, hint_ab, mask)
    )
    known = g.as_float(g.call("Less", 0.0, mask))
    colors = g.call("Div", hint_ab, g.call("Max", mask, 1e-6))
    missing = g.multiply(g.call("Sub", colors, ab), known)
    carried = _carry_small_correction(g, missing, known, small_L, ab, sides)
    ab = g.add(ab, carried)
    missing = g.multiply(g.call("Sub", missing, carried), known)

    slices = int(100.0 / LIKE_L) + 2
    levels = np.arange(slices, dtype=np.float32).reshape(-1, 1, 1, 1)
    level = g.multiply(g.clip(small_L, 0.0, 100.0), 1 / LIKE_L)
    share = g.call("Max", g.call("Sub", 1.0, g.call("Abs", g.call("Sub", level, levels))), 0.0)
    grid = g.multiply(share, g.call("Concat", missing, known, axis=1))  # (slices, 3, h, w)
    area = g.multiply(*(g.as_float(side) for side in sides))
    sigma = g.multiply(g.call("Sqrt", area), REACH)
    reach = g.call("Ceil", g.multiply(sigma, 3.0))
    for axis, side in enumerate(sides):
        places = g.range(side)
        apart = g.call("Abs", g.call("Sub", _column(g, places), places))
        steps = g.call("Div", apart, sigma)
        kernel = g.call("Exp", g.multiply(steps, steps, -0.5))
        kernel = g.multiply(kernel, g.as_float(g.call("LessOrEqual", apart, reach)))
        grid = g.call("MatMul", *((kernel, grid) if axis == 0 else (grid, kernel)))
    apart = np.abs(np.arange(slices)[:, None] - np.arange(slices))
    fall = np.where(apart <= 2, np.exp(-0.5 * apart**2), 0.0).astype(np.float32)
    shape = g.call("Shape", grid)
    grid = g.call("Reshape", g.call("MatMul", fall, g.reshape(grid, slices, -1)), shape)
    sums = g.call("ReduceSum", g.multiply(grid, share), g.integers(0), keepdims=1)
    change, weight = (
        g.call("Slice", sums, g.integers(start), g.integers(stop), g.integers(1))
        for start, stop in ((0, 2), (2, 3))
    )
    strength = g.call("Min", g.multiply(weight, 1 / FULL_WEIGHT), 1.0)
    spread = g.multiply(g.call("Div", change, g.call("Max", weight, 1e-6)), strength)
    unknown = g.call("Sub", 1.0, known)
    return g.add(ab, missing, g.multiply(spread, unknown))


def _carry_small_correction(
    g: GraphBuilder, missing: Name, known: Name, L: Name, ab: Name, sides: list[Name]
) -> Name:
    """`photochrom.color.spread.carry_small_correction`. missing, ab: (1, 2, h, w); known, L:
    (1, 1, h, w). sides: h and w.
    """
    square = g.multiply(missing, missing)
    length = g.call("Sqrt", g.call("ReduceSum", square, g.integers(1), keepdims=1))
    share = g.call("Min", g.call("Div", SMALL_MISS, g.call("Max", length, 1e-6)), 1.0)
    small = g.multiply(missing, share, share, share)

    reach = g.multiply(
        g.call("Sqrt", g.multiply(*(g.as_float(side) for side in sides))), ALIKE_REACH
    )
    everywhere = g.multiply(known, 0.0)
    down, right = (
        g.add(everywhere, g.reshape(g.call("Div", g.range(side), reach), *shape))
        for side, shape in zip(sides, ((1, 1, -1, 1), (1, 1, 1, -1)), strict=True)
    )
    tone = [g.multiply(L, 1 / ALIKE_L), g.multiply(ab, 1 / ALIKE_AB)]
    places = g.call("Concat", down, right, *tone, axis=1)  # (1, 5, h, w)
    pooled = g.multiply(g.call("Concat", places, small, known, axis=1), known)
    for axis, side in enumerate(sides):
        number = g.call(
            "Div", g.call("Add", side, g.integers(ALIKE_BLOCK - 1)), g.integers(ALIKE_BLOCK)
        )
        block = g.call("Floor", g.multiply(g.range(side), 1 / ALIKE_BLOCK))
        sums = g.as_float(g.call("Equal", _column(g, g.range(number)), block))
        if axis == 0:
            pooled = g.call("MatMul", sums, pooled)
        else:
            pooled = g.call("MatMul", pooled, g.call("Transpose", sums, perm=[1, 0]))
    pooled = g.reshape(pooled, 8, -1)
    centers, changes, count = (
        g.call("Slice", pooled, g.integers(start), g.integers(stop), g.integers(0))
        for start, stop in ((0, 5), (5, 7), (7, 8))
    )
    centers, changes = (
        g.call("Div", sums, g.call("Max", count, 1.0)) for sums in (centers, changes)
    )
    flat = g.call("Transpose", g.reshape(places, 5, -1), perm=[1, 0])  # (h · w, 5)
    apart = g.add(
        g.call("ReduceSum", g.multiply(flat, flat), g.integers(1), keepdims=1),
        g.call("ReduceSum", g.multiply(centers, centers), g.integers(0), keepdims=1),
        g.multiply(g.call("MatMul", flat, centers), -2.0),
    )
    weight = g.call("Exp", g.multiply(g.call("Max", apart, 0.0), -0.5))
    weight = g.multiply(weight, g.call("Min", count, 1.0))
    sums = g.call("MatMul", weight, g.call("Transpose", changes, perm=[1, 0]))
    total = g.add(g.call("ReduceSum", weight, g.integers(1), keepdims=1), ALIKE_DOUBT)
    carried = g.call("Transpose", g.call("Div", sums, total), perm=[1, 0])
    return g.call("Reshape", carried, g.call("Shape", missing))


def _compose(g: GraphBuilder, picture: _Picture, ab: Name) -> None:
    """`photochrom.color.compose` of the picture's lightness and a small map of chroma."""
    small = [g.size(ab, axis) for axis in (2, 3)]
    up = [_resampling_matrix(g, full, side) for full, side in zip(picture.full, small, strict=True)]
    chroma = _back_project(g, ab, up, picture.full, small)
    across = g.call("Transpose", up[1], perm=[1, 0])
    chroma = g.call("MatMul", up[0], g.call("MatMul", chroma, across))
    f_y = _f_of_rgb(g, IMAGE)
    to_f = np.array([[1 / 500, 0], [0, 0], [0, -1 / 200]])
    chroma = g.mix_channels(chroma, to_f)  # f of X, Y and Z less that of Y
    _linear_to_srgb(g, _inside_gamut(g, f_y, chroma), COLORED)


def _back_project(
    g: GraphBuilder, ab: Name, up: list[Name], full: list[Name], small: list[Name]
) -> Name:
    """The small map whose interpolation, averaged again, comes close to ``ab``."""
    around = []
    for matrix, long, side in zip(up, full, small, strict=True):
        there_and_back = g.call("MatMul", _area_matrix(g, side, long), matrix)
        places = g.range(side)
        same = g.as_float(g.call("Equal", _column(g, places), places))
        # Sides that do not grow are left alone.
        around.append(g.call("Where", g.call("Less", side, long), there_and_back, same))
    down, across = around[0], g.call("Transpose", around[1], perm=[1, 0])
    solved = ab
    for _ in range(BACK_PROJECTIONS):
        seen = g.call("MatMul", g.call("MatMul", down, solved), across)
        solved = g.call("Sub", g.add(solved, ab), seen)
    return solved


def _inside_gamut(g: GraphBuilder, f_y: Name, chroma: Name) -> Name:
    """`photochrom.color.gamut.move_into_gamut` for every pixel: linear RGB in [0, 1].

    f_y: (1, 1, H, W). chroma: (1, 3, H, W), what f of X, Y and Z has more than f_y.
    """
    to_rgb = XYZ_TO_RGB * WHITE_XYZ
    y = _lab_f_inverse(g, f_y)
    up_to_white = g.call("Max", g.call("Sub", 1.0, y), TINY)
    down_to_black = g.call("Max", y, TINY)

    def scaled_linear(scale: Name | None) -> Name:
        moved = chroma if scale is None else g.multiply(chroma, scale)
        return g.mix_channels(_lab_f_inverse(g, g.add(moved, f_y)), to_rgb)

    def share_of_way(rgb: Name) -> Name:
        lowest = g.call("ReduceMin", rgb, axes=[1], keepdims=1)
        highest = g.call("ReduceMax", rgb, axes=[1], keepdims=1)
        down = g.call("Div", g.call("Sub", y, lowest), down_to_black)
        return g.call("Max", down, g.call("Div", g.call("Sub", highest, y), up_to_white))

    rgb = scaled_linear(None)
    share = share_of_way(rgb)
    # Where the colour is inside, every scale is 1.
    scale, slope = None, share
    trial = g.call("Div", 1.0, g.call("Max", share, 1.0))
    for step in range(STEPS):
        if step:
            newer = g.call("Div", share, trial)
            older = g.multiply(trial, 0.0) if scale is None else scale
            older = g.add(older, 1.0) if scale is None else older
            scale, trial = trial, _parabola(g, older, slope, trial, newer)
            slope = newer
        rgb = scaled_linear(trial)
        share = share_of_way(rgb)
    inside = g.call("Div", g.call("Sub", rgb, y), g.call("Max", share, 1.0))
    return g.clip(g.add(inside, y), 0.0, 1.0)


def _parabola(g: GraphBuilder, older: Name, older_slope: Name, newer: Name, slope: Name) -> Name:
    """As in `photochrom.color.gamut`: the scale in (0, 1] at which the share of the way is 1."""
    apart = g.call("Sub", newer, older)
    same = g.call("Less", g.call("Abs", apart), g.multiply(newer, AS_ONE))
    bend = g.call("Div", g.call("Sub", slope, older_slope), g.call("Where", same, np.inf, apart))
    start = g.call("Sub", slope, g.multiply(bend, newer))
    root = g.call(
        "Sqrt", g.call("Max", g.add(g.multiply(start, start), g.multiply(bend, 4.0)), 0.0)
    )
    return g.call("Div", 2.0, g.call("Max", g.add(start, root), 2.0))
