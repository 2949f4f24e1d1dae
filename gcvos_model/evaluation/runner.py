"""The semi-supervised run: frames and first masks in, masks out, scores beside them; one process or many."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from gcvos_model.errors import GCVOSError, InputError
from gcvos_model.masks import Labels, Mask, write_label_png
from gcvos_model.video import open_source

from .layouts import BenchmarkSequence
from .peak_memory import peak_memory, reset_peak_memory
from .protocol import read_prompts
from .scoring import ObjectScore, score_sequence


class Segmentation(Protocol):
    """The part of a `FrameResult` that is scored."""

    @property
    def labels(self) -> Labels:
        """(H, W) object ids, at the size of the frame."""


class Tracker(Protocol):
    """The part of a `Propagator` that is measured: it is given the frames in order."""

    def annotate(self, frame: NDArray[np.uint8], masks: Mapping[int, Mask]) -> Segmentation:
        """Take a frame (H, W, 3) on which objects enter, with their masks (H, W)."""

    def step(self, frame: NDArray[np.uint8]) -> Segmentation:
        """Take a frame (H, W, 3) on which no object enters."""


@dataclass(frozen=True)
class SequenceScore:
    """What was measured on one sequence.

    Attributes:
        name: the sequence's.
        frames: how many it has.
        objects: scores by object; none where there is no truth to score by.
        seconds: spent by the tracker on all frames, without decoding them, writing masks and scoring; None
            where the masks were given.
        peak_memory: in bytes, of the process or the CUDA device meanwhile; None where not measured.
    """

    name: str
    frames: int
    objects: tuple[ObjectScore, ...]
    seconds: float | None = None
    peak_memory: int | None = None


@dataclass(frozen=True)
class Run:
    """How masks come about, and where they are.

    Attributes:
        masks: folder of the masks, `SEQUENCE/FRAME.png`: written where there is a tracker, else read.
        new_tracker: makes a tracker for one sequence (for several processes it must be picklable); None where
            the masks are given.
        device: that of the tracker, whose memory is measured.
    """

    masks: Path
    new_tracker: Callable[[], Tracker] | None = None
    device: str = "cpu"


OnFrames = Callable[[int], None]
"""Called with how many frames were done since the last call."""


def ignore(frames: int) -> None:
    """No progress bar."""


def evaluate_sequences(
    sequences: Sequence[BenchmarkSequence], run: Run, *, jobs: int = 1, on_frames: OnFrames = ignore
) -> tuple[list[SequenceScore], dict[str, str]]:
    """Segment and score sequences. One that fails does not stop the others.

    Args:
        sequences: of one benchmark.
        run: how.
        jobs: number of processes; the sequences are shared out among them.
        on_frames: for a progress bar; several processes report whole sequences.

    Returns:
        The scores of the sequences that went well, in their order, and of the others name to message.
    """
    if jobs < 1:
        raise InputError(f"got {jobs} jobs; expected at least 1")
    scores: dict[str, SequenceScore] = {}
    failures: dict[str, str] = {}
    for name, outcome in _outcomes(sequences, run, min(jobs, len(sequences)), on_frames):
        if isinstance(outcome, SequenceScore):
            scores[name] = outcome
        else:
            failures[name] = outcome
    names = [sequence.name for sequence in sequences]
    return [scores[name] for name in names if name in scores], {
        name: failures[name] for name in names if name in failures
    }


def evaluate_sequence(sequence: BenchmarkSequence, run: Run, on_frames: OnFrames = ignore) -> SequenceScore:
    """Segment one sequence, unless its masks are given, and score it.

    Raises:
        GCVOSError: frames, annotations or masks cannot be used.
        OSError: a mask cannot be written.
    """
    folder = run.masks / sequence.name
    frames = len(sequence.images)
    if run.new_tracker is None:
        objects = score_sequence(sequence, folder)
        on_frames(frames)
        return SequenceScore(sequence.name, frames, objects)
    tracker = run.new_tracker()  # first: in a new process it makes the CUDA device ready to be asked
    reset_peak_memory(run.device)
    seconds = segment_sequence(sequence, tracker, folder, on_frames)
    peak = peak_memory(run.device)
    return SequenceScore(sequence.name, frames, score_sequence(sequence, folder), seconds, peak)


def segment_sequence(
    sequence: BenchmarkSequence, tracker: Tracker, folder: Path, on_frames: OnFrames = ignore
) -> float:
    """Run a tracker over a sequence and write the masks that the benchmark asks for, `FRAME.png`.

    Frames before the first object enters are background.

    Returns:
        The seconds that the tracker took.

    Raises:
        GCVOSError: a frame or an annotation cannot be used.
        OSError: a mask cannot be written.
    """
    prompts = read_prompts(sequence)
    asked = set(sequence.results)
    folder.mkdir(parents=True, exist_ok=True)
    seconds = 0.0
    with open_source(sequence.images[0].parent) as source:
        for index, frame in source.frames():
            masks = prompts.get(index, {})
            _expect_frame_size(sequence, index, frame, masks)
            labels: Labels = np.zeros(frame.shape[:2], np.uint8)
            if index >= min(prompts):
                started = time.perf_counter()
                labels = (tracker.annotate(frame, masks) if masks else tracker.step(frame)).labels
                seconds += time.perf_counter() - started
            name = sequence.frames[index]
            if name in asked:
                write_label_png(folder / f"{name}.png", labels)
            on_frames(1)
    return seconds


def _expect_frame_size(
    sequence: BenchmarkSequence, index: int, frame: NDArray[np.uint8], masks: Mapping[int, Mask]
) -> None:
    for mask in masks.values():
        if mask.shape != frame.shape[:2]:
            raise InputError(
                f"the annotation {sequence.annotations[sequence.frames[index]]} has the size {mask.shape}, "
                f"its frame {sequence.images[index]} {frame.shape[:2]} (H, W); expected the same"
            )


def _outcomes(
    sequences: Sequence[BenchmarkSequence], run: Run, jobs: int, on_frames: OnFrames
) -> Iterator[tuple[str, SequenceScore | str]]:
    """The name of each sequence, as they are done, with its score or with what went wrong."""
    if jobs <= 1:
        for sequence in sequences:
            yield sequence.name, _score_or_message(sequence, run, on_frames)
        return
    threads = max(1, (os.cpu_count() or 1) // jobs)
    # spawn, as CUDA and the thread pools of PyTorch do not survive a fork
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _limit_threads, (threads, run.new_tracker is not None)) as pool:
        longest_first = sorted(sequences, key=lambda sequence: -len(sequence.images))
        futures = {pool.submit(_score_or_message, sequence, run): sequence for sequence in longest_first}
        try:
            for future in as_completed(futures):
                yield futures[future].name, _result_or_message(future)
                on_frames(len(futures[future].images))
        finally:
            pool.shutdown(cancel_futures=True)  # at an interruption, what has not begun is not begun


def _score_or_message(
    sequence: BenchmarkSequence, run: Run, on_frames: OnFrames = ignore
) -> SequenceScore | str:
    try:
        return evaluate_sequence(sequence, run, on_frames)
    except (GCVOSError, OSError) as error:
        return str(error)


def _result_or_message(future: Future[SequenceScore | str]) -> SequenceScore | str:
    try:
        return future.result()
    except BrokenProcessPool:
        return "a process died, perhaps for want of memory; try again with fewer jobs"


def _limit_threads(threads: int, tracking: bool) -> None:
    """Share the cores among the processes, which would otherwise each take all of them."""
    cv2.setNumThreads(threads)
    if tracking:  # else there is no need for PyTorch, which takes seconds to import
        import torch

        torch.set_num_threads(threads)
