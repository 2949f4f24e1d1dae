"""STM's memory read behind the interface of `context.py`: the comparator of the paper, for the benchmarks.

Where the global context keeps C_N x C_M numbers an object, this keeps every position of every remembered frame, so time
and memory grow with the video (the paper's table 1).
"""

import torch
from torch import Tensor, nn


def entry(k: Tensor, v: Tensor) -> Tensor:
    """What one frame adds to the memory.

    Args:
        k: keys, `(B, C_N, N)`.
        v: values, `(B, C_M, N)`.

    Returns:
        `(B, N, C_N + C_M)`: each position's key and value.
    """
    return torch.cat([k, v], dim=1).transpose(1, 2)


def read(q: Tensor, memory: Tensor) -> Tensor:
    """Exact softmax matching of every query position with every stored one.

    Args:
        q: queries, `(1 or B, C_N, N)`.
        memory: `(B, T, C_N + C_M)`, T stored positions.

    Returns:
        The values found, `(B, N, C_M)`.
    """
    k, v = memory.split([q.shape[1], memory.shape[2] - q.shape[1]], dim=2)  # (B, T, C_N), (B, T, C_M)
    affinity = torch.matmul(k, q) / q.shape[1] ** 0.5  # (B, T, N)
    return torch.bmm(affinity.softmax(dim=1).transpose(1, 2), v)  # (B, N, T) x (B, T, C_M)


class SpaceTime(nn.Module):
    """`entry` and `read` with STM's 3x3 convolutions; its parameters are `GlobalContext`'s, name for name."""

    def __init__(self, query_in: int, memory_in: int, key_channels: int, value_channels: int) -> None:
        super().__init__()
        self.key = nn.Conv2d(memory_in, key_channels, 3, padding=1)
        self.value = nn.Conv2d(memory_in, value_channels, 3, padding=1)
        self.query = nn.Conv2d(query_in, key_channels, 3, padding=1)

    def context(self, x: Tensor) -> Tensor:
        """What one frame adds, from memory features `(B, memory_in, h, w)`: `(B, h*w, C_N + C_M)`, float32."""
        return entry(self.key(x).flatten(2).float(), self.value(x).flatten(2).float())

    def queries(self, x: Tensor) -> Tensor:
        """Queries of query features `(B, query_in, h, w)`: `(B, C_N, h*w)`, float32."""
        return self.query(x).flatten(2).float()

    def update(self, memory: Tensor, added: Tensor, t: int | Tensor) -> Tensor:
        """The memory with one more frame: STM concatenates (t, the number of frames, plays no part)."""
        return torch.cat([memory, added], dim=-2)

    def read(self, q: Tensor, memory: Tensor) -> Tensor:
        """See `read`."""
        return read(q, memory)

    def compare(self, e: Tensor, memory: Tensor) -> Tensor:
        """Nothing, `(B, N, C_N)`: here every position is compared with every other one in `read` already."""
        return e.new_zeros(memory.shape[0], e.shape[2], memory.shape[2] - e.shape[1])

    def likeness(self, added: Tensor, memory: Tensor) -> Tensor:
        """1: what a frame adds has no counterpart in a growing list of positions."""
        return added.new_ones(added.shape[:-2])
