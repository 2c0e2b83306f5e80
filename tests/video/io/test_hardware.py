"""Encoders of hardware: which are refused and why, and that one that starts gets every code."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from photochrom.errors import OutputError
from photochrom.video.io import codecs, encoder, hardware
from photochrom.video.io.codecs import ANY_HARDWARE, HARDWARE, Encoding, Hardware
from photochrom.video.io.damage import DamageLog
from photochrom.video.io.encoder import FilmWriter
from photochrom.video.io.frame import FilmInfo, Frame
from photochrom.video.io.hardware import start_hardware
from photochrom.video.io.pictures import planes_420
from photochrom.video.io.probe import probe

H, W = 64, 96
INFO = FilmInfo(
    path=Path("film.mkv"), height=H, width=W, bits=8, full_range=False, matrix="bt601",
    time_base=Fraction(1, 25), rate=Fraction(25), duration_s=None, frames=None, interlaced=False,
    rotation=0, monochrome=True, streams=(),
)  # fmt: skip


def test_hardware_that_is_not_there_is_refused_in_its_own_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert start_hardware(Encoding(), INFO) == Encoding()
    absent = Hardware("Nobody's", {"h264": "h264_nobody"}, lambda _: {}, ("yuv420p", "p010le"))
    broken = Hardware("Another's", {"h264": "libx264"}, lambda _: {}, ("pal8", "pal8"))
    for module in (codecs, hardware, encoder):
        monkeypatch.setattr(module, "HARDWARE", {"nvenc": absent, "qsv": broken})
    with pytest.raises(OutputError, match=r"comes without h264_nobody.*libx264 does not start"):
        start_hardware(Encoding(hardware=ANY_HARDWARE), INFO)
    with pytest.raises(OutputError, match=r"96 x 64 as h264 \(Nobody's.*leave --hardware out"):
        start_hardware(Encoding(hardware="nvenc"), INFO)


def test_the_first_hardware_that_starts_gets_every_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = Hardware("x264's", {"h264": "libx264"}, lambda _: {"qp": "0"}, ("nv12", "p010le"))
    monkeypatch.setitem(HARDWARE, "qsv", exact)
    encoding = start_hardware(Encoding(hardware="qsv"), INFO)
    assert encoding.hardware == "qsv"
    assert encoding.encoder == "libx264"
    rng = np.random.default_rng(0)
    luma = rng.integers(16, 236, (H, W), np.uint8)
    chroma = rng.integers(16, 241, (H // 2, W // 2, 2), np.uint8)
    with FilmWriter(tmp_path / "film.nut", INFO, encoding) as writer:
        writer.write(Frame(0, luma, 1), chroma)
    written = next(planes_420(probe(tmp_path / "film.nut"), DamageLog()))
    np.testing.assert_array_equal(written.luma, luma)
    np.testing.assert_array_equal(written.chroma, chroma)


def test_what_hardware_does_not_do_is_refused_at_once() -> None:
    for wrong, words in (
        ({"hardware": "abacus"}, "use one of auto, nvenc"),
        ({"hardware": "videotoolbox", "codec": "av1"}, "does not go with av1"),
        ({"hardware": ANY_HARDWARE, "codec": "ffv1"}, "does not go with ffv1"),
        ({"hardware": "nvenc", "preset": "fast"}, "leave it out"),
        ({"hardware": "nvenc", "crf": 0}, "no loss"),
    ):
        with pytest.raises(OutputError, match=words):
            Encoding(**wrong)
    for name, row in HARDWARE.items():
        for codec, libav_name in row.encoders.items():
            assert replace(Encoding(codec), hardware=name).encoder == libav_name
            assert Encoding(codec, hardware=name).options()
