"""CUDA graphs as far as a machine without a GPU can have them: operations are recorded, and done again on replay."""

from contextlib import contextmanager, nullcontext
from unittest.mock import MagicMock

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "lift_fresh", "equal")  # for the GPU


class _Recorder(TorchDispatchMode):
    def __init__(self, operations):
        super().__init__()
        self.operations = operations

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        name = function.name().removeprefix("aten::").split(".")[0]
        assert name not in WAITS, f"{name} cannot be captured: it waits for the GPU, or copies from the CPU"
        results = function(*arguments, **(options or {}))
        self.operations.append((function, arguments, options or {}, results))
        return results


class RecordedGraph:
    """In place of `torch.cuda.CUDAGraph`: replay reads and writes the very tensors of the capture."""

    def __init__(self):
        self.operations = []
        self.replays = 0

    def replay(self):
        self.replays += 1
        for function, arguments, options, results in self.operations:
            again = function(*arguments, **options)
            for old, new in zip(tree_leaves(results), tree_leaves(again), strict=True):
                if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)


@contextmanager
def record(graph, **options):
    """In place of `torch.cuda.graph`: what runs in the block is recorded."""
    with _Recorder(graph.operations):
        yield


def use_recorded_graphs(monkeypatch):
    """Put the above in place of CUDA."""
    for name, stand_in in {
        "CUDAGraph": RecordedGraph,
        "graph": record,
        "device": lambda device: nullcontext(),
        "stream": lambda stream: nullcontext(),
        "current_stream": MagicMock(),
        "Stream": MagicMock(),
    }.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
