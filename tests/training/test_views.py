"""What a view of a photo is, and that the processor and a device make the same of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import torch
from fixtures.training import drawn_photo
from numpy.typing import NDArray
from torch import Tensor

from photochrom.color.space import rgb_to_lab
from photochrom.errors import RecipeError
from photochrom.training.data.augment import Ager, bars
from photochrom.training.data.drawing import draw_lines
from photochrom.training.data.hints import render
from photochrom.training.data.loader import Batch, BatchMaker
from photochrom.training.data.packed_photos import FilePhotos, PackedPhotos
from photochrom.training.data.photo_cache import PhotoSet
from photochrom.training.data.resampling import blur, resize_matrix, rotate, separable
from photochrom.training.data.views import Crops, ViewPlan, Views
from photochrom.training.recipe.recipe import AugmentRecipe, DataRecipe, HintRecipe, Recipe
from photochrom.training.recipe.stage import Stage

ALL_HINTS = HintRecipe(points=0.4, full=0.1, field=0.3)
MUCH = AugmentRecipe(old=0.5, bars=0.4)


def photo_set(*shapes: tuple[int, int]) -> PhotoSet:
    """Drawn photos of these heights and widths."""
    photos = [drawn_photo(i, *shape) for i, shape in enumerate(shapes)]
    ends = np.cumsum([photo.size for photo in photos])
    return PhotoSet(
        tuple(f"set{i % 2}/{i}.png" for i in range(len(shapes))),
        np.concatenate([[0], ends[:-1]]),
        np.array(shapes),
        np.concatenate([photo.ravel() for photo in photos]),
    )


PHOTOS = photo_set((48, 60), (64, 48), (40, 72), (50, 50), (33, 61))


def views(count: int, augment: AugmentRecipe, hints: HintRecipe, position: int = 0) -> Views:
    return ViewPlan(augment, hints, seed=5).views(np.zeros(count, dtype=np.int64), position)


def tensors(value: Tensor | tuple[object, ...]) -> Iterator[Tensor]:
    """All tensors of a tuple of tuples."""
    if isinstance(value, Tensor):
        yield value
        return
    for part in value:
        assert isinstance(part, (Tensor, tuple))
        yield from tensors(part)


class TestBothStores:
    """A device makes the batches that the processor makes, for the same numbers."""

    def maker(self, device: torch.device | None) -> BatchMaker:
        return BatchMaker(PHOTOS, ALL_HINTS, MUCH, seed=3, device=device)

    @pytest.mark.parametrize("side", [40, 64])
    def test_batches_are_the_same_but_for_a_code(self, side: int) -> None:
        views = self.maker(None).draw(7, 33)
        of_file, of_memory = FilePhotos(PHOTOS), PackedPhotos(PHOTOS, torch.device("cpu"))
        a, b = (p.views(views.photos, views.crops, side) for p in (of_file, of_memory))
        difference = (a - b).abs()
        assert difference.max() <= 1
        assert (difference > 0).float().mean() < 0.06
        one, two = (self.maker(d).make(7, 33, side) for d in (None, torch.device("cpu")))
        for x, y in zip(one, two, strict=True):
            # A code more or less of JPEG's input can move a whole coefficient.
            assert (x - y).abs().mean() < 0.05
            assert ((x - y).abs() > 2).float().mean() < 1e-3

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
    def test_a_gpu_makes_what_the_processor_makes(self) -> None:
        device = torch.device("cuda")
        at = itertools.count(7, 33)
        on_gpu = next(self.maker(device).stream(at, 33, 40, pin_memory=True))
        expected = self.maker(torch.device("cpu")).make(7, 33, 40)
        for x, y in zip(on_gpu, expected, strict=True):
            assert x.device.type == "cuda"
            assert (x.cpu() - y).abs().mean() < 1e-3

    def test_a_device_makes_them_without_asking_for_a_number(self) -> None:
        """On the meta device there are shapes and no numbers: whatever would wait for one, or mix
        devices in a sum, is an error there.
        """
        device = torch.device("meta")
        batch = next(self.maker(device).stream(itertools.count(7, 33), 33, 40))
        assert isinstance(batch, Batch)
        assert [tuple(t.shape) for t in batch] == [(33, c, 40, 40) for c in (4, 1, 2)]
        assert {t.device.type for t in batch} == {"meta"}

    @pytest.mark.long
    def test_a_device_draws_without_asking_for_a_number(self) -> None:
        device, turned = torch.device("meta"), AugmentRecipe(old=0.0, rotation=20.0)
        sketches = BatchMaker(PHOTOS, ALL_HINTS, turned, seed=3, device=device, kind="sketch")
        assert sketches.make(7, 5, 40).inputs.shape == (5, 4, 40, 40)


def test_a_sample_is_a_function_of_seed_and_position_alone() -> None:
    maker = BatchMaker(PHOTOS, ALL_HINTS, MUCH, seed=3)
    whole = maker.make(50, 40, 32)
    parts = [maker.make(50 + at, 10, 32) for at in range(0, 40, 10)]
    for one, many in zip(whole, zip(*parts, strict=True), strict=True):
        torch.testing.assert_close(one, torch.cat(many), rtol=0, atol=1e-4)
    others = [views(40, MUCH, ALL_HINTS, at) for at in (0, 40)]
    assert not others[0].crops.view.equal(others[1].crops.view)
    # Other hints, or none aged: the rest is as it was.
    plain = views(40, AugmentRecipe(old=0.0), HintRecipe())
    assert all(map(torch.equal, plain.crops, others[0].crops))
    for tensor in tensors(plain):
        assert tensor.dtype in (torch.float32, torch.int64, torch.bool)


@pytest.mark.parametrize(("view", "side"), [(48, 32), (40, 40), (33, 47), (20, 64)])
def test_views_are_resized_as_opencv_does(view: int, side: int) -> None:
    photo = drawn_photo(1)[:view, :view]
    method = cv2.INTER_AREA if view >= side else cv2.INTER_CUBIC
    expected = cv2.resize(photo, (side, side), interpolation=method)
    padded = np.pad(photo, ((0, 48 - view), (0, 48 - view), (0, 0)), constant_values=99)
    planes = torch.from_numpy(padded).permute(2, 0, 1)[None].float()
    weights = resize_matrix(torch.tensor([view]), 48, side)
    codes = separable(planes, weights, weights).round().clamp(0, 255)[0].permute(1, 2, 0).numpy()
    assert np.abs(codes - expected.astype(np.float32)).max() <= 1


def test_views_lie_in_the_photo_at_the_share_that_is_drawn() -> None:
    photo = PHOTOS[2]
    half, zero = torch.tensor([0.5]), torch.tensor([0.0])
    almost_one = torch.tensor([np.nextafter(np.float32(1), np.float32(0))])
    for store in (FilePhotos(PHOTOS), PackedPhotos(PHOTOS, torch.device("cpu"))):
        ends = (zero, almost_one)
        for top, left, mirrored in itertools.product(ends, ends, (False, True)):
            crops = Crops(half, top, left, torch.tensor([mirrored]))
            codes = store.views(torch.tensor([2]), crops, 20)[0].permute(1, 2, 0).numpy()
            y, x = (20 if top else 0), (52 if left else 0)
            expected = photo[y : y + 20, x : x + 20]
            np.testing.assert_array_equal(codes[:, ::-1] if mirrored else codes, expected)


@pytest.mark.parametrize("sigma", [0.0, 0.3, 1.2, 3.0])
def test_blur_is_that_of_opencv(sigma: float, rng: np.random.Generator) -> None:
    plane = rng.normal(50, 20, (40, 33)).astype(np.float32)
    expected = cv2.GaussianBlur(plane, (0, 0), sigma) if sigma else plane
    blurred = blur(torch.from_numpy(plane)[None, None], torch.tensor([sigma]))[0, 0].numpy()
    np.testing.assert_allclose(blurred, expected, atol=2e-3)


@pytest.mark.parametrize("quality", [30, 50, 84])
def test_jpeg_is_that_of_opencv(quality: int) -> None:
    L = rgb_to_lab(drawn_photo(3, 43, 50).astype(np.float32) / 255)[..., 0]
    codes = np.clip(np.rint(L * 2.55), 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", codes, [cv2.IMWRITE_JPEG_QUALITY, quality])
    expected = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    assert expected is not None
    ager = Ager(torch.device("cpu"))
    made = ager._compress(torch.from_numpy(L)[None, None], torch.tensor([float(quality)]))
    difference = np.abs(made[0, 0].numpy() * 2.55 - expected)
    assert difference.mean() < 0.4
    assert np.abs(codes - expected.astype(np.float32)).mean() > 2 * difference.mean()


def test_ageing_keeps_the_scene_but_not_the_tones() -> None:
    rgb = torch.from_numpy(drawn_photo(1)).permute(2, 0, 1)[None].float() / 255.0
    drawn = views(24, AugmentRecipe(old=1.0), HintRecipe()).ageing
    plain = rgb_to_lab(rgb, axis=1)[:, :1]
    old = Ager(torch.device("cpu")).age(rgb.expand(24, -1, -1, -1), drawn)
    assert old.shape == (24, 1, 96, 120)
    assert 0 <= old.min() < old.max() <= 100
    assert (old - plain).abs().mean() > 3
    pairs = [np.corrcoef(L.flatten().numpy(), plain.flatten().numpy())[0, 1] for L in old]
    assert np.mean(pairs) > 0.6
    # Grain is as strong as it is drawn, but that clumps take some of it.
    grey = torch.full((24, 3, 64, 64), 0.5)
    clean = drawn._replace(jpeg_quality=torch.zeros(24))
    spread = Ager(torch.device("cpu")).age(grey, clean).std(dim=(1, 2, 3))
    torch.testing.assert_close(
        spread, drawn.grain * torch.where(drawn.grain_px > 0, 0.776, 1.0), rtol=0.15, atol=0.01
    )


def test_stretched_levels_fill_the_paper_and_hard_paper_keeps_its_ends() -> None:
    rgb = torch.linspace(0.3, 0.6, 64).expand(2, 3, 64, 64)
    plain = views(2, AugmentRecipe(old=1.0), HintRecipe()).ageing
    none, one = torch.zeros(2), torch.ones(2)
    drawn = plain._replace(
        **dict.fromkeys(("unsharp", "blur_px", "grain", "jpeg_quality"), none),
        **dict.fromkeys(("gamma", "contrast"), one),
        is_stretched=torch.tensor([False, True]),
        black=torch.full((2,), 5.0),
        white=torch.full((2,), 95.0),
    )
    ager = Ager(torch.device("cpu"))
    faded, stretched = ager.age(rgb, drawn)
    assert faded.max() - faded.min() < 35
    assert stretched.min().item() == pytest.approx(5.0, abs=1e-3)
    assert stretched.max().item() == pytest.approx(95.0, abs=1e-3)
    full = torch.linspace(0.0, 1.0, 64).expand(2, 3, 64, 64)
    soft, hard = ager.age(
        full, drawn._replace(contrast=torch.tensor([1.0, 2.0]), is_stretched=none.bool())
    )
    torch.testing.assert_close(hard[..., [0, -1]], soft[..., [0, -1]], atol=0.5, rtol=0.0)
    assert hard.std() > 1.15 * soft.std()


def test_edges_lie_where_the_lightness_steps_and_strokes_near_them() -> None:
    L = torch.full((3, 1, 48, 48), 70.0)
    L[0, :, :, 20:] = 30.0
    L[1, :, 30:] = 30.0
    lines = views(3, AugmentRecipe(old=0.0), HintRecipe()).lines
    edges = draw_lines(L, lines, "edges")
    dark = edges < 50
    assert dark[0, 0].any(dim=0).nonzero().flatten().tolist() in ([19], [20])
    assert dark[1, 0].any(dim=1).nonzero().flatten().tolist() in ([29], [30])
    assert dark[:2].sum(dim=(1, 2, 3)).tolist() == [48, 48]
    assert (edges[2] == 100).all()
    plain = lines._replace(hatching=torch.zeros(3), grain=torch.zeros(3))
    sketch = draw_lines(L, plain, "sketch")
    assert sketch[0, 0].mean(dim=0).argmin() in range(17, 23)
    assert sketch[1, 0].mean(dim=1).argmin() in range(27, 33)
    torch.testing.assert_close(sketch[2, 0], plain.paper[2].expand(48, 48))
    hatched = draw_lines(L, plain._replace(hatching=torch.ones(3)), "sketch")
    assert hatched[0, 0, :, 30:].mean() < hatched[0, 0, :, :10].mean() - 5


def test_views_are_turned_and_show_no_border() -> None:
    ramp = torch.arange(64.0).expand(2, 1, 64, 64)
    turned = rotate(ramp, torch.tensor([0.0, np.pi / 2]), 32)
    torch.testing.assert_close(turned[0, 0, 0], torch.arange(32.0) * 2 + 0.5)
    torch.testing.assert_close(turned[1, 0, :, 5], torch.arange(32.0) * 2 + 0.5)
    eighth = rotate(ramp, torch.full((2,), np.pi / 4), 32)[0, 0]
    assert 0 < eighth.min() < 2
    assert 61 < eighth.max() < 63
    angles = views(2000, AugmentRecipe(rotation=30.0), HintRecipe()).rotation.angle.rad2deg()
    assert angles.abs().max() == pytest.approx(30, abs=0.5)
    assert angles.mean() == pytest.approx(0, abs=1)


def test_a_network_may_see_drawings_of_what_it_is_to_colour() -> None:
    augment, none = AugmentRecipe(old=0.0), HintRecipe(0.0, 0.125, 0.0, 0.0)
    grey = BatchMaker(PHOTOS, none, augment, seed=1).make(3, 4, 32)
    for kind in ("edges", "sketch"):
        maker = BatchMaker(PHOTOS, none, augment, seed=1, kind=kind)
        drawn = maker.make(3, 4, 32)
        assert drawn.L.equal(grey.L)
        assert drawn.ab.equal(grey.ab)
        lines = maker.draw(3, 4).lines
        assert drawn.inputs[:, :1].equal(draw_lines(grey.L, lines, kind))
    data = DataRecipe(sources=("none",), input="edges")
    with pytest.raises(RecipeError, match=r"augment\.old is 0\.25 and data\.input is 'edges'"):
        Recipe(name="edges", data=data, stages=(Stage("l1", images=1),))


def test_shares_follow_the_recipe_and_bars_cover_both_sides() -> None:
    drawn = views(2000, AugmentRecipe(old=0.3, bars=0.2), HintRecipe(0.3, 0.125, 0.1, 0.2))
    counts = (
        len(drawn.ageing.rows), len(drawn.bars.rows), len(drawn.hints.points.rows.unique()),
        len(drawn.hints.shown), len(drawn.hints.fields.rows),
    )  # fmt: skip
    assert np.array(counts) / 2000 == pytest.approx((0.3, 0.2, 0.3, 0.1, 0.2), abs=0.04)
    assert len(drawn.hints.points.rows) / counts[2] == pytest.approx(8, rel=0.1)
    masks, lightness = bars(drawn.bars, 64)
    assert masks.equal(masks.flip(2))
    assert masks.equal(masks.flip(3))
    assert masks.any(dim=3).all(dim=2).any()
    assert masks.any(dim=2).all(dim=2).any()
    assert masks.float().mean(dim=(1, 2, 3)).min() > 0.02
    assert (lightness < 6).float().mean() == pytest.approx(0.75, abs=0.1)
    nothing = BatchMaker(PHOTOS, HintRecipe(0.0, 0.125, 0.0, 0.0), AugmentRecipe(old=0.0), seed=1)
    batch = nothing.make(0, 8, 24)
    assert not batch.inputs[:, 1:].any()
    assert batch.inputs[:, :1].equal(batch.L)


def test_what_bars_cover_has_no_colour_for_anyone() -> None:
    everything = HintRecipe(0.0, 0.125, 1.0, 0.0)
    barred = BatchMaker(PHOTOS, everything, AugmentRecipe(old=0.0, bars=1.0), seed=1)
    batch = barred.make(0, 8, 24)
    mask, lightness = bars(barred.draw(0, 8).bars, 24)
    for planes in (batch.L, batch.inputs[:, :1]):
        assert (torch.where(mask, planes - lightness, 0.0) == 0).all()
    assert not torch.where(mask, batch.ab, 0.0).any()
    assert batch.inputs[:, 1:3].equal(batch.ab)


class TestHints:
    """Hints tell true colours, or what a film's motion makes of them."""

    def ab(self, count: int) -> Tensor:
        y, x = torch.meshgrid(torch.arange(64.0) - 32, torch.arange(64.0) - 32, indexing="ij")
        return torch.stack([x, y]).expand(count, -1, -1, -1)

    def test_points_have_the_mean_colour_of_their_patch(self) -> None:
        drawn = views(20, AugmentRecipe(), HintRecipe(1.0, 0.125, 0.0, 0.0)).hints
        ab = self.ab(20)
        hints = render(ab, drawn).numpy()
        expected = np.zeros_like(hints)
        points = (values.tolist() for values in drawn.points)
        for row, top, left, side in zip(*points, strict=True):
            y, x = (int(np.clip(np.float32(at) * 64, 0, 64 - side)) for at in (top, left))
            patch: tuple[slice, slice] = (slice(y, y + side), slice(x, x + side))
            colors: NDArray[np.float32] = ab[row].numpy()[:, patch[0], patch[1]]
            expected[row, :2, patch[0], patch[1]] = colors.mean(axis=(1, 2))[:, None, None]
            expected[row, 2, patch[0], patch[1]] = 1
        np.testing.assert_allclose(hints, expected, atol=1e-4)
        assert 0 < expected[:, 2].mean() < 0.5

    def test_a_carried_field_is_dense_and_partly_wrong(self) -> None:
        ab = self.ab(20)
        hints = render(ab, views(20, AugmentRecipe(), HintRecipe(0.0, 0.125, 0.0, 1.0)).hints)
        known = hints[:, 2:] == 1
        assert 0.6 < known.float().mean() < 0.98
        assert 1.0 < ((hints[:, :2] - ab).abs() * known).sum() / (2 * known.sum()) < 20.0
        assert not torch.where(known, 0.0, hints).any()
