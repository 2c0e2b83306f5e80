"""`colorize` and `Colorizer` take a picture of any kind and give back its own kind."""

from __future__ import annotations

import io
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fixtures.model import CARD, STRIDE, WEIGHTS, card_with, tiny_model
from numpy.typing import NDArray
from PIL import Image

from photochrom import (
    Colorizer,
    Hint,
    Picture,
    Stroke,
    WhiteBalance,
    colorize,
    engine,
    pipeline,
    write,
)
from photochrom.api import colorizer
from photochrom.color.luminance import lightness
from photochrom.errors import InputError, ModelError

Array = NDArray[Any]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="module")
def color(tiny: Path) -> Colorizer:
    return Colorizer(tiny, device="cpu")


@pytest.fixture
def expected(tiny: Path, grey_scene: Array) -> Array:
    """(90, 120, 3) uint8, by the pipeline itself."""
    return pipeline.colorize(grey_scene, model=tiny, device="cpu")


def test_a_file_gives_a_picture_in_full_depth(
    tmp_path: Path, color: Colorizer, scene16: NDArray[np.uint16]
) -> None:
    write(tmp_path / "scan.png", Picture(np.ascontiguousarray(scene16[..., 1])))
    picture = color(tmp_path / "scan.png")
    assert isinstance(picture, Picture)
    assert picture.pixels.dtype == np.uint16
    assert picture.pixels.shape == (90, 120, 3)
    np.testing.assert_allclose(lightness(picture.pixels), lightness(scene16[..., 1]), atol=0.01)
    picture.save(tmp_path / "colored.png")
    assert b"tiny 1.2.3" in (tmp_path / "colored.png").read_bytes()


def test_path_bytes_file_and_what_read_returns_are_the_same_picture(
    tmp_path: Path, color: Colorizer, grey_scene: Array, expected: Array
) -> None:
    path = tmp_path / "scan.png"
    original = Picture(grey_scene)
    write(path, original)
    data = path.read_bytes()
    for source in (path, str(path), data, io.BytesIO(data), original):
        np.testing.assert_array_equal(color(source).pixels, expected)
    with path.open("rb") as file:
        np.testing.assert_array_equal(color(file).pixels, expected)


@pytest.mark.parametrize(
    ("dtype", "white"),
    [("u1", 255), ("u2", 65535), (">u2", 65535), ("f2", 1), ("f4", 1), (">f4", 1), ("f8", 1)],
)
def test_an_array_gives_an_array_of_its_dtype(
    color: Colorizer, grey_scene: Array, expected: Array, dtype: str, white: int
) -> None:
    array = (grey_scene * (white / 255)).astype(dtype)
    rgb = color(array)
    assert (rgb.dtype, rgb.shape) == (np.dtype(dtype), (90, 120, 3))
    np.testing.assert_allclose(rgb * (255 / white), expected, atol=0.7)


