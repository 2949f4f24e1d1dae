"""One clip through the network: what `Propagator` does at inference, for a batch, with gradients through time."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gcvos_model.network.config import MASK_STRIDE
from gcvos_model.network.network import Features, GCNetwork

DAMAGED = 0.15  # share of fed-back masks that are damaged
# Shares of the damaged ones:
EMPTIED = 0.1  # emptied altogether: a lost object leaves no mask behind
TAKING = 0.1  # the decoys are taken in
TAKEN = 0.02  # of these, the object itself is left


class ClipModel(nn.Module):
    """A network unrolled over clips with one object each.

    Args:
        network: to unroll.
        learned: how many of the last frames are learned from; 0: all that are predicted. The frames between the
            annotated one and these are tracked without gradients, at a third of the cost: they are there for what goes
            wrong in them, which is what the network meets at inference.
    """

    def __init__(self, network: GCNetwork, learned: int = 0) -> None:
        super().__init__()
        self.network, self.learned = network, learned

    def forward(
        self, frames: Tensor, first: Tensor, others: Tensor, decoys: Tensor, before: Tensor
    ) -> Tensor:
        """Segment a clip from its first frame's mask; the soft masks are fed back (section 3.3).

        Args:
            frames: RGB in [0, 1], `(B, T, 3, H, W)`.
            first: the object's mask on the first frame, in [0, 1], `(B, 1, H, W)`.
            others: the other tracked objects' masks on each frame, `(B, T, 1, H, W)`: true ones, damaged as the
                object's own are, stand in for what would be predicted of them.
            decoys: what a drifting track takes for the object, on each frame, `(B, T, 1, H, W)`.
            before: the object's, the others' and the decoys' masks on the frame before the second, `(B, 3, H, W)`.

        Returns:
            Log-odds of the L frames that are learned from at full size, `(B, L, 1, H, W)`, float32.
        """
        network, (batch, length) = self.network, frames.shape[:2]
        learned = min(self.learned or length, length - 1)
        lead_in = range(1, length - learned)
        kept = [0, *range(length - learned, length)]
        per_frame = dict(zip(kept, self.encode(frames[:, kept]), strict=True))
        around, decoy = (
            F.avg_pool2d(m.flatten(0, 1), MASK_STRIDE).unflatten(0, (batch, length)) for m in (others, decoys)
        )
        annotated = context = network.context(
            per_frame[0], torch.cat([F.avg_pool2d(first, MASK_STRIDE), around[:, 0]], dim=1)
        )
        fed_back = self.feed_back(*F.avg_pool2d(before, MASK_STRIDE).split(1, dim=1))
        outputs = []
        if lead_in:
            with torch.no_grad():
                per_frame |= zip(lead_in, self.encode(frames[:, lead_in.start : lead_in.stop]), strict=True)
        for t in range(1, length):
            with torch.set_grad_enabled(torch.is_grad_enabled() and t not in lead_in):
                memories = [annotated, context] if network.config.annotated_apart else [context]
                logits = network.segment(per_frame[t], memories, fed_back)
                fed_back = self.feed_back(logits.sigmoid(), around[:, t], decoy[:, t])
                if t + 1 < length:
                    context = network.memory.update(context, network.context(per_frame[t], fed_back), t + 1)
            if t in lead_in:
                torch.clear_autocast_cache()  # older PyTorch uses weights cast without gradients again
            else:
                outputs.append(logits)
        stacked = torch.stack(outputs, dim=1)
        full = F.interpolate(
            stacked.flatten(0, 1), scale_factor=MASK_STRIDE, mode="bilinear", align_corners=False
        )
        return full.unflatten(0, (batch, learned))

    def encode(self, frames: Tensor) -> list[Features]:
        """Every frame's features, of frames `(B, T, 3, H, W)`: T times those of B frames."""
        features = self.network.encode(frames.flatten(0, 1))
        return [
            Features(*(f.unflatten(0, frames.shape[:2])[:, t] for f in features))
            for t in range(frames.shape[1])
        ]

    def feed_back(self, masks: Tensor, others: Tensor, decoys: Tensor) -> Tensor:
        """The two planes that the next frame gets, `(B, 2, h, w)`: as they are, but damaged in training."""
        if self.training:
            masks, others = damage(masks, decoys), damage(others, masks)
        return torch.cat([masks, others], dim=1)


def damage(masks: Tensor, decoys: Tensor) -> Tensor:
    """Damage some of the masks as a drifting track does: parts are missing, others are too much, or all is lost.

    Three frames of a clip are too few for errors to build up as they do over a hundred. A network that only ever
    meets good fed-back masks believes them: a part once lost is lost for good.

    Args:
        masks: soft masks in [0, 1], `(B, 1, h, w)`.
        decoys: what some of them take in, or go over to, same shape.

    Returns:
        The same shape; what is left of a mask keeps its gradient.
    """
    batch, _, height, width = masks.shape
    noise = torch.rand(2, batch, 1, 5, 5, device=masks.device).flatten(0, 1)
    field = F.interpolate(noise, size=(height, width), mode="bicubic", align_corners=False).unflatten(
        0, (2, batch)
    )
    chance = torch.rand(5, batch, 1, 1, 1, device=masks.device)
    missing = field[0] < 0.6 * chance[0]
    extra = (field[1] > 0.85) & (chance[1] < 0.3)
    damaged = torch.where(extra, 1.0, torch.where(missing, 0.0, masks))
    damaged = torch.where(chance[4] < TAKING, torch.maximum(damaged, decoys), damaged)
    damaged = torch.where(chance[4] < TAKEN, decoys, damaged)
    damaged = torch.where(chance[2] < EMPTIED, 0.0, damaged)
    return torch.where(chance[3] < DAMAGED, damaged, masks)
