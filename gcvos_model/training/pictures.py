"""Pictures of clips and predictions: what the network is taught and what it makes of it, to look at now and then."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gcvos_model.files import write_atomic
from gcvos_model.training.batches import Batch
from gcvos_model.visualize import contact_sheet, overlay

CLIPS = 4
OBJECT, OTHERS = 1, 2  # the colours of the palette that they get


def clip_sheet(batch: Batch, logits: Tensor) -> NDArray[np.uint8]:
    """A row for each clip: the first frame with the mask that is given, then each frame's truth and its prediction.

    Args:
        batch: floats in [0, 1].
        logits: of its frames 2..T, `(B, T - 1, 1, S, S)`.

    Returns:
        RGB.
    """
    cells = []
    for clip in range(min(CLIPS, len(batch.frames))):
        frames = _to_bytes(batch.frames[clip].permute(0, 2, 3, 1))  # (T, S, S, 3)
        others = batch.others[clip, :, 0]
        cells.append(_cell(frames[0], batch.first[clip, 0], others[0]))
        for t in range(1, len(frames)):
            cells.append(_cell(frames[t], batch.masks[clip, t, 0], others[t]))
            cells.append(_cell(frames[t], logits[clip, t - 1, 0].sigmoid(), others[t] * 0))
    return contact_sheet(cells, columns=2 * batch.frames.shape[1] - 1)


def write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write an RGB picture as PNG, whole or not at all."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    write_atomic(path, encoded.tobytes())


def _cell(frame: NDArray[np.uint8], mask: Tensor, others: Tensor) -> NDArray[np.uint8]:
    labels = np.where(_to_bytes(mask) > 127, OBJECT, np.where(_to_bytes(others) > 127, OTHERS, 0))
    return overlay(frame, labels.astype(np.uint8))


def _to_bytes(tensor: Tensor) -> Any:
    return (tensor.detach().float().cpu().numpy() * 255).astype(np.uint8)
