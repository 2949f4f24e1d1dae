"""One step of tracking as a pure function of tensors: a frame and the objects' state in, masks and the new state out.

The same arithmetic as `Propagator`, for objects that are annotated on the frame and objects that are predicted at once,
so that one graph is all that another language needs. What stays outside is resizing the frame, the search region and
the label map: `docs/export.md`.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gcvos_model.errors import InputError
from gcvos_model.memory import MASK_SIDE
from gcvos_model.network.config import MASK_STRIDE, STRIDE
from gcvos_model.network.network import GCNetwork, merge, with_others
from gcvos_model.propagation import LOST_BELOW, NOWHERE

EXCLUDED = (
    -1e4
)  # log-odds of an annotated object in the merge of the predicted ones: its probability there is exactly 0


class State(NamedTuple):
    """What is remembered of K objects, of constant size; all zeros for an object that enters."""

    annotated: Tensor  # (K, C_N, C_M): the mean context of the annotated frames
    annotated_frames: Tensor  # (K,): how many those are
    context: Tensor  # (K, C_N, C_M): G of equation 2
    frames: Tensor  # (K,): t of equation 2
    previous: Tensor  # (K, h/4, w/4): the soft mask on the frame before, in [0, 1]


class Step(nn.Module):
    """The function that is exported, for one working size.

    Args:
        model: a network with a context memory that learns from every frame.
        size: (h, w) of the frames, multiples of 16.

    Raises:
        InputError: another kind of network, or a size that is no multiple of 16.
    """

    def __init__(self, model: GCNetwork, size: tuple[int, int]) -> None:
        super().__init__()
        config = model.config
        if config.memory != "context" or config.memory_interval != 1:
            raise InputError(
                f"'{config.name}' cannot be exported: its memory is not a context of every frame"
            )
        if min(size) < STRIDE or size[0] % STRIDE or size[1] % STRIDE:
            raise InputError(f"the working size is {size[0]}x{size[1]}: expected multiples of {STRIDE}")
        self.model = model
        coarse = size[0] // MASK_STRIDE, size[1] // MASK_STRIDE
        self.shrink_rows, self.shrink_columns = (resize_matrix(n, MASK_SIDE, shrink=True) for n in coarse)
        self.grow_rows, self.grow_columns = (resize_matrix(MASK_SIDE, n, shrink=False) for n in coarse)

    def forward(
        self, frame: Tensor, region: Tensor, given: Tensor, is_given: Tensor, *state: Tensor
    ) -> tuple[Tensor, ...]:
        """One frame.

        Args:
            frame: RGB, `(h, w, 3)` uint8.
            region: 1 where an object may be, 0 elsewhere, `(K, h/4, w/4)`.
            given: masks of the objects that are annotated on this frame, in [0, 1], `(K, h/4, w/4)`; 0 for the others.
            is_given: 1 for the objects that are annotated on this frame, 0 for those to predict, `(K,)`.
            state: the fields of `State`.

        Returns:
            The soft masks on this frame, `(K, h/4, w/4)`, and the fields of the new `State`.
        """
        before = State(*state)
        features = self.model.encode(frame.permute(2, 0, 1)[None].to(self.model.mean.dtype) / 255)
        by_hand = is_given.view(-1, 1, 1) > 0.5
        known = torch.where(
            by_hand, 0.0, before.previous
        )  # of objects annotated here, the last mask tells nothing
        read = [before.annotated, before.context][-self.model.config.reads :]
        logits = self.model.segment(features, read, with_others(known[:, None]))[:, 0]
        logits = torch.where(region > 0.5, logits, NOWHERE)
        free = torch.where(by_hand, 1 - given, torch.ones_like(given)).prod(0)
        p = merge(torch.where(by_hand, EXCLUDED, logits)) * free
        p = torch.where(by_hand, given, p)
        C = self.model.context(features, with_others(p[:, None]))
        return p, *self.remember(before, p, C, by_hand)

    def remember(self, before: State, p: Tensor, C: Tensor, by_hand: Tensor) -> State:
        """Equation 2: an annotated object restarts from its annotated frames, a lost one learns nothing."""
        annotated_frames = before.annotated_frames + by_hand[:, 0, 0].float()
        t = annotated_frames.view(-1, 1, 1)
        mean = (t - 1) / t.clamp(min=1) * before.annotated + C / t.clamp(min=1)
        annotated = torch.where(by_hand, mean.half().float(), before.annotated)  # kept in half precision
        lost = p.flatten(1).amax(1).view(-1, 1, 1) <= LOST_BELOW
        t = before.frames.view(-1, 1, 1) + 1
        learnt = torch.where(lost, before.context, (t - 1) / t * before.context + C / t)
        count = torch.where(lost[:, 0, 0], before.frames, before.frames + 1)
        return State(
            annotated=annotated,
            annotated_frames=annotated_frames,
            context=torch.where(by_hand, mean, learnt),
            frames=torch.where(by_hand[:, 0, 0], annotated_frames, count),
            previous=self.kept(p),
        )

    def kept(self, p: Tensor) -> Tensor:
        """The masks `(K, h/4, w/4)` after their way through the bytes in which `ObjectMemory` keeps them."""
        small = self.shrink_rows @ p @ self.shrink_columns.T
        small = (small * 255).round().clamp(0, 255) / 255
        return self.grow_rows @ small @ self.grow_columns.T


def resize_matrix(inputs: int, outputs: int, *, shrink: bool) -> Tensor:
    """Bilinear resizing of one axis, as `quantize` (shrink) and `Propagator` do it, as a matrix `(outputs, inputs)`."""
    unit = torch.eye(inputs).view(1, 1, inputs, inputs)
    return F.interpolate(unit, size=(outputs, inputs), mode="bilinear", antialias=shrink)[0, 0]
