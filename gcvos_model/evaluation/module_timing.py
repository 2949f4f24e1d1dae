"""The paper's tables 1 and 2, measured: the memory read over 1 to 1,000 frames, and the size of the context."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gcvos_model.checkpoints import random_model, ready
from gcvos_model.network import context, spacetime
from gcvos_model.network.config import GCConfig
from gcvos_model.propagation import Propagator

from .made_up_clip import made_up_clip
from .module_cost import ReadCost, ReadSize, context_cost, spacetime_cost
from .peak_memory import peak_memory, reset_peak_memory, resident_memory
from .timing import time_in_turn

Row = dict[str, Any]
DEFAULT_FRAMES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
PAPER_SIZES = ((512, 128), (512, 512))  # C_M x C_N of table 2


@torch.inference_mode()
def measure_reads(
    size: ReadSize = ReadSize(),  # noqa: B008 - frozen
    frames: Sequence[int] = DEFAULT_FRAMES,
    *,
    device: str = "cpu",
    repeats: int = 5,
) -> list[Row]:
    """Time both memories' reads, and the memory that each needs, for each number of remembered frames.

    Returns:
        One row for each memory and each of `frames`: computed multiplications and bytes (`module_cost.py`), median
        seconds, and the measured bytes: what is kept and what the read needs beside it at its peak (None where the
        system does not tell).
    """
    generator = torch.Generator().manual_seed(0)
    n = size.positions
    q = torch.randn(1, size.key_channels, n, generator=generator).to(device)
    G = torch.randn(1, size.key_channels, size.value_channels, generator=generator).to(device)
    weights = context.normalize_queries(q, "softmax")
    rows = []
    for t in frames:
        kept = torch.randn(1, t * n, size.key_channels + size.value_channels, generator=generator).to(device)
        calls: dict[str, Callable[[], Tensor]] = {
            "spacetime": lambda kept=kept: spacetime.read(q, kept),  # type: ignore[misc]
            "context": lambda: context.distribute(weights, G),
        }
        costs = {"spacetime": spacetime_cost(size, t), "context": context_cost(size)}
        keeps = {"spacetime": kept, "context": G}
        for memory, call in calls.items():  # one after the other: STM's read leaves nothing in the caches
            seconds = median(time_in_turn({memory: call}, repeats, device=device)[memory])
            bytes_ = _measured_bytes(call, keeps[memory], device)
            rows.append(_read_row(size, memory, t, costs[memory], seconds, bytes_))
    return rows


def _read_row(size: ReadSize, memory: str, t: int, cost: ReadCost, seconds: float, bytes_: int | None) -> Row:
    return {
        "benchmark": "module",
        **asdict(size),
        "memory": memory,
        "frames": t,
        "multiplications": cost.multiplications,
        "bytes": cost.bytes,
        "seconds": seconds,
        "measured_bytes": bytes_,
    }


def _measured_bytes(call: Callable[[], Tensor], kept: Tensor, device: str) -> int | None:
    """What is kept, and what one call needs beside it at its peak.

    On the CPU, tensors of some megabytes that fit into memory which the process holds already do not show.
    """
    before = torch.cuda.memory_allocated(device) if device.startswith("cuda") else resident_memory()
    reset_peak_memory(device)
    call()
    peak = peak_memory(device)
    if before is None or peak is None:
        return None
    return kept.numel() * kept.element_size() + max(0, peak - before)


@torch.inference_mode()
def measure_context_sizes(
    config: GCConfig,
    sizes: Sequence[tuple[int, int]] = PAPER_SIZES,
    *,
    short_side: int = 480,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    repeats: int = 5,
) -> list[Row]:
    """The paper's table 2: parameters, and seconds a frame with one object, for sizes C_M x C_N of the context.

    The weights are random: speed does not depend on them.
    """
    clip, labels = made_up_clip(2, (short_side, short_side * 16 // 9), 1)
    networks = {}
    for value, key in sizes:
        shape = replace(config, value_channels=value, key_channels=key)
        networks[f"{value} x {key}"] = ready(random_model(shape), torch.device(device), dtype)
    calls = {}
    for name, network in networks.items():
        propagator = Propagator(network, short_side=short_side)
        propagator.annotate(clip[0], {1: np.asarray(labels == 1)})
        calls[name] = lambda propagator=propagator: propagator.step(clip[1])
    seconds = time_in_turn(calls, repeats, device=device)
    return [
        {
            "benchmark": "context size",
            "model": config.name,
            "value_channels": value,
            "key_channels": key,
            "short_side": short_side,
            "precision": str(dtype).removeprefix("torch."),
            "parameters": sum(p.numel() for p in networks[f"{value} x {key}"].parameters()),
            "seconds": median(seconds[f"{value} x {key}"]),
        }
        for value, key in sizes
    ]
