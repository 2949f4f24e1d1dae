"""A clip made up for measuring: as many moving objects as wanted, at any size, and what they look like at the start."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gcvos_model.video.source import Frame

LabelMap = NDArray[np.uint8]
TEXTURES = 4  # of the ground and, in turn, of the objects


def made_up_clip(frames: int, size: tuple[int, int], objects: int) -> tuple[list[Frame], LabelMap]:
    """Make a clip of textured ellipses that move over a textured ground.

    Returns:
        The frames (H, W, 3) uint8, and the label map (H, W) of the first one.
    """
    random = np.random.default_rng(0)
    height, width = size
    grain = [random.integers(0, 255, (height // 8, width // 8, 3), np.uint8) for _ in range(TEXTURES)]
    textures = [cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC) for image in grain]
    radius = (height // (2 * objects + 3), height // (objects + 2))
    clip, first = [], np.zeros(size, np.uint8)
    for t in range(frames):
        labels = np.zeros(size, np.uint8)
        for k in range(objects):
            x = int(width * (0.5 + 0.3 * np.sin(0.05 * t + k)))
            cv2.ellipse(
                labels, (x, height * (2 * k + 1) // (2 * objects)), radius, 3.0 * t, 0, 360, k + 1, -1
            )
        pixels = np.asarray(textures[0] // 2, np.uint8)
        for k in range(objects):
            inside = labels == k + 1
            pixels[inside] = textures[1 + k % (TEXTURES - 1)][inside]
        clip.append(pixels)
        if t == 0:
            first = labels
    return clip, first


def forth_and_back(count: int, index: int) -> int:
    """Which of `count` frames to show as number `index` of a clip that is looped without a cut: 0 1 2 1 0 1 ..."""
    period = max(1, 2 * (count - 1))
    place = index % period
    return min(place, period - place) if count > 1 else 0
