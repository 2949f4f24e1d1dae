"""Stage 1: clips made of still images (section 3.3, 'Pre-training on images'), in two ways.

*Warped*: the whole image moves, as in the paper. *Layered*: an object is cut out and moves over another scene that
moves by itself, with distractors (often of the same kind) behind or before it and textured occluders in front: what
real video has and a warped image lacks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from gcvos_model.training.appearance import apply_table, jitter_table, vary_frames
from gcvos_model.training.clip import Clip, clip_of, without_second
from gcvos_model.training.datasets import TrainingData, read_index_mask, read_rgb
from gcvos_model.training.warps import MotionConfig, affine, path_of_maps, remap

Image = NDArray[np.uint8]
OBJECT_MOTION = MotionConfig()
SCENE_MOTION = MotionConfig(rotation=6, log_scale=0.08, shift=0.08, shear=0.03, deformation=0.01)
OCCLUDER_MOTION = MotionConfig(shift=0.3, deformation=0.02)
PACE = (0.25, 1.25)  # of an object's motion: it is slow in some clips and fast in others
WARPED_SHARE = 0.4  # of clips; the others are layered
GAP_SHARE = 0.35  # of clips whose second frame is left out
KNOWN_SHARE = 0.6  # of other objects that are tracked too
OCCLUDED_SHARE = 0.35  # of layered clips: something passes in front of everything
DISTRACTORS = (0.3, 0.3, 0.25, 0.15)  # chances of none, one, two and three of them in a layered clip


@dataclass(frozen=True)
class Layer:
    """Something cut out: its image, its mask (0 or 255), its sampling map in each frame, its own colours.

    `known`: it is another object that is tracked too. `decoy`: it is what a drifting track takes for the object.
    """

    image: Image
    mask: Image
    maps: list[NDArray[np.float32]]
    table: NDArray[np.uint8] | None = None
    known: bool = False
    decoy: bool = False


def image_clip(rng: np.random.Generator, data: TrainingData, size: int, frames: int) -> Clip:
    """A random clip of `frames` frames of `size` x `size` pixels; its first mask is never empty."""
    gap = rng.random() < GAP_SHARE
    make = warped_clip if rng.random() < WARPED_SHARE else layered_clip
    while True:
        clip = make(rng, data, size, frames + gap)
        if (clip.masks[0] > 127).mean() > 0.005:
            return without_second(clip) if gap else clip


def random_object(rng: np.random.Generator, data: TrainingData) -> tuple[Image, Image, Image]:
    """An image, the mask (0 or 255) of one of its objects that covers 0.5% to 90% of it, and the other objects' mask."""
    while True:
        pair = data.images[rng.choice(len(data.images), p=data.image_weights)]
        labels = read_index_mask(pair.mask)
        ids = [i for i in np.unique(labels) if i]
        if not ids:
            continue
        mask = ((labels == rng.choice(ids)) * np.uint8(255)).astype(np.uint8)
        if 0.005 < (mask > 0).mean() < 0.9:
            image = read_rgb(pair.image)
            others = ((labels > 0) * np.uint8(255) - mask).astype(np.uint8)
            both = np.stack([mask, others], axis=-1)
            if mask.shape != image.shape[:2]:
                both = cv2.resize(both, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
            return image, both[..., 0].copy(), both[..., 1].copy()


def bounds(mask: Image) -> tuple[NDArray[np.float64], float]:
    """Centre (x, y) and longer side of a mask's box, in pixels."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    centre = np.array([columns[0] + columns[-1], rows[0] + rows[-1]]) / 2
    return centre, float(max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1)


def place(
    rng: np.random.Generator, centre: NDArray[np.float64], pixels: float, offset: float, size: int
) -> NDArray[np.float64]:
    """The matrix from clip to source: `pixels` source pixels span the clip, `centre` lands within `offset` of its middle."""
    scale = pixels / size
    flip = np.diag([rng.choice([-1.0, 1.0]), 1.0, 1.0])
    shift = rng.uniform(-offset, offset, 2) * size
    to_source = affine(0, scale, 0, (float(centre[0]), float(centre[1])))
    return to_source @ flip @ affine(rng.normal(0, 8), 1, 0, (float(shift[0]), float(shift[1])))


def warped_clip(rng: np.random.Generator, data: TrainingData, size: int, frames: int) -> Clip:
    """The paper's: one image, moved and bent as a whole."""
    image, mask, others = random_object(rng, data)
    known = others if rng.random() < KNOWN_SHARE else np.zeros_like(others)
    centre, extent = bounds(mask)
    shorter = min(mask.shape)
    pixels = np.clip(extent / rng.uniform(0.25, 1.3), 0.35 * shorter, 1.1 * shorter)
    motion = OBJECT_MOTION.scaled(rng.uniform(*PACE))
    maps = path_of_maps(rng, place(rng, centre, pixels, 0.2, size), size, frames, motion)
    return clip_of(
        frames=np.stack(vary_frames(rng, [remap(image, m) for m in maps])),
        masks=np.stack([remap(mask, m) for m in maps]),
        others=np.stack([remap(known, m) for m in maps]),
        decoys=np.stack([remap(others, m) for m in maps]),
    )


def layered_clip(rng: np.random.Generator, data: TrainingData, size: int, frames: int) -> Clip:
    """An object over another scene, with things behind it and in front of it."""
    motion = OBJECT_MOTION.scaled(rng.uniform(*PACE))
    target = object_layer(rng, *random_object(rng, data)[:2], size, frames, motion, spread=0.3)
    layers = [target]
    for _ in range(rng.choice(len(DISTRACTORS), p=DISTRACTORS)):
        twin = rng.random() < 0.5  # the same object again, in other colours as often as not
        source = (target.image, target.mask) if twin else random_object(rng, data)[:2]
        distractor = object_layer(rng, *source, size, frames, motion, spread=0.45)
        distractor = replace(distractor, known=rng.random() < KNOWN_SHARE, decoy=True)
        layers.insert(0 if rng.random() < 0.6 else len(layers), distractor)
    if data.silhouettes and data.textures and rng.random() < OCCLUDED_SHARE:
        layers.append(occluder_layer(rng, data, size, frames))
    scene = scene_frames(rng, data, size, frames)
    composed, *planes = zip(*(compose(scene[t], layers, target, t) for t in range(frames)), strict=True)
    return clip_of(np.stack(vary_frames(rng, list(composed))), *(np.stack(plane) for plane in planes))


def compose(
    canvas: NDArray[np.float32], layers: Sequence[Layer], target: Layer, t: int
) -> tuple[Image, Image, Image, Image]:
    """Frame t of the layers over each other, first one first: RGB, and what is seen of target, others and decoys."""
    seen = np.zeros((3, *canvas.shape[:2]), np.float32)
    for layer in layers:
        canvas, cover = paste(canvas, layer, t)
        seen *= 1 - cover
        planes = [layer is target, layer.known, layer.decoy]
        seen[planes] += cover
    return canvas.astype(np.uint8), *(seen * 255).astype(np.uint8)


def object_layer(
    rng: np.random.Generator,
    image: Image,
    mask: Image,
    size: int,
    frames: int,
    motion: MotionConfig,
    spread: float,
) -> Layer:
    """A cut-out object that spans 20% to 100% of the clip."""
    centre, extent = bounds(mask)
    placement = place(rng, centre, extent / rng.uniform(0.2, 1.0), spread, size)
    table = jitter_table(rng, 0.3) if rng.random() < 0.5 else None
    return Layer(image, mask, path_of_maps(rng, placement, size, frames, motion), table)


def occluder_layer(rng: np.random.Generator, data: TrainingData, size: int, frames: int) -> Layer:
    """A silhouette of a real object, filled with a texture."""
    labels = read_index_mask(data.silhouettes[rng.integers(len(data.silhouettes))])
    mask = ((labels > 0) * np.uint8(255)).astype(np.uint8)
    texture = read_rgb(data.textures[rng.integers(len(data.textures))])
    texture = cv2.resize(texture, mask.shape[::-1], interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    if not mask.any():
        mask[:] = 255
    return object_layer(rng, texture, mask, size, frames, OCCLUDER_MOTION, spread=0.5)


def scene_frames(
    rng: np.random.Generator, data: TrainingData, size: int, frames: int
) -> list[NDArray[np.float32]]:
    """A background that moves by itself: another image, or a texture."""
    if data.textures and rng.random() < 0.25:
        image = read_rgb(data.textures[rng.integers(len(data.textures))])
    else:
        image = read_rgb(data.images[rng.choice(len(data.images), p=data.image_weights)].image)
    height, width = image.shape[:2]
    pixels = min(height, width) * rng.uniform(0.5, 1.0)
    placement = place(rng, np.array([width / 2, height / 2]), pixels, 0.2, size)
    return [
        remap(image, m).astype(np.float32) for m in path_of_maps(rng, placement, size, frames, SCENE_MOTION)
    ]


def paste(
    canvas: NDArray[np.float32], layer: Layer, t: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lay a layer's frame t over the canvas; returns the canvas and the layer's cover in [0, 1], `(S, S)`."""
    image = remap(layer.image, layer.maps[t])
    if layer.table is not None:
        image = apply_table(image, layer.table)
    cover = remap(layer.mask, layer.maps[t], cv2.BORDER_CONSTANT)
    # Edges as hard as a cut would give the object away.
    soft: NDArray[np.float32] = cv2.GaussianBlur(cover, (0, 0), 0.7).astype(np.float32) / np.float32(255)
    alpha = soft[..., None]
    return canvas * (1 - alpha) + image * alpha, soft
