"""Accuracy through CVAT's tracker function, by shape type, beside that of the core: what a door costs in J."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pybase64

from gcvos_model.cli.cvat_shapes import SHAPE_TYPES, Frame, Shape, ShapeType, mask_to_shape, shape_to_mask
from gcvos_model.errors import GCVOSError
from gcvos_model.evaluation.layouts import BenchmarkSequence
from gcvos_model.evaluation.runner import OnFrames, Run, Tracker, evaluate_sequences
from gcvos_model.evaluation.serverless_benchmark import Call, encode_png
from gcvos_model.masks import Labels, Mask
from gcvos_model.prompts import fill_box


@dataclass(frozen=True)
class Labelled:
    """What the benchmark's runner scores."""

    labels: Labels


class FunctionTracker:
    """Tracks through the function as CVAT's UI does; the state goes round as text. To the runner it is a
    Propagator.

    A rectangle's answer is scored as the whole box, a polygon's as the filled ring.
    """

    def __init__(self, call: Call, shape_type: ShapeType) -> None:
        self._call, self._type = call, shape_type
        self._states: dict[int, str] = {}

    def annotate(self, frame: Frame, masks: Mapping[int, Mask]) -> Labelled:
        """Start objects beside those that go on."""
        drawn = {object_id: mask_to_shape(mask, self._type) for object_id, mask in masks.items()}
        return self._ask(frame, {object_id: shape for object_id, shape in drawn.items() if shape is not None})

    def step(self, frame: Frame) -> Labelled:
        """Continue all objects."""
        return self._ask(frame, {})

    def _ask(self, frame: Frame, drawn: Mapping[int, Shape]) -> Labelled:
        ids = list(dict.fromkeys([*self._states, *drawn]))
        body = {
            "image": pybase64.b64encode_as_string(encode_png(frame, compress_level=1)),
            "shapes": [{"type": self._type, "points": drawn[i].points} if i in drawn else None for i in ids],
            "states": [None if i in drawn else self._states[i] for i in ids],
        }
        status, _, content = self._call(json.dumps(body).encode())
        if status != 200:
            raise GCVOSError(f"the function answers {status}: {content[:300].decode(errors='replace')}")
        answer = json.loads(content)
        self._states = dict(zip(ids, answer["states"], strict=True))
        labels = np.zeros(frame.shape[:2], np.uint8 if max(ids, default=0) < 256 else np.int32)
        for object_id, shape in zip(ids, answer["shapes"], strict=True):
            if shape is not None:
                mask = shape_to_mask(Shape(shape["type"], shape["points"]), frame, whole_box)
                labels[mask] = object_id
        return Labelled(labels)


def whole_box(frame: Frame, box: Sequence[float]) -> Mask:
    """All that is in the box."""
    return fill_box(box, (frame.shape[0], frame.shape[1]))


def measure_types(
    call: Call,
    core: Callable[[], Tracker],
    sequences: Sequence[BenchmarkSequence],
    masks: Path,
    on_frames: OnFrames,
) -> dict[str, dict[str, float]]:
    """Mean J of each sequence, in per cent, for the core in memory and for the function with each shape type.

    Args:
        call: The function.
        core: Makes the core's tracker of the same model, working resolution and precision.
        sequences: Of one benchmark.
        masks: Folder for the label maps, `TYPE/SEQUENCE/FRAME.png`.
        on_frames: Called with the number of frames done since the last call.

    Raises:
        GCVOSError: A sequence failed.
    """
    trackers: dict[str, Callable[[], Tracker]] = {"core": core}
    trackers |= {shape_type: partial(FunctionTracker, call, shape_type) for shape_type in SHAPE_TYPES}
    table = {}
    for name, new_tracker in trackers.items():
        scores, failures = evaluate_sequences(sequences, Run(masks / name, new_tracker), on_frames=on_frames)
        if failures:
            raise GCVOSError("; ".join(f"{sequence}: {message}" for sequence, message in failures.items()))
        table[name] = {
            score.name: 100 * float(np.mean([one.region_statistics.mean for one in score.objects]))
            for score in scores
        }
    return table


def count_equal(masks: Path) -> tuple[int, int]:
    """Of the label maps that `measure_types` left in a folder: how many of the function's, by masks, are the
    core's to the pixel, and how many there are.
    """
    of_core = sorted((masks / "core").glob("*/*.png"))
    same = sum(
        file.read_bytes() == (masks / "mask" / file.parent.name / file.name).read_bytes() for file in of_core
    )
    return same, len(of_core)
