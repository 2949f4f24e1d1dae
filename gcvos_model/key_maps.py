"""Where the network looks: the key maps of context extraction (the paper's figure 6)."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from gcvos_model.errors import InputError
from gcvos_model.inputs import Frame, Mask, coarse_mask, frame_pixels, working_size
from gcvos_model.network.context import GlobalContext
from gcvos_model.network.network import GCNetwork
from gcvos_model.propagation import SHORT_SIDE


@torch.inference_mode()
def key_maps(
    model: GCNetwork, frame: Frame, mask: Mask, *, short_side: int = SHORT_SIDE
) -> NDArray[np.float32]:
    """The weights over positions with which each context vector sums up values (equation 1).

    Args:
        model: one with the global context's memory.
        frame: uint8 RGB `(H, W, 3)`.
        mask: the object's, `(H, W)`.
        short_side: working resolution.

    Returns:
        `(C_N, h/16, w/16)` float32 of the working frame; with softmax keys each map sums to 1.

    Raises:
        InputError: the model's memory is STM's, whose keys are no weights over positions.
    """
    if not isinstance(model.memory, GlobalContext):
        raise InputError(f"model '{model.config.name}' has STM's memory, which has no key maps")
    working = working_size(frame.shape[:2], short_side)
    features = model.encode(frame_pixels(frame, working, model))
    masks = coarse_mask(mask, working)[None].to(features.f16)
    alone = torch.cat([masks, torch.zeros_like(masks)], dim=1)  # no other objects
    return model.memory.keys(model.memory_encoder(features.pixels, features.f16, alone))[0].cpu().numpy()


def most_focused(maps: NDArray[np.float32], count: int) -> list[int]:
    """The channels whose weights are spread over the fewest positions (lowest entropy), focused ones first."""
    weights = np.abs(maps.reshape(len(maps), -1)) + 1e-12
    weights /= weights.sum(1, keepdims=True)
    entropy = -(weights * np.log(weights)).sum(1)
    return [int(channel) for channel in entropy.argsort()[:count]]


def heat(frame: Frame, weights: NDArray[np.float32]) -> Frame:
    """Lay one key map over its frame as brightness: uint8 RGB `(H, W, 3)`; brighter means a larger weight."""
    full = cv2.resize(weights, frame.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    low, high = float(full.min()), float(full.max())
    scaled = np.clip((full - low) / max(high - low, 1e-12), 0, 1)
    shade = 0.15 + 0.85 * scaled[..., None]
    return (
        (frame.mean(2, keepdims=True) * 0.35 * shade + 255 * 0.65 * scaled[..., None])
        .repeat(3, 2)
        .astype(np.uint8)
    )
