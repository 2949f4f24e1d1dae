"""Every conversion between forms of a mask: label maps, single masks, palette PNGs, boxes.

Run lengths are in `run_lengths.py` and outlines in `polygons.py`.

Inside gcvos a mask is either one boolean array (H, W) per object or a label map: one integer array (H, W)
with 0 for the background and positive object ids.
"""

import io
import os
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from .errors import InputError
from .files import write_atomic

Mask: TypeAlias = npt.NDArray[np.bool_]
Labels: TypeAlias = npt.NDArray[np.integer]

MAX_PALETTE_ID = 255


def label_map(masks: Mapping[int, npt.NDArray[Any]], size: tuple[int, int]) -> Labels:
    """Merge single masks into one label map.

    Args:
        masks: object id to mask, (H, W), bool or numbers of which those above 0.5 are the object. Where masks
            overlap, the later one in the mapping's order is on top.
        size: (H, W), needed because there may be no mask at all.

    Returns:
        (H, W), uint8, or int32 where an id exceeds 255.

    Raises:
        InputError: an id that is not positive, or a mask of another size.
    """
    labels = np.zeros(size, np.uint8 if max(masks, default=0) <= MAX_PALETTE_ID else np.int32)
    for object_id, mask in masks.items():
        if object_id < 1:
            raise InputError(
                f"object id {object_id}: ids must be positive, 0 is the background; renumber the objects"
            )
        if mask.shape != tuple(size):
            raise InputError(
                f"the mask of object {object_id} has the shape {mask.shape}, expected {tuple(size)}; "
                "give the mask at the size of the frame"
            )
        labels[np.asarray(mask, np.float32) > 0.5] = object_id
    return labels


def object_ids(labels: Labels) -> tuple[int, ...]:
    """Return the ids in a label map, ascending, without the background."""
    return tuple(int(value) for value in np.unique(labels) if value != 0)


def object_masks(labels: Labels) -> dict[int, Mask]:
    """Split a label map (H, W) into one boolean mask (H, W) per object, in ascending order of their ids."""
    return {object_id: labels == object_id for object_id in object_ids(labels)}


def tight_box(mask: npt.NDArray[np.generic]) -> tuple[int, int, int, int] | None:
    """Return the box (x1, y1, x2, y2) around the nonzero pixels of a mask (H, W); None where it is empty.

    Coordinates are pixel edges: x2 and y2 lie one past the last column and row, so the width is x2 - x1.
    """
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if len(columns) == 0:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def davis_palette() -> npt.NDArray[np.uint8]:
    """Return the 256 RGB colours of PASCAL VOC, which DAVIS uses too: (256, 3), black first.

    The bits of the index, taken three at a time, are the bits of red, green and blue from the highest down
    (`VOClabelcolormap` of the VOC development kit).
    """
    index = np.arange(256)[:, None] >> np.array([0, 1, 2])  # the bits of red, green and blue
    colours = np.zeros((256, 3), np.uint8)
    for shift in range(8):
        colours |= ((index >> 3 * shift & 1) << 7 - shift).astype(np.uint8)
    return colours


def write_label_png(path: str | os.PathLike[str], labels: Labels) -> None:
    """Write a label map (H, W) as an indexed PNG with the palette of DAVIS; atomic, as `files.write_atomic`.

    Raises:
        InputError: ids outside 0..255, which a palette cannot hold. Nothing is written.
        OSError: the file cannot be written.
    """
    if labels.ndim != 2 or labels.size == 0:
        raise InputError(f"a label map has the shape {labels.shape}, expected (H, W) with at least one pixel")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > MAX_PALETTE_ID:
        raise InputError(
            f"object id {low if low < 0 else high}: a palette PNG holds the ids 1 to {MAX_PALETTE_ID}; "
            "renumber the objects, or write COCO or polygons instead"
        )
    image = Image.fromarray(labels.astype(np.uint8))
    image.putpalette(davis_palette().tobytes())
    buffer = io.BytesIO()
    image.save(
        buffer, format="PNG", compress_type=zlib.Z_RLE
    )  # label maps are runs: as small, in half the time
    write_atomic(path, buffer.getvalue())


def read_label_png(path: str | os.PathLike[str]) -> Labels:
    """Read a mask image: an indexed PNG, or grey values that are the ids, or black and white.

    The ids need not be contiguous. Where 255 is the only value but 0 (the two-colour masks of DAVIS 2016 and
    of painting programs), it is object 1; beside other ids, 255 is an id like any other.

    Returns:
        (H, W), uint8, or int32 where a 16-bit grey image holds an id above 255.

    Raises:
        InputError: no such file, not an image, a lossy format (its edges would be false ids), or a colour
            image.
    """
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image.load()
    except FileNotFoundError:
        raise InputError(f"no such mask: {path}; give the path of an indexed PNG") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(
            f"cannot read the mask {path}: {error}; expected an indexed PNG as DAVIS has them"
        ) from None
    labels = _index_values(image, Path(path))
    if labels.min(initial=0) < 0:
        raise InputError(
            f"the mask {path} holds the id {labels.min()}, expected 0 for the background and positive ids"
        )
    values = object_ids(labels)
    if values == (255,):
        return np.asarray(labels == 255, np.uint8)
    return labels.astype(np.uint8 if max(values, default=0) <= MAX_PALETTE_ID else np.int32)


def _index_values(image: Image.Image, path: Path) -> Labels:
    """Return the stored values of a mask image, (H, W), or refuse an image that does not hold ids."""
    if image.format in ("JPEG", "MPO"):
        raise InputError(
            f"the mask {path} is a JPEG, which blurs ids at the edges; save it as an indexed PNG"
        )
    if image.mode in ("P", "L", "1") or image.mode.startswith("I"):
        return np.asarray(image, np.int32)
    colours = np.asarray(image.convert("RGBA" if "A" in image.mode else "RGB"))[..., :3]
    if (colours == colours[..., :1]).all():
        return colours[..., 0].astype(np.int32)
    raise InputError(
        f"the mask {path} is a colour image ({image.mode}), whose colours are not ids; save it as an "
        "indexed PNG (mode P) or in grey, with 0 for the background and the object's id elsewhere"
    )
