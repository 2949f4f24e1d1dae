"""Every mask of a benchmark's sequences with how sure the model was of it, and how right it was."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gcvos_model.evaluation.layouts import BenchmarkSequence
from gcvos_model.evaluation.protocol import read_annotation
from gcvos_model.masks import Mask, object_masks
from gcvos_model.metrics import region_similarity
from gcvos_model.network.network import GCNetwork
from gcvos_model.propagation import Propagator
from gcvos_model.video import open_source

BAD = 0.5  # J below which a mask is bad


@dataclass(frozen=True)
class Judged:
    """One object on one frame: how sure the model was, and how right."""

    confidence: float
    visible: bool
    present: bool
    j: float


def judge(model: GCNetwork, shots: Sequence[tuple[BenchmarkSequence, range]]) -> Iterator[list[Judged]]:
    """Track the objects of the first shot's first frame through all shots; yield every later frame's judgements."""
    propagator, truth = Propagator(model), object_masks(_annotation(*shots[0], 0))
    for number, (sequence, frames) in enumerate(shots):
        with open_source(sequence.images[0].parent) as source:
            for index, frame in source.frames(frames.start, frames.stop):
                if number == 0 and index == frames.start:
                    propagator.annotate(frame, truth)
                    continue
                result = propagator.step(frame)
                same = sequence is shots[0][0]
                there = object_masks(read_annotation(sequence, sequence.frames[index])) if same else {}
                yield [_judged(result.labels == i, there.get(i), result.objects[i].confidence) for i in truth]


def _annotation(sequence: BenchmarkSequence, frames: range, at: int) -> NDArray[np.uint8]:
    return np.asarray(read_annotation(sequence, sequence.frames[frames[at]]), np.uint8)


def _judged(found: Mask, truth: Mask | None, confidence: float) -> Judged:
    true = np.zeros_like(found) if truth is None else truth
    return Judged(confidence, bool(found.any()), bool(true.any()), region_similarity(found, true))


def whole(sequence: BenchmarkSequence) -> list[tuple[BenchmarkSequence, range]]:
    """A sequence without a cut."""
    return [(sequence, range(len(sequence.images)))]
