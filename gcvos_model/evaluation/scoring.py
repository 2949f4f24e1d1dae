"""Scores of one sequence: the masks in a folder against the annotations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gcvos_model.errors import InputError
from gcvos_model.masks import Labels, object_ids, read_label_png
from gcvos_model.metrics import Statistics, contour_accuracy, region_similarity, statistics

from .layouts import Benchmark, BenchmarkSequence
from .protocol import merged, read_annotation, scored_objects


@dataclass(frozen=True)
class ObjectScore:
    """J and F of one object of one sequence.

    Attributes:
        object_id: its id in the annotations; 1 in DAVIS 2016.
        frames: names of the scored frames, in order.
        region: J of each, in [0, 1].
        contour: F of each, in [0, 1].
    """

    object_id: int
    frames: tuple[str, ...]
    region: tuple[float, ...]
    contour: tuple[float, ...]

    @property
    def region_statistics(self) -> Statistics:
        """Mean, recall and decay of J."""
        return statistics(self.region)

    @property
    def contour_statistics(self) -> Statistics:
        """Mean, recall and decay of F."""
        return statistics(self.contour)


def score_sequence(sequence: BenchmarkSequence, folder: Path) -> tuple[ObjectScore, ...]:
    """Score the masks of one sequence.

    Args:
        sequence: with its annotations.
        folder: holds a label map for each scored frame, `FRAME.png`, of the annotation's size; others are not
            looked at.

    Returns:
        One score an object, by id; none where the sequence has no truth to score by.

    Raises:
        InputError: a mask is missing, cannot be read, differs in size from its annotation, or holds an id
            that the sequence has not.
    """
    scored = scored_objects(sequence)
    known = {*sequence.entries, *(object_id for ids in scored.values() for object_id in ids)}
    scores: dict[int, list[tuple[str, float, float]]] = {}
    for frame, ids in scored.items():
        truth = read_annotation(sequence, frame)
        labels = _read_result(sequence, folder / f"{frame}.png", truth.shape, known)
        for object_id in ids:
            pair = labels == object_id, truth == object_id
            score = frame, region_similarity(*pair), contour_accuracy(*pair)
            scores.setdefault(object_id, []).append(score)
    return tuple(
        ObjectScore(object_id, *zip(*scores[object_id], strict=True)) for object_id in sorted(scores)
    )


def _read_result(sequence: BenchmarkSequence, path: Path, size: tuple[int, ...], known: set[int]) -> Labels:
    """The label map (H, W) of a result, checked against its annotation's size and the sequence's ids."""
    if not path.is_file():
        raise InputError(f"the mask {path} is missing; results hold SEQUENCE/FRAME.png for each scored frame")
    labels = read_label_png(path)
    if labels.shape != size:
        raise InputError(
            f"the mask {path} has the size {labels.shape}, its annotation {size} (H, W); masks are scored at "
            "the size of the annotations"
        )
    if sequence.benchmark is Benchmark.DAVIS2016:
        return merged(labels)
    unknown = set(object_ids(labels)) - known
    if unknown:
        raise InputError(
            f"the mask {path} holds the object {min(unknown)}, which sequence '{sequence.name}' has not; "
            f"expected ids of {', '.join(map(str, sorted(known)))}"
        )
    return labels
