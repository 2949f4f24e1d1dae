"""Frames to a GPU and results from it, while it is at work; on another device, plain copies."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Download:
    """Tensors on their way to the CPU: on from when it is made, and nobody waits until they are wanted."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._here = list(tensors)
        self._arrived: torch.cuda.Event | None = None
        device = tensors[0].device
        if device.type == "cuda":
            pinned = [torch.empty_like(tensor, device="cpu", pin_memory=True) for tensor in tensors]
            self._here = [
                to.copy_(tensor, non_blocking=True) for to, tensor in zip(pinned, tensors, strict=True)
            ]
            self._arrived = torch.cuda.Event()
            self._arrived.record(torch.cuda.current_stream(device))

    def arrays(self) -> list[NDArray[Any]]:
        """Wait until they are there; copies, since the memory through which they come is scarce."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return [tensor.numpy().copy() for tensor in self._here]


def upload(array: NDArray[Any], device: torch.device, stream: torch.cuda.Stream | None) -> Tensor:
    """Bring an array to a device on a stream of its own, beside what the device is at; nobody waits.

    Args:
        array: it may be changed afterwards.
        device: where to.
        stream: for uploads to a CUDA device; None for another device.
    """
    if stream is None:
        return torch.from_numpy(array.copy()).to(device)
    pinned = torch.from_numpy(np.ascontiguousarray(array)).pin_memory()
    with torch.cuda.stream(stream):
        tensor = pinned.to(device, non_blocking=True)
    current = torch.cuda.current_stream(device)
    current.wait_stream(stream)
    tensor.record_stream(current)  # its memory is taken again only after what is queued there now and later
    return tensor
