"""propagate(): through a whole source, forward, backward, or both ways from any annotated frames."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gcvos_model.errors import InputError
from gcvos_model.inputs import Mask
from gcvos_model.network.network import GCNetwork
from gcvos_model.propagation import SHORT_SIDE, Propagator
from gcvos_model.results import FrameResult, ObjectResult, Probabilities, merged_labels, present_ids
from gcvos_model.video import FrameSource, open_source, read_ahead

Direction = Literal["forward", "backward", "both"]
Prompts = Mapping[int, Mapping[int, Mask]]  # frame index to object id to mask
AHEAD = 2  # frames that are decoded while one is worked on


def propagate(
    source: str | Path | FrameSource,
    prompts: Prompts,
    *,
    model: GCNetwork,
    direction: Direction = "forward",
    start: int = 0,
    stop: int | None = None,
    short_side: int = SHORT_SIDE,
) -> Iterator[FrameResult]:
    """Carry annotated objects through a video, one frame at a time.

    Args:
        source: a video file, a folder of images, or an open source.
        prompts: the annotated frames: index (from 0) to {object id: mask `(H, W)`}.
        model: from `load_model`.
        direction: `forward` from the first annotated frame on, `backward` from the last one down, `both` over the
            whole range; between two annotated frames of an object, both directions are then merged (see `blend`).
        start: the first frame.
        stop: the frame to end before; None: the source's end.
        short_side: working resolution, see `Propagator`.

    Yields:
        A result for every frame that the direction reaches, in the order of propagation (`both`: ascending).
        Annotated objects come out as they went in.

    Raises:
        InputError: no prompts, a prompt outside of the range, an unknown direction, a bad mask.
        MediaError: a frame cannot be read; the frames before it have been yielded.
    """
    opened = source if isinstance(source, FrameSource) else open_source(source)
    check_prompts(prompts, direction, start, stop)
    return _run(opened, prompts, model, direction, start, stop, short_side)


def check_prompts(prompts: Prompts, direction: str, start: int, stop: int | None) -> None:
    """Raise InputError for what `propagate` cannot begin with."""
    if direction not in ("forward", "backward", "both"):
        raise InputError(f"unknown direction '{direction}': expected forward, backward or both")
    if not any(prompts.values()):
        raise InputError("no object is annotated: give at least one mask on one frame")
    for index in prompts:
        if index < start or (stop is not None and index >= stop):
            end = "the end" if stop is None else stop
            raise InputError(
                f"frame {index} is annotated, but frames {start} to {end} (exclusive) were asked for"
            )


def _run(
    source: FrameSource,
    prompts: Prompts,
    model: GCNetwork,
    direction: Direction,
    start: int,
    stop: int | None,
    short_side: int,
) -> Iterator[FrameResult]:
    annotated = {index: masks for index, masks in sorted(prompts.items()) if masks}
    first, last = min(annotated), max(annotated)
    propagator = Propagator(model, short_side=short_side, index=first)
    if direction == "forward":
        yield from forward(source, annotated, propagator, stop)
    elif direction == "backward":
        yield from _backward(source, annotated, propagator, start, last)
    else:
        yield from _both(source, annotated, propagator, start, stop)


def forward(
    source: FrameSource, prompts: Prompts, propagator: Propagator, stop: int | None = None
) -> Iterator[FrameResult]:
    """Carry on from `propagator.index` to `stop`, annotating where there are prompts.

    Between two results, `propagator.memories` is all that is needed to go on elsewhere. Frames are decoded ahead, in a
    thread.

    Raises:
        InputError: the source ends before an annotated frame.
        MediaError: a frame cannot be read.
    """
    unmet = {i for i in prompts if i >= propagator.index and (stop is None or i < stop)}
    with closing(read_ahead(source.frames(propagator.index, stop), AHEAD)) as frames:  # type: ignore[type-var]
        for index, frame in frames:
            unmet.discard(index)
            propagator.index = index
            yield propagator.annotate(frame, prompts[index]) if index in prompts else propagator.step(frame)
    if unmet:
        raise InputError(f"frame {min(unmet)} is annotated, but the source ends before it")


def _backward(
    source: FrameSource, prompts: Prompts, propagator: Propagator, start: int, last: int
) -> Iterator[FrameResult]:
    with closing(read_ahead(source.frames_backward(start, last + 1), AHEAD)) as frames:  # type: ignore[type-var]
        for index, frame in frames:
            propagator.index = index
            yield propagator.annotate(frame, prompts[index]) if index in prompts else propagator.step(frame)


def _both(
    source: FrameSource, prompts: Prompts, propagator: Propagator, start: int, stop: int | None
) -> Iterator[FrameResult]:
    """Backward first, its maps kept compressed on disk; then forward, merged on the way."""
    last = max(prompts)
    backward = Propagator(propagator.model, short_side=propagator.short_side)
    with TemporaryDirectory(prefix="gcvos-") as folder:
        kept = Path(folder)
        before = []  # frames that the forward pass does not reach
        for result in _backward(source, prompts, backward, start, last):
            _keep(kept, result)
            if result.index < min(prompts):
                before.append(result.index)
        for index in reversed(before):
            yield _recall(kept, index)
        keyframes = _keyframes(prompts)
        for result in forward(source, prompts, propagator, stop):
            yield result if result.index > last else blend(result, _recall(kept, result.index), keyframes)


def _keyframes(prompts: Prompts) -> dict[int, list[int]]:
    """Each object's annotated frames, ascending."""
    keyframes: dict[int, list[int]] = {}
    for index in sorted(prompts):
        for object_id in prompts[index]:
            keyframes.setdefault(object_id, []).append(index)
    return keyframes


