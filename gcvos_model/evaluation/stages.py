"""Where a frame's time goes: the parts of `Propagator.step`, timed from outside."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import torch

from gcvos_model import propagation
from gcvos_model.network.network import GCNetwork

STEP_STAGES = ("resize", "query encoder", "read", "decoder", "memory encoder", "merge")


@dataclass
class _Span:
    name: str
    parent: int | None  # number of the span around it
    begin: Any  # seconds, or a CUDA event
    end: Any = None


@dataclass
class StageClock:
    """Adds up the time of named stages; of nested ones each has its own time without those inside it.

    On a CUDA device times are between events on its stream, so measuring makes nothing wait.
    """

    device: torch.device
    _spans: list[_Span] = field(default_factory=list)
    _open: list[int] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block as part of a stage."""
        self._spans.append(_Span(name, self._open[-1] if self._open else None, self._now()))
        self._open.append(len(self._spans) - 1)
        try:
            yield
        finally:
            self._spans[self._open.pop()].end = self._now()

    def seconds(self) -> dict[str, float]:
        """Seconds of each stage since the last call; waits for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        own = [self._elapsed(span.begin, span.end) for span in self._spans]
        for span in self._spans:
            if span.parent is not None:
                own[span.parent] -= self._elapsed(span.begin, span.end)
        totals: dict[str, float] = {}
        for span, seconds in zip(self._spans, own, strict=True):
            totals[span.name] = totals.get(span.name, 0.0) + seconds
        self._spans.clear()
        return totals

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function as a stage."""

        @functools.wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            with self.stage(name):
                return function(*arguments, **options)

        return call

    def _now(self) -> Any:
        if self.device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def _elapsed(self, begin: Any, end: Any) -> float:
        return begin.elapsed_time(end) / 1000 if self.device.type == "cuda" else end - begin


@contextmanager
def clocked_step(clock: StageClock, network: GCNetwork) -> Iterator[None]:
    """Within the block, every `Propagator.step` of the network tells the clock its stages.

    The decoder's stage holds all of `GCNetwork.segment` but the read; `merge` is the merging of objects at the
    network's resolution and the label map at the frame's.
    """
    parts: list[tuple[Any, str, str]] = [
        (propagation, "frame_pixels", "resize"),
        (network, "encode", "query encoder"),
        (network.memory, "read", "read"),
        (network, "segment", "decoder"),
        (network, "context", "memory encoder"),
        (propagation, "merge", "merge"),
        (propagation, "merged_labels", "merge"),
    ]
    with ExitStack() as patches:
        for owner, attribute, name in parts:
            timed = clock.timed(name, getattr(owner, attribute))
            patches.enter_context(patch.object(owner, attribute, timed))
        yield
