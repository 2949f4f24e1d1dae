"""First masks as annotators make them: a box, a coarse polygon, a mask that is shifted, too large or too small."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from gcvos_model.training.clip import Clip

Mask = NDArray[np.uint8]


def sloppy_clip(rng: np.random.Generator, clip: Clip) -> Clip:
    """The clip with a sloppy annotation; where no gap follows it, it is the first cue too."""
    first = sloppy_mask(rng, clip.first)
    gap = not np.array_equal(clip.before[0], clip.first)
    return replace(clip, first=first, before=clip.before if gap else np.stack([first, *clip.before[1:]]))


def sloppy_mask(rng: np.random.Generator, mask: Mask) -> Mask:
    """One of the four above at random; `(S, S)` uint8, 0 or 255, never empty where `mask` is not."""
    make = (box, coarse_polygon, shifted, resized)[rng.integers(4)]
    made = make(rng, mask)
    return made if (made > 127).any() else mask


def extent(mask: Mask) -> int:
    """The longer side of a mask's box, in pixels; 0 where it is empty."""
    _, _, width, height = cv2.boundingRect((mask > 127).astype(np.uint8))
    return max(width, height)


def box(rng: np.random.Generator, mask: Mask) -> Mask:
    """The filled box of a mask, each side off by up to 4% of its extent."""
    x, y, width, height = cv2.boundingRect((mask > 127).astype(np.uint8))
    left, top, right, bottom = (rng.uniform(-0.04, 0.04, 4) * max(width, height)).round().astype(int)
    drawn = np.zeros_like(mask)
    drawn[max(0, y + top) : y + height + bottom, max(0, x + left) : x + width + right] = 255
    return drawn


def coarse_polygon(rng: np.random.Generator, mask: Mask) -> Mask:
    """The outlines of a mask with few corners: simplified to 2% to 6% of its extent."""
    contours, _ = cv2.findContours((mask > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    tolerance = rng.uniform(0.02, 0.06) * extent(mask)
    drawn = np.zeros_like(mask)
    cv2.fillPoly(drawn, [cv2.approxPolyDP(contour, tolerance, closed=True) for contour in contours], 255)
    return drawn


def shifted(rng: np.random.Generator, mask: Mask) -> Mask:
    """A mask moved by up to 6% of its extent each way."""
    x, y = rng.uniform(-0.06, 0.06, 2) * extent(mask)
    return cv2.warpAffine(mask, np.array([[1, 0, x], [0, 1, y]], np.float32), mask.shape[::-1])  # type: ignore[return-value]


def resized(rng: np.random.Generator, mask: Mask) -> Mask:
    """A mask grown or shrunk all round by 1% to 4% of its extent."""
    side = 2 * max(1, round(rng.uniform(0.01, 0.04) * extent(mask))) + 1
    change = cv2.dilate if rng.random() < 0.5 else cv2.erode
    return change(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))  # type: ignore[return-value]
