"""From a box to a mask by the network itself: a doubtful box is remembered, and looked for on the same frame.

The box goes into the memory as a soft mask, the network segments the frame from that memory, and its soft
answer takes the box's place: what in the box resembles the rest of it grows certain, what resembles the
surroundings fades. Measured against GrabCut and others by `gcvos_model.evaluation.box_prompts`; the figures
are in `serverless/README.md`.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from gcvos_model.errors import InputError
from gcvos_model.inputs import Frame, frame_pixels, working_size
from gcvos_model.masks import Mask
from gcvos_model.network.config import MASK_STRIDE
from gcvos_model.network.network import Features, GCNetwork
from gcvos_model.prompts import fill_box
from gcvos_model.propagation import SHORT_SIDE
from gcvos_model.results import upsample

Box = Sequence[float]

CERTAINTY = 0.6
"""That a pixel of the box is the object's, to begin with: a full mask would be believed, background and all.
"""

ROUNDS = 3
BATCH = 16
"""Boxes that go through the network together: each needs memory of its own."""


@torch.inference_mode()
def boxes_to_masks(
    model: GCNetwork,
    frame: Frame,
    boxes: Sequence[Box],
    *,
    short_side: int = SHORT_SIDE,
    certainty: float = CERTAINTY,
    rounds: int = ROUNDS,
) -> list[Mask]:
    """Segment the objects in boxes, each as if it were alone. The frame is encoded once.

    Args:
        model: From `load_model`, with a memory of constant size.
        frame: uint8 RGB (H, W, 3).
        boxes: x1, y1, x2, y2 in pixels, the edges of each; parts outside the frame are cut off.
        short_side: Working resolution.
        certainty: Of the box's pixels at first, in (0, 1].
        rounds: How often the network looks.

    Returns:
        Masks (H, W), each within its box and not empty: where the network finds nothing, the whole box.

    Raises:
        InputError: As `fill_box`, or the model's memory is STM's.
    """
    if model.config.memory != "context":
        raise InputError(f"the model's memory is {model.config.memory}; expected context")
    size = frame.shape[0], frame.shape[1]
    filled = [fill_box(box, size) for box in boxes]
    working = working_size(size, short_side)
    features = model.encode(frame_pixels(frame, working, model))
    masks: list[Mask] = []
    for start in range(0, len(boxes), BATCH):
        inside = torch.stack([_coverage(box, size, working) for box in boxes[start : start + BATCH]])
        soft = _look(model, features, inside.to(model.device), certainty, rounds)
        for probability, whole in zip(soft.float().cpu().numpy(), filled[start : start + BATCH], strict=True):
            found = (upsample(probability[0], size) > 0.5) & whole
            masks.append(found if found.any() else whole)
    return masks


def _look(model: GCNetwork, features: Features, inside: Tensor, certainty: float, rounds: int) -> Tensor:
    """Soft masks of objects of which `inside`, `(K, 1, h/4, w/4)`, says where they can be; of the same shape."""
    soft = inside * certainty
    for _ in range(rounds):
        context = model.context(features, soft)
        soft = model.segment(features, [context] * model.config.reads, soft).sigmoid() * inside
    return soft


def _coverage(box: Box, size: tuple[int, int], working: tuple[int, int]) -> Tensor:
    """How much of each cell of stride 4 of the working frame a box covers, `(1, h/4, w/4)` in [0, 1]."""
    shares = []
    for low, high, length, cells in (
        (box[1], box[3], size[0], working[0] // MASK_STRIDE),
        (box[0], box[2], size[1], working[1] // MASK_STRIDE),
    ):
        edges = np.arange(cells + 1) * (length / cells)
        overlap = np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1])
        shares.append(np.clip(overlap * cells / length, 0, 1))
    return torch.from_numpy(np.outer(*shares).astype(np.float32))[None]
