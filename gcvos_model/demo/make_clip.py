"""Draw the demo clip: two animals to track, on a meadow, with exact masks.

`python -m gcvos_model.demo.make_clip [FOLDER]` writes `clip.mp4` and `masks/00000.png` ... into a folder;
those beside this file were made so. Nothing in it is a photograph: everything is drawn from seeded noise.

A spotted fawn (object 1) walks to the right and grazes, a tiger (object 2) crosses to the left, a second fawn
wanders behind (no object: a distractor). The camera follows the first, so the trunks of two trees close by
pass in front of each animal. A cloud's shadow moves over, the exposure drifts, and each frame has motion blur
and sensor noise.
"""

import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from ..masks import Labels, write_label_png
from ..video import Frame, VideoWriter
from .animals import draw, gait
from .kinds import FAWN, TIGER, Kind
from .textures import Image, Layer, bark, blend, grass_edge, meadow, noise

FRAMES, FPS = 48, 15.0
SIZE = (270, 480)
DETAIL = 2  # everything is drawn so many times larger and averaged down, which makes soft edges
SHUTTER = (-0.22, 0.0, 0.22)  # moments of one exposure, in frames
VIEW = (SIZE[0] * DETAIL, SIZE[1] * DETAIL)
HORIZON = 130
WORLD = (VIEW[0] + 24, VIEW[1] + 380)


@dataclass(frozen=True)
class Actor:
    """An animal on its way. Lengths are pixels at `VIEW`; x is in the world, which the camera passes over."""

    object_id: int  # 0 for what is not to be tracked
    kind: Kind
    unit: float
    facing: int
    feet: float  # y of the ground it walks on
    start: float
    speed: float  # pixels in a frame
    step: float  # radians of its walk in a frame
    phase: float
    graze: tuple[float, float]  # how far its head is lowered at most, and the frame at which

    def x(self, moment: float) -> float:
        """Return where the middle of its back is."""
        return self.start + self.facing * (self.speed * moment + 2.0 * np.sin(2 * self.step * moment))

    def angles(self, moment: float) -> dict[str, float]:
        """Return how its bones are turned."""
        depth, middle = self.graze
        return gait(self.phase + self.step * moment, depth * float(np.exp(-(((moment - middle) / 11) ** 2))))


ACTORS = (  # from far to near
    Actor(0, FAWN, 120, -1, 330, 940, 3.0, 0.30, 1.0, (1.0, 8)),
    Actor(2, TIGER, 185, -1, 420, 830, 0.8, 0.26, 0.4, (0.5, 30)),
    Actor(1, FAWN, 185, 1, 490, 215, 6.2, 0.33, 2.0, (1.0, 38)),
)
TRUNKS = ((600, 56), (1180, 64))  # x at the first frame and width
TRUNK_SPEED = 2.3  # how much faster than the ground trees close to the camera pass


def camera(moment: float) -> tuple[float, float]:
    """Return x and y of the world's point in the upper left corner: a slow pan by hand."""
    share = moment / FRAMES
    pan = 320 * share**2 * (3 - 2 * share)
    shake_x, shake_y = 2.5 * np.sin(0.9 * moment), 3 * np.sin(0.55 * moment + 1) + 1.2 * np.sin(1.7 * moment)
    return 12 + pan + shake_x, 12 + shake_y


def render(index: int, actors: tuple[Actor, ...] = ACTORS) -> tuple[Frame, Labels]:
    """Draw one frame (H, W, 3) and its labels (H, W): an object where it covers over half of a pixel.

    Args:
        index: of the frame, below `FRAMES`.
        actors: from far to near, of which objects 1 and 2 are labelled.
    """
    shots = [_shot(index + offset, actors) for offset in SHUTTER]
    image = _shrink(np.mean([image for image, _ in shots], axis=0))
    coverage = _shrink(np.mean([coverage for _, coverage in shots], axis=0))
    labels = np.where(coverage.max(axis=2) > 0.5, coverage.argmax(axis=2) + 1, 0).astype(np.uint8)
    return _expose(image, index, _stage(actors).clouds), labels


def write(folder: Path) -> None:
    """Write the clip and its masks into a folder."""
    (folder / "masks").mkdir(parents=True, exist_ok=True)
    with VideoWriter(folder / "clip.mp4", SIZE, FPS) as writer:
        for index in range(FRAMES):
            frame, labels = render(index)
            writer.write(frame)
            write_label_png(folder / "masks" / f"{index:05d}.png", labels)


def _shot(moment: float, actors: tuple[Actor, ...]) -> tuple[Image, Image]:
    """Draw one moment at `VIEW`: colours (H, W, 3), and how far objects 1 and 2 cover pixels (H, W, 2)."""
    left, top = camera(moment)
    stage = _stage(actors)
    picture = _cut(stage.ground, left, top), np.zeros((*VIEW, 2), np.float32)
    for actor, edge in zip(actors, stage.edges, strict=True):
        feet = actor.feet - top
        place = actor.x(moment) - left, feet - (0.05 + actor.kind.leg) * actor.unit
        animal = draw(actor.kind, place, actor.unit, actor.angles(moment), actor.facing)
        _shade(picture[0], animal, feet)
        _lay_over(*picture, animal, actor.object_id)
        grass = replace(edge, left=-left, top=feet - 0.65 * edge.opacity.shape[0])
        _lay_over(*picture, _in_front_of(grass, animal))
    for (start, width), trunk in zip(TRUNKS, stage.trunks, strict=True):
        _lay_over(*picture, replace(trunk, left=start - TRUNK_SPEED * left - width / 2, top=-top))
    return picture


