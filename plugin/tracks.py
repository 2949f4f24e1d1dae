"""Which labels are the same object: identities that stay the same along a track and in every run."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .database import Document

Identity = tuple[str, str]

# What a label has by itself; everything else is an attribute that the propagated labels take over.
OWN_FIELDS = {
    "_id",
    "_cls",
    "tags",
    "label",
    "bounding_box",
    "mask",
    "mask_path",
    "confidence",
    "index",
    "instance",
}
OWN_FIELDS |= {
    "keyframe",
    "occluded",
    "run",
    "points",
    "closed",
    "filled",
    "rotation",
    "location",
    "dimensions",
}


@dataclass(frozen=True)
class Track:
    """One object of a sequence.

    Attributes:
        object_id: the core's id, positive.
        label: the class.
        index: what FiftyOne and CVAT show as the object's number.
        instance: 24 hexadecimal digits that link the track's labels; the same in every run.
        attributes: the source label's other attributes, as MongoDB keeps them.
    """

    object_id: int
    label: str | None
    index: int
    instance: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


def identities(frames: Iterable[list[Document]]) -> list[list[Identity]]:
    """Say which labels on several frames are the same object.

    A label's `instance` decides, else its `index` (with the class, since some count per class), else its class,
    provided that no frame has two such labels of that class; else the label is an object of its own.

    Args:
        frames: each frame's label documents.

    Returns:
        An identity for each label of each frame.
    """
    frames = list(frames)
    ambiguous = {
        name
        for labels in frames
        for name, count in Counter(label.get("label") for label in labels if _explicit(label) is None).items()
        if count > 1
    }

    def identity(label: Document) -> Identity:
        explicit = _explicit(label)
        if explicit is not None:
            return explicit
        if label.get("label") in ambiguous:
            return "id", str(label["_id"])
        return "class", str(label.get("label"))

    return [[identity(label) for label in labels] for labels in frames]


def _explicit(label: Document) -> Identity | None:
    instance, index = label.get("instance"), label.get("index")
    if instance:
        return "instance", str(instance["_id"])
    if index is not None:
        return "index", f"{label.get('label')}/{index}"
    return None


def make_tracks(first_labels: Mapping[Identity, Document], sequence_key: str) -> dict[Identity, Track]:
    """Number the objects of a sequence.

    Args:
        first_labels: each object's first label.
        sequence_key: sets the instances of this sequence apart from those of others.

    Returns:
        Tracks with object ids from 1 on and different indices; an index that a label has is kept.
    """
    taken = {int(label["index"]) for label in first_labels.values() if label.get("index") is not None}
    free = (number for number in range(1, len(first_labels) + len(taken) + 1) if number not in taken)
    tracks = {}
    for object_id, (identity, label) in enumerate(first_labels.items(), start=1):
        index = label.get("index")
        tracks[identity] = Track(
            object_id=object_id,
            label=label.get("label"),
            index=next(free) if index is None else int(index),
            instance=identity[1] if identity[0] == "instance" else derived_instance(sequence_key, identity),
            attributes={name: value for name, value in label.items() if name not in OWN_FIELDS},
        )
    return tracks


def derived_instance(sequence_key: str, identity: Identity) -> str:
    """Make up an instance id that is the same each time."""
    return hashlib.sha256("\0".join((sequence_key, *identity)).encode()).hexdigest()[:24]
