"""Region similarity J, contour accuracy F and their statistics over a sequence, as DAVIS defines them.

Definitions: Perazzi et al., *A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation*
(CVPR 2016), sections 4.1 and 4.3; Pont-Tuset et al., *The 2017 DAVIS Challenge on Video Object Segmentation*.
Where the papers leave something open (empty masks, the border of the image, the bins of the decay), the
released evaluation code of DAVIS decides, and the docstrings here say how.
"""

from __future__ import annotations

import math
import warnings
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError
from .masks import tight_box

BOUNDARY_TOLERANCE = 0.008
"""How far apart two contours may run and still match, as a fraction of the image's diagonal."""

RECALL_THRESHOLD = 0.5
"""A frame counts as recalled where its score is above this."""

DECAY_BINS = 4
"""Decay compares the first with the last of this many parts of a sequence."""


class Statistics(NamedTuple):
    """What DAVIS reports of one measure over the frames of one object.

    Attributes:
        mean: average over the frames, in [0, 1].
        recall: fraction of the frames whose score is above 0.5, in [0, 1].
        decay: mean of the first quarter of the frames less the mean of the last, in [-1, 1];
            positive where the score sinks.
    """

    mean: float
    recall: float
    decay: float


def region_similarity(mask: NDArray[Any], truth: NDArray[Any]) -> float:
    """Region similarity J: the intersection of two masks over their union (Jaccard index).

    Args:
        mask: (H, W) predicted mask of any number type; whatever is not 0 is the object.
        truth: (H, W) annotated mask, likewise.

    Returns:
        J in [0, 1]. 1 where both masks are empty: an object that is absent and was not found.

    Raises:
        InputError: the masks are not of two dimensions, or differ in size.

    Example:
        >>> region_similarity(np.array([[1, 1, 0, 0]]), np.array([[0, 1, 1, 0]]))  # 1 of 3 pixels
        0.3333333333333333
    """
    mask, truth = _as_pair(mask, truth)
    union = int(np.count_nonzero(mask | truth))
    return int(np.count_nonzero(mask & truth)) / union if union else 1.0


def contour_accuracy(mask: NDArray[Any], truth: NDArray[Any]) -> float:
    """Contour accuracy F: the F-measure of the precision and recall of a mask's boundary pixels.

    A boundary pixel of one mask is matched where a boundary pixel of the other lies within `boundary_radius`
    of it. Precision is the matched fraction of the predicted boundary, recall that of the annotated one.

    Args:
        mask: (H, W) predicted mask of any number type; whatever is not 0 is the object.
        truth: (H, W) annotated mask, likewise.

    Returns:
        F in [0, 1]. 1 where neither mask has a boundary (empty, or the whole image), 0 where only one has:
        DAVIS then sets one of precision and recall to 0.

    Raises:
        InputError: the masks are not of two dimensions, or differ in size.
    """
    mask, truth = _as_pair(mask, truth)
    disk = _disk(boundary_radius(mask.shape))
    box = tight_box(mask | truth)
    if box is not None:  # the boundaries lie within it and one pixel around: several times quicker than all
        window = slice(max(box[1] - 1, 0), box[3] + 1), slice(max(box[0] - 1, 0), box[2] + 1)
        mask, truth = mask[window], truth[window]
    mask_boundary, truth_boundary = boundary_map(mask), boundary_map(truth)
    mask_pixels, truth_pixels = int(np.count_nonzero(mask_boundary)), int(np.count_nonzero(truth_boundary))
    if not mask_pixels or not truth_pixels:
        return float(mask_pixels == truth_pixels)
    precision = int(np.count_nonzero(mask_boundary & _dilate(truth_boundary, disk))) / mask_pixels
    recall = int(np.count_nonzero(truth_boundary & _dilate(mask_boundary, disk))) / truth_pixels
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary_radius(size: tuple[int, ...]) -> int:
    """Radius in pixels within which contours match in an image of `size` (H, W): 8 at 480 x 854."""
    return math.ceil(BOUNDARY_TOLERANCE * float(np.linalg.norm(size)))


def boundary_map(mask: NDArray[Any]) -> NDArray[np.bool_]:
    """Boundary of a mask, one pixel wide and half a pixel up and left of the edge (`seg2bmap` of DAVIS).

    A pixel is on the boundary where it differs from its neighbour to the right, below, or below to the right.
    Neighbours outside the image do not count, so that an object cut off by the image's border has no boundary
    along it.

    Args:
        mask: (H, W), any number type; whatever is not 0 is the object.

    Returns:
        (H, W) bool.

    Example:
        >>> boundary_map(np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])).astype(int)
        array([[1, 1, 0],
               [1, 1, 0],
               [0, 0, 0]])
    """
    mask = mask != 0
    boundary = np.zeros(mask.shape, dtype=bool)
    differs_right = mask[:, :-1] ^ mask[:, 1:]
    differs_below = mask[:-1] ^ mask[1:]
    boundary[:, :-1] |= differs_right
    boundary[:-1] |= differs_below
    boundary[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return boundary


def statistics(scores: ArrayLike) -> Statistics:
    """Mean, recall and decay of one measure over the frames of one object.

    Frames without a score (NaN) are left out of the mean and of the decay, and count as not recalled, as in
    the code of DAVIS. The four bins of the decay share their end frames: with n scores, bin i runs from frame
    `ids[i]` to `ids[i + 1]`, both included, where `ids` divides 0 .. n - 1 into quarters, halves rounded up.

    Args:
        scores: (T,) one score a frame, each in [0, 1] or NaN.

    Returns:
        The three statistics; NaN where no frame has a score.

    Example:
        >>> statistics([1.0, 0.9, 0.6, 0.5, 0.2])
        Statistics(mean=0.64, recall=0.6, decay=0.6)
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1:
        raise InputError(f"scores have the shape {values.shape}; expected (T,), one for each frame")
    if not len(values):
        return Statistics(math.nan, math.nan, math.nan)
    # 1e-10 rounds halves up, where NumPy alone would round them to the nearest even number. DAVIS keeps the
    # limits in 8 bits, which its own sequences of at most 104 frames never fill; here longer ones work too.
    ids = np.round(np.linspace(1, len(values), DECAY_BINS + 1) + 1e-10).astype(np.intp) - 1
    first, last = values[ids[0] : ids[1] + 1], values[ids[-2] : ids[-1] + 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=RuntimeWarning)  # of no score at all: NaN, as promised
        return Statistics(
            mean=float(np.nanmean(values)),
            recall=float(np.mean(values > RECALL_THRESHOLD)),
            decay=float(np.nanmean(first) - np.nanmean(last)),
        )


def _as_pair(mask: NDArray[Any], truth: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    if mask.ndim != 2 or mask.shape != truth.shape:
        raise InputError(
            f"masks to compare have the shapes {mask.shape} and {truth.shape}; expected one (H, W) for both"
        )
    return mask != 0, truth != 0


@lru_cache(maxsize=8)
def _disk(radius: int) -> NDArray[np.uint8]:
    """Flat disk: the pixels at most `radius` from the middle one, (2 * radius + 1) squared."""
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    disk: NDArray[np.uint8] = (x * x + y * y <= radius * radius).astype(np.uint8)
    return disk


def _dilate(boundary: NDArray[np.bool_], disk: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return cv2.dilate(boundary.view(np.uint8), disk).view(np.bool_)
