"""Random motion of one layer of a clip: an affine path, plus a smooth deformation that stands in for thin plates."""

from dataclasses import astuple, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class MotionConfig:
    """How far a layer moves from one frame to the next; each value is drawn evenly from +- its bound."""

    rotation: float = 15.0  # degrees
    log_scale: float = 0.16
    shift: float = 0.12  # of the clip's side
    shear: float = 0.08
    deformation: float = 0.03  # standard deviation at the control points, of the clip's side

    def scaled(self, pace: float) -> "MotionConfig":
        """All bounds times `pace`."""
        return MotionConfig(*(pace * bound for bound in astuple(self)))


def affine(rotation: float, scale: float, shear: float, shift: tuple[float, float]) -> NDArray[np.float64]:
    """A 3x3 matrix about the origin: shear, then scale and rotation (degrees), then shift."""
    angle = np.deg2rad(rotation)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    rotated = np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]], [0, 0, 1]])
    return rotated @ np.array([[1, shear, 0], [0, 1, 0], [0, 0, 1]])


def random_affine(rng: np.random.Generator, size: int, motion: MotionConfig) -> NDArray[np.float64]:
    """One step of a layer's path."""
    return affine(
        rotation=rng.uniform(-1, 1) * motion.rotation,
        scale=float(np.exp(rng.uniform(-1, 1) * motion.log_scale)),
        shear=rng.uniform(-1, 1) * motion.shear,
        shift=tuple(rng.uniform(-1, 1, 2) * motion.shift * size),
    )


def smooth_field(rng: np.random.Generator, size: int, strength: float) -> Array:
    """A smooth random displacement in pixels, `(size, size, 2)`: 4x4 control points, interpolated by cubic splines."""
    points = rng.normal(0, strength * size, (4, 4, 2)).astype(np.float32)
    return cv2.resize(points, (size, size), interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]


def path_of_maps(
    rng: np.random.Generator,
    placement: NDArray[np.float64],
    size: int,
    frames: int,
    motion: MotionConfig,
) -> list[Array]:
    """Sampling maps for each frame of a clip.

    Args:
        placement: 3x3 matrix from clip coordinates (origin at the centre, pixels) to source pixels, at the first frame.
        size: the clip's side in pixels.
        frames: how many.
        motion: bounds of each step; steps add up.

    Returns:
        For each frame the source position (x, y) of every clip pixel, `(size, size, 2)`, for `cv2.remap`.
    """
    axis = np.arange(size, dtype=np.float32) - (size - 1) / 2
    grid = np.stack([*np.meshgrid(axis, axis)], axis=-1)
    field = np.zeros((size, size, 2), np.float32)
    moved = np.eye(3)
    maps = []
    for frame in range(frames):
        if frame:
            moved = moved @ random_affine(rng, size, motion)
            field = field + smooth_field(rng, size, motion.deformation)
        matrix = (placement @ moved).astype(np.float32)
        maps.append((grid + field) @ matrix[:2, :2].T + matrix[:2, 2])
    return maps


def remap(
    image: NDArray[np.uint8], positions: Array, border: int = cv2.BORDER_REFLECT_101
) -> NDArray[np.uint8]:
    """Sample an image or a mask `(H, W[, 3])` bilinearly at `positions` `(h, w, 2)`."""
    return cv2.remap(image, positions, None, cv2.INTER_LINEAR, borderMode=border)  # type: ignore[call-overload]
