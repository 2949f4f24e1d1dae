"""One clip through the network: what `Propagator` does at inference, for a batch, with gradients through time."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gcvos_model.network.config import MASK_STRIDE
from gcvos_model.network.network import Features, GCNetwork

DAMAGED = 0.5  # share of fed-back masks that are damaged
EMPTIED = 0.1  # share that is emptied altogether: a lost object leaves no mask behind


class ClipModel(nn.Module):
    """A network unrolled over clips with one object each."""

    def __init__(self, network: GCNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor, first_masks: Tensor) -> Tensor:
        """Segment frames 2..T from the first frame's mask; the soft masks are fed back (section 3.3).

        Args:
            frames: RGB in [0, 1], `(B, T, 3, H, W)`.
            first_masks: in [0, 1], `(B, 1, H, W)`.

        Returns:
            Log-odds at full size, `(B, T - 1, 1, H, W)`, float32.
        """
        network, (batch, length) = self.network, frames.shape[:2]
        features = network.encode(frames.flatten(0, 1))
        per_frame = [
            Features(*(f.unflatten(0, (batch, length))[:, t] for f in features)) for t in range(length)
        ]
        first = F.avg_pool2d(first_masks, MASK_STRIDE)
        annotated = context = network.context(per_frame[0], first)
        previous = self.feed_back(first)
        outputs = []
        for t in range(1, length):
            memories = [annotated, context] if network.config.annotated_apart else [context]
            logits = network.segment(per_frame[t], memories, previous)
            outputs.append(logits)
            previous = self.feed_back(logits.sigmoid())
            if t + 1 < length:
                context = network.memory.update(context, network.context(per_frame[t], previous), t + 1)
        stacked = torch.stack(outputs, dim=1)
        full = F.interpolate(
            stacked.flatten(0, 1), scale_factor=MASK_STRIDE, mode="bilinear", align_corners=False
        )
        return full.unflatten(0, (batch, length - 1))

    def feed_back(self, masks: Tensor) -> Tensor:
        """Masks as the next frame gets them: as they are, but damaged in training."""
        return damage(masks) if self.training else masks


def damage(masks: Tensor) -> Tensor:
    """Damage some of the masks as a drifting track does: parts are missing, others are too much, or all is lost.

    Three frames of a clip are too few for errors to build up as they do over a hundred. A network that only ever
    meets good fed-back masks believes them: a part once lost is lost for good.

    Args:
        masks: soft masks in [0, 1], `(B, 1, h, w)`.

    Returns:
        The same shape; what is left of a mask keeps its gradient.
    """
    batch, _, height, width = masks.shape
    noise = torch.rand(2, batch, 1, 5, 5, device=masks.device).flatten(0, 1)
    field = F.interpolate(noise, size=(height, width), mode="bicubic", align_corners=False).unflatten(
        0, (2, batch)
    )
    chance = torch.rand(4, batch, 1, 1, 1, device=masks.device)
    missing = field[0] < 0.6 * chance[0]
    extra = (field[1] > 0.85) & (chance[1] < 0.3)
    damaged = torch.where(extra, 1.0, torch.where(missing, 0.0, masks))
    damaged = torch.where(chance[2] < EMPTIED, 0.0, damaged)
    return torch.where(chance[3] < DAMAGED, damaged, masks)
