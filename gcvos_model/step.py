"""One step of tracking as a pure function of tensors: a frame and the objects' state in, masks and the new state out.

The same arithmetic as `Propagator`'s, for objects that are annotated on the frame and objects that are predicted at
once, without a look at any value on the way. So it can be exported (`portable/step.py`) and captured as a CUDA graph
(`gpu/step.py`).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gcvos_model.memory import MASK_SIDE
from gcvos_model.network.context import taken_over
from gcvos_model.network.network import GCNetwork, merge, with_others

NOWHERE = -20.0  # log-odds where an object is not looked for
EXCLUDED = (
    -1e4
)  # log-odds of an annotated object in the merge of the predicted ones: there its probability is exactly 0
LOST_BELOW = 0.5  # an object no pixel of which is more probable than this is lost on that frame
FADING = 0.8  # of a lost object's last mask on each frame: for three frames it is still looked for there, then everywhere


class State(NamedTuple):
    """What is remembered of K objects, of constant size; all zeros for an object that enters."""

    annotated: Tensor  # (K, C_N, C_M): the mean context of the annotated frames
    annotated_frames: Tensor  # (K,): how many those are
    context: Tensor  # (K, C_N, C_M): G of equation 2
    frames: Tensor  # (K,): t of equation 2
    previous: Tensor  # (K, h/4, w/4): the soft mask on the frame before, in [0, 1]; of a lost object the last one, fading


def advance(
    model: GCNetwork, frame: Tensor, region: Tensor, given: Tensor, by_hand: Tensor, before: State
) -> tuple[State, Tensor, Tensor]:
    """One frame.

    Args:
        model: with a context memory that learns from every frame.
        frame: RGB, `(h, w, 3)` uint8.
        region: where an object may be, `(K, h/4, w/4)` bool.
        given: masks of the objects that are annotated on this frame, in [0, 1], `(K, h/4, w/4)`; 0 for the others.
        by_hand: which objects those are, `(K, 1, 1)` bool. An object given as an empty mask changes nothing for the
            others: so K can be rounded up.
        before: the state.

    Returns:
        The new state, its `previous` not yet as memories keep it. The soft masks on this frame, `(K, h/4, w/4)`, empty
        where an object is lost. And how like this frame's contexts are to those of the annotated frames, `(K,)`: see
        `ObjectResult.confidence`.
    """
    features = model.encode(frame.permute(2, 0, 1)[None])
    known = before.previous.masked_fill(by_hand, 0)  # of objects annotated here, the last mask tells nothing
    read = [before.annotated, before.context][-model.config.reads :]
    logits = model.segment(features, read, with_others(known[:, None]))[:, 0]
    logits = logits.masked_fill(~region, NOWHERE).masked_fill(by_hand, EXCLUDED)
    free = (1 - given).masked_fill(~by_hand, 1).prod(0)
    p = merge(logits) * free
    p = torch.where(by_hand, given, p)
    C = model.context(features, with_others(p[:, None]))
    unsure = p.flatten(1).amax(1) <= LOST_BELOW
    unlike = model.memory.likeness(C, before.context) < model.config.least_likeness
    memories = before.context.masked_fill(by_hand, 0)  # what is annotated here takes nobody over
    taken = taken_over(C, memories)
    lost = (unsure | unlike | taken).view(-1, 1, 1) & ~by_hand
    likeness = model.memory.likeness(C, before.annotated)
    kept = torch.where(lost, FADING * before.previous, p)
    return remember(model, before, kept, C, by_hand, lost), p.masked_fill(lost, 0), likeness


def remember(
    model: GCNetwork, before: State, previous: Tensor, C: Tensor, by_hand: Tensor, lost: Tensor
) -> State:
    """Equation 2: an annotated object restarts from its annotated frames, a lost one learns nothing.

    Args:
        model: as in `advance`.
        before: the state.
        previous: what is kept of the soft masks on this frame, `(K, h/4, w/4)`.
        C: the contexts of this frame, `(K, C_N, C_M)`.
        by_hand: the objects that are annotated on this frame, `(K, 1, 1)` bool.
        lost: the objects that are lost on it, likewise.

    Returns:
        The new state.
    """
    annotated_frames = before.annotated_frames + by_hand[:, 0, 0].float()
    t = annotated_frames.view(-1, 1, 1)
    mean = model.memory.update(before.annotated, C, t.clamp(min=1))
    annotated = torch.where(by_hand, mean.half().float(), before.annotated)  # kept in half precision
    t = before.frames.view(-1, 1, 1) + 1
    learnt = torch.where(lost, before.context, model.memory.update(before.context, C, t))
    count = torch.where(lost[:, 0, 0], before.frames, before.frames + 1)
    return State(
        annotated=annotated,
        annotated_frames=annotated_frames,
        context=torch.where(by_hand, mean, learnt),
        frames=torch.where(by_hand[:, 0, 0], annotated_frames, count),
        previous=previous,
    )


def quantize(masks: Tensor) -> Tensor:
    """Soft masks `(K, 1, h, w)` to the form in which memories keep them, `(K, 120, 120)` uint8."""
    small = F.interpolate(masks.float(), size=(MASK_SIDE, MASK_SIDE), mode="bilinear", antialias=True)
    return (small[:, 0] * 255).round().clamp(0, 255).to(torch.uint8)


def restore(kept: Tensor, size: tuple[int, int]) -> Tensor:
    """What `quantize` gave, `(K, 120, 120)` uint8, as soft masks of a size (h, w), `(K, 1, h, w)`."""
    return F.interpolate(kept[:, None].float() / 255, size=size, mode="bilinear", align_corners=False)
