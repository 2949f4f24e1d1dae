"""A video file in, mask files out, beside the network alone: what share of its own rate is left end to end."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

import torch

from gcvos_model.directions import propagate
from gcvos_model.network.network import GCNetwork
from gcvos_model.result_folder import ResultFolder
from gcvos_model.video import VideoWriter, WriteBehind

from .made_up_clip import LabelMap, forth_and_back, made_up_clip
from .measured_network import load_measured
from .peak_memory import peak_memory, reset_peak_memory
from .propagation_benchmark import CLIP, WARM_UP, Case, Row, Stepper, annotated, describe_case

ROUNDS = 3


def measure_streaming(case: Case, torch_bytes: int | None = None) -> Row:
    """Decode H.264, step and write palette PNGs, overlapping as `gcvos propagate` does, beside steps alone.

    The network alone steps on frames of the same size that are decoded already. The two take turns, `case.frames`
    frames each.

    Returns:
        Median seconds a frame of both, the median share of the network's own rate that is reached end to end, and the
        peak memory end to end above `torch_bytes`.

    Raises:
        InputError, CheckpointError: the model or the device cannot be had.
    """
    if case.threads:
        torch.set_num_threads(case.threads)
    network = load_measured(case.model, case.device, case.precision)
    clip, labels = made_up_clip(CLIP, case.source, case.objects)
    with tempfile.TemporaryDirectory(prefix="gcvos-benchmark-") as folder:
        video = Path(folder) / "clip.mp4"
        with VideoWriter(video, case.source) as writer:
            for index in range(WARM_UP + case.frames):
                writer.write(clip[forth_and_back(CLIP, index)])
        step = Stepper(annotated(network, clip[0], labels, case.short_side), clip)
        reset_peak_memory("cpu")
        own, through = [], []
        for turn in range(ROUNDS):
            own.append(_own_seconds(step, case.frames))
            through.append(_through_seconds(video, labels, network, case, Path(folder) / f"masks{turn}"))
        peak = peak_memory("cpu")
    return {
        **describe_case(case, network),
        "benchmark": "streaming",
        "own_seconds": median(own),
        "through_seconds": median(through),
        "share": median(a / b for a, b in zip(own, through, strict=True)),
        "peak_bytes": None if peak is None or torch_bytes is None else peak - torch_bytes,
    }


def _own_seconds(step: Stepper, frames: int) -> float:
    """Seconds a frame of the network alone."""
    for _ in range(WARM_UP):
        step()
    begun = time.perf_counter()
    for _ in range(frames):
        step()
    return (time.perf_counter() - begun) / frames


def _through_seconds(video: Path, labels: LabelMap, network: GCNetwork, case: Case, out: Path) -> float:
    """Seconds a frame from the file to files, from the last frame of the warm-up to the last mask on disk."""
    prompts = {0: {i: labels == i for i in range(1, int(labels.max()) + 1)}}
    results = propagate(video, prompts, model=network, short_side=case.short_side)
    folder, begun = ResultFolder(out, {}), 0.0
    with WriteBehind() as behind:
        for result in results:
            behind.put(folder.write, result, f"{result.index:05d}.png", 0.0)
            if result.index == WARM_UP - 1:
                begun = time.perf_counter()
    return (time.perf_counter() - begun) / case.frames
