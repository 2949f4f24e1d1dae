"""What a run will do and about how long it takes, told before it begins."""

from pathlib import Path
from typing import Any

import fiftyone.core.media as fom

from gcvos_model.errors import GCVOSError

from .database import label_documents
from .sequences import Sequence
from .settings import FRAMES_PREFIX, Settings
from .shards import WORKER_COMMAND

IMMEDIATE_SECONDS = 600  # FiftyOne cuts what runs in the App after this
FRAME_SECONDS, OBJECT_SECONDS = 0.15, 0.05  # a generous guess of the time for one frame on a CPU
LOOKED_AT = 10  # clips in which objects are counted


def estimated_seconds(frames: int, objects: int) -> float:
    """Return about how long a run takes on a CPU."""
    return frames * (FRAME_SECONDS + objects * OBJECT_SECONDS)


def plan_text(settings: Settings, sequences: list[Sequence], frames: int, seconds: float) -> str:
    """Say what will be done."""
    prefix, clips = FRAMES_PREFIX if sequences[0].is_video else "", len(sequences)
    what = "1 clip" if clips == 1 else f"{clips} clips"
    return (
        f"{what}{f', about {frames} frames' if frames else ''}: from {prefix}{settings.source_field} to "
        f"{prefix}{settings.target_field} with {Path(settings.model).name} at {settings.short_side} pixels, "
        f"{duration(seconds)} on a CPU."
    )


def worker_advice() -> str:
    """Say how to run what takes longer than FiftyOne lets an operator run in the App."""
    return (
        f"FiftyOne ends what runs in the App after {IMMEDIATE_SECONDS // 60} minutes. For a longer run set Shards to 1 "
        f"or more, and start one or more workers in a terminal: {WORKER_COMMAND}"
    )


def missing_files(sequences: list[Sequence]) -> list[str]:
    """Return the files of clips that are not there (of images: the first one)."""
    paths = (sequence.path or sequence.image_paths[0] for sequence in sequences)
    return [path for path in paths if not Path(path).exists()]


def count_frames(collection: Any, sequences: list[Sequence]) -> int:
    """Return about how many frames there are.

    Videos that have no metadata yet count as long as the first of them that can be opened.
    """
    dataset = collection._root_dataset
    if dataset.media_type == fom.GROUP:
        dataset = dataset.select_group_slices(media_type=fom.VIDEO)
    ids = [sequence.sample_id for sequence in sequences if sequence.is_video and not sequence.numbers]
    lengths = dataset.select(ids).values(["id", "metadata.total_frame_count"]) if ids else ([], [])
    known = dict(zip(*lengths, strict=True))
    guess = None
    total = 0
    for sequence in sequences:
        length = sequence.length or known.get(sequence.sample_id)
        if length is None:
            guess = length = _opened_length(sequence) if guess is None else guess
        stop = length if sequence.stop is None else min(length, sequence.stop)
        total += max(0, stop - sequence.start)
    return total


def _opened_length(sequence: Sequence) -> int:
    try:
        with sequence.open() as source:
            return source.frame_count or 0
    except GCVOSError:  # the run will name it
        return 0


def count_objects(collection: Any, sequences: list[Sequence], settings: Settings) -> int:
    """Return how many objects the first clip that has annotations has on a frame, at least 1."""
    dataset = collection._root_dataset
    for sequence in sequences[:LOOKED_AT]:
        documents = label_documents(dataset, sequence, settings.source_field, masks=False)
        counts = [len(label.get("detections") or label.get("polylines") or [0]) for _, label in documents]
        if counts:
            return max(1, *counts)
    return 1


def duration(seconds: float) -> str:
    """Say a length of time."""
    return f"about {max(1, round(seconds))} s" if seconds < 120 else f"about {round(seconds / 60)} min"
