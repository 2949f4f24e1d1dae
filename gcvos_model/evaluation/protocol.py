"""The semi-supervised protocol of each benchmark: what a tracker is given, and what of its masks is scored.

| | DAVIS 2016 | DAVIS 2017 | YouTube-VOS |
|---|---|---|---|
| objects | all merged into object 1 | ids 1 to the highest of the first frame | those of `meta.json` |
| given | the first frame's mask | the first frame's masks | each object's mask on its own first frame |
| scored | all but the first and last frame | the same | every annotated frame after the object's first |
| void (255) | part of the object | background | an id like any other |

The rows for DAVIS are those of its released evaluation code. The code behind the server of YouTube-VOS is not
public; its rule here is the plain reading of its description.
"""

from __future__ import annotations

import numpy as np

from gcvos_model.errors import InputError
from gcvos_model.masks import Labels, Mask, object_ids, read_label_png

from .layouts import Benchmark, BenchmarkSequence

VOID = 255


def read_annotation(sequence: BenchmarkSequence, frame: str) -> Labels:
    """The annotated label map (H, W) of one frame, by the rules of the benchmark.

    Raises:
        InputError: the file cannot be read as a label map.
    """
    labels = read_label_png(sequence.annotations[frame])
    if sequence.benchmark is Benchmark.DAVIS2016:
        return merged(labels)
    if sequence.benchmark is Benchmark.DAVIS2017:
        labels[labels == VOID] = 0
    return labels


def merged(labels: Labels) -> Labels:
    """All objects of a label map (H, W) as object 1."""
    objects: Labels = (labels != 0).astype(np.uint8)
    return objects


def read_prompts(sequence: BenchmarkSequence) -> dict[int, dict[int, Mask]]:
    """What a tracker is given: frame index to the masks (H, W) of the objects that enter there, by object id.

    Raises:
        InputError: an annotation cannot be read, or no object is annotated at all.
    """
    if sequence.benchmark is Benchmark.YOUTUBE_VOS:
        prompts = _entering_objects(sequence)
    else:
        first = read_annotation(sequence, sequence.frames[0])
        prompts = {0: {object_id: first == object_id for object_id in object_ids(first)}}
    if not any(prompts.values()):
        raise InputError(
            f"sequence '{sequence.name}' has no object to follow: {_first(sequence)} shows none; "
            "expected the id of an object in it"
        )
    return prompts


def _entering_objects(sequence: BenchmarkSequence) -> dict[int, dict[int, Mask]]:
    """YouTube-VOS: each object on the first annotation that shows it, no sooner than `meta.json` says.

    An object that `meta.json` lists and no annotation shows is none that could be followed.
    """
    prompts: dict[int, dict[int, Mask]] = {}
    waiting = dict(sequence.entries)
    for index, frame in enumerate(sequence.frames):
        due = {object_id for object_id, entry in waiting.items() if entry <= index}
        if due and frame in sequence.annotations:
            labels = read_annotation(sequence, frame)
            entering = due.intersection(object_ids(labels))
            if entering:
                prompts[index] = {object_id: labels == object_id for object_id in sorted(entering)}
            for object_id in entering:
                del waiting[object_id]
    return prompts


def scored_objects(sequence: BenchmarkSequence) -> dict[str, tuple[int, ...]]:
    """What is scored: frame name to the ids of the objects, in order; empty where there is no truth.

    Raises:
        InputError: an annotation cannot be read, no object is annotated, or DAVIS leaves no frame to score.
    """
    if sequence.benchmark is Benchmark.YOUTUBE_VOS:
        return _objects_after_their_first(sequence)
    frames = sequence.frames
    if len(sequence.annotations) == 1:
        return {}
    if len(frames) < 3:
        raise InputError(
            f"sequence '{sequence.name}' has {len(frames)} frames; DAVIS leaves out the first and the last, "
            "so at least 3 are needed"
        )
    highest = max(object_ids(read_annotation(sequence, frames[0])), default=0)
    if not highest:
        raise InputError(f"sequence '{sequence.name}' has no object to score: {_first(sequence)} shows none")
    return dict.fromkeys(frames[1:-1], tuple(range(1, highest + 1)))


def _objects_after_their_first(sequence: BenchmarkSequence) -> dict[str, tuple[int, ...]]:
    prompts = read_prompts(sequence)
    if {sequence.frames[index] for index in prompts} == set(sequence.annotations):
        return {}  # the val split's annotations only introduce objects: the others may be missing on them
    truth = set(sequence.annotations).intersection(sequence.results)
    followed: list[int] = []
    scored = {}
    for index, frame in enumerate(sequence.frames):
        if followed and frame in truth:
            scored[frame] = tuple(followed)
        followed = sorted([*followed, *prompts.get(index, ())])
    return scored


def _first(sequence: BenchmarkSequence) -> str:
    return str(sequence.annotations.get(sequence.frames[0], "every annotation"))
