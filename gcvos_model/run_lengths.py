"""Run lengths of a mask as COCO writes them, plain and compressed.

COCO reads a mask column by column; `counts` alternates the lengths of background and object runs and starts
with the background. Compressed counts are text (`rleToString` in COCO's maskApi.c): every count from the
fourth on is stored as its difference from the count two before it, in groups of five bits, lowest first, each
as one character from '0' (48) on with bit 32 set where more groups follow.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InputError
from .masks import Mask


def encode_rle(mask: npt.NDArray[np.generic], compressed: bool = False) -> dict[str, Any]:
    """Return a mask (H, W), nonzero where the object is, as COCO's `{"size": [H, W], "counts": ...}`.

    `counts` is a list of ints, or text where `compressed`; both can go into JSON as they are.
    """
    pixels = (np.asarray(mask) != 0).ravel(order="F")
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    counts: list[int] = np.diff(np.concatenate(([0], changes, [pixels.size]))).tolist()
    if pixels.size and pixels[0]:
        counts.insert(0, 0)
    return {"size": list(mask.shape), "counts": compress_counts(counts) if compressed else counts}


def decode_rle(rle: Mapping[str, Any]) -> Mask:
    """Return the mask (H, W) of a COCO run length encoding, plain or compressed (text or bytes).

    Raises:
        InputError: keys are absent, or the counts are malformed or do not cover the size exactly.
    """
    try:
        height, width = (int(side) for side in rle["size"])
        counts = rle["counts"]
    except (KeyError, TypeError, ValueError):
        raise InputError('a run length encoding needs "size": [height, width] and "counts"') from None
    if isinstance(counts, bytes):
        counts = counts.decode("latin-1")
    if isinstance(counts, str):
        counts = decompress_counts(counts)
    try:
        lengths = np.array(counts, np.int64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"counts is {counts!r:.50}, expected a list of whole numbers, or text") from None
    if height < 0 or width < 0 or (lengths < 0).any() or lengths.sum() != height * width:
        raise InputError(
            f"the run lengths cover {lengths.sum()} pixels, expected {height} x {width} = {height * width}; "
            "they are damaged or belong to another size"
        )
    pixels = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return pixels.reshape((height, width), order="F")


def compress_counts(counts: Sequence[int]) -> str:
    """Return run lengths as COCO's text."""
    characters = []
    for index, count in enumerate(counts):
        value = count - counts[index - 2] if index > 2 else count
        while True:
            group = value & 31
            value >>= 5
            more = value != (-1 if group & 16 else 0)  # bit 16 of the last group is the sign
            characters.append(chr(48 + (group | 32 if more else group)))
            if not more:
                break
    return "".join(characters)


def decompress_counts(text: str) -> list[int]:
    """Return the run lengths in COCO's text.

    Raises:
        InputError: a character that is not part of the code, or an end in the middle of a number.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        group = ord(character) - 48
        if not 0 <= group < 64:
            raise InputError(
                f"{character!r} is no part of compressed run lengths; expected the characters '0' to 'o'"
            )
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise InputError("compressed run lengths end in the middle of a number; they are cut short")
    return counts
