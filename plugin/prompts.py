"""Annotations in FiftyOne's labels -> the core's prompts: masks at the frame's size, and whose they are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import fiftyone as fo
import numpy as np
from numpy.typing import NDArray

from gcvos_model.box_refinement import boxes_to_masks
from gcvos_model.errors import InputError
from gcvos_model.network.network import GCNetwork
from gcvos_model.video import Frame, FrameSource

from .database import Document, label_documents
from .sequences import Sequence
from .settings import Settings
from .tracks import Identity, Track, derived_instance, identities, make_tracks

Mask = NDArray[np.bool_]
Box = tuple[float, float, float, float]

NO_PIXEL = "marks no pixel; annotate it again, or leave its class out"
LISTS = {"Detections": "detections", "Polylines": "polylines"}
SINGLES = {"Detection": "detections", "Polyline": "polylines"}


@dataclass(frozen=True)
class Annotations:
    """What a sequence has been annotated with.

    Attributes:
        tracks: object id to track.
        prompts: frame index to {object id: mask (H, W)}.
        segmentation: whether the labels are label maps, and so are to be written as such.
    """

    tracks: dict[int, Track]
    prompts: dict[int, dict[int, Mask]]
    segmentation: bool = False


def read_annotations(
    dataset: fo.Dataset, sequence: Sequence, settings: Settings, source: FrameSource, model: GCNetwork
) -> Annotations:
    """Read a sequence's annotated frames; the model finds the objects in boxes that come without masks.

    Returns:
        The prompts and tracks; no prompts where nothing in the sequence has been annotated.

    Raises:
        InputError: labels of a kind that is no prompt, or an annotation that marks no pixel; says which frame.
    """
    outline = list(label_documents(dataset, sequence, settings.source_field, masks=False))
    if not outline:
        return Annotations({}, {})
    kind = outline[0][1]["_cls"]
    if kind == "Segmentation":
        return _read_label_maps(dataset, sequence, settings, source, [index for index, _ in outline])
    if kind not in LISTS and kind not in SINGLES:
        raise InputError(unsuitable(kind, settings.source_field))
    chosen, tracks = _choose(outline, sequence, settings)
    prompts: dict[int, dict[int, Mask]] = {}
    for index, document in label_documents(dataset, sequence, settings.source_field, sorted(chosen)):
        documents = {label["_id"]: label for label in _labels(document)}
        labels = {
            tracks[identity].object_id: fo.Label.from_dict(documents[label_id])
            for label_id, identity in chosen[index].items()
        }
        frame = _on_demand(source, index)
        size = source.size if sequence.is_video else frame().shape[:2]
        find = partial(boxes_to_masks, model, short_side=settings.short_side)
        prompts[index] = label_masks(labels, size, frame, find, f"frame {sequence.number(index)}")
    return Annotations({track.object_id: track for track in tracks.values()}, prompts)


def unsuitable(kind: str, field: str) -> str:
    """Say why labels of a kind cannot be propagated."""
    if kind in ("Keypoint", "Keypoints"):
        return (
            f"field '{field}' holds keypoints: points do not say where the object ends, so there is no mask to "
            "carry on; annotate with masks, boxes or polygons"
        )
    return f"field '{field}' holds {kind}: expected Detections, Polylines or Segmentation"


def _choose(
    outline: list[tuple[int, Document]], sequence: Sequence, settings: Settings
) -> tuple[dict[int, dict[Any, Identity]], dict[Identity, Track]]:
    """Choose the labels to start from: index to {label id: identity}, and the tracks that they make."""
    frames = [
        (index, [label for label in _labels(document) if _wanted(label, settings)])
        for index, document in outline
    ]
    chosen: dict[int, dict[Any, Identity]] = {}
    first: dict[Identity, Document] = {}
    for (index, labels), names in zip(frames, identities(labels for _, labels in frames), strict=True):
        for label, identity in zip(labels, names, strict=True):
            if settings.keyframes == "first" and identity in first:
                continue
            first.setdefault(identity, label)
            chosen.setdefault(index, {})[label["_id"]] = identity
    return chosen, make_tracks(first, sequence.key)


def _wanted(label: Document, settings: Settings) -> bool:
    if label.get("keyframe") is False:  # it has been propagated or interpolated, by whomever
        return False
    if settings.classes and label.get("label") not in settings.classes:
        return False
    return not settings.label_ids or str(label["_id"]) in settings.label_ids


def _labels(document: Document) -> list[Document]:
    kind = document["_cls"]
    return [document] if kind in SINGLES else list(document.get(LISTS[kind]) or [])


def _on_demand(source: FrameSource, index: int) -> Callable[[], Frame]:
    """Return what gives a frame, decoded once and only when it is needed."""
    decoded: list[Frame] = []

    def frame() -> Frame:
        if not decoded:
            decoded.append(source.frame(index))
        return decoded[0]

    return frame


def label_masks(
    labels: Mapping[int, fo.Label],
    size: tuple[int, int],
    frame: Callable[[], Frame],
    find: Callable[[Frame, list[Box]], list[Mask]],
    where: str,
) -> dict[int, Mask]:
    """Render the labels of one frame at its size.

    Args:
        labels: object id to `Detection` or `Polyline`.
        size: (H, W) of the frame.
        frame: gives the frame's pixels; asked only where there are boxes without masks.
        find: turns the boxes (x1, y1, x2, y2; pixels) on a frame into masks.
        where: names the frame in messages.

    Raises:
        InputError: a label marks no pixel, or its mask file is absent.
    """
    names = {
        i: f"the {type(label).__name__.lower()} '{label.label}' on {where}" for i, label in labels.items()
    }
    boxes = {i: _pixel_box(label, size) for i, label in labels.items() if _is_box(label)}
    for object_id, (left, top, right, bottom) in boxes.items():
        if round(left) >= round(right) or round(top) >= round(bottom):
            raise InputError(f"{names[object_id]} {NO_PIXEL}")
    found = dict(zip(boxes, find(frame(), list(boxes.values())) if boxes else [], strict=True))
    masks = {}
    for object_id, label in labels.items():
        try:
            masks[object_id] = found[object_id] if object_id in found else label_mask(label, size)
        except OSError as error:
            message = f"{names[object_id]} has its mask in a file that cannot be read: {error}"
            raise InputError(message) from None
        if not masks[object_id].any():
            raise InputError(f"{names[object_id]} {NO_PIXEL}")
    return masks


def label_mask(label: fo.Label, size: tuple[int, int]) -> Mask:
    """Render a `Detection` with a mask (or mask file), or a `Polyline`, as a mask (H, W).

    A polyline is an area when it is closed or filled, else a line.
    """
    height, width = size
    if isinstance(label, fo.Polyline):
        area = label.copy()
        area.filled = bool(label.filled or label.closed)
        line = max(3, min(size) // 100)
        return area.to_segmentation(frame_size=(width, height), target=1, thickness=line).get_mask() > 0
    return label.to_segmentation(frame_size=(width, height), target=1).get_mask() > 0


def _is_box(label: fo.Label) -> bool:
    return isinstance(label, fo.Detection) and label.mask is None and label.mask_path is None


def _pixel_box(label: fo.Detection, size: tuple[int, int]) -> Box:
    """The box's edges within the frame, in pixels: x1, y1, x2, y2."""
    height, width = size
    x, y, w, h = label.bounding_box
    return max(0, x * width), max(0, y * height), min(width, (x + w) * width), min(height, (y + h) * height)


