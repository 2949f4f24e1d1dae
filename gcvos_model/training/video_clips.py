"""Stage 2: clips of real video (section 3.3, 'Fine-tuning on videos')."""

import cv2
import numpy as np

from gcvos_model.training.appearance import apply_table, jitter_table
from gcvos_model.training.datasets import TrainingData, read_index_mask, read_rgb
from gcvos_model.training.image_clips import Clip, bounds
from gcvos_model.training.warps import affine, remap

MAX_GAP = 3  # section 3.3: the sampling interval is drawn from [1, 3]


def video_clip(rng: np.random.Generator, data: TrainingData, size: int, frames: int) -> Clip:
    """Frames of one sequence in order (or all backwards), seen through one crop around one object."""
    while True:
        sequence = data.videos[rng.integers(len(data.videos))]
        gaps = rng.integers(1, MAX_GAP + 1, frames - 1)
        steps = np.concatenate([[0], np.cumsum(gaps)])
        if steps[-1] >= len(sequence.frames):
            continue
        chosen = rng.integers(len(sequence.frames) - steps[-1]) + steps
        if rng.random() < 0.5:
            chosen = chosen[::-1]
        labels = [read_index_mask(sequence.masks[i]) for i in chosen]
        ids = [i for i in np.unique(labels[0]) if i]
        if not ids:
            continue
        wanted = rng.choice(ids)
        masks = [((label == wanted) * np.uint8(255)).astype(np.uint8) for label in labels]
        if masks[0].mean() < 0.25:  # under a thousandth of the frame
            continue
        images = [read_rgb(sequence.frames[i]) for i in chosen]
        return crop_clip(rng, images, masks, size)


def crop_clip(rng: np.random.Generator, images: list[np.ndarray], masks: list[np.ndarray], size: int) -> Clip:
    """One random square window (zoom, small turn, flip) for all frames, around where the object is at first."""
    height, width = masks[0].shape
    centre, extent = bounds(masks[0])
    shorter = min(height, width)
    pixels = np.clip(extent / rng.uniform(0.35, 0.9), shorter / rng.uniform(1.2, 1.8), shorter)
    centre = centre + rng.uniform(-0.2, 0.2, 2) * pixels
    half = pixels / 2  # the window stays inside the frame: real video has no reflected borders
    centre = np.clip(centre, [half, half], [width - half, height - half])
    matrix = affine(rng.normal(0, 4), pixels / size, 0, (float(centre[0]), float(centre[1])))
    matrix = matrix @ np.diag([rng.choice([-1.0, 1.0]), 1.0, 1.0])
    axis = np.arange(size, dtype=np.float32) - (size - 1) / 2
    grid = np.stack([*np.meshgrid(axis, axis)], axis=-1)
    positions = (grid @ matrix[:2, :2].T + matrix[:2, 2]).astype(np.float32)
    table = jitter_table(rng, 0.2)
    return Clip(
        frames=np.stack([apply_table(remap(image, positions), table) for image in images]),
        masks=np.stack([remap(mask, positions, cv2.BORDER_REFLECT_101) for mask in masks]),
    )
