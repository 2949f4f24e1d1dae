"""`search.search_region` as tensor operations of fixed shape, for a GPU: nothing is read back to decide what to do next.

On a CPU OpenCV's form is many times as fast. Both give the same regions.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from gcvos_model.search import REACH, SMALL

# Of `connected_parts`, at 120 x 212: a disc needs 2 rounds, a spiral 4, noise where its parts wind most 5.
ROUNDS = 5
JUMPS = 4


def search_regions(masks: Tensor) -> Tensor:
    """Where objects may be on the next frame: see `search_region`.

    Args:
        masks: their soft masks on the frame before, `(K, h, w)` in [0, 1].

    Returns:
        `(K, h, w)` bool; all of it where a mask is empty.
    """
    inside = masks > 0.5
    parts = connected_parts(inside).flatten(1)  # (K, h*w)
    ones = inside.flatten(1).float()
    areas = torch.zeros_like(ones).scatter_add(1, parts, ones)  # of each part, where its name points to
    large = areas >= SMALL * areas.amax(1, keepdim=True)
    seeds = inside & large.gather(1, parts).view_as(inside)
    reach = max(1, round(REACH * min(masks.shape[1:])))
    return (_dilated(seeds.float(), reach) > 0) | ~inside.flatten(1).any(1).view(-1, 1, 1)


def connected_parts(inside: Tensor) -> Tensor:
    """Name the 8-connected parts of K masks, all at once.

    Each cell points to a cell of its own part, at first to itself. In each round a cell looks for the highest pointer
    among its neighbours, tells it to the cell that it points to, and follows its own pointer some jumps far. So all
    reach the part's highest cell in a number of rounds that grows with the logarithm of the part's length.

    Args:
        inside: `(K, h, w)` bool.

    Returns:
        `(K, h, w)` int64: the index in the flattened `(h, w)` of the highest cell of each cell's part; outside of the
        masks each cell's own.
    """
    count, height, width = inside.shape
    cells = torch.arange(height * width, device=inside.device).expand(count, -1)
    parts, within = cells, inside.flatten(1)
    for _ in range(ROUNDS):
        seen = parts.masked_fill(~within, -1).view_as(inside).float()  # exact up to 2^24 cells
        highest = _dilated(seen, 1).flatten(1).long()
        parts = parts.scatter_reduce(1, parts, torch.where(within, highest, cells), "amax")
        for _ in range(JUMPS):
            parts = parts.gather(1, parts)
    return parts.view(count, height, width)


def _dilated(maps: Tensor, reach: int) -> Tensor:
    """The highest value in the square that reaches that far to each side, `(K, h, w)`."""
    side = 2 * reach + 1
    rows = F.max_pool2d(maps[:, None], (side, 1), stride=1, padding=(reach, 0))
    return F.max_pool2d(rows, (1, side), stride=1, padding=(0, reach))[:, 0]
