"""The form of `propagate_annotations`: defaults that work untouched, and every mistake said before anything runs."""

from typing import Any

import fiftyone as fo
import fiftyone.operators.types as types

from gcvos_model.checkpoints import bundled_models
from gcvos_model.errors import GCVOSError

from .plan import (
    IMMEDIATE_SECONDS,
    count_frames,
    count_objects,
    estimated_seconds,
    missing_files,
    plan_text,
    worker_advice,
)
from .records import run_keys, run_settings
from .runner import prepare
from .schema import label_fields
from .settings import (
    DIRECTIONS,
    FRAMES_PREFIX,
    KEYFRAMES,
    STORAGES,
    Settings,
    default_run_key,
    without_frames,
)

NAMED = 5  # files

WORDS = {
    "annotated": "All annotated frames",
    "first": "Each object's first annotated frame",
    "forward": "Forward, from the first annotated frame",
    "backward": "Backward, from the last annotated frame",
    "both": "Both ways, merged between annotated frames",
    "auto": "Automatic: files where the database would grow too large",
    "database": "Database",
    "disk": "Files",
}


def target_collection(ctx: Any) -> Any:
    """Return what an operator is to run on: the open sample, the selected samples, the view or the dataset."""
    if ctx.current_sample and ctx.params.get("current_only", True):
        return ctx.dataset.select(ctx.current_sample)
    return ctx.target_view()


def on_frames(ctx: Any) -> bool:
    """Whether the dataset's labels are on the frames of videos."""
    return bool(ctx.dataset._contains_videos(any_slice=True))


def propagate_form(ctx: Any) -> types.Property:
    """Build the form from what has been filled in so far."""
    inputs = types.Object()
    view = types.View(label="Propagate annotations")
    fields = label_fields(ctx.dataset, on_frames(ctx))
    if not fields:
        _stop(
            inputs,
            "There is nothing to propagate yet: annotate at least one frame with masks, boxes or polygons.",
        )
        return types.Property(inputs, view=view)
    collection = target_collection(ctx)
    _what(ctx, inputs, fields)
    _how(ctx, inputs)
    _where(ctx, inputs)
    _check(ctx, inputs, collection)
    return types.Property(inputs, view=view)


def _what(ctx: Any, inputs: types.Object, fields: list[str]) -> None:
    """Ask for the source labels and the part of them to take."""
    prefix = FRAMES_PREFIX if on_frames(ctx) else ""
    written = {run_settings(ctx.dataset, key).target_field for key in run_keys(ctx.dataset)}
    default = next((field for field in fields if field not in written), fields[0])
    ctx.params.setdefault("source_field", prefix + default)
    ctx.params.setdefault("target_field", prefix + "gc")
    inputs.enum(
        "source_field",
        [prefix + field for field in fields],
        default=prefix + default,
        required=True,
        label="Annotations",
        description="The field with the frames that have been annotated",
    )
    inputs.str(
        "target_field",
        default=prefix + "gc",
        required=True,
        label="Write to",
        description="A new field, or one of an earlier run; labels of others in it stay, unless you say overwrite",
    )
    if ctx.current_sample:
        inputs.bool("current_only", default=True, label="Only the open sample")
    if ctx.selected_labels:
        count = len(ctx.selected_labels)
        inputs.bool("selected_only", default=True, label=f"Only the {count} selected labels")
        ids = [label["label_id"] for label in ctx.selected_labels]
        ctx.params["label_ids"] = ids if ctx.params.get("selected_only", True) else []
    inputs.list(
        "classes",
        types.String(),
        label="Classes",
        description="Only these classes; empty for all",
        view=types.AutocompleteView(),
    )
    _choice(inputs, "keyframes", KEYFRAMES, "Start from", space=4)
    inputs.int("first_frame", label="First frame", min=1, view=types.FieldView(space=4))
    inputs.int("last_frame", label="Last frame", min=1, view=types.FieldView(space=4))
    if not on_frames(ctx) and not ctx.view._is_dynamic_groups:
        orders = [
            name
            for name, field in ctx.dataset.get_field_schema().items()
            if isinstance(field, fo.IntField | fo.StringField | fo.FloatField | fo.DateTimeField)
        ]
        order = "frame_number" if "frame_number" in orders else "filepath"
        ctx.params.setdefault("order_by", order)
        inputs.enum(
            "order_by",
            orders,
            label="Order",
            description="The field that orders the images in time",
            default=order,
        )
        inputs.enum(
            "group_by",
            orders,
            label="Clip",
            description="The field that tells the clips apart; empty where all images are one clip",
        )


