"""The loss: bootstrapped cross-entropy plus a soft Jaccard term (the 'hybrid loss' that section 4.1 mentions)."""

import torch.nn.functional as F
from torch import Tensor

HARDEST = 0.4  # share of pixels, the worst ones, that the cross-entropy looks at
JACCARD_WEIGHT = 1.0
OBJECT_WEIGHT = (
    2.0  # of the object's pixels in the cross-entropy: what is missed is missing in the next cue, too
)


def bootstrapped_cross_entropy(logits: Tensor, masks: Tensor, hardest: float = HARDEST) -> Tensor:
    """Binary cross-entropy, the object's pixels weighted by `OBJECT_WEIGHT`, over the hardest share of each map's pixels.

    Args:
        logits: log-odds, `(B, 1, H, W)`.
        masks: true masks in [0, 1], same shape.
        hardest: share in (0, 1].

    Returns:
        The mean over those pixels and over the batch, a scalar.
    """
    weight = logits.new_tensor(OBJECT_WEIGHT)
    loss = F.binary_cross_entropy_with_logits(logits, masks, reduction="none", pos_weight=weight).flatten(1)
    count = max(1, round(loss.shape[1] * hardest))
    return loss.topk(count, dim=1, sorted=False).values.mean()


def soft_jaccard(logits: Tensor, masks: Tensor) -> Tensor:
    """1 - intersection / union of the soft mask with the true one, the mean over the batch.

    Args:
        logits: log-odds, `(B, 1, H, W)`.
        masks: true masks in [0, 1], same shape. Where one is empty, the term rewards an empty prediction.

    Returns:
        A scalar in [0, 1].
    """
    p, m = logits.sigmoid().flatten(1), masks.flatten(1)
    intersection = (p * m).sum(1)
    union = (p + m - p * m).sum(1)
    smooth = (
        1e-3 * p.shape[1]
    )  # a thousandth of the pixels: an empty mask neither divides by zero nor dominates
    return (1 - (intersection + smooth) / (union + smooth)).mean()


def clip_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """The training loss of predicted frames: both terms above, `(B, 1, H, W)` each, a scalar."""
    return bootstrapped_cross_entropy(logits, masks) + JACCARD_WEIGHT * soft_jaccard(logits, masks)
