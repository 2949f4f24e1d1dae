"""How long the stages of one request take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Timings:
    """Milliseconds by stage, in the order in which the stages were first left."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add the time spent inside to `stage`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.stages[stage] = self.stages.get(stage, 0.0) + (time.perf_counter() - start) * 1000

    def header(self) -> str:
        """The stages as the value of a `Server-Timing` header (W3C Server Timing)."""
        return ", ".join(f"{stage};dur={duration:.2f}" for stage, duration in self.stages.items())
