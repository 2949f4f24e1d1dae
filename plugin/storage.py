"""Where masks go: into the database while they stay small there, else into files."""

import zlib
from pathlib import Path

import fiftyone as fo
import numpy as np

from gcvos_model.masks import tight_box

from .prompts import Annotations, Mask
from .sequences import Sequence, safe_name
from .settings import Settings

# FiftyOne looks up all frames of a video as one document, and MongoDB's documents end at 16 MB.
DATABASE_BYTES = 8e6
LABEL_BYTES = 450  # of a detection without its mask


def mask_folder(
    dataset: fo.Dataset, sequence: Sequence, settings: Settings, annotations: Annotations, length: int | None
) -> Path | None:
    """Choose where a sequence's masks go, and make the folder.

    Args:
        dataset: names the default folder.
        sequence: the sequence.
        settings: `storage` and `output_dir`.
        annotations: what is propagated; tells how large the labels will be.
        length: how many frames will be written; None where that is not known, so it may be many.

    Returns:
        The folder of its mask files; None for the database.

    Raises:
        OSError: the folder cannot be made.
    """
    if settings.storage == "database":
        return None
    if settings.storage == "auto":
        # Images are documents of their own, so there is nothing to grow.
        if not sequence.is_video:
            return None
        if length is not None and length * frame_bytes(annotations) < DATABASE_BYTES:
            return None
    folder = output_folder(dataset, settings) / f"{safe_name(Path(sequence.name).stem)}-{sequence.key[-8:]}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def output_folder(dataset: fo.Dataset, settings: Settings) -> Path:
    """Return the folder below which a run keeps its mask files."""
    if settings.output_dir is not None:
        return Path(settings.output_dir).expanduser().absolute()
    return Path(fo.config.default_dataset_dir) / safe_name(dataset.name) / settings.run_key


def frame_bytes(annotations: Annotations) -> float:
    """Estimate the size of one frame's labels in the database from the annotated ones."""
    sizes: dict[int, int] = {}
    for masks in annotations.prompts.values():
        for object_id, mask in masks.items():
            sizes.setdefault(object_id, mask_bytes(mask))
    if annotations.segmentation:
        return LABEL_BYTES + sum(sizes.values())
    return sum(size + LABEL_BYTES for size in sizes.values())


def mask_bytes(mask: Mask) -> int:
    """Return about how many bytes a mask takes in the database: FiftyOne packs it within its box."""
    box = tight_box(mask)
    if box is None:
        return 0
    x1, y1, x2, y2 = box
    return len(zlib.compress(np.ascontiguousarray(mask[y1:y2, x1:x2]).tobytes()))
