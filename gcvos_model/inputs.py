"""What goes into a step: frames and masks, checked, and brought to the size at which the network works."""

from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcvos_model.errors import InputError
from gcvos_model.network.config import MASK_STRIDE, STRIDE
from gcvos_model.network.network import GCNetwork

Frame = NDArray[np.uint8]  # (H, W, 3), RGB
Mask = NDArray[Any]  # (H, W), bool or in [0, 1]


def working_size(size: tuple[int, int], short_side: int) -> tuple[int, int]:
    """(H, W) of a source to the size at which the network sees it: short side about `short_side`, multiples of 16."""
    scale = short_side / min(size)
    height, width = (max(STRIDE, round(side * scale / STRIDE) * STRIDE) for side in size)
    return height, width


def resized(frame: Frame, working: tuple[int, int]) -> Frame:
    """A frame `(H, W, 3)` at working size (h, w): averaged where it shrinks, else interpolated."""
    if frame.shape[:2] == working:
        return frame
    mode = cv2.INTER_AREA if working[0] < frame.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(frame, working[::-1], interpolation=mode), np.uint8)


def frame_pixels(frame: Frame, working: tuple[int, int], model: GCNetwork) -> Tensor:
    """A frame `(H, W, 3)` at working size as the network takes it: bytes, `(1, 3, h, w)`, on its device."""
    small = np.ascontiguousarray(resized(frame, working))
    return torch.from_numpy(small).to(model.device).permute(2, 0, 1)[None]  # channels-last as it comes


def coarse_mask(mask: Mask, working: tuple[int, int]) -> Tensor:
    """A mask `(H, W)` as its mean over each cell of stride 4 of the working frame, `(1, h/4, w/4)` float32 in [0, 1]."""
    full = np.asarray(mask, np.float32)
    height, width = coarse_size(working)
    mode = cv2.INTER_AREA if height < full.shape[0] else cv2.INTER_LINEAR
    return torch.from_numpy(cv2.resize(full, (width, height), interpolation=mode))[None].clamp(0, 1)


def check_frame(frame: Frame) -> None:
    """Raise InputError unless the frame is uint8 RGB `(H, W, 3)`."""
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise InputError(f"the frame is {frame.dtype} of shape {frame.shape}: expected uint8 RGB (H, W, 3)")


def check_mask(object_id: int, mask: Mask, frame: Frame) -> None:
    """Raise InputError unless the mask is a non-empty `(H, W)` of the frame's size and the id is positive."""
    if object_id < 1:
        raise InputError(f"object id {object_id}: expected a positive integer (0 is the background)")
    if mask.shape != frame.shape[:2]:
        raise InputError(
            f"the mask of object {object_id} is {mask.shape[1]}x{mask.shape[0]} pixels, "
            f"the frame {frame.shape[1]}x{frame.shape[0]}: expected the frame's size"
        )
    if not (np.asarray(mask) > 0.5).any():
        raise InputError(f"the mask of object {object_id} is empty: mark at least one pixel")


def coarse_size(working: tuple[int, int]) -> tuple[int, int]:
    """(h, w) of a working frame to (h/4, w/4) of its masks."""
    return working[0] // MASK_STRIDE, working[1] // MASK_STRIDE
