"""A picture in a notebook that is coloured where you touch it.

    from photochrom_widget import ColorWidget
    widget = ColorWidget("grandmother.jpg")
    widget                      # touch the picture, choose the colour
    widget.result.save("grandmother.color.jpg")

Needs: pip install anywidget photochrom.
"""

from __future__ import annotations

import base64
import io
from typing import Any

import anywidget
import numpy as np
import traitlets
from PIL import Image

from photochrom import Colorizer, Hint, Picture, read
from photochrom.errors import PhotochromError

SCRIPT = """
function render({ model, el }) {
  const picture = document.createElement("img");
  picture.style.cssText = "max-width: 100%; cursor: crosshair; display: block";
  picture.alt = "The photograph in colour";
  const color = Object.assign(document.createElement("input"), { type: "color", value: "#b01c2e" });
  color.ariaLabel = "Colour of the next touch";
  const undo = Object.assign(document.createElement("button"), { textContent: "Undo" });
  const vividness = Object.assign(document.createElement("input"),
    { type: "range", min: 0, max: 2, step: 0.05, value: model.get("vividness") });
  vividness.ariaLabel = "Vividness";
  const note = document.createElement("p");
  note.setAttribute("role", "status");
  const show = () => {
    picture.src = model.get("shown");
    note.textContent = model.get("problem");
    undo.disabled = model.get("hints").length === 0;
  };
  const set = (name, value) => { model.set(name, value); model.save_changes(); };
  picture.addEventListener("click", (event) => {
    const box = picture.getBoundingClientRect();
    const [width, height] = model.get("size");
    const x = Math.min(width - 1, Math.floor((event.clientX - box.left) / box.width * width));
    const y = Math.min(height - 1, Math.floor((event.clientY - box.top) / box.height * height));
    set("hints", [...model.get("hints"), [x, y, color.value]]);
  });
  undo.addEventListener("click", () => set("hints", model.get("hints").slice(0, -1)));
  vividness.addEventListener("change", () => set("vividness", Number(vividness.value)));
  for (const name of ["shown", "problem", "hints"]) model.on(`change:${name}`, show);
  el.append(picture, color, vividness, undo, note);
  show();
}
export default { render };
"""


class ColorWidget(anywidget.AnyWidget):
    """A photograph, its hints, and its colours; what is changed here is seen there, and back."""

    _esm = SCRIPT
    hints = traitlets.List().tag(sync=True)
    """[x, y, "#rrggbb"] each, px of the photograph from the upper left."""
    vividness = traitlets.Float(1.0).tag(sync=True)
    shown = traitlets.Unicode().tag(sync=True)
    """The picture as a data URL, at the size of a screen."""
    size = traitlets.List([1, 1]).tag(sync=True)
    """Width and height of the photograph, px."""
    problem = traitlets.Unicode().tag(sync=True)

    def __init__(self, source: Any, colorizer: Colorizer | None = None, **traits: Any) -> None:
        """source: a file, or what `photochrom.read` takes. colorizer: photochrom-base's unless
        given.
        """
        self._picture = read(source)
        self._color = colorizer or Colorizer(keep_colors=False)
        self.result: Picture
        height, width = self._picture.pixels.shape[:2]
        super().__init__(size=[width, height], **traits)
        self._update()

    @traitlets.observe("hints", "vividness")
    def _update(self, _change: Any = None) -> None:
        """Colour anew; what cannot be used is told below the picture, which stays as it was."""
        try:
            places = [Hint(x, y, color) for x, y, color in self.hints]
            self.result = self._color(self._picture, hints=places, vividness=self.vividness)
        except (PhotochromError, ValueError, TypeError) as error:
            self.problem = str(error)
            return
        self.problem = ""
        self.shown = data_url(self.result.pixels)


def data_url(pixels: np.ndarray[Any, Any], longest_px: int = 1024) -> str:
    """A PNG of the picture at the size of a screen. pixels: (H, W, 3) of any depth."""
    white = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1.0
    picture = Image.fromarray(np.rint(pixels[..., :3] / white * 255.0).astype(np.uint8))
    picture.thumbnail((longest_px, longest_px), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
