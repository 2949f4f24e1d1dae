"""The step as a module for one working size: what is exported.

It is `gcvos_model.step.advance`, and the way of the masks through the bytes in which memories keep them as matrices,
for exported graphs have no antialiased resizing. What stays outside is resizing the frame, the search region and the
label map: `docs/export.md`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gcvos_model.errors import InputError
from gcvos_model.memory import MASK_SIDE
from gcvos_model.network.config import MASK_STRIDE, STRIDE
from gcvos_model.network.network import GCNetwork
from gcvos_model.step import State, advance


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
        by_hand = is_given.view(-1, 1, 1) > 0.5
        after, p, _ = advance(self.model, frame, region > 0.5, given, by_hand, State(*state))
        return p, *after._replace(previous=self.kept(after.previous))

    def kept(self, p: Tensor) -> Tensor:
        """The masks `(K, h/4, w/4)` after their way through the bytes in which `ObjectMemory` keeps them."""
        small = self.shrink_rows @ p @ self.shrink_columns.T
        small = (small * 255).round().clamp(0, 255) / 255
        return self.grow_rows @ small @ self.grow_columns.T


def resize_matrix(inputs: int, outputs: int, *, shrink: bool) -> Tensor:
    """Bilinear resizing of one axis, as `quantize` (shrink) and `Propagator` do it, as a matrix `(outputs, inputs)`."""
    unit = torch.eye(inputs).view(1, 1, inputs, inputs)
    return F.interpolate(unit, size=(outputs, inputs), mode="bilinear", antialias=shrink)[0, 0]
