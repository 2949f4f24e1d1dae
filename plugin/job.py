"""One sequence from its annotations to labels in the database: decoding, network and writing overlap."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import fiftyone as fo
from pymongo.errors import PyMongoError

from gcvos_model import FrameResult, ObjectMemory, Propagator, propagate
from gcvos_model.errors import InputError
from gcvos_model.network.network import GCNetwork
from gcvos_model.video import FrameSource, read_ahead

from .chunks import ChunkWriter
from .database import update_sample
from .labels import LabelWriter
from .prompts import Annotations, read_annotations
from .records import Run, State
from .schema import declare_attributes, review_field
from .sequences import Sequence
from .settings import REVIEW_TAG, Settings
from .storage import mask_folder

AHEAD = 8  # results that may wait for the writer

Step = tuple[FrameResult, Mapping[int, ObjectMemory] | None]


def propagate_sequence(
    dataset: fo.Dataset, sequence: Sequence, settings: Settings, model: GCNetwork, run: Run, state: State
) -> Iterator[tuple[int, int | None]]:
    """Propagate through one sequence and write what comes out; go on where the state says.

    The recorded state ends as `done`, or as `unannotated` where there are no labels to start from. When it is
    broken off, by an error or by closing the generator, the frames that are finished are written first.

    Yields:
        How many frames are done and how many there will be (None: not known), after each frame.

    Raises:
        GCVOSError: the frames or the annotations cannot be used.
        OSError: a mask file cannot be written.
    """
    with sequence.open() as source:
        annotations = read_annotations(dataset, sequence, settings, source, model)
        if not annotations.prompts:
            run.save(sequence.key, replace(state, status="unannotated"))
            return
        attributes = {n: v for track in annotations.tracks.values() for n, v in track.attributes.items()}
        declare_attributes(dataset, settings, sequence.is_video, attributes)
        total = expected_frames(sequence, settings, source, annotations)
        labels, state = _label_writer(dataset, sequence, settings, annotations, state, total)
        chunks = ChunkWriter(dataset, sequence, settings, run, state, labels)
        memories = run.memories(sequence.key, state, model.digest)
        steps = _steps(source, sequence, settings, annotations, model, state.written, memories)
        try:
            with closing(read_ahead(steps, AHEAD)) as ahead:  # type: ignore[type-var]
                for done, (result, after) in enumerate(ahead, start=state.written + 1):
                    chunks.add(result, after)
                    yield done, total
        except PyMongoError:
            raise  # nothing can be written now
        except BaseException:
            chunks.flush()
            raise
        chunks.flush()
    _mark_for_review(dataset, sequence, settings, chunks.state)
    run.save(sequence.key, replace(chunks.state, status="done"))


def expected_frames(
    sequence: Sequence, settings: Settings, source: FrameSource, annotations: Annotations
) -> int | None:
    """Return how many frames will come out; None where the video does not say how long it is."""
    ends = [end for end in (source.frame_count, sequence.stop) if end is not None]
    first, last = min(annotations.prompts), max(annotations.prompts)
    if settings.direction == "backward":
        return last + 1 - sequence.start
    if not ends or source.frame_count is None:
        return None
    return max(1, min(ends) - (first if settings.direction == "forward" else sequence.start))


def _label_writer(
    dataset: fo.Dataset,
    sequence: Sequence,
    settings: Settings,
    annotations: Annotations,
    state: State,
    total: int | None,
) -> tuple[LabelWriter, State]:
    """Return what makes the labels; masks go where they went before where the run is gone on with."""
    if state.written:
        folder = None if state.folder is None else Path(state.folder)
    else:
        folder = mask_folder(dataset, sequence, settings, annotations, total)
    labels = LabelWriter(
        tracks=annotations.tracks,
        run_key=settings.run_key,
        segmentation=annotations.segmentation,
        folder=folder,
        mask_threshold=settings.mask_threshold,
        areas={int(object_id): area for object_id, area in state.areas.items()},
    )
    return labels, replace(state, folder=None if folder is None else str(folder))


def _steps(
    source: FrameSource,
    sequence: Sequence,
    settings: Settings,
    annotations: Annotations,
    model: GCNetwork,
    written: int,
    memories: Mapping[int, ObjectMemory] | None,
) -> Iterator[Step]:
    """Yield the results that have not been written yet.

    Forward, they are computed on from the memories after the last frame written. The other directions, and
    forward without such memories, are computed from the start again, and what has been written is passed over.
    """
    if settings.direction == "forward":
        first = min(annotations.prompts)
        begin = first + written if memories is not None else first
        propagator = Propagator(model, short_side=settings.short_side, memories=memories, index=begin)
        steps = _forward(source, annotations, propagator, sequence.stop)
        skip = 0 if memories is not None else written
    else:
        results = propagate(
            source,
            annotations.prompts,
            model=model,
            direction=settings.direction,  # type: ignore[arg-type]
            start=sequence.start,
            stop=sequence.stop,
            short_side=settings.short_side,
        )
        steps, skip = ((result, None) for result in results), written
    for place, step in enumerate(steps):
        if place >= skip:
            yield step


def _forward(
    source: FrameSource, annotations: Annotations, propagator: Propagator, stop: int | None
) -> Iterator[Step]:
    unmet = {index for index in annotations.prompts if index >= propagator.index}
    with closing(read_ahead(source.frames(propagator.index, stop))) as frames:  # type: ignore[type-var]
        for index, frame in frames:
            unmet.discard(index)
            masks = annotations.prompts.get(index)
            result = propagator.annotate(frame, masks) if masks else propagator.step(frame)
            yield result, dict(propagator.memories)
    if unmet:
        raise InputError(f"frame {min(unmet) + 1} is annotated, but the video ends before it")


def _mark_for_review(dataset: fo.Dataset, sequence: Sequence, settings: Settings, state: State) -> None:
    """Give a video the tag and the numbers of the frames to look at; images got theirs one by one."""
    if sequence.sample_id is None:
        return
    field = review_field(settings)
    known = {"$ifNull": [f"${field}", []]}  # clips of one video each add theirs
    update_sample(dataset, sequence.sample_id, [{"$set": {field: {"$setUnion": [known, state.review]}}}])
    if state.review:
        update_sample(dataset, sequence.sample_id, {"$addToSet": {"tags": REVIEW_TAG}})