@dataclass(frozen=True)
class _Stage:
    """What stays the same from frame to frame."""

    ground: Image
    edges: list[Layer]  # the grass in front of each actor's feet
    trunks: list[Layer]
    clouds: Image


@lru_cache(maxsize=2)
def _stage(actors: tuple[Actor, ...]) -> _Stage:
    rng = np.random.default_rng(2019)
    ground = meadow(rng, WORLD, HORIZON)
    edges = [grass_edge(rng, WORLD[1], 0.11 * actor.unit) for actor in actors]
    trunks = [bark(rng, (WORLD[0], width)) for _, width in TRUNKS]
    clouds = noise(rng, (SIZE[0], SIZE[1] + 400), (150, 220), 3)
    return _Stage(ground, edges, trunks, clouds)


def _cut(canvas: Image, x: float, y: float, size: tuple[int, int] = VIEW) -> Image:
    """Return the part of a canvas whose upper left corner lies at x, y; empty beyond its borders."""
    matrix = np.array([[1, 0, -x], [0, 1, -y]], np.float64)
    return cast(Image, cv2.warpAffine(canvas, matrix, size[::-1], flags=cv2.INTER_LINEAR))


def _lay_over(image: Image, coverage: Image, layer: Layer, object_id: int = 0) -> None:
    """Lay a layer over the picture; what it hides of the objects is no longer covered by them."""
    height, width = layer.opacity.shape
    x, y = int(np.floor(layer.left)), int(np.floor(layer.top))
    there = (slice(max(0, y), max(0, y + height + 1)), slice(max(0, x), max(0, x + width + 1)))
    size = coverage[there].shape[:2]
    if 0 in size:
        return
    corner = max(0, x) - layer.left, max(0, y) - layer.top
    opacity = _cut(layer.opacity, *corner, size)
    image[there] = blend(image[there], _cut(layer.colours, *corner, size), opacity)
    coverage[there] *= (1 - opacity)[..., None]
    if object_id:
        coverage[there][..., object_id - 1] = opacity


def _in_front_of(edge: Layer, animal: Layer) -> Layer:
    """Return the part of a strip of grass beside an animal, thinning out where the animal is not.

    The meadow has blades enough of its own: whole strips would show as lines.
    """
    size = (edge.opacity.shape[0], animal.opacity.shape[1])
    at = animal.left - edge.left, 0.0
    beside = _cut(animal.opacity, 0.0, edge.top - animal.top, size)
    near = (cv2.GaussianBlur(beside, (0, 0), 4.0) * 3).clip(0, 1)
    return Layer(_cut(edge.colours, *at, size), _cut(edge.opacity, *at, size) * near, animal.left, edge.top)


def _shade(image: Image, animal: Layer, feet: float) -> None:
    """Darken the ground where an animal throws its shadow: to the right, and away from the viewer."""
    sheared = np.array(
        [[1, -0.55, animal.left - 0.55 * (animal.top - feet)], [0, 0.16, 0.16 * animal.top + 0.84 * feet]]
    )
    shadow = cv2.warpAffine(animal.opacity, sheared, VIEW[::-1])
    image *= 1 - 0.5 * cv2.GaussianBlur(shadow, (0, 0), 3.0)[..., None]


def _shrink(image: Image) -> Image:
    return cast(Image, cv2.resize(image, SIZE[::-1], interpolation=cv2.INTER_AREA))


def _expose(image: Image, index: int, clouds: Image) -> Frame:
    """Add light and camera: a passing cloud, drift of exposure and colour, vignette, blur and noise."""
    share = index / FRAMES
    drift = round(6 * index)
    cloud = clouds[:, 400 - drift : 400 - drift + SIZE[1]]
    light = 1.28 - 0.22 * (0.5 + 0.8 * cloud).clip(0, 1) + 0.10 * np.sin(2 * np.pi * share + 0.6)
    y, x = np.mgrid[-1 : 1 : SIZE[0] * 1j, -1 : 1 : SIZE[1] * 1j]
    light = light * (1 - 0.12 * (x**2 + y**2) / 2)
    balance = np.array([1 + 0.03 * np.sin(5 * share), 1.0, 1 - 0.04 * np.sin(5 * share)])
    exposed = cv2.GaussianBlur(image * light[..., None] * balance, (0, 0), 0.55)
    rng = np.random.default_rng((2019, index))
    grain = rng.normal(0, 1, (*SIZE, 3)) * (0.010 + 0.018 * np.sqrt(exposed.clip(0, 1)))
    return np.rint((exposed + grain).clip(0, 1) * 255).astype(np.uint8)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
