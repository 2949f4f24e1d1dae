"""What a frame costs: time, CPU seconds, memory, stage by stage, for one setting."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch

from gcvos_model.inputs import working_size
from gcvos_model.masks import write_label_png
from gcvos_model.network.network import GCNetwork
from gcvos_model.propagation import Propagator
from gcvos_model.results import FrameResult
from gcvos_model.video import VideoFile, VideoWriter
from gcvos_model.video.source import Frame

from .made_up_clip import LabelMap, forth_and_back, made_up_clip
from .measured_network import is_trained, load_measured
from .peak_memory import peak_memory, reset_peak_memory, resident_memory
from .stages import STEP_STAGES, StageClock, clocked_step
from .timing import percentile, time_call

Row = dict[str, Any]
CLIP = 4  # frames that differ; held in memory, so few
WARM_UP = 5  # frames that are not counted
STAGE_FRAMES = 20  # over which stages are timed
MEDIA_FRAMES = 24  # that are decoded
GROWTH_AT = (50, 100, 200, 500, 1000, 2000, 5000, 10000)
GROWTH_WINDOW = 100  # frames whose median stands for the frame at their end


@dataclass(frozen=True)
class Case:
    """One setting."""

    model: str = "gcvos-lite"  # a checkpoint, or a preset (random weights)
    device: str = "auto"
    precision: str = "auto"
    threads: int = 0  # of PyTorch; 0: its own choice
    short_side: int = 480  # of the frames in the network
    source_side: int = 480  # of the frames that come in; they are 16:9
    objects: int = 1
    frames: int = 50  # that are timed

    @property
    def source(self) -> tuple[int, int]:
        """(H, W) of the frames that come in: 480 x 854 as DAVIS has it, 1080 x 1920."""
        return self.source_side, 2 * round(self.source_side * 8 / 9)


def measure_case(case: Case, torch_bytes: int | None = None) -> Row:
    """Measure one setting in this process.

    Args:
        case: the setting.
        torch_bytes: what was resident after `import torch` alone; what is resident is given above it. None where
            that is not known: then no such row is.

    Returns:
        Median and 95th percentile of the seconds of `Propagator.step`, CPU seconds a frame, seconds of each stage,
        memory at the peak and at the end, the bytes of one object's state, and time and memory at some frame numbers.

    Raises:
        InputError, CheckpointError: the model or the device cannot be had.
    """
    if case.threads:
        torch.set_num_threads(case.threads)
    network = load_measured(case.model, case.device, case.precision)
    device = str(network.device)
    clip, labels = made_up_clip(CLIP, case.source, case.objects)
    step = Stepper(annotated(network, clip[0], labels, case.short_side), clip)
    for _ in range(WARM_UP):
        step()
    row = {**describe_case(case, network), **_time_steps(step, case.frames, device)}
    row |= _memory(device, torch_bytes)
    row["state_bytes"] = len(step.propagator.memories[1].to_bytes())
    step.propagator.eager = True  # a graph has no stages
    row["stages"] = {**_stages(step, network), **_media(clip, labels)}
    return row


def describe_case(case: Case, network: GCNetwork) -> Row:
    """The setting as rows hold it: what was chosen by itself is named."""
    return {
        "benchmark": "propagation",
        **asdict(case),
        "weights": "trained" if is_trained(case.model) else "random",
        "model": network.config.name,
        "device": network.device.type,
        "precision": network.precision,
        "threads": torch.get_num_threads(),
        "source": list(case.source),
        "working": list(working_size(case.source, case.short_side)),
    }


@dataclass
class Stepper:
    """A propagator at work on a clip that is looped without a cut: each call is the step on the next frame."""

    propagator: Propagator
    clip: list[Frame]

    def __call__(self) -> FrameResult:
        """Step."""
        return self.propagator.step(self.clip[forth_and_back(len(self.clip), self.propagator.index)])


def annotated(
    network: GCNetwork, frame: Frame, labels: LabelMap, short_side: int, *, eager: bool = False
) -> Propagator:
    """A propagator that has taken the objects of a label map on its first frame."""
    propagator = Propagator(network, short_side=short_side, eager=eager)
    propagator.annotate(frame, {i: labels == i for i in range(1, int(labels.max()) + 1)})
    return propagator


def _time_steps(step: Callable[[], object], frames: int, device: str) -> Row:
    reset_peak_memory("cpu")
    if device.startswith("cuda"):
        reset_peak_memory(device)
    seconds, growth, clock = [], [], [time.process_time()]
    for frame in range(1, frames + 1):
        seconds.append(time_call(step, device))
        clock.append(time.process_time())
        if frame in GROWTH_AT:
            growth.append(
                {
                    "frame": frame,
                    "median_seconds": median(seconds[-GROWTH_WINDOW:]),
                    "median_cpu_seconds": median([b - a for a, b in pairwise(clock[-GROWTH_WINDOW - 1 :])]),
                    "resident_bytes": resident_memory(),
                    "gpu_bytes": torch.cuda.memory_allocated(device) if device.startswith("cuda") else None,
                }
            )
    return {
        "median_seconds": median(seconds),
        "p95_seconds": percentile(seconds, 0.95),
        "cpu_seconds": (clock[-1] - clock[0]) / frames,
        "growth": growth,
    }


def _memory(device: str, torch_bytes: int | None) -> Row:
    """Peak while stepping, and what is resident now, both above PyTorch alone."""
    peak, resident = peak_memory("cpu"), resident_memory()
    known = torch_bytes is not None
    return {
        "peak_bytes": peak - torch_bytes if known and peak is not None else None,  # type: ignore[operator]
        "resident_bytes": resident - torch_bytes if known and resident is not None else None,  # type: ignore[operator]
        "gpu_peak_bytes": peak_memory(device) if device.startswith("cuda") else None,
    }


def _stages(step: Callable[[], object], network: GCNetwork) -> dict[str, float]:
    """Median seconds of the parts of a step; `other` is what no part accounts for."""
    clock, times = StageClock(network.device), []
    with clocked_step(clock, network):
        for _ in range(STAGE_FRAMES):
            with clock.stage("other"):
                step()
            times.append(clock.seconds())
    return {name: median(each.get(name, 0.0) for each in times) for name in (*STEP_STAGES, "other")}


def _media(clip: list[Frame], labels: LabelMap) -> dict[str, float]:
    """Seconds a frame of decoding H.264 and of writing a palette PNG."""
    with tempfile.TemporaryDirectory(prefix="gcvos-benchmark-") as folder:
        path = Path(folder) / "clip.mp4"
        with VideoWriter(path, labels.shape) as writer:
            for index in range(MEDIA_FRAMES):
                writer.write(clip[forth_and_back(len(clip), index)])
        begun = time.perf_counter()
        decoded = sum(1 for _ in VideoFile(path).frames())
        decode = (time.perf_counter() - begun) / decoded
        writes = [time_call(lambda: write_label_png(Path(folder) / "mask.png", labels)) for _ in range(5)]
    return {"decode": decode, "write": median(writes)}
