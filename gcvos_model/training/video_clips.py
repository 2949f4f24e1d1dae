"""Stage 2: clips of real video (section 3.3, 'Fine-tuning on videos')."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gcvos_model.training.appearance import apply_table, jitter_table
from gcvos_model.training.clip import Clip, clip_of, without_second
from gcvos_model.training.datasets import TrainingData, read_index_mask, read_rgb
from gcvos_model.training.image_clips import KNOWN_SHARE, Image, bounds
from gcvos_model.training.warps import affine, remap

MAX_GAP = 3  # section 3.3: the sampling interval is drawn from [1, 3]
UNKNOWN = np.array([1, 0, 1], np.uint8)[:, None, None]  # the planes of `Clip.before` without the others
SPANS = (0.25, 1.5)  # of the window by the object: at inference it may be larger than a whole clip
ZOOM = 2.5  # the window is at least the frame's short side divided by this
FAR_SHARE = 0.4  # of clips whose annotated frame may be any of the sequence


def video_clip(rng: np.random.Generator, data: TrainingData, size: int, frames: int) -> Clip:
    """Frames of one sequence in order (or all backwards), seen through one crop.

    In a share of the clips the annotated frame is any of the sequence, however far from the others.
    """
    while True:
        sequence = data.videos[rng.integers(len(data.videos))]
        far = rng.random() < FAR_SHARE
        chosen = chosen_frames(rng, len(sequence.frames), frames + far)
        if chosen is None:
            continue
        if far:
            chosen[0] = rng.integers(len(sequence.frames))
        labels = [read_index_mask(sequence.masks[i]) for i in chosen]
        ids = [i for i in np.unique(labels[0]) if i]
        if not ids:
            continue
        wanted = rng.choice(ids)
        masks = [((label == wanted) * np.uint8(255)).astype(np.uint8) for label in labels]
        if masks[0].mean() < 0.25:  # under a thousandth of the frame
            continue
        others = [(label > 0) * np.uint8(255) - mask for label, mask in zip(labels, masks, strict=True)]
        images = [read_rgb(sequence.frames[i]) for i in chosen]
        clip = crop_clip(rng, images, masks, others, size)
        if rng.random() >= KNOWN_SHARE:
            clip = replace(clip, others=np.zeros_like(clip.others), before=clip.before * UNKNOWN)
        if (clip.masks[0] > 127).any():
            return without_second(clip) if far else clip


def chosen_frames(rng: np.random.Generator, length: int, frames: int) -> NDArray[np.int64] | None:
    """Indices of `frames` frames of a sequence of `length`, in order or all backwards; None where they do not fit."""
    steps = np.concatenate([[0], np.cumsum(rng.integers(1, MAX_GAP + 1, frames - 1))])
    if steps[-1] >= length:
        return None
    chosen = rng.integers(length - steps[-1]) + steps
    return chosen[::-1].copy() if rng.random() < 0.5 else chosen


def crop_clip(
    rng: np.random.Generator,
    images: Sequence[Image],
    masks: Sequence[Image],
    others: Sequence[Image],
    size: int,
) -> Clip:
    """One square window (random zoom, small turn, flip) for all frames, that follows the object more or less."""
    height, width = masks[0].shape
    there = [t for t, mask in enumerate(masks) if mask.any()]
    knots = sorted({*there[:2], there[-1], int(rng.choice(there))})
    boxes = [bounds(masks[t]) for t in knots]
    centre, extent = boxes[rng.integers(len(boxes))]
    shorter = min(height, width)
    span = np.exp(rng.uniform(*np.log(SPANS)))
    pixels = np.clip(extent / span, shorter / ZOOM, shorter)
    matrix = affine(rng.normal(0, 4), pixels / size, 0, (0.0, 0.0))
    matrix = matrix @ np.diag([rng.choice([-1.0, 1.0]), 1.0, 1.0])
    steps = np.arange(size, dtype=np.float32) - (size - 1) / 2
    window = np.stack([*np.meshgrid(steps, steps)], axis=-1) @ matrix[:2, :2].T
    path = np.stack(
        [np.interp(range(len(masks)), knots, [box[0][axis] for box in boxes]) for axis in (0, 1)], axis=1
    )
    centres = centre + rng.uniform() * (path - centre) + rng.uniform(-0.2, 0.2, 2) * pixels
    half = pixels / 2  # the window stays inside the frame: real video has no reflected borders
    centres = np.clip(centres, [half, half], [width - half, height - half])
    maps = [(window + xy).astype(np.float32) for xy in centres]
    table = jitter_table(rng, 0.2)
    around = [remap(mask, m) for mask, m in zip(others, maps, strict=True)]
    return clip_of(
        frames=np.stack([apply_table(remap(i, m), table) for i, m in zip(images, maps, strict=True)]),
        masks=np.stack([remap(mask, m) for mask, m in zip(masks, maps, strict=True)]),
        others=np.stack(around),
        decoys=np.stack(around),
    )
