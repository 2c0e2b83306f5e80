"""Where a picture shows faces.

The detector is YuNet (Wu, Peng, Yu, *YuNet: A Tiny Millisecond-level Face Detector*, Machine
Intelligence Research 2023) with its authors' weights, run by OpenCV.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.pretrained import YUNET, weights_file

_LONG_SIDE_PX = 800
"""To which a picture is shrunk before it is searched."""
_LEAST_SCORE = 0.75
_LEAST_OVERLAP = 0.3
"""From which on two places are one face, intersection over union."""
_MOST_FACES = 500


class FaceFinder:
    """YuNet, ready to search pictures; not to be shared between threads."""

    def __init__(self) -> None:
        """Raises ModelError when the weights are damaged."""
        path = weights_file(YUNET)
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        try:
            self._detector: Any = cv2.FaceDetectorYN.create(
                str(path), "", (_LONG_SIDE_PX, _LONG_SIDE_PX), _LEAST_SCORE, _LEAST_OVERLAP,
                _MOST_FACES,
            )  # fmt: skip
        finally:
            cv2.utils.logging.setLogLevel(level)

    def find(self, rgb: NDArray[np.uint8], *, enlarge: float = 1.0) -> NDArray[np.float64]:
        """The faces in a picture, one row each, in no order.

        rgb: (H, W, 3) sRGB, or grey in three channels. enlarge: a picture that is smaller than what
        is searched is enlarged so many times at most, in which smaller faces are found.
        Returns (N, 15), px of the picture: left, top, width and height of forehead to chin; x and y
        of the left and of the right eye in the picture, of the nose, and of both ends of the mouth;
        how sure the detector is, [0, 1].
        """
        height, width = rgb.shape[:2]
        scale = min(enlarge, _LONG_SIDE_PX / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        searched = rgb
        if scale != 1.0:
            interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
            searched = np.asarray(cv2.resize(rgb, size, interpolation=interpolation), np.uint8)
        self._detector.setInputSize(size)
        rows = self._detector.detect(np.ascontiguousarray(searched[..., ::-1]))[1]
        if rows is None:
            return np.zeros((0, 15))
        to_full = np.array([width / size[0], height / size[1]])
        return np.asarray(rows * np.concatenate([np.tile(to_full, 7), [1.0]]), np.float64)
