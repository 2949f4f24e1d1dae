"""Propagator: one pass over a stream of frames, any number of objects, each with a memory of constant size."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from gcvos_model.errors import InputError, StateError
from gcvos_model.gpu.pending import PendingResult
from gcvos_model.gpu.run import DeviceRun, runs_on_device
from gcvos_model.inputs import (
    Frame,
    Mask,
    check_frame,
    check_mask,
    coarse_mask,
    coarse_size,
    frame_pixels,
    resized,
    working_size,
)
from gcvos_model.memory import ObjectMemory
from gcvos_model.network.config import STRIDE
from gcvos_model.network.context import taken_over
from gcvos_model.network.network import Features, GCNetwork, merge, with_others
from gcvos_model.results import (
    FrameResult,
    ObjectResult,
    Probabilities,
    confidence,
    merged_labels,
    present_ids,
)
from gcvos_model.search import search_region
from gcvos_model.step import FADING, LOST_BELOW, NOWHERE, quantize, restore

SHORT_SIDE = 480
TOGETHER = 16  # objects that are computed at once, so that memory does not grow with their number


class Propagator:
    """Carries objects from frame to frame.

    On a CUDA device steps are graphs (`gpu/`): `step` returns at once, and who looks at the result waits for
    it. By the time a step returns, the result before it is there.

    Args:
        model: from `load_model`.
        short_side: working resolution: frames are resized so that their shorter side is this many pixels (both sides
            rounded to multiples of 16).
        memories: objects that are tracked already, to go on with.
        index: of the next frame, from 0.
        eager: one operation after the other on a CUDA device too, as on the others: what graphs are checked against.

    Raises:
        StateError: a memory is of another model.
    """

    def __init__(
        self,
        model: GCNetwork,
        *,
        short_side: int = SHORT_SIDE,
        memories: Mapping[int, ObjectMemory] | None = None,
        index: int = 0,
        eager: bool = False,
    ) -> None:
        if short_side < STRIDE:
            raise InputError(
                f"the working resolution's short side is {short_side}: expected at least {STRIDE} pixels"
            )
        self.model = model
        self.short_side = short_side
        self.index = index
        self.eager = eager
        self._memories = dict(memories or {})
        self._run: DeviceRun | None = None  # where it is, the objects' state is there, and theirs here is old
        self._behind: PendingResult | None = None  # the last result of the run
        for object_id, memory in self._memories.items():
            if memory.digest != model.digest:
                raise StateError(
                    f"the memory of object {object_id} is of model {memory.digest[:12]}, "
                    f"but the model is {model.digest[:12]}"
                )

    @property
    def memories(self) -> dict[int, ObjectMemory]:
        """All that is remembered, by object id, in the order in which they came."""
        if self._run is not None:
            self._memories.update(self._run.memories())
            self._run = None
        return self._memories

    @memories.setter
    def memories(self, memories: dict[int, ObjectMemory]) -> None:
        self._memories, self._run = memories, None

    def annotate(self, frame: Frame, masks: Mapping[int, Mask]) -> FrameResult:
        """Take objects' masks on the next frame, and predict there whatever else is tracked.

        An object that is not tracked starts here. One that is, is corrected: its context restarts from its annotated
        frames, and what was predicted between them is forgotten.

        Args:
            frame: uint8 RGB, `(H, W, 3)`.
            masks: object id (a positive integer) to its mask at the frame's size, `(H, W)`, bool or probabilities in
                [0, 1]. Where masks overlap, the one that comes later in the mapping is on top.

        Returns:
            The frame's result; annotated objects come out as they went in.

        Raises:
            InputError: a mask of another size, an empty one, an id below 1, or a frame that is not uint8 RGB.
        """
        check_frame(frame)
        for object_id, mask in masks.items():
            check_mask(object_id, mask, frame)
        return self._advance(frame, masks)

    def step(self, frame: Frame) -> FrameResult:
        """Predict every tracked object on the next frame, uint8 RGB `(H, W, 3)`, and learn from it.

        Raises:
            InputError: the frame is not uint8 RGB.
        """
        check_frame(frame)
        if not self.eager and runs_on_device(self.model, self._memories):
            return self._step_on_device(frame)
        return self._advance(frame, {})

    def forget(self, object_id: int) -> None:
        """Stop tracking an object.

        Raises:
            InputError: it is not tracked.
        """
        if object_id not in self.memories:
            raise InputError(
                f"object {object_id} is not tracked; tracked are {sorted(self.memories) or 'none'}"
            )
        del self.memories[object_id]

    @torch.inference_mode()
    def _step_on_device(self, frame: Frame) -> PendingResult:
        self._run = self._run or DeviceRun(self.model, self._memories)
        pixels = resized(frame, working_size(frame.shape[:2], self.short_side))
        result = self._run.step(pixels, frame.shape[:2], self.index)
        if self._behind is not None:
            self._behind.wait()  # only now: so the device has work, and never much more than that
        self._behind = result
        self.index += 1
        return result

    @torch.inference_mode()
    def _advance(self, frame: Frame, masks: Mapping[int, Mask]) -> FrameResult:
        working = working_size(frame.shape[:2], self.short_side)
        predicted = [object_id for object_id in self.memories if object_id not in masks]
        if not predicted and not masks:
            return self._result(frame, working, {}, np.zeros((0, *coarse_size(working)), np.float32), {})
        features = self.model.encode(frame_pixels(frame, working, self.model))
        given = {i: coarse_mask(mask, working).to(self.model.device) for i, mask in masks.items()}
        previous = self._previous(predicted, features)
        p = self._predict(features, predicted, previous, given)
        soft = torch.cat([p, *(mask[None] for mask in given.values())])
        groups = with_others(soft).split(TOGETHER)
        contexts = torch.cat([self.model.context(features, group) for group in groups])
        lost, likeness = self._lost(predicted, p, contexts)
        gone, kept = lost.view(-1, 1, 1, 1), soft.clone()
        kept[: len(predicted)] = torch.where(gone, FADING * previous, p)
        soft[: len(predicted)].masked_fill_(gone, 0)
        self._remember(frame.shape[:2], [*predicted, *given], lost.tolist(), kept, contexts)
        coarse = soft[:, 0].float().cpu().numpy()
        likeness_of = dict(zip(predicted, likeness.tolist(), strict=True))
        return self._result(frame, working, masks, coarse, likeness_of)

    def _previous(self, ids: Sequence[int], features: Features) -> Tensor:
        """The objects' soft masks on the frame before, `(K, 1, h/4, w/4)`."""
        size = features.skip4.shape[-2], features.skip4.shape[-1]
        if not ids:
            return features.q.new_zeros((0, 1, *size))
        return restore(torch.stack([self.memories[i].mask for i in ids]).to(features.q.device), size)

    def _predict(
        self, features: Features, ids: Sequence[int], previous: Tensor, given: Mapping[int, Tensor]
    ) -> Tensor:
        """Merged soft masks of the objects to predict, `(K, 1, h/4, w/4)`; annotated objects take their pixels first."""
        if not ids:
            return previous
        logits = torch.empty_like(previous)
        previous = with_others(previous)
        for group in self._alike(ids):
            memories = [self.memories[ids[k]] for k in group]
            reads = [torch.stack([m.context.to(features.q.device) for m in memories])]
            if self.model.config.annotated_apart:
                reads.insert(0, torch.stack([_annotated(m).to(features.q.device) for m in memories]))
            segmented = self.model.segment(features, reads, previous[group])
            logits[group] = segmented.masked_fill(_elsewhere(previous[group]), NOWHERE)
        p = merge(logits)
        for mask in given.values():
            p = p * (1 - mask)
        return p

    def _alike(self, ids: Sequence[int]) -> list[list[int]]:
        """Positions in `ids` of objects to batch: up to `TOGETHER`, and no STM memories of different lengths."""
        groups: dict[torch.Size, list[int]] = {}
        for k, object_id in enumerate(ids):
            groups.setdefault(self.memories[object_id].context.shape, []).append(k)
        return [alike[i : i + TOGETHER] for alike in groups.values() for i in range(0, len(alike), TOGETHER)]

    def _lost(self, ids: Sequence[int], p: Tensor, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Which of the predicted objects are lost, `(K,)`: no pixel is sure, or what is found is unlike the memory.

        Unlike it altogether, or less like it than like another object's. And how like each is to its annotated self, `(K,)`.
        """
        unsure = p.flatten(1).amax(1) <= LOST_BELOW
        if not ids:
            return unsure, contexts.new_zeros(0)
        memories, like = [self.memories[i] for i in ids], self.model.memory.likeness
        remembered = [like(C, m.context.to(C)) for C, m in zip(contexts, memories, strict=False)]
        drawn = [
            like(C, (m.context if m.annotated is None else m.annotated).to(C))
            for C, m in zip(contexts, memories, strict=False)
        ]
        unlike = torch.stack(remembered) < self.model.config.least_likeness
        if self.model.config.memory == "context":
            unlike |= taken_over(
                contexts[: len(ids)], torch.stack([m.context for m in memories]).to(contexts)
            )
        return unsure | unlike, torch.stack(drawn)

    def _remember(
        self,
        size: tuple[int, int],
        ids: Sequence[int],
        lost: Sequence[bool],
        masks: Tensor,
        contexts: Tensor,
    ) -> None:
        """Equation 2: of the objects `ids`, as many as `lost` has entries are predicted, the others annotated."""
        kept = quantize(masks)
        due = self.index % self.model.config.memory_interval == 0
        for k, object_id in enumerate(ids):
            memory, context = self.memories.get(object_id), contexts[k]
            if k >= len(lost):
                self.memories[object_id] = self._annotated_memory(memory, context, kept[k], size)
                continue
            assert memory is not None
            if due and not lost[k]:
                updated = self.model.memory.update(memory.context, context, memory.frames + 1)
                memory = replace(memory, context=updated, frames=memory.frames + 1)
            self.memories[object_id] = replace(memory, mask=kept[k], size=size)

    def _annotated_memory(
        self, memory: ObjectMemory | None, context: Tensor, mask: Tensor, size: tuple[int, int]
    ) -> ObjectMemory:
        """A new object's memory, or a corrected one's: the mean over its annotated frames."""
        frames = 1
        if memory is not None and memory.annotated is not None:
            frames = memory.annotated_frames + 1
            context = self.model.memory.update(memory.annotated.to(context), context, frames)
        return ObjectMemory(
            context=context,
            frames=frames,
            annotated=context.half(),
            annotated_frames=frames,
            mask=mask,
            size=size,
            digest=self.model.digest,
        )

    def _result(
        self,
        frame: Frame,
        working: tuple[int, int],
        masks: Mapping[int, Mask],
        coarse: Probabilities,
        likeness: Mapping[int, float],
    ) -> FrameResult:
        """The result of a frame on which the objects of `likeness` were predicted, those of `masks` annotated."""
        predicted = list(likeness)
        labels = merged_labels(coarse[: len(predicted)], predicted, frame.shape[:2])
        if masks and max(masks) > 255:
            labels = labels.astype(np.int32)
        for object_id, mask in masks.items():
            labels[np.asarray(mask) > 0.5] = object_id
        present = present_ids(labels)
        objects = {
            i: ObjectResult(confidence(coarse[k], likeness[i]) if i in present else 0.0, visible=i in present)
            for k, i in enumerate(predicted)
        }
        objects |= {i: ObjectResult(confidence=1.0, visible=True, annotated=True) for i in masks}
        result = FrameResult(self.index, labels, (*predicted, *masks), coarse, working, objects)
        self.index += 1
        return result


def _elsewhere(previous: Tensor) -> Tensor:
    """Where objects are not looked for, given their masks on the frame before: `(K, 1, h, w)` bool."""
    regions = np.stack([search_region(mask) for mask in previous[:, 0].cpu().numpy()])
    return ~torch.from_numpy(regions)[:, None].to(previous.device)


def _annotated(memory: ObjectMemory) -> Tensor:
    if memory.annotated is None:
        raise StateError(
            "the memory was packed without its annotated frames' context, which this model reads"
        )
    return memory.annotated.float()
