"""A function of tensors as one CUDA graph."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

Function = Callable[..., tuple[Tensor, ...]]
WARM_UP = 3  # calls before a capture, in which libraries set themselves up and choose their algorithms

_replaying = threading.Lock()


class Captured:
    """A function of tensors of fixed shapes as one CUDA graph, which is called like the function.

    Its kernels are launched as one, so the CPU needs microseconds for what would take it milliseconds. What goes in is
    copied to where the graph reads, what comes out is a copy of what it wrote: calls may be interleaved with those of
    others, and nothing that a call returned changes later. Threads take turns; all of them call on the same stream (as
    they do, unless told otherwise).

    Args:
        function: that reads nothing back from the GPU on the way. What it uses beside its arguments has to live as long
            as the graph, which does not hold it, and to stay where it is.
        examples: arguments for it on a CUDA device, whose values do not matter.
    """

    def __init__(self, function: Function, examples: Sequence[Tensor]) -> None:
        self._inputs = [example.clone() for example in examples]
        self._device = self._inputs[0].device
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self._device), _fastest_convolutions():
            current, aside = torch.cuda.current_stream(), torch.cuda.Stream()
            aside.wait_stream(current)
            with torch.cuda.stream(aside):
                for _ in range(WARM_UP):
                    function(*self._inputs)
            current.wait_stream(aside)
            # "thread_local": a thread that waits for a download meanwhile does not break the capture
            with torch.cuda.graph(self._graph, stream=aside, capture_error_mode="thread_local"):
                self._outputs = function(*self._inputs)

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """As the function; waits for nothing."""
        with _replaying, torch.cuda.device(self._device):
            for fixed, given in zip(self._inputs, inputs, strict=True):
                fixed.copy_(given)
            self._graph.replay()
            return tuple(output.clone() for output in self._outputs)


@contextmanager
def _fastest_convolutions() -> Iterator[None]:
    """Within the block, cuDNN tries its algorithms for each new shape and keeps the fastest."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
