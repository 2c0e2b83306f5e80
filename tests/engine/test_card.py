"""Model cards: read from the file alone, refused when anything about them is odd."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from fixtures.model import CARD, card_with, tiny_model

from photochrom.engine.card import CARD_KEY, ModelCard, read_card
from photochrom.errors import ModelError


def test_a_card_survives_json() -> None:
    assert ModelCard.from_json(CARD.to_json()) == CARD


def test_an_absent_chroma_gain_is_one() -> None:
    assert ModelCard.from_json(card_with(chroma_gain=None)).chroma_gain == 1.0


def test_whole_numbers_are_metrics_too() -> None:
    assert ModelCard.from_json(card_with(metrics={"psnr": 24})).metrics == {"psnr": 24.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            card_with(color="red"),
            "unknown key color of the model card; known keys here: name, version",
        ),
        (card_with(licence=None), "lacks licence"),
        (card_with(size="256"), "size of the model card must be int, got '256'"),
        (card_with(parameters=True), "parameters of the model card must be int, got True"),
        (
            card_with(metrics={"psnr": "high"}),
            "metrics.psnr of the model card must be float, got 'high'",
        ),
        (card_with(size=16), "size 16 and multiple 32"),
        (card_with(chroma_gain=-1.0), "chroma_gain -1.0"),
        ("{", "not JSON"),
        ("[]", "the model card must be a table, got []"),
    ],
)
def test_an_odd_card_is_refused(text: str, message: str) -> None:
    with pytest.raises(ModelError, match="card") as refusal:
        ModelCard.from_json(text)
    assert message in str(refusal.value)


def test_the_card_is_read_as_onnx_itself_reads_it(tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "tiny.onnx")
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert read_card(path.read_bytes(), "tiny") == ModelCard.from_json(metadata[CARD_KEY])


def test_a_file_without_a_card_is_refused(tmp_path: Path) -> None:
    content = tiny_model(tmp_path / "tiny.onnx", card=None).read_bytes()
    with pytest.raises(ModelError, match="carries no model card"):
        read_card(content, "tiny.onnx")


@pytest.mark.parametrize("content", [b"", b"\x00" * 40, b"\xff" * 40, b"<html>not found</html>"])
def test_what_is_no_onnx_file_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"net\.onnx"):
        read_card(content, "net.onnx")


def test_every_truncation_is_a_model_error(tmp_path: Path) -> None:
    content = tiny_model(tmp_path / "tiny.onnx").read_bytes()
    for length in range(len(content) - 1):
        with pytest.raises(ModelError):
            read_card(content[:length], "tiny.onnx")
