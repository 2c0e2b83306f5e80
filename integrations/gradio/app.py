"""A demo for a Hugging Face Space: a photograph in, its colours out, with hints and versions.

Locally: pip install gradio photochrom && python app.py. As a Space: the three files of this folder.
"""

from __future__ import annotations

import os
from typing import Any

# Read when Gradio is imported: unless it is set, Gradio tells its makers that it is used.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr
import numpy as np

from photochrom import Colorizer, Hint
from photochrom.errors import PhotochromError

COLOR = Colorizer(keep_colors=False)
LONGEST_PX = 4096


def colorize(
    picture: np.ndarray[Any, Any] | None, vividness: float, hints: list[list[Any]] | None
) -> np.ndarray[Any, Any]:
    """picture: (H, W, 3) uint8. hints: rows of x, y, colour; empty rows count for nothing."""
    if picture is None:
        raise gr.Error("Choose a photograph first.")
    if max(picture.shape[:2]) > LONGEST_PX:
        raise gr.Error(f"The photograph has sides above {LONGEST_PX} px; make it smaller first.")
    try:
        places = [Hint(float(x), float(y), str(color)) for x, y, color in _rows(hints)]
        return np.asarray(COLOR(picture, vividness=vividness, hints=places))
    except (PhotochromError, ValueError) as error:
        raise gr.Error(str(error)) from None


def versions(picture: np.ndarray[Any, Any] | None) -> list[np.ndarray[Any, Any]]:
    """Clearly different versions, the likeliest first."""
    if picture is None:
        raise gr.Error("Choose a photograph first.")
    return list(COLOR.alternatives(picture, 4))


def add_hint(hints: list[list[Any]] | None, color: str, event: gr.SelectData) -> list[list[Any]]:
    """The rows with one more, where the picture was touched."""
    x, y = event.index
    return [*_rows(hints), [x, y, color]]


def _rows(hints: list[list[Any]] | None) -> list[list[Any]]:
    return [
        row for row in hints or [] if all(str(value).strip() not in ("", "None") for value in row)
    ]


with gr.Blocks(title="Photochrom") as demo:
    gr.Markdown("# Photochrom\nA photograph's own lightness stays; its colours are a guess.")
    with gr.Row():
        source = gr.Image(label="Photograph", type="numpy", image_mode="RGB")
        result = gr.Image(label="In colour", format="png")
    with gr.Row():
        vividness = gr.Slider(0.0, 2.0, 1.0, step=0.05, label="Vividness")
        touched = gr.ColorPicker("#b01c2e", label="Colour of the next touch")
    table = gr.Dataframe(
        headers=["x", "y", "colour"], type="array", label="Colours that you know", row_count=1
    )
    with gr.Row():
        button = gr.Button("Colour", variant="primary")
        others = gr.Button("Other versions")
    gallery = gr.Gallery(label="Versions", format="png")
    button.click(colorize, [source, vividness, table], result, api_name="colorize")
    others.click(versions, source, gallery, api_name="versions")
    source.select(add_hint, [table, touched], table, api_name=False)

if __name__ == "__main__":
    demo.launch()
