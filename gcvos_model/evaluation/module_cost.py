"""The paper's table 1, computed: what reading the memory costs, STM's against the global context.

The paper prints 0.2 G, 2.1 G and 21.2 G multiplications and 4, 40 and 394 MB for STM after 0 (that is one frame), 10
and 100 frames, and 0.04 G and 1 MB for the global context, at 384 x 384 pixels with C_M = 512 and C_N = 128. All eight
numbers come out if

* a multiplication with its addition counts once, and STM's two matrix products both count: C_N (HW)^2 T for the
  affinity and C_M (HW)^2 T for the values (the paper's text names the second only, which alone would print 17.0 G);
* memory is what both keep (keys and values of T frames; the context), the query's keys, and for STM the affinity
  before and after its softmax, in float32 and MiB; the output is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

FLOAT32 = 4  # bytes
MIB = 2**20
STRIDE = 16


@dataclass(frozen=True)
class ReadCost:
    """Of one read for one object on one frame."""

    multiplications: int
    bytes: int

    @property
    def mib(self) -> float:
        """Bytes as the paper's 'MB'."""
        return self.bytes / MIB


@dataclass(frozen=True)
class ReadSize:
    """The setting of table 1."""

    side: int = 384  # of the square frame, pixels
    key_channels: int = 128  # C_N
    value_channels: int = 512  # C_M

    @property
    def positions(self) -> int:
        """HW: positions at stride 16."""
        return (self.side // STRIDE) ** 2


def spacetime_cost(size: ReadSize, frames: int) -> ReadCost:
    """STM's read with T = `frames` remembered frames: grows with T."""
    n, channels = size.positions, size.key_channels + size.value_channels
    kept = frames * n * channels
    affinities = 2 * frames * n * n
    return ReadCost(frames * n * n * channels, FLOAT32 * (kept + n * size.key_channels + affinities))


def context_cost(size: ReadSize) -> ReadCost:
    """The global context's read (equation 3): the same after any number of frames."""
    n, context = size.positions, size.key_channels * size.value_channels
    return ReadCost(n * context, FLOAT32 * (context + n * size.key_channels))
