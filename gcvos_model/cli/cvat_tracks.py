"""What `gcvos cvat track` takes from a task's annotations and adds to them: drawn objects in, tracks or masks
out.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from cvat_sdk import models

from gcvos_model.cli.cvat_shapes import SHAPE_TYPES, Shape, ShapeType
from gcvos_model.errors import InputError

SOURCE = "auto"
"""How CVAT marks what no human has drawn."""

MASKS_A_REQUEST = 200


@dataclass(frozen=True)
class DrawnObject:
    """A shape that somebody drew on the frame to start from."""

    shape: Shape
    label: models.ILabel
    attributes: Mapping[int, str]
    """Values by the ids of the label's attributes; where the shape has none, the label's defaults."""

    group: int
    z_order: int
    output: ShapeType
    """The type to carry it on in."""


def drawn_objects(
    annotations: models.ILabeledData,
    frame: int,
    labels: Mapping[int, models.ILabel],
    *,
    names: Collection[str] = (),
    ids: Collection[int] = (),
    output: ShapeType | None = None,
) -> list[DrawnObject]:
    """Choose the shapes on a frame to carry on.

    Args:
        annotations: All annotations of the task or job.
        frame: The frame's number.
        labels: The task's labels by their ids.
        names: Labels to choose; none: every label.
        ids: Shapes to choose by their ids on the server; none: every shape.
        output: The type to carry them on in; None: each in its own.

    Raises:
        InputError: Nothing is left, a name or an id is unknown, or a label does not allow the type.
    """
    known = {label.name for label in labels.values()}
    if unknown := set(names) - known:
        raise InputError(
            f"no label {', '.join(map(repr, sorted(unknown)))}; there are {', '.join(sorted(known))}"
        )
    on_frame = [shape for shape in annotations.shapes if shape.frame == frame]
    if missing := set(ids) - {shape.id for shape in on_frame}:
        there = ", ".join(str(shape.id) for shape in on_frame) or "none"
        raise InputError(
            f"no shape {', '.join(map(str, sorted(missing)))} on frame {frame}; there are {there}"
        )
    chosen = [
        shape
        for shape in on_frame
        if (not names or labels[shape.label_id].name in names) and (not ids or shape.id in ids)
    ]
    usable = [shape for shape in chosen if shape.type.value in SHAPE_TYPES]
    if not usable:
        kinds = ", ".join(sorted({shape.type.value for shape in chosen})) or "none"
        raise InputError(
            f"frame {frame} has no shape to carry on; expected {', '.join(SHAPE_TYPES)}, the chosen ones are {kinds} "
            "(a track is carried on by CVAT itself: draw a shape, mode 'Shape')"
        )
    return [_drawn_object(shape, labels[shape.label_id], output) for shape in usable]


def track_request(
    drawn: DrawnObject, sightings: Mapping[int, Shape | None], last_frame: int
) -> models.LabeledTrackRequest | None:
    """Make one track of what was seen of an object: a keyframe on every frame, `outside` where it is gone.

    Args:
        drawn: The object.
        sightings: Frame number to its shape there, or to None where it is lost or drawn already.
        last_frame: The last frame that a shape may stand on; after the last sighting the track ends before
            it.

    Returns:
        The track, or None where the object was not seen at all.
    """
    keyframes: list[models.TrackedShapeRequest] = []

    def add(frame: int, shape: Shape, outside: bool) -> None:
        mutable = _attribute_values(drawn, mutable=True) if not keyframes else []
        keyframes.append(
            models.TrackedShapeRequest(
                type=shape.type,
                frame=frame,
                points=[float(value) for value in shape.points],
                outside=outside,
                occluded=False,
                z_order=drawn.z_order,
                attributes=mutable,
            )
        )

    seen: Shape | None = None
    for frame, shape in sorted(sightings.items()):
        if shape is not None:
            add(frame, shape, outside=False)
        elif seen is not None:
            add(frame, seen, outside=True)
        seen = shape
    if seen is not None and max(sightings) < last_frame:  # or it would run to the last frame
        add(max(sightings) + 1, seen, outside=True)
    if not keyframes:
        return None
    return models.LabeledTrackRequest(
        frame=keyframes[0].frame,
        label_id=drawn.label.id,
        group=drawn.group,
        source=SOURCE,
        attributes=_attribute_values(drawn, mutable=False),
        shapes=keyframes,
    )


def mask_requests(
    drawn: DrawnObject, sightings: Mapping[int, Shape | None], group: int
) -> list[models.LabeledShapeRequest]:
    """Make one mask a frame of what was seen of an object; only `group` says that they are one.

    CVAT stores tracks of masks, but then fails to export and to show them.
    """
    return [
        models.LabeledShapeRequest(
            type="mask",
            frame=frame,
            label_id=drawn.label.id,
            points=[float(value) for value in shape.points],
            group=group,
            source=SOURCE,
            occluded=False,
            z_order=drawn.z_order,
            attributes=_attribute_values(drawn),
        )
        for frame, shape in sorted(sightings.items())
        if shape is not None
    ]


def data_requests(
    found: Sequence[tuple[DrawnObject, Mapping[int, Shape | None]]],
    annotations: models.ILabeledData,
    last_frame: int,
) -> list[models.PatchedLabeledDataRequest]:
    """Make the requests that add all objects: one for each track, one for each 200 masks of an object."""
    requests = []
    next_group = 1 + max((item.group or 0 for item in (*annotations.shapes, *annotations.tracks)), default=0)
    for drawn, sightings in found:
        if drawn.output != "mask":
            track = track_request(drawn, sightings, last_frame)
            requests += [models.PatchedLabeledDataRequest(tracks=[track])] if track else []
            continue
        masks = mask_requests(drawn, sightings, drawn.group or next_group)
        next_group += not drawn.group
        for start in range(0, len(masks), MASKS_A_REQUEST):
            requests.append(models.PatchedLabeledDataRequest(shapes=masks[start : start + MASKS_A_REQUEST]))
    return requests


def count_copies(data: models.PatchedLabeledDataRequest, annotations: models.ILabeledData) -> int:
    """How often a request of `data_requests` is among annotations.

    A request is stored whole or not at all, and a server may cut a track at the borders of jobs; so its first
    shape decides.
    """
    if getattr(data, "tracks", None):
        (track,) = data.tracks
        label, first = track.label_id, track.shapes[0]
        there = [(other.label_id, other.shapes[0]) for other in annotations.tracks if other.shapes]
    else:
        label, first = data.shapes[0].label_id, data.shapes[0]
        there = [(other.label_id, other) for other in annotations.shapes]
    return sum(
        other_label == label
        and other.frame == first.frame
        and other.type.value == first.type.value
        and len(other.points) == len(first.points)
        and all(math.isclose(a, b, abs_tol=0.01) for a, b in zip(other.points, first.points, strict=True))
        for other_label, other in there
    )


def _drawn_object(shape: models.ILabeledShape, label: models.ILabel, output: ShapeType | None) -> DrawnObject:
    output = output or cast(ShapeType, shape.type.value)
    allowed = str(getattr(label, "type", "any"))
    if allowed not in ("any", output):
        raise InputError(f"the label {label.name!r} allows shapes of the type {allowed} only, not {output}")
    points = _turned(shape.points, shape.rotation) if shape.type.value == "rectangle" else shape.points
    given = {value.spec_id: value.value for value in shape.attributes}
    return DrawnObject(
        shape=Shape(cast(ShapeType, shape.type.value), points),
        label=label,
        attributes={spec.id: given.get(spec.id, spec.default_value) for spec in label.attributes},
        group=shape.group or 0,
        z_order=shape.z_order,
        output=output,
    )


def _turned(points: Sequence[float], degrees: float) -> list[float]:
    """The upright box around a rectangle that is turned about its centre."""
    x1, y1, x2, y2 = points
    x, y, angle = (x1 + x2) / 2, (y1 + y2) / 2, math.radians(degrees)
    width = abs((x2 - x1) * math.cos(angle)) + abs((y2 - y1) * math.sin(angle))
    height = abs((x2 - x1) * math.sin(angle)) + abs((y2 - y1) * math.cos(angle))
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]


def _attribute_values(drawn: DrawnObject, mutable: bool | None = None) -> list[models.AttributeValRequest]:
    """The object's attributes: those that may change from frame to frame, those that may not, or all (None)."""
    return [
        models.AttributeValRequest(spec_id=spec.id, value=drawn.attributes[spec.id])
        for spec in drawn.label.attributes
        if mutable is None or spec.mutable == mutable
    ]
