"""The core's results -> FiftyOne's labels, as MongoDB keeps them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import fiftyone as fo
import numpy as np
from bson import ObjectId
from numpy.typing import NDArray

from gcvos_model import FrameResult
from gcvos_model.files import write_atomic
from gcvos_model.masks import tight_box

from .database import Document
from .tracks import Track

Mask = NDArray[np.bool_]

OCCLUDED_SHARE = 0.5  # of an object's usual area: with less in sight it counts as partly hidden
AREA_MEMORY = 0.9  # share of the usual area that stays from one frame to the next

NUDGE = 1e-9  # of the frame


@dataclass
class LabelWriter:
    """Turns the results of one sequence into label documents.

    Attributes:
        tracks: the sequence's objects.
        run_key: marks every label as written by this run.
        segmentation: write one label map a frame instead of one detection an object.
        folder: where mask files go; None keeps the masks in the database.
        mask_threshold: probability from which on a pixel is the object's.
        areas: object id to its usual area in pixels (a decaying mean); part of what a run is continued from.
    """

    tracks: dict[int, Track]
    run_key: str
    segmentation: bool = False
    folder: Path | None = None
    mask_threshold: float = 0.5
    areas: dict[int, float] = field(default_factory=dict)

    def label(self, result: FrameResult, number: int) -> Document | None:
        """Return the label document for one frame, None where no object is to be seen.

        Args:
            result: of the core.
            number: what FiftyOne calls the frame; names its mask files.

        Raises:
            OSError: a mask file cannot be written, such as on a full disk.
        """
        masks = {
            i: self._mask(result, i) for i, o in result.objects.items() if o.visible and i in self.tracks
        }
        masks = {object_id: mask for object_id, mask in masks.items() if mask.any()}
        if not masks:
            return None
        if self.segmentation:
            return self._segmentation(result, masks, number)
        detections = [self._detection(result, object_id, mask, number) for object_id, mask in masks.items()]
        return {"_cls": "Detections", "detections": detections}

    def _mask(self, result: FrameResult, object_id: int) -> Mask:
        """Return an object's pixels (H, W); annotated objects and a threshold of one half take the label map."""
        own = result.labels == object_id
        if self.mask_threshold == 0.5 or result.objects[object_id].annotated:
            return own
        height, width = result.labels.shape
        probability = cv2.resize(
            result.probabilities[result.ids.index(object_id)], (width, height), interpolation=cv2.INTER_LINEAR
        )
        return (probability >= self.mask_threshold) & (own | (result.labels == 0))

    def _detection(self, result: FrameResult, object_id: int, mask: Mask, number: int) -> Document:
        box = tight_box(mask)
        assert box is not None
        x1, y1, x2, y2 = box
        height, width = mask.shape
        track, state = self.tracks[object_id], result.objects[object_id]
        crop = mask[y1:y2, x1:x2]
        detection = fo.Detection(
            label=track.label,
            bounding_box=_relative_box(box, width, height),
            confidence=round(state.confidence, 4),
            index=track.index,
            **self._stored(crop, f"{number:06d}-{object_id}.png"),
        )
        document = dict(detection.to_dict())
        document["instance"] = {"_id": ObjectId(track.instance), "_cls": "Instance"}
        document.update(keyframe=state.annotated, occluded=self._occluded(object_id, int(crop.sum())))
        return {**document, **track.attributes, "run": self.run_key}

    def _segmentation(self, result: FrameResult, masks: dict[int, Mask], number: int) -> Document:
        labels = np.zeros(result.labels.shape, np.uint8 if max(masks) <= 255 else np.uint16)
        for object_id, mask in masks.items():
            labels[mask] = object_id
        document = dict(fo.Segmentation(**self._stored(labels, f"{number:06d}.png")).to_dict())
        confidences = {str(i): round(result.objects[i].confidence, 4) for i in masks}
        return {
            **document,
            "confidence": min(confidences.values()),
            "confidences": confidences,
            "keyframe": all(result.objects[object_id].annotated for object_id in masks),
            "run": self.run_key,
        }

    def _stored(self, mask: NDArray[Any], name: str) -> dict[str, Any]:
        """Return the mask as a label's argument, written to its file first where masks are kept on disk."""
        if self.folder is None:
            return {"mask": mask}
        pixels = mask.astype(np.uint8) * 255 if mask.dtype == bool else mask
        path = self.folder / name
        write_atomic(path, cv2.imencode(".png", pixels)[1].tobytes())
        return {"mask_path": str(path)}

    def _occluded(self, object_id: int, area: int) -> bool:
        """Say whether much less of the object is in sight than usual, and learn from the frame."""
        usual = self.areas.get(object_id, float(area))
        self.areas[object_id] = AREA_MEMORY * usual + (1 - AREA_MEMORY) * area
        return area < OCCLUDED_SHARE * usual


def merged(existing: Document | None, new: Document | None, run_key: str, overwrite: bool) -> Document | None:
    """Return what the target field is to hold on a frame.

    What the run wrote there before is replaced. What others wrote stays, unless `overwrite`; and a new label of
    an object that they have already labelled on this frame is left out (a label of theirs without index and
    instance counts for every object of its class).

    Args:
        existing: what the field holds.
        new: what the run has to write; None where no object is in sight.
        run_key: of the run.
        overwrite: whether to replace what others wrote.
    """
    if existing is None or overwrite:
        return new
    if existing["_cls"] != "Detections":
        return new if existing.get("run") == run_key else existing
    foreign = [label for label in existing["detections"] if label.get("run") != run_key]
    taken = {identity for label in foreign for identity in _identities(label)}
    own = [] if new is None else new["detections"]
    labels = foreign + [label for label in own if taken.isdisjoint([*_identities(label), _anonymous(label)])]
    return {**existing, "detections": labels} if labels else None


def _identities(label: Document) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    if label.get("instance"):
        found.append(("instance", label["instance"]["_id"]))
    if label.get("index") is not None:
        found.append(("index", (label.get("label"), label["index"])))
    return found or [_anonymous(label)]


def _anonymous(label: Document) -> tuple[str, Any]:
    """Return what a label without identity is known by: it stands for any object of its class on its frame."""
    return "class", label.get("label")


def _relative_box(box: tuple[int, int, int, int], width: int, height: int) -> list[float]:
    """FiftyOne's `[x, y, width, height]` relative to the frame, which it turns back into the very same pixels.

    It rounds positions down, and 67 / 480 * 480 is a little less than 67: so each gets a billionth more.
    """
    x1, y1, x2, y2 = box
    left, top = x1 / width + NUDGE, y1 / height + NUDGE
    return [left, top, min((x2 - x1) / width, 1 - left), min((y2 - y1) / height, 1 - top)]
