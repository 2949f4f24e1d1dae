"""Removing what one run wrote, and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import fiftyone.operators.types as types

from .database import Document, reload, remove_run_labels, run_documents, update_sample
from .records import Run, run_keys, run_settings
from .schema import label_type, review_field
from .settings import REVIEW_TAG, Settings


def clear_run(dataset: fo.Dataset, run_key: str) -> dict[str, int]:
    """Remove the labels that a run wrote, their mask files, its marks for review, and its record.

    Labels are found by the run key that each carries, so labels of others in the same field stay, also those that
    were made since. The field itself stays.

    Args:
        dataset: the dataset.
        run_key: of the run.

    Returns:
        How many `labels` and `files` were removed, on how many `frames`.

    Raises:
        InputError: there is no such run.
    """
    settings = run_settings(dataset, run_key)
    run = Run(dataset, run_key)
    frames = bool(dataset._contains_videos(any_slice=True))
    kind = label_type(dataset, settings.target_field, frames)
    counts = {"labels": 0, "files": 0, "frames": 0}
    folders = {Path(state.folder) for state in run.states().values() if state.folder}
    if kind is not None:
        _unmark(dataset, run, settings, frames)
        for document in run_documents(dataset, settings.target_field, run_key, frames):
            counts["frames"] += 1
            for label in _own(document, run_key):
                counts["labels"] += 1
                counts["files"] += _remove_file(label, folders)
        remove_run_labels(dataset, settings.target_field, run_key, frames)
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    run.delete()
    reload(dataset)
    return counts


def _own(document: Document, run_key: str) -> Iterator[Document]:
    for label in document.get("detections", [document]):
        if label.get("run") == run_key:
            yield label


def _remove_file(label: Document, folders: set[Path]) -> int:
    """Remove a label's mask file, if it lies where the run put its files."""
    path = label.get("mask_path")
    if not path or Path(path).parent not in folders or not Path(path).is_file():
        return 0
    Path(path).unlink()
    return 1


def _unmark(dataset: fo.Dataset, run: Run, settings: Settings, frames: bool) -> None:
    """Take back the tags and frame numbers of what was to be looked at."""
    if not frames:
        doubtful = {"run": run.run_key, "keyframe": False, "confidence": {"$lt": settings.review_confidence}}
        for document in run_documents(
            dataset, settings.target_field, run.run_key, frames, where=doubtful, ids=True
        ):
            update_sample(dataset, str(document["_id"]), {"$pull": {"tags": REVIEW_TAG}})
        return
    for key, state in run.states().items():
        if state.review:
            sample_id = key.split("-")[0]
            update_sample(dataset, sample_id, {"$pullAll": {review_field(settings): state.review}})
            update_sample(dataset, sample_id, {"$pull": {"tags": REVIEW_TAG}})


class ClearPropagation(foo.Operator):
    """Remove what one run wrote."""

    @property
    def config(self) -> foo.OperatorConfig:
        """See `foo.Operator.config`."""
        return foo.OperatorConfig(
            name="clear_propagation",
            label="Clear propagated annotations (gcvos)",
            description="Remove what one run wrote, and nothing else",
            dynamic=True,
        )

    def resolve_input(self, ctx: Any) -> types.Property:
        """Ask for the run."""
        inputs = types.Object()
        run_key_input(ctx, inputs)
        if ctx.params.get("run_key"):
            inputs.view("warning", types.Warning(label="The labels of this run will be removed for good."))
        return types.Property(inputs, view=types.View(label="Clear propagated annotations"))

    def execute(self, ctx: Any) -> dict[str, int]:
        """Clear the run."""
        counts = clear_run(ctx.dataset, ctx.params["run_key"])
        if not ctx.delegated:
            ctx.ops.reload_dataset()
        return counts

    def resolve_output(self, ctx: Any) -> types.Property:
        """Show what was removed."""
        outputs = types.Object()
        for name, label in (
            ("labels", "Labels removed"),
            ("frames", "Frames"),
            ("files", "Mask files removed"),
        ):
            outputs.int(name, label=label)
        return types.Property(outputs, view=types.View(label="Cleared"))

    def __call__(self, dataset: fo.Dataset, run_key: str) -> dict[str, int]:
        """Clear a run from Python; see `clear_run`."""
        return clear_run(dataset, run_key)


def run_key_input(ctx: Any, inputs: types.Object) -> None:
    """Ask for one of the dataset's runs, the latest first."""
    keys = run_keys(ctx.dataset)[::-1]
    if keys:
        ctx.params.setdefault("run_key", keys[0])
        inputs.enum("run_key", keys, default=keys[0], label="Run")
        return
    message = "Nothing has been propagated in this dataset yet."
    inputs.view("problem", types.Error(label=message), invalid=True, error_message=message)
