"""Networks obey one contract on every engine, and say clearly when they cannot."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
import skimage.data
from fixtures.model import CARD, STRIDE, WEIGHTS, card_with, tiny_model
from numpy.typing import NDArray

from photochrom.color.luminance import lightness
from photochrom.engine import (
    Network,
    available_devices,
    devices,
    load,
    load_ahead,
    model_card,
    shipped_models,
)
from photochrom.engine import network as network_module
from photochrom.engine.devices import DEVICES, choose_device, cpu_has_bf16
from photochrom.engine.openvino_core import load_core
from photochrom.errors import InputError, MissingDependencyError, ModelError

ENGINES = [name for name in ("cpu", "openvino") if DEVICES[name].is_available()]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


def inputs(count: int = 1, height: int = 64, width: int = 96) -> NDArray[np.float32]:
    rng = np.random.default_rng(3)
    planes = np.zeros((count, 4, height, width), np.float32)
    planes[:, 0] = rng.uniform(0.0, 100.0, (count, height, width))
    return planes


class SignalStack(ctypes.Structure):
    """Of sigaltstack(2)."""

    _fields_ = (("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))

    @classmethod
    def of_this_thread(cls) -> tuple[object, ...]:
        """Where it is, its flags and its size."""
        stack = cls()
        ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
        return stack.sp, stack.flags, stack.size


@pytest.mark.parametrize("device", ENGINES)
class TestEveryEngine:
    def test_predicts_chroma_at_its_fraction_of_any_size(self, tiny: Path, device: str) -> None:
        network = load(tiny, device=device)
        for count, height, width in ((1, 64, 96), (2, 32, 32), (1, 64, 96)):
            x = inputs(count, height, width)
            ab, confidence = network(x)
            mean = x[:, 0].reshape(count, height // STRIDE, STRIDE, -1, STRIDE).mean((2, 4))
            tolerance = 0.6 if "bfloat16" in network.device else 1e-3
            np.testing.assert_allclose(ab[:, 0], WEIGHTS["L"][0] * mean, atol=tolerance)
            np.testing.assert_allclose(ab[:, 1], WEIGHTS["L"][1] * mean, atol=tolerance)
            assert ab.dtype == np.float32
            assert confidence is not None
            assert confidence.shape == (count, 1, *mean.shape[1:])

    def test_says_where_it_runs_and_what_it_is(self, tiny: Path, device: str) -> None:
        network = load(tiny, device=device)
        assert network.device.startswith("CPU, O")
        assert network.card == CARD

    @pytest.mark.skipif(sys.platform != "linux", reason="elsewhere signals go otherwise")
    def test_a_signal_finds_its_stack_when_a_network_has_ended(
        self, tiny: Path, device: str
    ) -> None:
        before = SignalStack.of_this_thread()
        networks = [load(tiny, device=device)]
        assert SignalStack.of_this_thread() == before
        ending = threading.Thread(target=networks.clear)
        ending.start()
        ending.join()
        assert SignalStack.of_this_thread() == before

    @pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processors are chosen here")
    def test_leaves_the_choice_of_processors_to_the_system(self, tiny: Path, device: str) -> None:
        # An engine that pins chooses the first ones, as each other process beside it does.
        network, seen = load(tiny, device=device, threads=1), set()
        with ThreadPoolExecutor(1) as pool:
            place = pool.submit(threading.get_native_id).result()
            answers = [pool.submit(network, inputs(4, 256, 256)) for _ in range(8)]
            while not all(answer.done() for answer in answers):
                seen.add(frozenset(os.sched_getaffinity(place)))
        assert seen == {frozenset(os.sched_getaffinity(0))}

    def test_can_be_shared_between_threads(self, tiny: Path, device: str) -> None:
        network = load(tiny, device=device, threads=1)
        x = [inputs(height=32 * (1 + i), width=32) for i in range(4)]
        alone = [network(each).ab for each in x]
        together: dict[int, NDArray[np.float32]] = {}
        threads = [
            threading.Thread(target=lambda i=i: together.update({i: network(x[i]).ab}))
            for i in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for i in range(4):
            np.testing.assert_array_equal(together[i], alone[i])

    @pytest.mark.parametrize(
        "bad",
        [
            inputs()[:, :3],
            inputs().astype(np.float64),
            inputs()[0],
            inputs(height=65),
            inputs()[:, :, :0],
        ],
    )
    def test_refuses_inputs_of_another_kind(
        self, tiny: Path, device: str, bad: NDArray[np.float32]
    ) -> None:
        with pytest.raises(InputError, match="the network's input is"):
            load(tiny, device=device)(bad)

    def test_refuses_a_network_with_another_contract(self, tmp_path: Path, device: str) -> None:
        three = tiny_model(tmp_path / "three.onnx", input_channels=3)
        with pytest.raises(ModelError, match="not float32 \\(N, 4, height, width\\)"):
            load(three, device=device)
        other = tiny_model(tmp_path / "other.onnx", output_names=("rgb", "confidence"))
        with pytest.raises(ModelError, match="its outputs are \\['rgb', 'confidence'\\]"):
            load(other, device=device)

    def test_never_hands_out_what_is_no_number(self, tmp_path: Path, device: str) -> None:
        network = load(tiny_model(tmp_path / "nan.onnx", ab_scale=float("nan")), device=device)
        with pytest.raises(ModelError, match="no numbers"):
            network(inputs())

    def test_refuses_a_damaged_file(self, tiny: Path, tmp_path: Path, device: str) -> None:
        content = tiny.read_bytes()
        damaged = tmp_path / "damaged.onnx"
        damaged.write_bytes(content.replace(b"AveragePool", b"AveragePoof"))
        with pytest.raises(ModelError, match=r"damaged\.onnx does not load on CPU"):
            load(damaged, device=device)


@pytest.mark.parametrize(("name", "most"), [("directml", 1), ("cpu", 2)])
def test_directml_runs_one_picture_at_a_time(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    session = onnxruntime.InferenceSession(tiny, providers=["CPUExecutionProvider"])
    patterns, running, seen = [], [], []
    both = threading.Barrier(2)

    class Watched:
        """A session of that provider, as far as it can be told."""

        def __init__(self, _: bytes, options: Any, providers: list[str]) -> None:
            patterns.append(options.enable_mem_pattern)
            self.get_providers = lambda: providers
            self.get_inputs, self.get_outputs = session.get_inputs, session.get_outputs

        def run(self, *arguments: Any) -> Any:
            running.append(1)
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait(5 if most == 2 else 0.2)
            seen.append(len(running))
            running.pop()
            return session.run(*arguments)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Watched)
    monkeypatch.setitem(DEVICES, name, DEVICES[name]._replace(is_available=lambda: True))
    network = load(tiny, device=name)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(network, [inputs(), inputs()]))
    assert max(seen) == most
    assert patterns == [name != "directml"]


def test_a_card_is_read_without_an_engine(tiny: Path) -> None:
    assert model_card(tiny) == CARD


def test_a_card_with_an_unknown_key_stops_the_model(tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "odd.onnx", card_text=card_with(color="red"))
    with pytest.raises(ModelError, match=r"odd\.onnx: unknown key color of the model card"):
        load(path)


def test_an_unknown_device_names_the_known_ones(tiny: Path) -> None:
    with pytest.raises(ModelError, match="known are auto, cpu, cuda, coreml, directml, openvino"):
        load(tiny, device="tpu")


def test_an_unavailable_device_names_the_available_ones(tiny: Path) -> None:
    missing = next(name for name in DEVICES if name not in available_devices())
    with pytest.raises(ModelError, match=r"is not available here .* available are auto, cpu"):
        load(tiny, device=missing)


@pytest.mark.parametrize(
    ("present", "bf16", "chosen"),
    [
        (("cpu",), False, "cpu"),
        (("cpu",), True, "cpu"),
        (("cpu", "openvino"), False, "cpu"),
        (("cpu", "openvino"), True, "openvino"),
        (("cpu", "openvino", "cuda"), True, "cuda"),
        (("cpu", "coreml", "directml"), False, "cpu"),
    ],
)
def test_auto_takes_the_device_expected_to_be_fastest(
    monkeypatch: pytest.MonkeyPatch, present: tuple[str, ...], bf16: bool, chosen: str
) -> None:
    table = {
        n: d._replace(is_available=partial(present.__contains__, n)) for n, d in DEVICES.items()
    }
    monkeypatch.setattr(devices, "DEVICES", table)
    monkeypatch.setattr(devices, "cpu_has_bf16", lambda: bf16)
    assert choose_device("auto").name == chosen


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fpu avx2 avx512f", False), ("fpu avx2 avx512_bf16 sha_ni", True), ("amx_bf16 fma", True)],
)
def test_bf16_is_read_from_the_list_of_cpu_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, expected: bool
) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    assert cpu_has_bf16(tmp_path / "cpuinfo") is expected
    assert cpu_has_bf16(tmp_path / "nothing") is False


def test_a_network_says_what_it_is(tiny: Path) -> None:
    network = load(tiny, device="cpu")
    assert isinstance(network, Network)
    assert repr(network).startswith("<Network tiny 1.2.3 on CPU, ONNX Runtime")


def test_a_network_that_was_begun_ahead_is_handed_out_once(tiny: Path) -> None:
    load_ahead(tiny, device="cpu")
    first, second = load(tiny, device="cpu"), load(tiny, device="cpu")
    assert first is not second
    assert first.card == second.card == CARD
    load_ahead("nonesuch")
    with pytest.raises(ModelError, match="there is no model called 'nonesuch'"):
        load("nonesuch")


def test_a_network_says_the_same_for_any_number_of_callers(rng: np.random.Generator) -> None:
    planes = np.zeros((1, 4, 64, 96), np.float32)
    planes[:, 0] = rng.uniform(0.0, 100.0, (64, 96))
    alone, shared = (
        load("photochrom-film", device="cpu", callers=callers)(planes) for callers in (1, 64)
    )
    np.testing.assert_array_equal(alone.ab, shared.ab)
    assert alone.confidence is not None
    assert shared.confidence is not None
    np.testing.assert_array_equal(alone.confidence, shared.confidence)


@pytest.mark.parametrize("failure", [OSError, AttributeError, TypeError])
def test_memory_goes_back_only_where_the_system_knows_how(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, failure: type[Exception]
) -> None:
    calls = []

    def library(name: str | None) -> Any:
        calls.append(name)
        raise failure("of another system")

    monkeypatch.setattr("photochrom.engine.backends.ctypes.CDLL", library)
    assert load(tiny, device="cpu").card == CARD
    assert calls == [None]


@pytest.mark.parametrize(
    ("device", "threads", "callers", "chosen"),
    [("cpu", None, 1, None), ("cpu", None, 2, 4), ("cpu", 3, 2, 3), ("openvino", None, 2, None)],
)
def test_callers_share_the_processors_of_engines_that_answer_several_at_once(
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    threads: int | None,
    callers: int,
    chosen: int | None,
) -> None:
    monkeypatch.setattr(network_module, "share_size", lambda sharers: 8 // sharers)
    assert network_module.engine_threads(threads, callers, DEVICES[device]) == chosen


def run_as_at_home(code: str, home: Path) -> list[str]:
    """Words that a process prints which is in no CI job, and has been told nothing of telemetry."""
    known = ("CI", "TF_BUILD", "JENKINS_URL", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY")
    environment = {k: v for k, v in os.environ.items() if k not in known}
    folders = ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env=environment | {name: str(home) for name in folders},
    )  # fmt: skip
    return done.stdout.split()


def test_onnx_runtime_tells_nobody_that_it_is_in_use(tmp_path: Path) -> None:
    code = "from photochrom.engine import load; load('photochrom-film', device='cpu')"
    run_as_at_home(code, tmp_path)
    assert not any(tmp_path.iterdir()), "no number of this installation is kept"


@pytest.mark.skipif(not DEVICES["openvino"].is_available(), reason="the extra fast is absent")
def test_openvino_tells_nobody_that_it_is_in_use(tmp_path: Path) -> None:
    code = (
        "import sys; from photochrom.engine import load; load('photochrom-film', device='openvino')"
        "\n"
        "print([m for m in sys.modules if m.startswith(('openvino.tools', 'openvino_telemetry'))]);"
        "assert 'importlib.metadata' not in sys.modules, 'it takes long'"
    )
    assert run_as_at_home(code, tmp_path) == ["[]"]
    assert not any(tmp_path.iterdir()), "no number of this installation is kept"


@pytest.mark.skipif(not DEVICES["openvino"].is_available(), reason="the extra fast is absent")
def test_what_openvino_made_of_a_network_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path))
    planes = rng.random((1, 4, 64, 96), np.float32)

    def ask() -> NDArray[np.float32]:
        return load("photochrom-film", device="openvino")(planes)[0]

    first = ask()
    (kept,) = (tmp_path / "openvino").glob("*/*.blob")
    written = kept.stat().st_mtime_ns
    np.testing.assert_array_equal(ask(), first)
    assert kept.stat().st_mtime_ns == written
    kept.chmod(0o600)
    kept.write_bytes(kept.read_bytes()[:5000])
    earlier = tmp_path / "openvino" / "2025.0.0"
    earlier.mkdir()
    for number in range(9):
        (old := earlier / f"{number}.blob").touch()
        os.utime(old, (number, number))
    np.testing.assert_array_equal(ask(), first)
    assert kept.stat().st_size > 1e6
    assert {old.stem for old in earlier.iterdir()} == set("2345678")
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(kept))  # a file, where a folder should be
    np.testing.assert_array_equal(ask(), first)


@pytest.mark.skipif(not DEVICES["openvino"].is_available(), reason="the extra fast is absent")
@pytest.mark.parametrize("name", shipped_models())
def test_no_engine_gives_a_cast(name: str) -> None:
    usual, other = load(name, device="cpu"), load(name, device="openvino")
    picture = cv2.cvtColor(skimage.data.cat(), cv2.COLOR_RGB2GRAY)[:300, :300]
    planes = np.zeros((1, 4, usual.card.size, usual.card.size), np.float32)
    planes[0, 0] = cv2.resize(lightness(picture), planes.shape[2:], interpolation=cv2.INTER_AREA)
    moved = other(planes)[0][0] - usual(planes)[0][0]
    assert np.hypot(*moved).mean() < 0.5
    assert load(name).device.startswith("CPU, ")


@pytest.mark.skipif(not DEVICES["openvino"].is_available(), reason="the extra fast is absent")
def test_openvino_is_whole_for_the_program_around(tmp_path: Path) -> None:
    code = (
        "import sys; from photochrom.engine.openvino_core import load_core; load_core();"
        "sys.modules['openvino_telemetry'] = None;"
        "import openvino; print(openvino.convert_model.__module__, hasattr(openvino, 'convert'))"
    )
    assert run_as_at_home(code, tmp_path) == ["openvino.tools.ovc.convert", "False"]


def test_an_openvino_that_does_not_load_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_plugin() -> None:
        raise RuntimeError("Cannot load library libopenvino_intel_cpu_plugin.so")

    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "openvino", None)
        with pytest.raises(MissingDependencyError, match=r"openvino.*or use --device cpu"):
            load_core()
    module = SimpleNamespace(Core=no_plugin)
    monkeypatch.setattr("photochrom.engine.openvino_core._import_openvino", lambda: module)
    with pytest.raises(ModelError, match=r"OpenVINO does not start: Cannot load .* --device cpu"):
        load_core()
