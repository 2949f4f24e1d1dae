"""Turning frames upright, as the display matrix of a video says: phones record lying and note the turn."""

from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

DisplayMatrix: TypeAlias = tuple[int, int, int, int]

UPRIGHT: DisplayMatrix = (1, 0, 0, 1)


def display_matrix(frame: VideoFrame) -> DisplayMatrix:
    """Return (a, b, c, d) of a decoded frame's matrix: it is shown at x' = a x + c y, y' = b x + d y.

    FFmpeg's libavutil/display.h defines it; `UPRIGHT` where the frame has none.
    """
    for entry in cast(Any, frame.side_data):
        if entry.type.name == "DISPLAYMATRIX":
            a, b, _, c, d = np.frombuffer(bytes(entry), np.int32)[:5].tolist()
            return a, b, c, d
    return UPRIGHT


def orient(image: npt.NDArray[np.uint8], matrix: DisplayMatrix) -> npt.NDArray[np.uint8]:
    """Turn and mirror an image (H, W, C) as its display matrix says, in steps of 90 degrees."""
    a, b, c, d = matrix
    if abs(b) > abs(a):  # what was a row becomes a column
        image, a, d = image.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
