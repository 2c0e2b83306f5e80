r"""DDColor (Kang et al., ICCV 2023) as a peer of benchmarks/speed.py, by its pipeline at 512 px.

    DDCOLOR=/tmp/DDColor python benchmarks/speed.py --tables warm \
        --peer ddcolor=benchmarks/peers/ddcolor.py

DDCOLOR is a clone of github.com/piddnad/DDColor. DDCOLOR_SIZE is tiny (as here) or large, and
DDCOLOR_WEIGHTS a file of its weights; without one they are random, which costs the same time.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import cv2

INPUT_PX = 512


@cache
def pipeline() -> Any:
    """Theirs, with the network that was asked for."""
    sys.path.insert(0, os.environ["DDCOLOR"])
    from ddcolor import ColorizationPipeline, DDColor
    from ddcolor.pipeline import load_checkpoint_state_dict

    encoder = {"tiny": "convnext-t", "large": "convnext-l"}[os.environ.get("DDCOLOR_SIZE", "tiny")]
    network = DDColor(
        encoder_name=encoder,
        decoder_name="MultiScaleColorDecoder",
        input_size=[INPUT_PX, INPUT_PX],
        num_output_channels=2,
        last_norm="Spectral",
        num_queries=100,
        num_scales=3,
        dec_layers=9,
    )
    if weights := os.environ.get("DDCOLOR_WEIGHTS"):
        network.load_state_dict(load_checkpoint_state_dict(weights), strict=False)
    return ColorizationPipeline(network, input_size=INPUT_PX)


def color(source: Path, target: Path) -> None:
    """Colour one file into another."""
    cv2.imwrite(str(target), pipeline().process(cv2.imread(str(source))))
