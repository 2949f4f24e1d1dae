"""The coats of the demo clip's animals, painted once, in the resting pose."""

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from .kinds import Kind, skeleton
from .textures import Colour, Image, blend, noise

UNIT = 150  # pixels of the coat in one unit of the bones' lengths
SIZE = (400, 500)
ORIGIN = np.array([250, 190], np.float32)  # where the bones' origin, the middle of the back, lies in the coat


@lru_cache(maxsize=2)
def coat(kind: Kind) -> Image:
    """Paint the coat in the resting pose: RGB, and how much longer than usual the hair is, in -1..1."""
    rng = np.random.default_rng(kind.seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    x, y = (x - ORIGIN[0]) / UNIT, (y - ORIGIN[1]) / UNIT
    hair = noise(rng, SIZE, (5, 18), 3)
    colours = blend(kind.coat, kind.belly, np.exp(-(((y - 0.2) / 0.075) ** 2)) * 1.1 + 0.05 * hair)
    colours = blend(colours, colours * 0.45, 0.55 * ((-0.1 - y) / 0.15).clip(0, 1))  # the back is darker
    colours = blend(colours, kind.mark, _stripes(rng, x, y) if kind.striped else _spots(rng))
    colours = blend(colours, (0.08, 0.07, 0.06), (y - 0.05 - kind.leg + 0.07) / 0.02)  # hooves and paws
    colours = _paint_face(colours, kind)
    colours *= (1 + 0.10 * hair + 0.06 * noise(rng, SIZE, (60, 60), 3))[..., None]
    longer = noise(rng, SIZE, (14, 14), 3) / 2
    return np.dstack([colours.clip(0, 1), longer.clip(-1, 1)]).astype(np.float32)


def _stripes(rng: np.random.Generator, x: Image, y: Image) -> Image:
    """Return dark stripes down the flanks and around the legs and the tail, (H, W) in 0..1."""
    warp, breaks = noise(rng, SIZE, (70, 50), 3), noise(rng, SIZE, (26, 26), 3)
    flank = np.sin((x + 0.12 * y + 0.026 * warp) / 0.115 * 2 * np.pi)
    legs = np.sin((y + 0.014 * warp) / 0.10 * 2 * np.pi)
    lower = ((y - 0.2) / 0.08).clip(0, 1)
    wave = flank * (1 - lower) + legs * lower
    limit = 0.35 + 0.35 * np.exp(-(((y - 0.16) / 0.1) ** 2)) + 0.22 * breaks
    return np.asarray(((wave - limit) / 0.25).clip(0, 1) * 0.92, np.float32)


def _spots(rng: np.random.Generator) -> Image:
    """Return pale spots over the back and the flanks, (H, W) in 0..1."""
    spots = np.zeros(SIZE, np.float32)
    placed: list[npt.NDArray[np.float64]] = []
    for candidate in rng.uniform((-0.58, -0.19), (0.42, 0.10), (400, 2)):
        if all(np.hypot(*(candidate - other)) > 0.085 for other in placed):
            placed.append(candidate)
            centre = np.rint((candidate * UNIT + ORIGIN) * 16).astype(int).tolist()
            axes = np.rint(rng.uniform(2.2, 4.2, 2) * 16).astype(int).tolist()
            cv2.ellipse(spots, centre, axes, rng.uniform(0, 180), 0, 360, 1.0, -1, cv2.LINE_8, 4)
    return cv2.GaussianBlur(spots, (0, 0), 1.0) * np.float32(0.95)


def _paint_face(colours: Image, kind: Kind) -> Image:
    """Add muzzle, nose and eye."""
    head = next(bone for bone in skeleton(kind) if bone.name == "head")
    start, end = (np.array(point) * UNIT + ORIGIN for point in (head.start, head.end))
    size = kind.head * UNIT

    def dot(share: float, rise: float, radius: float, colour: Colour) -> None:
        centre = start + share * (end - start) - (0, rise * size)
        at = np.rint(centre * 16).astype(int).tolist()
        cv2.circle(colours, at, round(radius * size * 16), colour, -1, shift=4)

    dot(0.95, -0.28, 0.42, kind.belly)
    dot(1.0 + 0.45 / kind.snout, 0.12, 0.20, (0.06, 0.05, 0.05))
    dot(0.42, 0.28, 0.19, (0.05, 0.04, 0.03))
    dot(0.45, 0.34, 0.06, (0.9, 0.9, 0.9))
    return np.asarray(cv2.GaussianBlur(colours, (0, 0), 0.7), np.float32)