def test_an_array_that_is_a_view_is_colored_as_its_copy(
    color: Colorizer, grey_scene: Array
) -> None:
    view = grey_scene[::-2, ::2]
    np.testing.assert_array_equal(color(view), color(view.copy()))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.float32, torch.float64])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_tensor_gives_a_tensor_of_its_dtype(
    color: Colorizer, scene: Array, grey_scene: Array, dtype: torch.dtype, channels: int
) -> None:
    white = {torch.uint8: 255, torch.uint16: 65535}.get(dtype, 1)
    array = grey_scene[None] if channels == 1 else scene.transpose(2, 0, 1)
    tensor = torch.from_numpy(array * (white / 255)).round(decimals=0 if white > 1 else 9).to(dtype)
    batch = color(torch.stack([tensor, tensor]))
    assert (batch.dtype, batch.shape) == (dtype, (2, 3, 90, 120))
    single = color(tensor)
    assert (single.dtype, single.shape) == (dtype, (3, 90, 120))
    np.testing.assert_array_equal(single.numpy(), batch[0].numpy())
    expected = color(grey_scene if channels == 1 else scene).transpose(2, 0, 1)
    np.testing.assert_allclose(single.numpy() * (255 / white), expected, atol=0.6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_tensor_of_half_precision_keeps_it(color: Colorizer, dtype: torch.dtype) -> None:
    tensor = torch.linspace(0, 1, 64 * 64).reshape(1, 64, 64).to(dtype).requires_grad_()
    rgb = color(tensor)
    assert (rgb.dtype, rgb.shape, rgb.requires_grad) == (dtype, (3, 64, 64), False)
    exact = color(tensor.detach().float())
    np.testing.assert_allclose(rgb.float().numpy(), exact.numpy(), atol=0.005)


def test_a_pillow_image_gives_one_with_its_alpha_and_exif(
    color: Colorizer, grey_scene: Array, expected: Array
) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Eastman"
    image = Image.fromarray(grey_scene)
    image.info |= {"exif": exif.tobytes(), "dpi": (300, 300), "transparency": 0}
    alpha = np.where(grey_scene == 0, 0, 255)
    result = color(image)
    assert (result.mode, result.size) == ("RGBA", (120, 90))
    np.testing.assert_array_equal(np.asarray(result), np.dstack([expected, alpha]))
    assert result.info == {"exif": exif.tobytes(), "dpi": (300, 300)}
    assert color(image.convert("RGB")).mode == "RGBA"
    assert color(Image.fromarray(grey_scene)).mode == "RGB"


def test_a_list_gives_a_list(color: Colorizer, grey_scene: Array, expected: Array) -> None:
    arrays = color([grey_scene, grey_scene[:50]])
    assert [a.shape for a in arrays] == [(90, 120, 3), (50, 120, 3)]
    np.testing.assert_array_equal(arrays[0], expected)
    assert color([Picture(grey_scene)])[0].pixels.shape == (90, 120, 3)
    assert color(list[Array]()) == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.full((8, 8), np.nan), "spans nan to nan"),
        (np.full((8, 8), 255.0), r"must lie in \[0, 1\]; this one spans 255.0"),
        (np.zeros((8, 8, 4), np.uint8), r"must be \(H, W\) or .*; this one is \(8, 8, 4\)"),
        (np.zeros((8, 8), np.int64), "uint8, uint16 or floating in .* this one is int64"),
        (np.zeros((0, 8), np.uint8), "empty"),
        (torch.full((1, 8, 8), torch.nan), "spans nan to nan"),
        (torch.zeros(8, 8), r"must be \(C, H, W\) or \(N, C, H, W\) .* this one is \(8, 8\)"),
        (torch.zeros(2, 8, 8), r"this one is \(2, 8, 8\)"),
        (torch.zeros(1, 0, 8), r"this one is \(1, 0, 8\)"),
        (torch.zeros(1, 8, 8, dtype=torch.int64), "this one is int64"),
        (Image.new("F", (8, 8)), "its pixels are of the kind F"),
        (None, "a value of type NoneType is no picture; give a path, the bytes of a file"),
        (3, "a value of type int is no picture"),
        (io.StringIO("text"), "it is open as text"),
        ("no/such.jpg", "cannot read no/such.jpg: no such file"),
        (b"", "empty"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused(color: Colorizer, source: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        color(source)
    with pytest.raises(InputError, match=message):
        color.predict(source)


def test_hints_and_options_do_what_they_do_in_the_pipeline(
    tiny: Path, color: Colorizer, grey_scene: Array
) -> None:
    hints = [Hint(60, 40, "#c81e1e", radius=9)]
    expected = pipeline.colorize(
        grey_scene, model=tiny, hints=hints, size=32, vividness=0.5, device="cpu"
    )
    by_call = color(grey_scene, hints=hints, size=32, vividness=0.5)
    np.testing.assert_array_equal(by_call, expected)
    session = Colorizer(tiny, device="cpu", size=32, vividness=0.5)
    np.testing.assert_array_equal(session(grey_scene, hints=hints), expected)
    np.testing.assert_array_equal(
        colorize(grey_scene, model=tiny, device="cpu", hints=hints, size=32, vividness=0.5),
        expected,
    )


def test_strokes_are_hints_below_the_others_and_clipped_colours_are_told(
    tmp_path: Path, color: Colorizer, grey_scene: Array
) -> None:
    strokes = [Stroke([(30, 30), (90, 60)], "#9b4a3c", width=9)]
    hint = Hint(60, 45, "#5a6e3c", radius=3)
    expected = color(grey_scene, hints=[*strokes, hint])
    np.testing.assert_array_equal(color(grey_scene, hints=[hint], strokes=strokes), expected)
    (tmp_path / "a.json").write_text(
        '{"strokes": [{"points": [[30, 30], [90, 60]], "color": "#9b4a3c", "width": 9}]}'
    )
    picture = color(Picture(grey_scene), hints=[hint], strokes=tmp_path / "a.json")
    np.testing.assert_array_equal(picture.pixels, expected)
    assert picture.notes == ()
    white = np.full((90, 120), 252, np.uint8)
    with pytest.warns(UserWarning, match="the hint at 60, 45 does not exist where it is so light"):
        color(white, hints=[Hint(60, 45, "blue")])
    assert len(color(Picture(white), hints=[Hint(60, 45, "blue")]).notes) == 1


@pytest.mark.filterwarnings("ignore:the colour of the hint")
@pytest.mark.parametrize("x", [500, 509])
def test_a_hint_reaches_nothing_where_all_beside_it_is_unlike(color: Colorizer, x: int) -> None:
    picture = np.full((64, 600), 10, np.uint8)
    picture[:, 512:] = 245  # where the next tile of the picture begins
    assert color(picture, hints=[Hint(x, 30, "crimson", radius=2)]).shape == (64, 600, 3)


def test_a_white_balance_is_of_a_call_or_of_a_session(
    tiny: Path, color: Colorizer, grey_scene: Array
) -> None:
    warm = WhiteBalance(temperature=10, neutral=0.5)
    expected = pipeline.colorize(grey_scene, model=tiny, device="cpu", white_balance=warm)
    assert np.abs(expected.astype(int) - color(grey_scene)).max() > 5
    np.testing.assert_array_equal(color([grey_scene], white_balance=warm)[0], expected)
    session = Colorizer(tiny, device="cpu", white_balance=warm)
    again = pickle.loads(pickle.dumps(session))  # noqa: S301
    np.testing.assert_array_equal(again(grey_scene), expected)
    by_call = colorize(grey_scene, model=tiny, device="cpu", white_balance=warm)
    np.testing.assert_array_equal(by_call, expected)


def test_coloured_places_of_a_grey_picture_keep_their_colours(
    tiny: Path, color: Colorizer, grey_scene: Array
) -> None:
    stamped = np.repeat(grey_scene[..., None], 3, axis=2)
    stamped[20:44, 30:60] = (200, 30, 40)
    place = (slice(24, 40), slice(34, 56))
    anew = pipeline.colorize(stamped, model=tiny, device="cpu")
    assert np.abs(anew[place].astype(int) - stamped[place]).max() > 20
    np.testing.assert_array_equal(color(stamped)[place], stamped[place])
    np.testing.assert_array_equal(color([Picture(stamped)])[0].pixels[place], stamped[place])
    np.testing.assert_array_equal(color(stamped, keep_colors=False), anew)
    session = Colorizer(tiny, device="cpu", keep_colors=False)
    again = pickle.loads(pickle.dumps(session))  # noqa: S301
    np.testing.assert_array_equal(again(stamped), anew)
    np.testing.assert_array_equal(again(stamped, keep_colors=True)[place], stamped[place])
    np.testing.assert_array_equal(
        colorize(stamped, model=tiny, device="cpu", keep_colors=False), anew
    )
    assert np.abs(color.predict(stamped).ab - session.predict(stamped).ab).max() > 5


@pytest.mark.parametrize("several", [["a.jpg", "b.jpg"], torch.zeros(2, 1, 8, 8)])
def test_hints_are_of_one_picture(color: Any, several: Any) -> None:
    with pytest.raises(InputError, match="hints are of one picture, and 2 are given"):
        color(several, hints=[Hint(1, 1, "red")])


def test_an_error_of_coloring_names_the_file(
    tmp_path: Path, color: Colorizer, grey_scene: Array
) -> None:
    write(tmp_path / "scan.png", Picture(grey_scene))
    with pytest.raises(InputError, match=r"cannot colour .*scan\.png: the vividness is -1"):
        color(tmp_path / "scan.png", vividness=-1)


def test_predict_gives_what_the_network_saw_and_proposes(
    color: Colorizer, grey_scene: Array
) -> None:
    L, ab, confidence = color.predict(grey_scene)
    assert L.shape == (64, 96)
    assert 0 <= L.min() < L.max() <= 100
    assert ab.shape == (64 // STRIDE, 96 // STRIDE, 2)
    mean = L.reshape(16, STRIDE, 24, STRIDE).mean(axis=(1, 3))
    np.testing.assert_allclose(ab, mean[..., None] * WEIGHTS["L"], rtol=1e-4)
    assert confidence is not None
    assert confidence.shape == ab.shape[:2]
    hinted = color.predict(grey_scene, hints=[Hint(60, 40, "red", radius=9)])
    assert np.abs(hinted.ab - ab).max() > 20
    tensor = torch.from_numpy(grey_scene)[None]
    np.testing.assert_array_equal(color.predict(tensor).ab, ab)
    with pytest.raises(InputError, match="one picture, not a batch of 2"):
        color.predict(torch.stack([tensor, tensor]))


def test_a_session_says_what_it_is(tiny: Path, color: Colorizer) -> None:
    assert color.card == CARD
    assert color.device.startswith("CPU, ONNX Runtime")
    assert (
        repr(color) == f"Colorizer({str(tiny)!r}, device='cpu', size='auto', vividness=1.0, "
        "keep_colors=True, "
        "white_balance=WhiteBalance(temperature=0.0, tint=0.0, neutral=0.0), smooth='none')"
    )
    with pytest.raises(ModelError, match="no model called 'photochrom-bse'; did you mean"):
        Colorizer("photochrom-bse")


def test_threads_share_a_session(color: Colorizer, grey_scene: Array, expected: Array) -> None:
    with ThreadPoolExecutor(4) as pool:
        for rgb in pool.map(color, [grey_scene] * 12):
            np.testing.assert_array_equal(rgb, expected)


def test_a_session_can_be_pickled(color: Colorizer, grey_scene: Array, expected: Array) -> None:
    again = pickle.loads(pickle.dumps(color))  # noqa: S301
    assert repr(again) == repr(color)
    np.testing.assert_array_equal(again(grey_scene), expected)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_worker_process_uses_a_session(
    color: Colorizer, grey_scene: Array, expected: Array, method: str
) -> None:
    color(grey_scene)  # its network has threads by now
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(1, context) as pool:
        rgb = pool.submit(color, grey_scene).result(timeout=60)
    np.testing.assert_array_equal(rgb, expected)


def test_the_model_stays_loaded_from_call_to_call(
    tmp_path: Path, grey_scene: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = []
    load: Callable[..., Any] = engine.load

    def counted(*arguments: Any, **options: Any) -> Any:
        loads.append(arguments[0])
        return load(*arguments, **options)

    monkeypatch.setattr(colorizer, "load", counted)
    model = tiny_model(tmp_path / "tiny.onnx")
    first = colorize(grey_scene, model=model)
    colorize(grey_scene, model=model, vividness=2.0)
    assert loads == [model]
    tiny_model(model, ab_scale=0.0, card_text=card_with(version="1.2.4"))
    assert (colorize(grey_scene, model=model) != first).any(), "the file was written anew"
    assert loads == [model, model]
