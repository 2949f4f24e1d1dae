"""One clip through the network: what `Propagator` does at inference, for a batch, with gradients through time."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gcvos_model.network.config import MASK_STRIDE
from gcvos_model.network.network import Features, GCNetwork

CUE_DROP = (
    0.1  # share of clips that are segmented without the previous mask: a lost object leaves none behind
)


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
        previous = F.avg_pool2d(first_masks, MASK_STRIDE)
        annotated = context = network.context(per_frame[0], previous)
        kept = (
            (torch.rand(batch, 1, 1, 1, device=frames.device) >= CUE_DROP).float() if self.training else 1.0
        )
        outputs = []
        for t in range(1, length):
            memories = [annotated, context] if network.config.annotated_apart else [context]
            logits = network.segment(per_frame[t], memories, previous * kept)
            outputs.append(logits)
            previous = logits.sigmoid()
            if t + 1 < length:
                context = network.memory.update(context, network.context(per_frame[t], previous), t + 1)
        stacked = torch.stack(outputs, dim=1)
        full = F.interpolate(
            stacked.flatten(0, 1), scale_factor=MASK_STRIDE, mode="bilinear", align_corners=False
        )
        return full.unflatten(0, (batch, length - 1))
