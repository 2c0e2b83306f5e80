r"""SIGGRAPH17 (Zhang et al. 2017) as a peer of benchmarks/speed.py, at 256 px.

    SIGGRAPH17=/tmp/colorization-pytorch python benchmarks/speed.py --tables warm \
        --peer siggraph17=benchmarks/peers/siggraph17.py

SIGGRAPH17 is a clone of github.com/richzhang/colorization-pytorch, whose network this is;
SIGGRAPH17_WEIGHTS is a file of its weights; without one they are random, which costs the same time.
That repository colours squares for training. Around the network is here what a photograph wants:
lightness by scikit-image, a square of 256 px, chroma enlarged linearly, and back.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage import color as conversions

INPUT_PX = 256
L_CENTER, L_SCALE, AB_SCALE = 50.0, 100.0, 110.0


@cache
def network() -> Any:
    """Theirs, without its classification."""
    sys.path.insert(0, os.environ["SIGGRAPH17"])
    from models.networks import SIGGRAPHGenerator

    net = SIGGRAPHGenerator(4, 2, classification=False)
    if weights := os.environ.get("SIGGRAPH17_WEIGHTS"):
        net.load_state_dict(torch.load(weights, map_location="cpu"))
    return net.eval()


def color(source: Path, target: Path) -> None:
    """Colour one file into another."""
    picture = Image.open(source).convert("RGB")
    L = conversions.rgb2lab(np.asarray(picture))[..., 0]
    small = np.asarray(picture.resize((INPUT_PX, INPUT_PX), Image.Resampling.BICUBIC))
    seen = torch.from_numpy(conversions.rgb2lab(small)[None, None, ..., 0]).float()
    with torch.inference_mode():
        nothing = torch.zeros(1, 2, INPUT_PX, INPUT_PX)
        _, ab = network()((seen - L_CENTER) / L_SCALE, nothing, nothing[:, :1] - 0.5)
        ab = torch.nn.functional.interpolate(AB_SCALE * ab, size=L.shape, mode="bilinear")
    lab = np.concatenate([L[..., None], ab[0].permute(1, 2, 0).numpy()], axis=-1)
    rgb = np.clip(conversions.lab2rgb(lab), 0.0, 1.0)
    Image.fromarray(np.rint(255 * rgb).astype(np.uint8)).save(target, quality=98, subsampling=0)
