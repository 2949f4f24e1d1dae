"""Where an object is looked for: around where it was on the frame before.

The global context says what the object looks like, not where it is, so things that look like it far away are taken
for it, and once they are in the last mask they are learnt. From one frame to the next an object moves by little, so
what lies further from its last mask than `REACH` is not the object. Small parts that lie apart from the rest are most
often such a mistake and do not widen the region. An object that is lost is looked for around its last
mask until that has faded, then everywhere.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

REACH = 2 / 15  # of the frame's short side: 64 pixels at 480
SMALL = 0.2  # a part below this share of the largest part's area does not widen the region


def search_region(mask: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The pixels that may be the object's on the next frame.

    Args:
        mask: its soft mask on the frame before, `(h, w)` in [0, 1].

    Returns:
        `(h, w)`; all of it where the mask is empty.
    """
    count, parts, statistics, _ = cv2.connectedComponentsWithStats(
        (mask > 0.5).astype(np.uint8), connectivity=8
    )
    if count == 1:  # the background alone
        return np.ones(mask.shape, bool)
    areas = statistics[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    seeds = np.isin(parts, np.flatnonzero(areas >= SMALL * areas.max())).astype(np.uint8)
    side = 2 * max(1, round(REACH * min(mask.shape))) + 1
    return cv2.dilate(seeds, np.ones((side, side), np.uint8)).astype(bool)
