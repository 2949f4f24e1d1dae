"""A run over many sequences: each on its own, so that one that fails is reported and the others go on."""

import logging
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import fiftyone as fo
from pymongo.errors import PyMongoError

from gcvos_model import load_model
from gcvos_model.checkpoints import find_checkpoint
from gcvos_model.errors import GCVOSError, InputError
from gcvos_model.network.network import GCNetwork

from .database import reload
from .job import propagate_sequence
from .records import Run, State
from .schema import check_target, declare, source_type
from .sequences import Sequence, list_sequences
from .settings import Settings

logger = logging.getLogger(__name__)

Summary = dict[str, Any]


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        share: in [0, 1].
        label: in words.
    """

    share: float
    label: str


@lru_cache(maxsize=1)
def model_for(name: str, device: str) -> GCNetwork:
    """Return a model, loaded once in a process.

    Raises:
        InputError: unknown name or device.
        CheckpointError: the checkpoint is absent or damaged.
    """
    return load_model(name, device=device)


def prepare(collection: Any, settings: Settings) -> tuple[fo.Dataset, list[Sequence]]:
    """Check that a run can begin, before anything is written.

    Returns:
        The dataset that owns the samples, and what to propagate through.

    Raises:
        InputError: nothing to propagate through, no source labels, a field of the wrong type, or an unknown model;
            says what to do.
        CheckpointError: the model's file is absent.
    """
    sequences = list_sequences(collection, settings)
    dataset = collection._root_dataset
    on_frames = sequences[0].is_video
    find_checkpoint(settings.model)
    source_type(dataset, settings, on_frames)
    check_target(dataset, settings, on_frames)
    return dataset, sequences


def begin(collection: Any, settings: Settings) -> tuple[Run, list[Sequence]]:
    """Register the run and declare its fields.

    Raises:
        GCVOSError: as `prepare`, or the model cannot be loaded, or the run key is taken by another run.
    """
    dataset, sequences = prepare(collection, settings)
    run = Run(dataset, settings.run_key)
    run.begin(settings, model_for(settings.model, settings.device).digest)
    declare(dataset, settings, sequences[0].is_video)
    return run, sequences


def propagate_collection(
    collection: Any,
    settings: Settings,
    *,
    keys: Iterable[str] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Generator[Progress, None, Summary]:
    """Propagate through a dataset or view; yield progress after each frame, return the summary.

    What is finished is kept whenever it ends, and the same run key goes on from there.

    Args:
        collection: a FiftyOne dataset or view.
        settings: what to do.
        keys: only these sequences (a worker's share); None for all.
        cancelled: asked after every frame; when it says so, the run ends after that frame.

    Raises:
        GCVOSError: the run cannot begin.
        PyMongoError: the database has gone away for good.
    """
    begun = time.monotonic()
    run, sequences = begin(collection, settings)
    if keys is not None:
        wanted = set(keys)
        sequences = [sequence for sequence in sequences if sequence.key in wanted]
    outcome: dict[str, str] = {}
    frames = 0
    for place, sequence in enumerate(sequences):
        if cancelled():
            break
        state = run.claim(sequence, again=not settings.skip_done)
        if state is None:
            outcome[sequence.key] = "skipped"
            continue
        steps = _attempt(run, sequence, settings, state)
        with closing(steps):
            for done, total in steps:
                frames += 1
                share = min(done / total, 1) if total else 0.0
                of = f"/{total}" if total and total >= done else ""
                label = f"{sequence.name} ({place + 1}/{len(sequences)}): frame {done}{of}"
                yield Progress((place + share) / len(sequences), label)
                if cancelled():
                    break
        outcome[sequence.key] = "tried"
    reload(run.dataset)
    return summary(run, settings, sequences, outcome, frames, time.monotonic() - begun)


def _attempt(
    run: Run, sequence: Sequence, settings: Settings, state: State
) -> Generator[tuple[int, int | None], None, None]:
    """Propagate through one sequence; record an error as its outcome."""
    model = model_for(settings.model, settings.device)
    try:
        yield from propagate_sequence(run.dataset, sequence, settings, model, run, state)
    except PyMongoError:
        raise
    except (GCVOSError, OSError) as error:
        _record_failure(run, sequence, str(error))
    except Exception as error:  # a fault of ours must not end the other videos either
        logger.exception("propagating through %s", sequence.name)
        _record_failure(run, sequence, f"unexpected {type(error).__name__}: {error}")


def _record_failure(run: Run, sequence: Sequence, reason: str) -> None:
    state = run.state(sequence.key)
    if state is not None:
        run.save(sequence.key, replace(state, status="failed", error=reason))


def summary(
    run: Run,
    settings: Settings,
    sequences: list[Sequence],
    outcome: dict[str, str],
    frames: int,
    seconds: float,
) -> Summary:
    """Return what a run has done, as plain JSON.

    Returns:
        `run_key`, `target_field`; how many sequences there are, by outcome: `done`, `skipped` (done before, or in
        another process's hands), `unfinished`; `failed` as name to reason, `unannotated` names; `frames`
        propagated, `seconds`, `frames_per_second`; `review`: name to the numbers of the frames to look at;
        `storage`: name to `database` or the folder of its mask files.
    """
    states = {sequence.key: run.state(sequence.key) for sequence in sequences}
    tried = {key: state for key, state in states.items() if state is not None and outcome.get(key) == "tried"}
    return {
        "run_key": run.run_key,
        "target_field": settings.target_field,
        "sequences": len(sequences),
        "done": sum(state.status == "done" for state in tried.values()),
        "skipped": sum(how == "skipped" for how in outcome.values()),
        "unfinished": sum(state is None or state.status == "running" for state in states.values()),
        "failed": {state.name: state.error for state in tried.values() if state.status == "failed"},
        "unannotated": [state.name for state in tried.values() if state.status == "unannotated"],
        "frames": frames,
        "seconds": round(seconds, 2),
        "frames_per_second": round(frames / seconds, 2) if seconds else 0.0,
        "review": {state.name: state.review for state in tried.values() if state.review},
        "storage": {
            state.name: state.folder or "database" for state in tried.values() if state.status == "done"
        },
    }


def finish(steps: Generator[Progress, None, Summary], report: Callable[[Progress], None]) -> Summary:
    """Run to the end, reporting progress, and return the summary.

    Raises:
        InputError: no sequence has any annotation to start from.
    """
    try:
        while True:
            report(next(steps))
    except StopIteration as end:
        return check_annotated(end.value)


def check_annotated(result: Summary) -> Summary:
    """Return the summary.

    Raises:
        InputError: none of the sequences had anything to start from.
    """
    if result["sequences"] and len(result["unannotated"]) == result["sequences"]:
        raise InputError(
            "no sample has annotations of the chosen classes, labels and frames in the source field; annotate at "
            "least one frame"
        )
    return result
