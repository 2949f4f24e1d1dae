"""How long a step takes in each runtime, in turns within one process."""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple

import numpy as np
import torch

from gcvos_model.network.network import GCNetwork
from gcvos_model.portable.onnx_file import Arrays, StepShape
from gcvos_model.portable.runtimes import Run
from gcvos_model.portable.step import Step
from gcvos_model.step import State

TURN = (
    8  # steps in a row: the threads of the runtime before spin on for a while, so the first are not counted
)
SETTLING = 3


class StepTime(NamedTuple):
    """Medians over the steps that count, in seconds."""

    wall: float
    cpu: float  # of all threads


def busy_inputs(shape: StepShape, objects: int = 1) -> Arrays:
    """Inputs of a step on which K objects are predicted, with random numbers in them."""
    random = np.random.default_rng(0)
    inputs = shape.inputs(objects)
    inputs["frame"] = random.integers(0, 256, inputs["frame"].shape, np.uint8)
    for name in ("annotated", "context", "previous"):
        inputs[name] = random.random(inputs[name].shape, np.float32)
    inputs["annotated_frames"][:] = 1
    inputs["frames"][:] = 5
    return inputs


def pytorch_run(model: GCNetwork, size: tuple[int, int]) -> Run:
    """The same step in PyTorch, in the precision in which the model is."""
    step = Step(model, size).eval()

    def run(inputs: Arrays) -> Arrays:
        with torch.inference_mode():
            results = step(*(torch.from_numpy(array) for array in inputs.values()))
        names = ("probability", *(f"next_{name}" for name in State._fields))
        return {name: tensor.numpy() for name, tensor in zip(names, results, strict=True)}

    return run


def time_steps(runs: Mapping[str, Run], inputs: Arrays, turns: int = 4) -> dict[str, StepTime]:
    """Time each of the runs on the same inputs, in turns.

    Args:
        runs: name to what runs a step.
        inputs: see `busy_inputs`.
        turns: of each; a turn is `TURN` steps, of which the last `TURN - SETTLING` count.
    """
    taken: dict[str, list[StepTime]] = {name: [] for name in runs}
    for _ in range(turns):
        for name, run in runs.items():
            taken[name] += [_timed(run, inputs) for _ in range(TURN)][SETTLING:]
    return {
        name: StepTime(median(t.wall for t in times), median(t.cpu for t in times))
        for name, times in taken.items()
    }


def _timed(run: Callable[[Arrays], Arrays], inputs: Arrays) -> StepTime:
    wall, cpu = time.perf_counter(), time.process_time()
    run(inputs)
    return StepTime(time.perf_counter() - wall, time.process_time() - cpu)
