"""GrabCut, with which boxes used to become masks: the comparator of `box_refinement`."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from gcvos_model.masks import Mask, tight_box
from gcvos_model.prompts import fill_box

GRABCUT_SIDE = (
    256  # GrabCut's time grows with the area; half this side costs 8 points of IoU, more brings nothing
)
GRABCUT_ROUNDS = 2  # more do not help either
MARGIN = 0.3  # of the box's sides: how much background around the box GrabCut learns from
MIN_SHARE = 0.05  # of the box: an object that fills less of its box is taken for a failure


def grabcut(frame: npt.NDArray[np.uint8], box: Sequence[float]) -> Mask:
    """Segment the object in a box with GrabCut (Rother et al., 2004), the background learned from around it.

    Where GrabCut fails (nothing around the box to learn from, next to nothing left in it), the mask is the
    whole box.

    Args:
        frame: uint8 RGB (H, W, 3).
        box: (x1, y1, x2, y2) of the box's edges; parts outside the frame are cut off.

    Returns:
        (H, W), never empty, within the box.

    Raises:
        InputError: as `fill_box`.
    """
    mask = fill_box(box, (frame.shape[0], frame.shape[1]))
    left, top, right, bottom = tight_box(mask) or (0, 0, 0, 0)
    margin_x, margin_y = round(MARGIN * (right - left)) + 2, round(MARGIN * (bottom - top)) + 2
    crop = (
        slice(max(0, top - margin_y), min(frame.shape[0], bottom + margin_y)),
        slice(max(0, left - margin_x), min(frame.shape[1], right + margin_x)),
    )
    found = _grabcut(frame[crop], mask[crop]) & mask[crop]
    if found.sum() >= MIN_SHARE * mask.sum():
        mask[crop] = found
    return mask


def _grabcut(image: npt.NDArray[np.uint8], inside: Mask) -> Mask:
    """Return what GrabCut finds of an image (H, W, 3), given what lies in the box; nothing where it fails."""
    scale = min(1.0, GRABCUT_SIDE / max(image.shape[:2]))
    width, height = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    small_inside = cv2.resize(inside.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    state = np.where(small_inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    models = np.zeros((2, 1, 65))
    cv2.setRNGSeed(0)  # its clustering draws at random; the same box must give the same mask
    try:
        cv2.grabCut(small, state, (0, 0, 0, 0), models[0], models[1], GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # no background at all: the box is the whole frame
        return np.zeros_like(inside)
    found = np.isin(state, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    return np.asarray(cv2.resize(found, inside.shape[::-1], interpolation=cv2.INTER_LINEAR) > 0.5)
