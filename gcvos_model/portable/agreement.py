"""How far an exported step agrees with PyTorch: frame by frame from equal state, and over whole sequences."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gcvos_model.errors import InputError
from gcvos_model.evaluation.layouts import BenchmarkSequence
from gcvos_model.evaluation.protocol import read_annotation, read_prompts
from gcvos_model.inputs import Frame, working_size
from gcvos_model.masks import Mask
from gcvos_model.memory import ObjectMemory
from gcvos_model.metrics import region_similarity
from gcvos_model.network.network import GCNetwork
from gcvos_model.portable.onnx_file import Arrays, StepShape
from gcvos_model.portable.runtimes import Run
from gcvos_model.portable.tracker import PortableTracker, step_inputs
from gcvos_model.propagation import Propagator
from gcvos_model.step import State
from gcvos_model.video import open_source


@dataclass(frozen=True)
class Agreement:
    """Of one sequence."""

    name: str
    frames: int
    largest_difference: float  # between probabilities, a step from equal state; over all frames and cells
    differing_pixels: float  # share of all pixels whose label differs, each side going on from its own state
    j_pytorch: float  # mean J in [0, 1] over objects and frames with truth, the first and last frame left out
    j_exported: float
    seconds: float  # median of a step of the exported side, resizing and labels included


def compare(sequence: BenchmarkSequence, model: GCNetwork, run: Run, shape: StepShape) -> Agreement:
    """Track one sequence on both sides.

    Args:
        sequence: in DAVIS layout.
        model: the float32 network that was exported.
        run: the exported step, see `open_runtime`.
        shape: its shapes.

    Raises:
        InputError: the file is of another model, or of another working size than the sequence has.
    """
    if shape.digest != model.digest:
        raise InputError(
            f"the file is of model {shape.digest[:12]}, the model is {model.digest[:12]}: export it anew"
        )
    reference = Propagator(model, short_side=min(shape.size))
    tracker = PortableTracker(run, shape)
    differences, differing, pixels, seconds = [], 0, 0, []
    scores: tuple[list[float], list[float]] = ([], [])
    for index, frame, masks in annotated_frames(sequence, shape):
        before = dict(reference.memories)
        expected = reference.annotate(frame, masks) if masks else reference.step(frame)
        started = time.perf_counter()
        got = tracker.annotate(frame, masks) if masks else tracker.step(frame)
        seconds.append(time.perf_counter() - started)
        if before and not masks:
            p = from_equal_state(run, shape, frame, before)
            wanted = dict(zip(expected.ids, expected.coarse, strict=True))
            differences += [float(np.abs(p[i] - wanted[i]).max()) for i in p]
        differing += int((expected.labels != got.labels).sum())
        pixels += expected.labels.size
        name = sequence.frames[index]
        if name in sequence.annotations and 0 < index < len(sequence.frames) - 1:
            labels = read_annotation(sequence, name)
            for kept, ours in zip(scores, (expected.labels, got.labels), strict=True):
                kept += [region_similarity(ours == i, labels == i) for i in got.ids]
    return Agreement(
        sequence.name,
        len(sequence.frames),
        max(differences),
        differing / pixels,
        float(np.mean(scores[0])),
        float(np.mean(scores[1])),
        float(np.median(seconds)),
    )


def annotated_frames(
    sequence: BenchmarkSequence, shape: StepShape
) -> Iterator[tuple[int, Frame, dict[int, Mask]]]:
    """Index, frame and the masks that enter there, from the first annotated frame on."""
    prompts = read_prompts(sequence)
    with open_source(sequence.images[0].parent) as source:
        for index, frame in source.frames():
            if working_size(frame.shape[:2], min(shape.size)) != shape.size:
                raise InputError(
                    f"'{sequence.name}' is {frame.shape[1]}x{frame.shape[0]}, which does not become "
                    f"{shape.width}x{shape.height}: export for {working_size(frame.shape[:2], min(shape.size))}"
                )
            if index >= min(prompts):
                yield index, frame, prompts.get(index, {})


def from_equal_state(
    run: Run, shape: StepShape, frame: Frame, memories: dict[int, ObjectMemory]
) -> dict[int, NDArray[np.float32]]:
    """One step of the exported side from PyTorch's memories: each tracked object's probability `(h/4, w/4)`."""
    ids = tuple(memories)
    state = state_of([memories[i] for i in ids], shape)
    outputs = run(step_inputs(shape, frame, ids, {}, state))
    return dict(zip(ids, outputs["probability"], strict=True))


def state_of(memories: list[ObjectMemory], shape: StepShape) -> Arrays:
    """The graph's state arrays from PyTorch's memories."""
    import torch
    import torch.nn.functional as F

    masks = torch.stack([memory.mask for memory in memories])[:, None].cpu().float() / 255
    previous = F.interpolate(masks, size=shape.coarse, mode="bilinear", align_corners=False)
    state = State(
        annotated=torch.stack([m.context if m.annotated is None else m.annotated for m in memories]).float(),
        annotated_frames=torch.tensor([float(m.annotated_frames) for m in memories]),
        context=torch.stack([memory.context for memory in memories]).float(),
        frames=torch.tensor([float(memory.frames) for memory in memories]),
        previous=previous[:, 0],
    )
    return {name: value.cpu().numpy() for name, value in state._asdict().items()}
