"""The options that annotate frames: `--mask`, `--box` and `--polygon` as the core's prompts."""

import re
from collections.abc import Sequence

import numpy as np

from gcvos_model.box_refinement import boxes_to_masks
from gcvos_model.errors import InputError
from gcvos_model.inputs import Mask
from gcvos_model.masks import object_masks, read_label_png
from gcvos_model.network.network import GCNetwork
from gcvos_model.prompts import polygon_to_mask
from gcvos_model.video import FrameSource

MAX_OBJECTS = 255  # of a palette PNG

_AT_FRAME = re.compile(r"(\d+)=(.+)", re.DOTALL)


def read_prompts(
    source: FrameSource,
    first: int,
    masks: Sequence[str],
    boxes: Sequence[str],
    polygons: Sequence[str],
    *,
    network: GCNetwork,
    short_side: int,
) -> dict[int, dict[int, Mask]]:
    """Turn the options into masks.

    Args:
        source: where the frames are.
        first: the frame that an option without `FRAME=` means.
        masks: `[FRAME=]FILE`: every id of the label map is an object.
        boxes: `[FRAME=]x1,y1,x2,y2` in pixels: each a new object, with the next free id.
        polygons: `[FRAME=]x1,y1,x2,y2,x3,y3,...`: likewise.
        network: finds the object in a box.
        short_side: its working resolution.

    Returns:
        Frame index to {object id: mask}.

    Raises:
        InputError: whatever of it cannot be used.
    """
    prompts: dict[int, dict[int, Mask]] = {}
    for option in masks:
        index, file = split_option(option, first)
        labels = read_label_png(file)
        found = object_masks(labels)
        if not found:
            raise InputError(f"the mask '{file}' is empty: mark at least one pixel")
        size = source.frame(index).shape[:2]
        if labels.shape != size:
            raise InputError(
                f"the mask '{file}' is {labels.shape[1]}x{labels.shape[0]} pixels, frame {index} is "
                f"{size[1]}x{size[0]}: expected the frame's size"
            )
        prompts.setdefault(index, {}).update(found)
    for kind, options in (("box", boxes), ("polygon", polygons)):
        for option in options:
            index, text = split_option(option, first)
            numbers = parse_numbers(kind, text)
            frame = source.frame(index)
            object_id = 1 + max((i for objects in prompts.values() for i in objects), default=0)
            if kind == "box":
                if len(numbers) != 4:
                    raise InputError(f"--box {text}: got {len(numbers)} numbers, expected x1,y1,x2,y2")
                (mask,) = boxes_to_masks(network, frame, [numbers], short_side=short_side)
            else:
                if len(numbers) % 2:
                    raise InputError(f"--polygon {text}: got {len(numbers)} numbers, expected pairs x,y")
                mask = polygon_to_mask(np.array(numbers).reshape(-1, 2), (frame.shape[0], frame.shape[1]))
            prompts.setdefault(index, {})[object_id] = mask
    if not prompts:
        raise InputError(
            "nothing is annotated: give --mask FIRST.png, --box x1,y1,x2,y2 or --polygon x1,y1,..."
        )
    count = len({i for objects in prompts.values() for i in objects})
    if count > MAX_OBJECTS or max(i for objects in prompts.values() for i in objects) > MAX_OBJECTS:
        raise InputError(
            f"{count} objects with ids beyond {MAX_OBJECTS}: a palette PNG holds ids 1 to {MAX_OBJECTS}"
        )
    return prompts


def split_option(option: str, first: int) -> tuple[int, str]:
    """`FRAME=VALUE` or `VALUE`, which means the first frame."""
    match = _AT_FRAME.fullmatch(option)
    return (int(match[1]), match[2]) if match else (first, option)


def parse_numbers(kind: str, text: str) -> list[float]:
    """Numbers between commas.

    Raises:
        InputError: one of them is not a number.
    """
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise InputError(f"--{kind} {text}: expected numbers between commas") from None
