"""Declaring what a run writes, so that the App and FiftyOne's queries know its fields."""

from collections.abc import Mapping
from typing import Any

import fiftyone as fo
from fiftyone.core.odm import get_implied_field_kwargs

from gcvos_model.errors import InputError

from .prompts import LISTS, SINGLES, unsuitable
from .settings import Settings

LABEL_TYPES = (*LISTS, *SINGLES, "Segmentation")


def label_type(dataset: fo.Dataset, field: str, on_frames: bool) -> str | None:
    """Return the class name of a field's labels, None where there is no such field.

    Args:
        dataset: whose field it is.
        field: its name, without `frames.`.
        on_frames: whether it is on frames, not on samples.

    Raises:
        InputError: the field is there but holds no labels.
    """
    schema = (dataset.get_frame_field_schema() or {}) if on_frames else dataset.get_field_schema()
    if field not in schema:
        return None
    document = getattr(schema[field], "document_type", None)
    if document is None or not issubclass(document, fo.Label):
        raise InputError(
            f"field '{field}' holds {type(schema[field]).__name__}, no labels; choose another field"
        )
    return str(document.__name__)


def source_type(dataset: fo.Dataset, settings: Settings, on_frames: bool) -> str:
    """Return the class name of the source labels.

    Raises:
        InputError: there is no such field, or it holds what cannot be propagated; says what there is.
    """
    kind = label_type(dataset, settings.source_field, on_frames)
    if kind is None:
        there = ", ".join(label_fields(dataset, on_frames)) or "none yet: annotate at least one frame"
        where = "frames" if on_frames else "samples"
        raise InputError(f"the {where} have no field '{settings.source_field}'; label fields are: {there}")
    if kind not in LABEL_TYPES:
        raise InputError(unsuitable(kind, settings.source_field))
    return kind


def label_fields(dataset: fo.Dataset, on_frames: bool) -> list[str]:
    """Return the fields whose labels can be propagated."""
    schema = (dataset.get_frame_field_schema() or {}) if on_frames else dataset.get_field_schema()
    kinds = {name: getattr(field, "document_type", None) for name, field in schema.items()}
    return [name for name, kind in kinds.items() if kind is not None and kind.__name__ in LABEL_TYPES]


def check_target(dataset: fo.Dataset, settings: Settings, on_frames: bool) -> None:
    """Check that the target field can hold what will be written.

    Raises:
        InputError: it is there and holds something else.
    """
    expected = target_type(source_type(dataset, settings, on_frames))
    found = label_type(dataset, settings.target_field, on_frames)
    if found is not None and found != expected.__name__:
        raise InputError(
            f"field '{settings.target_field}' holds {found}, but {expected.__name__} are to be written; choose "
            "another target field"
        )


def target_type(source: str) -> type[fo.Label]:
    """Return what is written for labels of a kind: label maps for label maps, else detections with masks."""
    return fo.Segmentation if source == "Segmentation" else fo.Detections


def declare(dataset: fo.Dataset, settings: Settings, on_frames: bool) -> None:
    """Add the target field, what its labels carry, and the field of frames to look at."""
    add = dataset.add_frame_field if on_frames else dataset.add_sample_field
    kind = target_type(source_type(dataset, settings, on_frames))
    target = settings.target_field
    add(target, fo.EmbeddedDocumentField, embedded_doc_type=kind)
    label = target if kind is fo.Segmentation else f"{target}.detections"
    add(f"{label}.keyframe", fo.BooleanField)
    add(f"{label}.run", fo.StringField)
    if kind is fo.Segmentation:
        add(f"{label}.confidence", fo.FloatField)
        add(f"{label}.confidences", fo.DictField)
    else:
        add(f"{label}.occluded", fo.BooleanField)
        add(f"{label}.instance", fo.EmbeddedDocumentField, embedded_doc_type=fo.Instance)
    if on_frames:
        dataset.add_sample_field(review_field(settings), fo.ListField, subfield=fo.IntField)


def declare_attributes(
    dataset: fo.Dataset, settings: Settings, on_frames: bool, attributes: Mapping[str, Any]
) -> None:
    """Add the attributes that the written labels take over from the source labels."""
    add = dataset.add_frame_field if on_frames else dataset.add_sample_field
    schema = dataset.get_frame_field_schema(flat=True) if on_frames else dataset.get_field_schema(flat=True)
    for name, value in attributes.items():
        path = f"{settings.target_field}.detections.{name}"
        if path not in schema and value is not None and name != "attributes":
            add(path, **get_implied_field_kwargs(value))


def review_field(settings: Settings) -> str:
    """Return the name of the sample field with the numbers of the frames to look at."""
    return f"{settings.target_field}_review"
