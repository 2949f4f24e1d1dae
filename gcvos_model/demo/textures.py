"""Textures of the demo clip, drawn from seeded noise: meadow, wood, bark, grass and fur.

All are float32 RGB in 0..1 at twice the clip's resolution.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.floating[Any]]
Colour: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True)
class Layer:
    """A picture with holes: colours (h, w, 3), opacity (h, w), and where its upper left corner lies."""

    colours: Image
    opacity: Image
    left: float = 0.0
    top: float = 0.0


def noise(
    rng: np.random.Generator, size: tuple[int, int], cell: tuple[float, float], octaves: int = 4
) -> Image:
    """Return smooth noise (H, W) of mean 0 and deviation 1.

    Args:
        rng: where its numbers come from.
        size: (H, W).
        cell: height and width in pixels of its coarsest grains; each further octave halves them and their
            height.
        octaves: how many.
    """
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        rows, columns = (max(1.0, side / 2**octave) for side in cell)
        grid = rng.standard_normal((int(size[0] / rows) + 3, int(size[1] / columns) + 3)).astype(np.float32)
        shape = (round(grid.shape[1] * columns), round(grid.shape[0] * rows))
        total += cv2.resize(grid, shape, interpolation=cv2.INTER_CUBIC)[: size[0], : size[1]] * 0.55**octave
    return np.asarray((total - total.mean()) / total.std(), np.float32)


def blend(first: Colour | Image, second: Colour | Image, weight: Image) -> Image:
    """Mix two colours (or images) by a weight (H, W), which is clipped to 0..1."""
    share = weight.clip(0, 1)[..., None]
    return np.asarray(
        np.asarray(first, np.float32) * (1 - share) + np.asarray(second, np.float32) * share, np.float32
    )


def meadow(rng: np.random.Generator, size: tuple[int, int], horizon: int) -> Image:
    """Return a meadow before a wood, seen at a slant: its grains and blades grow towards the viewer."""
    height, width = size
    nearness = ((np.arange(height, dtype=np.float32) - horizon) / (height - horizon)).clip(0, 1)[:, None]
    far, near = noise(rng, size, (6, 16), 3), noise(rng, size, (26, 40), 5)
    grain = far * (1 - nearness) + near * nearness
    grass = blend((0.20, 0.27, 0.09), (0.47, 0.52, 0.21), 0.5 + 0.22 * grain)
    dry = noise(rng, size, (70, 260), 4)
    grass = blend(grass, (0.50, 0.44, 0.25), 0.28 + 0.3 * dry)
    roots_y = horizon + (height - horizon) * rng.random(9000) ** 0.8
    for y in np.sort(roots_y):
        _blade(grass, rng, (rng.uniform(0, width), y), 4 + 22 * (y - horizon) / (height - horizon))
    wood = blend((0.07, 0.12, 0.05), (0.26, 0.36, 0.17), 0.45 + 0.3 * noise(rng, size, (36, 30), 5))
    light = noise(rng, size, (60, 50), 4) + np.linspace(1.2, -1.4, height, dtype=np.float32)[:, None]
    wood = blend(wood, (0.60, 0.67, 0.73), (light - 1.1) * 1.5)
    edge = horizon + 7 * noise(rng, (1, width), (1, 40), 4)
    below = (np.arange(height, dtype=np.float32)[:, None] - edge) / 6
    scene = blend(_blur(wood, 3.5), grass, below)
    return blend(_blur(scene, 2.0), scene, np.broadcast_to(nearness * 3, size))


def grass_edge(rng: np.random.Generator, width: int, blade: float) -> Layer:
    """Return a strip of grass, as wide as the world, to stand in front of feet."""
    unpainted = -1.0
    colours = np.full((round(blade * 2), width, 3), unpainted, np.float32)
    for _ in range(round(width * 0.5)):
        root = rng.uniform(0, width), colours.shape[0] - 1 - rng.uniform(0, blade * 0.6)
        _blade(colours, rng, root, blade)
    opacity = (colours[..., 0] != unpainted).astype(np.float32)
    colours[opacity == 0] = (0.3, 0.36, 0.14)  # shines through where the strip is shifted by parts of a pixel
    return Layer(colours, opacity)


def bark(rng: np.random.Generator, size: tuple[int, int]) -> Layer:
    """Return an upright tree trunk (H, W), a little out of focus."""
    height, width = size
    furrows = noise(rng, size, (90, 9), 4) + 0.5 * noise(rng, size, (14, 10), 3)
    colours = blend((0.15, 0.12, 0.09), (0.47, 0.41, 0.34), 0.45 + 0.26 * furrows)
    moss = noise(rng, size, (120, 60), 4) + np.linspace(-0.5, 1.0, height, dtype=np.float32)[:, None]
    colours = blend(colours, (0.28, 0.33, 0.13), (moss - 0.9) * 0.5)
    wobble = noise(rng, (height, 1), (60, 1), 4)[:, 0]
    half = width * (0.40 + 0.05 * np.linspace(0, 1, height) ** 4 + 0.012 * wobble)
    across = (np.arange(width) + 0.5 - width / 2) / half[:, None]
    roundness = np.sqrt((1 - across**2).clip(0.02, 1)) * (0.85 - 0.3 * across)  # lit from the left
    opacity = ((1 - np.abs(across)) * half[:, None] / 1.5).clip(0, 1)
    return Layer(_blur(colours * roundness[..., None], 1.0), _blur(opacity, 1.0))


def _blur(image: Image, sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma), np.float32)


def _blade(image: Image, rng: np.random.Generator, root: tuple[float, float], length: float) -> None:
    """Draw one bent blade of grass."""
    lean, bend = rng.normal(0, 0.35), rng.normal(0, 0.3)
    steps = np.linspace(0, 1, 4)
    x = root[0] + length * (lean * steps + bend * steps**2)
    y = root[1] - length * rng.uniform(0.5, 1.0) * steps
    points = np.rint(np.stack([x, y], axis=1) * 16).astype(np.int32)
    shade = rng.uniform(0.45, 1.1)
    hue = np.array([0.42, 0.50, 0.20]) + rng.normal(0, 0.04, 3)
    thickness = 1 + (length > 14)
    cv2.polylines(image, [points], False, (hue * shade).clip(0, 1).tolist(), thickness, cv2.LINE_8, shift=4)
