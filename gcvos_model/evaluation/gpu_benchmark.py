"""Steps as CUDA graphs: whether they are right, how many a second, and what memory a long video takes."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import torch

from gcvos_model.memory import ObjectMemory
from gcvos_model.results import FrameResult

from .made_up_clip import made_up_clip
from .measured_network import load_measured
from .peak_memory import peak_memory, reset_peak_memory
from .propagation_benchmark import CLIP, GROWTH_AT, WARM_UP, Case, Row, Stepper, annotated, describe_case

CHECKED = 10  # frames
PROBABILITY = 1e-3  # by which a graph's probabilities may differ
PIXELS = 1e-3  # share of the pixels that may have another label
STATE = 5e-3  # of its largest number, by which a state may differ: a mask's bytes by one
EAGER = 50  # frames that are timed without graphs


def check_graphs(case: Case) -> Row:
    """Compare steps in graphs with steps one operation after the other, in float32 without shortcuts.

    Two propagators use graphs. The state of one is read after each frame, and the one without graphs starts from it, so
    each step is compared from equal state. The other one is never read, so its state stays where graphs leave it.

    Returns:
        The largest difference of probabilities, the largest share of pixels whose label differs, and the largest
        difference of the new states, over all frames; and whether rounding explains them (`agrees`).
    """
    network = load_measured(case.model, case.device, "float32")
    clip, labels = made_up_clip(CLIP, case.source, case.objects)
    differences, pixels, states = [0.0], [0.0], [0.0]
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        straight, hopping, eager = (
            Stepper(annotated(network, clip[0], labels, case.short_side, eager=eager), clip)
            for eager in (False, False, True)
        )
        for _ in range(CHECKED):
            eager.propagator.memories = dict(hopping.propagator.memories)
            expected = eager()
            for got in (straight(), hopping()):
                differences.append(float(np.abs(got.coarse - expected.coarse).max()))
                pixels.append(float((got.labels != expected.labels).mean()))
            states.append(_apart(hopping.propagator.memories, eager.propagator.memories))
    return {
        **describe_case(case, network),
        "benchmark": "gpu check",
        "frames": CHECKED,
        "largest_difference": max(differences),
        "differing_pixels": max(pixels),
        "state_difference": max(states),
        "agrees": max(differences) <= PROBABILITY and max(pixels) <= PIXELS and max(states) <= STATE,
    }


def _apart(memories: Mapping[int, ObjectMemory], others: Mapping[int, ObjectMemory]) -> float:
    """The largest difference of masks and contexts, as a share of the largest number there can be or is."""
    shares = [0.0]
    for memory, other in zip(memories.values(), others.values(), strict=True):
        if memory.frames != other.frames:
            return float("inf")
        scale = float(other.context.abs().max()) or 1.0
        shares.append(float((memory.context - other.context).abs().max()) / scale)
        shares.append(float((memory.mask.int() - other.mask.int()).abs().max()) / 255)
    return max(shares)


def measure_gpu(case: Case) -> Row:
    """Frames a second over `case.frames` frames whose results are all looked at, one behind the other.

    Returns:
        The rate with graphs and without, the seconds that the first step needs for its graph, and the memory that is
        allocated on the GPU at some frames and at the peak.
    """
    if case.threads:
        torch.set_num_threads(case.threads)
    network = load_measured(case.model, case.device, case.precision)
    device = str(network.device)
    clip, labels = made_up_clip(CLIP, case.source, case.objects)
    plain = Stepper(annotated(network, clip[0], labels, case.short_side, eager=True), clip)
    step = Stepper(annotated(network, clip[0], labels, case.short_side), clip)
    eager_rate = _rate(plain, EAGER, [])
    if device.startswith("cuda"):
        reset_peak_memory(device)
    begun = time.perf_counter()
    look_at(step())
    first = time.perf_counter() - begun
    growth: list[Row] = []
    return {
        **describe_case(case, network),
        "benchmark": "gpu",
        "frames_per_second": _rate(step, case.frames, growth),
        "eager_frames_per_second": eager_rate,
        "first_step_seconds": first,
        "growth": growth,
        "gpu_peak_bytes": peak_memory(device) if device.startswith("cuda") else None,
    }


def look_at(result: FrameResult) -> None:
    """Wait for a result, as whoever writes it does."""
    assert result.labels is not None


def _rate(step: Stepper, frames: int, growth: list[Row]) -> float:
    """Frames a second after a warm-up; each result is looked at when the next step has been started."""
    for _ in range(WARM_UP):
        behind = step()
    look_at(behind)
    device = step.propagator.model.device
    begun = time.perf_counter()
    for frame in range(1, frames + 1):
        result = step()
        look_at(behind)
        behind = result
        if frame in GROWTH_AT:
            used = torch.cuda.memory_allocated(device) if device.type == "cuda" else None
            growth.append({"frame": frame, "gpu_bytes": used})
    look_at(behind)
    return frames / (time.perf_counter() - begun)
