"""Tracking with an exported step: what of `Propagator` is left outside the graph."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gcvos_model.errors import InputError
from gcvos_model.inputs import Frame, Mask, check_frame, check_mask, coarse_mask, resized
from gcvos_model.masks import Labels
from gcvos_model.portable.onnx_file import Arrays, StepShape
from gcvos_model.portable.runtimes import Run
from gcvos_model.results import merged_labels
from gcvos_model.search import search_region
from gcvos_model.step import State


@dataclass(frozen=True)
class StepResult:
    """What is known of one frame."""

    labels: Labels  # (H, W), at the source's size: 0 background, else the object's id
    ids: tuple[int, ...]
    probability: NDArray[np.float32]  # (K, h/4, w/4), in the order of ids


class PortableTracker:
    """Carries objects from frame to frame with an exported step.

    Args:
        run: from `open_runtime`.
        shape: of the same file, from `read_shape`.
    """

    def __init__(self, run: Run, shape: StepShape) -> None:
        self.run = run
        self.shape = shape
        self.ids: tuple[int, ...] = ()
        self.state: Arrays = {name: array for name, array in shape.inputs(0).items() if name in State._fields}

    def annotate(self, frame: Frame, masks: Mapping[int, Mask]) -> StepResult:
        """As `Propagator.annotate`.

        Raises:
            InputError: as there.
        """
        check_frame(frame)
        for object_id, mask in masks.items():
            check_mask(object_id, mask, frame)
        entering = tuple(object_id for object_id in masks if object_id not in self.ids)
        blank = self.shape.inputs(len(entering))
        self.state = {name: np.concatenate([array, blank[name]]) for name, array in self.state.items()}
        self.ids += entering
        return self._advance(frame, masks)

    def step(self, frame: Frame) -> StepResult:
        """As `Propagator.step`.

        Raises:
            InputError: the frame is not uint8 RGB, or nothing is tracked.
        """
        check_frame(frame)
        if not self.ids:
            raise InputError("nothing is tracked: annotate a frame first")
        return self._advance(frame, {})

    def _advance(self, frame: Frame, masks: Mapping[int, Mask]) -> StepResult:
        outputs = self.run(step_inputs(self.shape, frame, self.ids, masks, self.state))
        self.state = {name: outputs[f"next_{name}"] for name in State._fields}
        p = outputs["probability"]
        predicted = [k for k, object_id in enumerate(self.ids) if object_id not in masks]
        labels = merged_labels(p[predicted], [self.ids[k] for k in predicted], frame.shape[:2])
        if max(self.ids) > 255:
            labels = labels.astype(np.int32)
        for object_id, mask in masks.items():
            labels[np.asarray(mask) > 0.5] = object_id
        return StepResult(labels, self.ids, p)


def step_inputs(
    shape: StepShape, frame: Frame, ids: tuple[int, ...], masks: Mapping[int, Mask], state: Arrays
) -> Arrays:
    """The graph's inputs for one frame: frame and masks resized, search regions drawn."""
    inputs = {**shape.inputs(len(ids)), **state}
    inputs["frame"] = resized(frame, shape.size)
    for k, object_id in enumerate(ids):
        if object_id in masks:
            inputs["given"][k] = coarse_mask(masks[object_id], shape.size)[0].numpy()
            inputs["is_given"][k] = 1
        else:
            inputs["region"][k] = search_region(state["previous"][k])
    return inputs