def _how(ctx: Any, inputs: types.Object) -> None:
    """Ask for direction, model and thresholds."""
    _choice(inputs, "direction", DIRECTIONS, "Direction")
    models = list(bundled_models())
    inputs.str(
        "model",
        default="gcvos-lite" if "gcvos-lite" in models or not models else models[0],
        label="Model",
        description=f"{', '.join(models) or 'gcvos-lite'}, or the path of a checkpoint",
        view=types.FieldView(space=6),
    )
    inputs.str(
        "device",
        default="auto",
        label="Device",
        description="auto, cpu, cuda, cuda:1, mps",
        view=types.FieldView(space=6),
    )
    inputs.int(
        "short_side",
        default=Settings.short_side,
        min=64,
        label="Working resolution",
        description="Shorter side, in pixels",
        view=types.FieldView(space=6),
    )
    inputs.float(
        "mask_threshold",
        default=Settings.mask_threshold,
        min=0.01,
        max=0.99,
        label="Mask threshold",
        view=types.FieldView(space=6),
    )
    inputs.float(
        "review_confidence",
        default=Settings.review_confidence,
        min=0,
        max=1,
        label="Look again below this confidence",
        description="Samples with such frames get the tag gcvos-review",
        view=types.FieldView(space=6),
    )


def _where(ctx: Any, inputs: types.Object) -> None:
    """Ask for storage and what becomes of what is there."""
    _choice(inputs, "storage", STORAGES, "Masks go into")
    if ctx.params.get("storage", "auto") != "database":
        inputs.str(
            "output_dir", label="Folder of mask files", description="Empty for one in FiftyOne's own folder"
        )
    inputs.bool(
        "overwrite",
        default=False,
        label="Overwrite",
        description="Replace what others wrote to the target field",
    )
    inputs.bool(
        "skip_done", default=True, label="Skip what is done", description="Videos that this run has finished"
    )
    target = without_frames(ctx.params.get("target_field") or "gc")
    inputs.str(
        "run_key",
        label="Run key",
        description=f"Empty for {default_run_key(target)}; the same key again goes on with its run",
    )
    inputs.int(
        "shards",
        default=0,
        min=0,
        label="Shards",
        description="Queue this many operations for workers; 0 runs here",
    )


def _choice(inputs: types.Object, name: str, values: tuple[str, ...], label: str, space: int = 6) -> None:
    choices = types.DropdownView(space=space)
    for value in values:
        choices.add_choice(value, label=WORDS[value])
    inputs.enum(name, choices.values(), default=values[0], label=label, view=choices)


def _check(ctx: Any, inputs: types.Object, collection: Any) -> None:
    """Say what will happen, or what stands in the way."""
    try:
        settings = Settings.of(ctx.params)
        _, sequences = prepare(collection, settings)
    except GCVOSError as error:
        _stop(inputs, str(error))
        return
    missing = missing_files(sequences)
    if len(missing) == len(sequences):
        _stop(inputs, f"There is no file {missing[0]}: bring it back, or correct the samples' filepath.")
        return
    if missing:
        named = ", ".join(missing[:NAMED]) + (", ..." if len(missing) > NAMED else "")
        text = f"{len(missing)} of {len(sequences)} clips have no file and will be passed over: {named}"
        inputs.view("missing", types.Warning(label=text))
    frames = count_frames(collection, sequences)
    objects = count_objects(collection, sequences, settings)
    seconds = estimated_seconds(frames, objects)
    inputs.view("plan", types.Notice(label=plan_text(settings, sequences, frames, seconds)))
    if (
        seconds > IMMEDIATE_SECONDS
        and not ctx.params.get("shards")
        and not fo.config.allow_legacy_orchestrators
    ):
        inputs.view("worker", types.Warning(label=worker_advice()))


def _stop(inputs: types.Object, message: str) -> None:
    inputs.view("problem", types.Error(label=message), invalid=True, error_message=message)


def summary_form() -> types.Property:
    """Build the form that shows a summary."""
    outputs = types.Object()
    for name, label in (
        ("run_key", "Run key"),
        ("outcome", "Outcome"),
        ("failed", "Failed"),
        ("review", "To look at"),
    ):
        outputs.str(name, label=label)
    return types.Property(outputs, view=types.View(label="Annotations propagated"))
