"""The network beside its alternatives, in one process and in turn: ratios that hold whatever the machine is doing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

import torch

from gcvos_model.inputs import working_size
from gcvos_model.network.encoders import ResNetTrunk
from gcvos_model.propagation import Propagator
from gcvos_model.results import FrameResult
from gcvos_model.video.source import Frame

from .made_up_clip import made_up_clip
from .measured_network import load_measured, load_with_spacetime
from .propagation_benchmark import CLIP, WARM_UP, Case, Row, Stepper, annotated, describe_case
from .timing import median_ratio, time_in_turn

REMEMBERED = (1, 10, 50, 100)  # frames


def measure_versus_trunk(case: Case) -> Row:
    """Step of the case beside a bare float32 channels-last ResNet-18 trunk to res4 at the same working size.

    Returns:
        Medians of both, and the median ratio of the step to the trunk over `case.frames` pairs.
    """
    if case.threads:
        torch.set_num_threads(case.threads)
    network = load_measured(case.model, case.device, case.precision)
    clip, labels = made_up_clip(CLIP, case.source, case.objects)
    calls: dict[str, Callable[[], object]] = {
        "step": Stepper(annotated(network, clip[0], labels, case.short_side), clip),
        "trunk": bare_trunk(working_size(case.source, case.short_side), network.device),
    }
    seconds = time_in_turn(calls, case.frames, device=str(network.device), warm_up=WARM_UP)
    return {
        **describe_case(case, network),
        "benchmark": "versus trunk",
        "median_seconds": median(seconds["step"]),
        "trunk_seconds": median(seconds["trunk"]),
        "ratio": median_ratio(seconds["step"], seconds["trunk"]),
    }


def bare_trunk(size: tuple[int, int], device: torch.device) -> Callable[[], object]:
    """A float32 channels-last ResNet-18 trunk to res4 on one frame of that size, random weights."""
    trunk = ResNetTrunk("resnet18").eval().requires_grad_(False)
    trunk = trunk.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    pixels = torch.rand(1, 3, *size, device=device).to(memory_format=torch.channels_last)

    def run() -> object:
        with torch.inference_mode():
            return trunk(pixels)

    return run


def measure_versus_spacetime(case: Case, remembered: Sequence[int] = REMEMBERED, *, repeats: int = 10) -> Row:
    """Step of the case beside the same network with STM's memory, after some numbers of remembered frames.

    A memory of t frames is made from t copies of the annotated frame's entry, so that both remember the same number,
    whatever the weights make of the clip. Neither uses CUDA graphs, which a memory that grows cannot have.

    Returns:
        For each of `remembered`: medians of both, the median ratio of STM's to ours over pairs, and the bytes of one
        object's memory.
    """
    if case.threads:
        torch.set_num_threads(case.threads)
    network = load_measured(case.model, case.device, case.precision)
    other = load_with_spacetime(case.model, case.device, case.precision)
    clip, labels = made_up_clip(2, case.source, case.objects)
    pairs = []
    for t in remembered:
        (ours, our_bytes), (stms, stms_bytes) = (
            step_after(t, annotated(memory, clip[0], labels, case.short_side, eager=True), clip[1])
            for memory in (network, other)
        )
        calls = {"context": ours, "spacetime": stms}
        seconds = time_in_turn(calls, repeats, device=str(network.device))
        pairs.append(
            {
                "frames": t,
                "context_seconds": median(seconds["context"]),
                "spacetime_seconds": median(seconds["spacetime"]),
                "ratio": median_ratio(seconds["spacetime"], seconds["context"]),
                "context_bytes": our_bytes,
                "spacetime_bytes": stms_bytes,
            }
        )
    return {**describe_case(case, network), "benchmark": "versus spacetime", "pairs": pairs}


def step_after(frames: int, propagator: Propagator, frame: Frame) -> tuple[Callable[[], FrameResult], int]:
    """A step on a frame with memories of `frames` frames, each call from the same state.

    Args:
        frames: that the memories stand for.
        propagator: that has been annotated on one frame.
        frame: to step on.

    Returns:
        The step, and the bytes of one object's memory.
    """
    memories = {}
    for object_id, memory in propagator.memories.items():
        grows = propagator.model.config.memory == "spacetime"
        context = memory.context.repeat(frames, 1) if grows else memory.context
        memories[object_id] = replace(memory, context=context, frames=frames)

    def step() -> FrameResult:
        propagator.memories = dict(memories)
        return propagator.step(frame)

    return step, context.numel() * context.element_size()
