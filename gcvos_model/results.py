"""What propagation gives for a frame: labels, probabilities, and how far to trust them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

LabelMap = NDArray[np.integer[Any]]
Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class ObjectResult:
    """One object on one frame.

    `confidence` in [0, 1] is the mean probability of the object's own pixels, weighted by that probability, times the
    square of how like the frame's context is to that of the annotated frames (`context.likeness`): near 1 where the
    network is sure of the whole mask and it looks as it did when it was drawn, lower where much of it is doubtful or
    it has come to look otherwise, 0 where no pixel is the object's. An annotated object has 1. `visible` says whether
    any pixel of the label map is the object's.
    """

    confidence: float
    visible: bool
    annotated: bool = False


@dataclass(frozen=True)
class FrameResult:
    """All objects on one frame."""

    index: int  # of the frame, from 0
    labels: LabelMap  # (H, W), source resolution: 0 background, else the object's id
    ids: tuple[int, ...]
    coarse: (
        Probabilities  # (K, h/4, w/4), in the order of ids: what the network gives, at a quarter of (h, w)
    )
    working_size: tuple[int, int]  # (h, w)
    objects: dict[int, ObjectResult]

    @property
    def probabilities(self) -> Probabilities:
        """Each object's probability at the working resolution, `(K, h, w)`, in the order of `ids`."""
        height, width = self.working_size
        if not self.ids:
            return np.zeros((0, height, width), np.float32)
        return np.stack([upsample(p, self.working_size) for p in self.coarse])


def upsample(probability: Probabilities, size: tuple[int, int]) -> Probabilities:
    """Resize one map bilinearly to `size` (H, W)."""
    return cv2.resize(probability, size[::-1], interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def label_dtype(ids: Sequence[int]) -> type[np.uint8] | type[np.int32]:
    """uint8 where every id fits."""
    return np.uint8 if max(ids, default=0) <= 255 else np.int32


def merged_labels(coarse: Probabilities, ids: Sequence[int], size: tuple[int, int]) -> LabelMap:
    """The most probable of background and objects at every pixel.

    Args:
        coarse: merged probabilities, `(K, h, w)`; the background has what is missing to 1.
        ids: of the K objects.
        size: (H, W) of the label map; the probabilities are interpolated to it.

    Returns:
        `(H, W)`. One full-size map is held at a time, so memory does not grow with K.
    """
    labels = np.zeros(size, label_dtype(ids))
    if len(ids) == 1:
        labels[upsample(coarse[0], size) > 0.5] = ids[0]
        return labels
    background = upsample(np.clip(1 - coarse.sum(0), 0, 1), size) if len(ids) else None
    best = background
    for probability, object_id in zip(coarse, ids, strict=True):
        rows, columns = _span(probability, size, 1 / (len(ids) + 1))
        if rows.stop <= rows.start:
            continue
        full = upsample(probability, size)[rows, columns]
        wins = full > best[rows, columns]  # type: ignore[index]
        labels[rows, columns][wins] = object_id
        best[rows, columns][wins] = full[wins]  # type: ignore[index]
    return labels


def present_ids(labels: LabelMap) -> set[int]:
    """The values in a label map, the background's 0 included."""
    if labels.dtype == np.uint8:  # counting takes a tenth of the time of sorting
        return set(np.flatnonzero(cv2.calcHist([labels], [0], None, [256], [0, 256])).tolist())
    return set(np.unique(labels).tolist())


def confidence(probability: Probabilities, likeness: float) -> float:
    """See `ObjectResult.confidence`, from a merged map at the network's own resolution and the likeness in [-1, 1]."""
    total = float(probability.sum())
    sure = float(np.square(probability).sum() / total) if total > 0 else 0.0
    return sure * max(0.0, likeness) ** 2


def _span(probability: Probabilities, size: tuple[int, int], least: float) -> tuple[slice, slice]:
    """The rows and columns of a full-size map that can hold more than `least`, with a coarse pixel to spare."""
    found = probability > least
    spans = []
    for axis, length in enumerate(size):
        hit = np.flatnonzero(found.any(1 - axis))
        ratio = length / found.shape[axis]
        begin, end = (hit[0] - 1, hit[-1] + 2) if len(hit) else (0, 0)
        spans.append(slice(max(0, int(begin * ratio)), min(length, int(np.ceil(end * ratio)))))
    return spans[0], spans[1]
