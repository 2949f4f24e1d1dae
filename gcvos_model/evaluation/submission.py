"""The archive that the server of YouTube-VOS takes."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

from .layouts import BenchmarkSequence


def write_submission(path: Path, masks: Path, sequences: Sequence[BenchmarkSequence]) -> None:
    """Pack masks as `Annotations/VIDEO/FRAME.png`, whole or not at all.

    Args:
        path: of the zip file.
        masks: holds `VIDEO/FRAME.png`.
        sequences: whose frames to pack: those that `meta.json` lists.

    Raises:
        OSError: a mask is missing, or the archive cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:  # PNGs are compressed already
            for sequence in sequences:
                for frame in sequence.results:
                    name = f"{sequence.name}/{frame}.png"
                    archive.write(masks / name, f"Annotations/{name}")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
