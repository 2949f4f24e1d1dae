"""Writing a sequence's labels some frames at a time, together with how far it has come."""

import time
from collections.abc import Mapping
from dataclasses import replace

import fiftyone as fo

from gcvos_model import FrameResult, ObjectMemory

from .database import Document, label_documents, write_frames
from .labels import LabelWriter, merged
from .records import Run, State
from .sequences import Sequence
from .settings import REVIEW_TAG, Settings

CHUNK = 32  # frames written at once
PAUSE = 15.0  # seconds after which fewer frames are written too: a crash costs no more, and others see it is alive


class ChunkWriter:
    """Collects results and writes them: whole frames, then the record of how far the sequence has come.

    A process that is killed in between writes some frames again when the run goes on, with the same outcome.

    Attributes:
        state: what has been recorded last.
    """

    def __init__(
        self,
        dataset: fo.Dataset,
        sequence: Sequence,
        settings: Settings,
        run: Run,
        state: State,
        labels: LabelWriter,
    ) -> None:
        self.dataset, self.sequence, self.settings, self.run = dataset, sequence, settings, run
        self.state = state
        self._labels = labels
        self._begun = time.monotonic() - state.seconds
        self._clear()

    def _clear(self) -> None:
        self._documents: dict[int, Document | None] = {}
        self._review: list[int] = []
        self._memories: Mapping[int, ObjectMemory] | None = None
        self._flushed = time.monotonic()

    def add(self, result: FrameResult, memories: Mapping[int, ObjectMemory] | None) -> None:
        """Take one frame's result, and the memories after it, where the run can go on from such.

        Raises:
            OSError: a mask file cannot be written.
        """
        document = self._labels.label(result, self.sequence.number(result.index))
        self._documents[result.index] = document
        self._memories = memories
        if needs_a_look(result, self.settings.review_confidence):
            self._review.append(result.index)
        if len(self._documents) >= CHUNK or time.monotonic() - self._flushed > PAUSE:
            self.flush()

    def flush(self) -> None:
        """Write what has been collected."""
        if not self._documents:
            return
        self._write_labels()
        numbers = [self.sequence.number(index) for index in self._review]
        state = replace(
            self.state,
            written=self.state.written + len(self._documents),
            frames=self.state.frames + sum(document is not None for document in self._documents.values()),
            review=sorted({*self.state.review, *numbers}),
            areas={str(object_id): area for object_id, area in self._labels.areas.items()},
            seconds=time.monotonic() - self._begun,
        )
        self.state = self.run.save(self.sequence.key, state, self._memories)
        self._clear()

    def _write_labels(self) -> None:
        field, settings = self.settings.target_field, self.settings
        indices = list(self._documents)
        existing = dict(label_documents(self.dataset, self.sequence, field, indices))
        changed = {}
        for index, new in self._documents.items():
            before = existing.get(index)
            after = merged(before, new, settings.run_key, settings.overwrite)
            if after is not None or before is not None:
                changed[index] = {field: after}
        tags = {} if self.sequence.is_video else dict.fromkeys(self._review, REVIEW_TAG)
        write_frames(self.dataset, self.sequence, changed, tags)


def needs_a_look(result: FrameResult, confidence: float) -> bool:
    """Say whether a frame has an object that is in sight but doubtful."""
    return any(o.visible and not o.annotated and o.confidence < confidence for o in result.objects.values())
