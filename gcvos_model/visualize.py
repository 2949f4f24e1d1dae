"""Pictures of results: masks laid over frames, and frames side by side (the paper's figure 5)."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from .errors import InputError
from .masks import Labels, Mask, davis_palette
from .video.source import Frame
from .video.writer import letterbox

GAP = 4  # white pixels between the cells of a sheet


def overlay(frame: Frame, labels: Labels, alpha: float = 0.5) -> Frame:
    """Lay the objects of a label map over a frame, each tinted in its colour and outlined.

    Colours are those of the palette PNGs, the dark ones brightened to be seen on a photograph; beyond 255
    they start again.

    Args:
        frame: uint8 RGB (H, W, 3); it is not changed.
        labels: (H, W), 0 for the background.
        alpha: how much of the colour covers the frame inside an object, 0 to 1; outlines are solid.

    Returns:
        uint8 RGB (H, W, 3).

    Raises:
        InputError: the label map has another size, or alpha is outside 0..1.
    """
    if labels.shape != frame.shape[:2]:
        raise InputError(
            f"a label map of {labels.shape} over a frame of {frame.shape[:2]}, expected the same size"
        )
    if not 0 <= alpha <= 1:
        raise InputError(f"alpha is {alpha}, expected 0 (frame alone) to 1 (colours alone)")
    inside = labels > 0
    colours = object_colours()[
        labels if labels.dtype == np.uint8 else np.where(inside, (labels - 1) % 255 + 1, 0)
    ]
    result = frame.copy()
    np.copyto(result, cv2.addWeighted(frame, 1 - alpha, colours, alpha, 0), where=inside[..., None])
    np.copyto(result, colours, where=(_outlines(labels) & inside)[..., None])
    return result


def object_colours() -> npt.NDArray[np.uint8]:
    """Return the colour in which each id is drawn, (256, 3): the palette with brightest channel 255."""
    palette = davis_palette().astype(np.float64)
    brightest = palette.max(axis=1, keepdims=True)
    return np.rint(palette * 255 / np.maximum(brightest, 1)).astype(np.uint8)


def contact_sheet(frames: Sequence[Frame], columns: int) -> Frame:
    """Lay frames out in a grid, row by row, with white gaps between.

    Args:
        frames: at least one, uint8 RGB (H, W, 3); all get the size of the first, those of another shape with
            black borders.
        columns: frames in a row.

    Returns:
        uint8 RGB; places left over in the last row are white.

    Raises:
        InputError: no frames, or fewer than one column.
    """
    if not frames or columns < 1:
        raise InputError(f"{len(frames)} frames in {columns} columns, expected at least one of each")
    height, width = frames[0].shape[:2]
    columns = min(columns, len(frames))
    rows = -(-len(frames) // columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), 255, np.uint8)
    for index, frame in enumerate(frames):
        top, left = index // columns * (height + GAP), index % columns * (width + GAP)
        sheet[top : top + height, left : left + width] = letterbox(frame, (height, width))
    return sheet


def _outlines(labels: Labels) -> Mask:
    """Return the pixels (H, W) along the borders of labels; wider in larger frames, to stay visible."""
    edges = np.zeros(labels.shape, np.uint8)
    down, across = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    edges[1:] |= down
    edges[:-1] |= down
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    thickness = round(min(labels.shape) / 480)
    if thickness > 1:
        edges = np.asarray(cv2.dilate(edges, np.ones((2 * thickness - 1,) * 2, np.uint8)), np.uint8)
    return edges.astype(bool)
