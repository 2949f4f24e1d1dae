"""Times of alternatives, taken in turn, so that a machine whose speed drifts slows all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

import torch


def time_in_turn(
    calls: Mapping[str, Callable[[], object]],
    repeats: int,
    *,
    device: str = "cpu",
    warm_up: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Call each of `calls` once per round and time it.

    Args:
        calls: name to what is timed.
        repeats: rounds that count.
        device: where the calls compute; a CUDA device is waited for before and after each call.
        warm_up: rounds before them that do not count.
        clock: `time.process_time` counts CPU seconds, which other processes do not lengthen.

    Returns:
        Seconds of every round, by name: the n-th entries of two lists were taken one right after the other.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(warm_up + repeats):
        for name, call in calls.items():
            took = time_call(call, device, clock)
            if turn >= warm_up:
                seconds[name].append(took)
    return seconds


def time_call(
    call: Callable[[], object], device: str = "cpu", clock: Callable[[], float] = time.perf_counter
) -> float:
    """Seconds of one call, what it started on a CUDA device included."""
    synchronize(device)
    begun = clock()
    call()
    synchronize(device)
    return clock() - begun


def synchronize(device: str) -> None:
    """Wait until a CUDA device has done what it was asked; on others there is nothing to wait for."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def median_ratio(numerators: list[float], denominators: list[float]) -> float:
    """The median over pairs taken one right after the other."""
    return median(a / b for a, b in zip(numerators, denominators, strict=True))


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie: the nearest of them, from above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
