"""What other programs load keeps their contracts, as far as that needs none of them."""

from __future__ import annotations

import ast
import io
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from fixtures.integrations import INTEGRATIONS, load_integration
from fixtures.model import tiny_model

from photochrom.errors import InputError
from photochrom.video.luma_stream import LumaFormat, color_luma

HEIGHT, WIDTH, FRAMES = 48, 65, 3


def test_what_a_host_brings_for_pytest_is_not_loaded(pytestconfig: pytest.Config) -> None:
    # Warnings are errors here: napari's, while it is imported, would end pytest before any test.
    blocked = pytestconfig.pluginmanager.is_blocked
    assert all(blocked(name) for name in ("napari", "napari-plugin-engine", "npe2", "schemathesis"))


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(tiny_model(tmp_path / "tiny.onnx"))


def lumas(bits: int = 8) -> np.ndarray[Any, Any]:
    """A few frames, (N, H, W) codes."""
    x = np.arange(WIDTH) + 8 * np.arange(FRAMES)[:, None, None]
    codes = 16 + np.broadcast_to(2 * x, (FRAMES, HEIGHT, WIDTH))
    return codes.astype(np.uint8) if bits == 8 else (4 * codes).astype(np.uint16)


def test_a_stream_of_luma_gets_chroma_frame_by_frame(model: str) -> None:
    form = LumaFormat(HEIGHT, WIDTH)
    steady = list(color_luma(lumas(), form, model=model))
    single = list(color_luma(iter(lumas()), form, model=model, steady=0.0))
    for found in (steady, single):
        assert [chroma.shape for _, chroma in found] == [(24, 33, 2)] * FRAMES
        np.testing.assert_array_equal([luma for luma, _ in found], lumas())
    assert steady[0][1].std() > 1.0, "the tiny network's colours rise with the lightness"
    ((_, calm),) = list(color_luma(lumas()[:1], form, model=model, vividness=0.0))
    assert np.unique(calm).tolist() == [128]


def test_a_stream_says_what_it_cannot_be(model: str) -> None:
    with pytest.raises(InputError, match="has 12 bits; it must have 8 or 10"):
        LumaFormat(HEIGHT, WIDTH, bits=12)
    with pytest.raises(InputError, match="steadiness is 2"):
        color_luma(lumas(), LumaFormat(HEIGHT, WIDTH), model=model, steady=2.0)
    with pytest.raises(InputError, match="a frame of this film is uint8"):
        list(color_luma(lumas(10), LumaFormat(HEIGHT, WIDTH), model=model))
    assert LumaFormat(720, 1280).chroma_matrix == "bt709"
    assert LumaFormat(576, 720).chroma_matrix == "bt601"


@pytest.mark.parametrize(
    ("space", "bits", "chroma"),
    [
        ("mono", 8, 0),
        ("420jpeg", 8, 2 * 24 * 33),
        ("422", 8, 2 * 48 * 33),
        ("420p10", 10, 4 * 24 * 33),
    ],
)
def test_y4m_keeps_its_luma_and_says_what_it_is(
    space: str, bits: int, chroma: int, model: str
) -> None:
    y4m = load_integration("ffmpeg/photochrom_y4m.py")
    head = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F25:1 Ip A1:1 C{space} XCOLORRANGE=LIMITED\n".encode()
    frames = [b"FRAME\n" + luma.tobytes() + bytes(chroma) for luma in lumas(bits)]
    target = io.BytesIO()
    assert y4m.color_y4m(io.BytesIO(head + b"".join(frames)), target, model=model) == FRAMES
    content = target.getvalue()
    line, _, rest = content.partition(b"\n")
    out = "420jpeg" if bits == 8 else "420p10"
    assert line.decode() == (
        f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F25:1 A1:1 Ip C{out} XCOLORRANGE=LIMITED"
    )
    step = (1 if bits == 8 else 2) * (HEIGHT * WIDTH + 2 * 24 * 33) + len(b"FRAME\n")
    assert len(rest) == FRAMES * step
    assert rest[step + 6 :].startswith(lumas(bits)[1].tobytes())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"RIFF....AVI ", "begins with b'RIFF....AVI ', not 'YUV4MPEG2'"),
        (b"YUV4MPEG2 W4\n", "has no width and height"),
        (b"YUV4MPEG2 W4 H4 It C420\n", "is interlaced; .* -vf bwdif"),
        (b"YUV4MPEG2 W4 H4 C411\n", "colour space is '411'; convert it by -pix_fmt yuv420p"),
        (b"YUV4MPEG2 W4 H4 Cmono\nFRAME\nshort", "breaks off within frame 0"),
    ],
)
def test_y4m_that_cannot_be_read_is_refused(content: bytes, message: str, model: str) -> None:
    y4m = load_integration("ffmpeg/photochrom_y4m.py")
    with pytest.raises(InputError, match=message):
        y4m.color_y4m(io.BytesIO(content), io.BytesIO(), model=model)


@pytest.mark.slow
def test_the_node_of_comfyui_keeps_its_contract() -> None:
    torch = pytest.importorskip("torch")
    module = load_integration("comfyui/photochrom_comfyui.py")
    (name,) = module.NODE_CLASS_MAPPINGS
    assert module.NODE_DISPLAY_NAME_MAPPINGS.keys() == {name}
    node = module.NODE_CLASS_MAPPINGS[name]
    asked = node.INPUT_TYPES()
    names, default = asked["required"]["model"]
    assert default["default"] in names
    assert node.RETURN_TYPES == ("IMAGE",)
    x = torch.linspace(0.0, 1.0, 96).expand(2, 64, 96)
    image = torch.stack([x, x, x, torch.ones_like(x)], dim=-1)  # with alpha, as it may be
    options = {"model": default["default"], "vividness": 1.0, "hints": "48,32,#b01c2e,4\n\n"}
    (colored,) = getattr(node(), node.FUNCTION)(image, **options)
    assert (colored.shape, colored.dtype) == (torch.Size([2, 64, 96, 3]), torch.float32)
    assert 0.0 <= float(colored.min()) <= float(colored.max()) <= 1.0
    red, green, _ = colored[0, 32, 48]
    assert red > green + 0.1, "the hint"
    with pytest.raises(InputError, match="'48;32' is no hint; write X,Y,COLOR"):
        module.parse_hints("48;32")


def test_home_assistant_asks_the_studio_in_one_request() -> None:
    file = INTEGRATIONS / "home_assistant" / "photochrom.yaml"
    ((name, command),) = yaml.safe_load(file.read_text(encoding="utf-8")).items()
    assert name == "photochrom_colorize"
    words = shlex.split(command)
    assert words[0] == "curl"
    assert words[-1] == "{{ studio }}/api/v1/colorize"
    assert words.count("-F") == 2
    assert not set("|;&<>`") & set(command.replace("| default(1.0)", "")), "no shell runs it"


def test_every_host_has_its_section_and_is_python_or_read_as_what_it_is() -> None:
    page = (INTEGRATIONS.parent / "docs" / "hosts.md").read_text(encoding="utf-8")
    files = [path for path in INTEGRATIONS.rglob("*.*") if path.is_file()]
    assert len(files) > 8
    for path in files:
        if "__pycache__" in path.parts:
            continue
        assert path.relative_to(INTEGRATIONS).as_posix() in page, path
        if path.suffix == ".py":
            ast.parse(path.read_text(encoding="utf-8"))