def blend(forward: FrameResult, backward: FrameResult, keyframes: Mapping[int, list[int]]) -> FrameResult:
    """Merge both directions' results for one frame.

    For an object annotated at frames a < b around frame f, with probabilities p and confidences c of each direction,

        w_f = c_f (b - f) / (b - a),   w_b = c_b (f - a) / (b - a),   p = (w_f p_f + w_b p_b) / (w_f + w_b),

    so the direction that is surer and has come the shorter way counts more; the merged confidence is the same mean of
    c_f and c_b. Before an object's first annotated frame only the backward direction knows it, after its last only
    the forward one counts.

    Args:
        forward: the forward pass's result.
        backward: the backward pass's, for the same frame.
        keyframes: each object's annotated frames, ascending.

    Returns:
        The merged result; annotated objects are kept exactly.
    """
    f = forward.index
    ids = tuple(sorted({*forward.ids, *backward.ids}))
    maps: list[Probabilities] = []
    objects: dict[int, ObjectResult] = {}
    annotated: dict[int, NDArray[np.bool_]] = {}
    for object_id in ids:
        a = max((k for k in keyframes[object_id] if k <= f), default=None)
        b = min((k for k in keyframes[object_id] if k >= f), default=None)
        if a == b:  # annotated here
            maps.append(forward.coarse[forward.ids.index(object_id)])
            objects[object_id] = forward.objects[object_id]
            annotated[object_id] = forward.labels == object_id
            continue
        weights, sides = [], []
        if a is not None:
            sides.append(forward)
            weights.append(1.0 if b is None else forward.objects[object_id].confidence * (b - f) / (b - a))
        if b is not None:
            sides.append(backward)
            weights.append(1.0 if a is None else backward.objects[object_id].confidence * (f - a) / (b - a))
        shares = np.array(weights, np.float32) / max(sum(weights), 1e-6)
        maps.append(
            sum(w * side.coarse[side.ids.index(object_id)] for w, side in zip(shares, sides, strict=True))
        )
        sure = sum(w * side.objects[object_id].confidence for w, side in zip(shares, sides, strict=True))
        objects[object_id] = ObjectResult(confidence=float(sure), visible=True)
    coarse = np.stack(maps)
    labels = merged_labels(coarse, ids, forward.labels.shape)
    for object_id, mask in annotated.items():
        labels[(labels == object_id) & ~mask] = 0
        labels[mask] = object_id
    present = present_ids(labels)
    objects = {
        i: o if o.annotated else ObjectResult(o.confidence if i in present else 0.0, i in present)
        for i, o in objects.items()
    }
    return FrameResult(f, labels, ids, coarse, forward.working_size, objects)


def _keep(folder: Path, result: FrameResult) -> None:
    """Write a result to disk: maps as bytes, labels as they are."""
    np.savez_compressed(
        folder / f"{result.index}.npz",
        coarse=(result.coarse * 255).round().astype(np.uint8),
        labels=result.labels,
        ids=np.array(result.ids, np.int64),
        working=np.array(result.working_size),
        confidence=np.array([result.objects[i].confidence for i in result.ids]),
        flags=np.array([(result.objects[i].visible, result.objects[i].annotated) for i in result.ids], bool),
    )


def _recall(folder: Path, index: int) -> FrameResult:
    """Read back what `_keep` wrote, and remove it."""
    path = folder / f"{index}.npz"
    with np.load(path, allow_pickle=False) as kept:
        ids = tuple(int(i) for i in kept["ids"])
        objects = {
            i: ObjectResult(float(c), bool(visible), bool(annotated))
            for i, c, (visible, annotated) in zip(
                ids, kept["confidence"], kept["flags"].reshape(-1, 2), strict=True
            )
        }
        coarse = kept["coarse"].astype(np.float32) / 255
        working = (int(kept["working"][0]), int(kept["working"][1]))
        result = FrameResult(index, kept["labels"], ids, coarse, working, objects)
    path.unlink()
    return result