def _read_label_maps(
    dataset: fo.Dataset, sequence: Sequence, settings: Settings, source: FrameSource, indices: list[int]
) -> Annotations:
    """Read `Segmentation` labels: each value is an object, whose id and index it is."""
    names = dataset.mask_targets.get(settings.source_field) or dataset.default_mask_targets or {}
    if settings.keyframes == "first":
        indices = indices[:1]
    tracks: dict[int, Track] = {}
    prompts: dict[int, dict[int, Mask]] = {}
    for index, document in label_documents(dataset, sequence, settings.source_field, indices):
        if document.get("keyframe") is False:
            continue
        size = source.size if sequence.is_video else source.frame(index).shape[:2]
        labels = _label_map(document, size, f"frame {sequence.number(index)}")
        for value in (int(value) for value in np.unique(labels) if value > 0):
            if settings.classes and names.get(value, str(value)) not in settings.classes:
                continue
            prompts.setdefault(index, {})[value] = labels == value
            instance = derived_instance(sequence.key, ("value", str(value)))
            tracks.setdefault(value, Track(value, names.get(value), value, instance))
    if not prompts:
        raise InputError(
            "the segmentation marks no pixel of the classes to take; annotate at least one object"
        )
    return Annotations(tracks, prompts, segmentation=True)


def _label_map(document: Document, size: tuple[int, int], where: str) -> NDArray[np.integer[Any]]:
    labels = fo.Segmentation.from_dict(document).get_mask()
    if labels is None or labels.ndim != 2:
        raise InputError(
            f"the segmentation on {where} is not a map (H, W) of whole numbers; RGB maps have no ids"
        )
    if labels.shape != size:
        labels = cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST)
    return labels
