"""The animals of the demo clip: jointed, walking, with a coat that moves with them.

The bones' distance fields melt into one smooth body, so the outline deforms at the joints. Every pixel is
carried back to the resting pose by the bones near it (linear blend skinning the other way round), where its
coat is found.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from .coats import ORIGIN, UNIT, coat
from .kinds import Bone, Kind, skeleton
from .textures import Image, Layer, blend

MELT = np.float32(0.022)  # how far bones melt into each other, in units of the bones' lengths
TUFTS = np.float32(0.014)  # how far the coat stands out
REACH = (1.35, 1.0)  # how far an animal may stretch from the middle of its back


def gait(phase: float, graze: float) -> dict[str, float]:
    """Return how far each bone has turned from rest, in radians, clockwise on screen.

    Args:
        phase: of the walk, in radians; legs on a diagonal move nearly together.
        graze: how far neck and head are lowered, 0 to 1.
    """
    angles = {
        "body": 0.025 * np.sin(2 * phase),
        "neck": 0.75 * graze + 0.06 * np.sin(2 * phase + 0.5),
        "head": 0.35 * graze - 0.08 * np.sin(2 * phase),
        "near ear": 0.25 * np.sin(0.9 * phase + 1),
        "far ear": 0.3 * np.sin(0.7 * phase),
        "tail": 0.35 * np.sin(phase),
        "tip": 0.45 * np.sin(phase - 0.8),
    }
    for leg, offset in {
        "near fore": 0.0,
        "far fore": np.pi,
        "near hind": np.pi * 0.75,
        "far hind": np.pi * 1.75,
    }.items():
        swing = np.sin(phase + offset)
        lift = max(0.0, float(np.cos(phase + offset)))
        angles[leg] = -0.42 * swing + (0.1 if "hind" in leg else 0.0)
        angles[f"{leg} shin"] = (0.75 * lift) - (0.12 if "hind" in leg else 0.0)
    return angles


@dataclass(frozen=True)
class PosedBone:
    """A bone where it is now, and where it rests: matrices take points (x, y, 1) back to the resting pose."""

    bone: Bone
    start: npt.NDArray[np.float64]
    end: npt.NDArray[np.float64]
    to_rest: npt.NDArray[np.float64]


def pose(bones: list[Bone], angles: Mapping[str, float]) -> list[PosedBone]:
    """Turn every bone about its start, carrying its children along."""
    from_rest = {"": np.eye(3)}
    posed = []
    for bone in bones:
        cos, sin = np.cos(angles[bone.name]), np.sin(angles[bone.name])
        x, y = bone.start
        turn = np.array([[cos, -sin, x - cos * x + sin * y], [sin, cos, y - sin * x - cos * y], [0, 0, 1]])
        matrix = from_rest[bone.name] = from_rest[bone.parent] @ turn
        start, end = matrix @ (*bone.start, 1), matrix @ (*bone.end, 1)
        posed.append(PosedBone(bone, start[:2], end[:2], np.linalg.inv(matrix)))
    return posed


def draw(
    kind: Kind, place: tuple[float, float], unit: float, angles: Mapping[str, float], facing: int
) -> Layer:
    """Draw an animal, lit from above on the left.

    Args:
        kind: its build and coat.
        place: x and y in pixels of the middle of its back.
        unit: pixels in one unit of the bones' lengths.
        angles: as `gait` gives them.
        facing: 1 to the right, -1 to the left.
    """
    left, top = round(place[0] - REACH[0] * unit), round(place[1] - REACH[1] * unit)
    y, x = np.mgrid[top : top + round(2 * REACH[1] * unit), left : left + round(2 * REACH[0] * unit)]
    x = ((x + (0.5 - place[0])) * (facing / unit)).astype(np.float32)
    y = ((y + (0.5 - place[1])) / unit).astype(np.float32)
    parts = pose(skeleton(kind), angles)
    far = _draw_group(kind, [part for part in parts if part.bone.name.startswith("far")], x, y, unit)
    near = _draw_group(kind, [part for part in parts if not part.bone.name.startswith("far")], x, y, unit)
    colours = blend(far[0] * np.float32(0.62), near[0], near[1])
    return Layer(colours, np.maximum(near[1], far[1]), left, top)


def _draw_group(kind: Kind, parts: list[PosedBone], x: Image, y: Image, unit: float) -> tuple[Image, Image]:
    """Melt bones into one body and return its colours (H, W, 3) and opacity (H, W)."""
    distances, radii = zip(*(_capsule(part, x, y) for part in parts), strict=True)
    distance = np.stack(distances)
    nearest = distance.min(axis=0)
    weights = np.exp((nearest - distance) / MELT)
    total = weights.sum(axis=0)
    weights /= total
    at = _resting_place(parts, weights, x, y) * np.float32(UNIT) + ORIGIN[:, None, None]
    painted = cv2.remap(coat(kind), at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    surface = nearest - MELT * np.log(total) - TUFTS * painted[..., 3]  # negative inside
    radius = np.einsum("nhw,nhw->hw", weights, np.stack(radii))
    light = _light(surface * np.float32(unit), radius * np.float32(unit))
    opacity = (0.5 - surface * np.float32(unit / 1.6)).clip(0, 1)
    return (painted[..., :3] * light[..., None]).clip(0, 1), opacity


def _resting_place(parts: list[PosedBone], weights: Image, x: Image, y: Image) -> Image:
    """Return x and y (2, H, W) of each point in the resting pose, by the bones' weights (N, H, W)."""
    ways = np.stack([part.to_rest[:2] for part in parts]).astype(np.float32)
    way = np.einsum("nhw,nij->ijhw", weights, ways)
    return np.asarray(way[:, 0] * x + way[:, 1] * y + way[:, 2])


def _light(surface: Image, radius: Image) -> Image:
    """Return how bright a round body is (H, W), lit from above on the left; distances in pixels."""
    inside = (-surface / radius).clip(0, 1)
    relief = cv2.GaussianBlur(radius * np.sqrt(1 - (1 - inside) ** 2), (0, 0), 2.0)
    slope_y, slope_x = np.gradient(relief)
    lit = (0.45 * slope_x + 0.75 * slope_y + 0.5) / np.sqrt(1 + slope_x**2 + slope_y**2)
    return np.asarray(0.68 + 0.5 * lit.clip(-0.4, 1), np.float32)


def _capsule(part: PosedBone, x: Image, y: Image) -> tuple[Image, Image]:
    """Return for each point its distance from a bone's surface, and the bone's radius beside it."""
    start_x, start_y, along_x, along_y = (float(value) for value in (*part.start, *(part.end - part.start)))
    x, y = x - start_x, y - start_y
    share = ((x * along_x + y * along_y) / (along_x**2 + along_y**2)).clip(0, 1)
    radius = part.bone.start_radius + share * (part.bone.end_radius - part.bone.start_radius)
    return np.hypot(x - share * along_x, y - share * along_y) - radius, radius
