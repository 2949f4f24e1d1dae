"""DeviceRun: objects on their way through a stream of frames, their state in the memory of a device.

`Propagator` runs its steps here where `runs_on_device` says so; its own way of taking a step, one operation after the
other, is what this is checked against.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcvos_model.gpu.pending import PendingResult
from gcvos_model.gpu.step import step_function
from gcvos_model.gpu.transfers import Download, upload
from gcvos_model.memory import ObjectMemory
from gcvos_model.network.network import GCNetwork
from gcvos_model.results import ObjectResult, confidence, label_dtype, present_ids
from gcvos_model.step import State

CAPACITIES = (1, 2, 4, 8, 16)  # numbers of objects for which graphs are made; others are rounded up


def runs_on_device(model: GCNetwork, memories: Mapping[int, ObjectMemory]) -> bool:
    """Whether the steps of these objects can be CUDA graphs.

    They cannot with a memory that grows, nor with what only stands in for a network: that encodes a frame in its own way.
    """
    config = model.config
    return (
        isinstance(model, GCNetwork)
        and model.device.type == "cuda"
        and config.memory == "context"
        and config.memory_interval == 1
        and 0 < len(memories) <= CAPACITIES[-1]
        and not (config.annotated_apart and any(m.annotated is None for m in memories.values()))
    )


class DeviceRun:
    """Some objects on their way through a stream of frames, in the memory of a device.

    Args:
        model: the network.
        memories: of the objects, from which it goes on.
    """

    def __init__(self, model: GCNetwork, memories: Mapping[int, ObjectMemory]) -> None:
        self._model = model
        self._begun = dict(memories)
        self._size: tuple[int, int] | None = None  # (H, W) of the last frame
        device, count = model.device, len(memories)
        self._capacity = next(n for n in CAPACITIES if n >= count)
        kept = list(memories.values())
        self._state = State(
            annotated=self._stack(
                [(m.context if m.annotated is None else m.annotated).float() for m in kept]
            ),
            annotated_frames=self._numbers([m.annotated_frames for m in kept]),
            context=self._stack([m.context for m in kept]),
            frames=self._numbers([m.frames for m in kept]),
            previous=self._stack([m.mask for m in kept]),
        )
        self._active = torch.arange(self._capacity, device=device) < count
        self._uploads = torch.cuda.Stream(device) if device.type == "cuda" else None

    def step(self, pixels: NDArray[np.uint8], size: tuple[int, int], index: int) -> PendingResult:
        """Predict all objects on a frame and learn from it.

        Args:
            pixels: the frame at working size, `(h, w, 3)`.
            size: (H, W) of the frame as it came.
            index: of the frame.

        Returns:
            At once; who looks at its numbers waits for them.
        """
        frame = upload(pixels, self._model.device, self._uploads)
        inputs = (frame, self._active, *self._state)
        labels, p, likeness, *state = step_function(self._model, size, inputs)(*inputs)
        self._state, self._size = State(*state), size
        count = len(self._begun)
        download = Download([labels, p[:count], likeness[:count]])
        ids = tuple(self._begun)
        return PendingResult(index, ids, pixels.shape[:2], partial(_arrived, download, ids))

    def memories(self) -> dict[int, ObjectMemory]:
        """What is remembered now, in the order of the objects; waits until the device has got there."""
        if self._size is None:
            return self._begun
        state, frames = self._state, self._state.frames.int().tolist()
        return {
            i: replace(
                memory, context=state.context[k], frames=frames[k], mask=state.previous[k], size=self._size
            )
            for k, (i, memory) in enumerate(self._begun.items())
        }

    def _stack(self, tensors: list[Tensor]) -> Tensor:
        """One after the other on the device, zeros for objects that only fill up."""
        stacked = torch.stack([tensor.to(self._model.device) for tensor in tensors])
        filling = stacked.new_zeros(self._capacity - len(tensors), *stacked.shape[1:])
        return torch.cat([stacked, filling])

    def _numbers(self, numbers: list[int]) -> Tensor:
        return self._stack([torch.tensor(float(n)) for n in numbers])


def _arrived(download: Download, ids: tuple[int, ...]) -> dict[str, Any]:
    """The fields of a result that come from the device."""
    places, coarse, likeness = download.arrays()
    in_order = ids == tuple(range(1, len(ids) + 1))
    labels: NDArray[Any] = places if in_order else np.array([0, *ids], label_dtype(ids)).take(places)
    present = present_ids(labels)
    objects = {
        i: ObjectResult(confidence(p, float(like)) if i in present else 0.0, visible=i in present)
        for i, p, like in zip(ids, coarse, likeness, strict=True)
    }
    return {"labels": labels, "coarse": coarse, "objects": objects}
