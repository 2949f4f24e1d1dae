"""Small data sets in the official layouts, made of squares that move over grey, and a tracker that stands still."""

import json

import numpy as np
from PIL import Image

from gcvos_model.masks import write_label_png

SIZE = (48, 64)
FRAMES = 6


def square(left, top=10, side=12, object_id=1):
    """A label map with one square."""
    labels = np.zeros(SIZE, np.uint8)
    labels[top : top + side, left : left + side] = object_id
    return labels


def moving_square(frames=FRAMES, speed=2, **where):
    """Label maps of a square that moves right by `speed` pixels a frame."""
    return [square(4 + speed * t, **where) for t in range(frames)]


def write_images(folder, maps, names=None):
    folder.mkdir(parents=True)
    for name, labels in zip(names or numbered(len(maps)), maps, strict=True):
        grey = 60 + 60 * labels.astype(np.uint8)
        Image.fromarray(np.stack([grey] * 3, axis=-1)).save(folder / f"{name}.jpg")


def write_masks(folder, maps, names=None):
    folder.mkdir(parents=True, exist_ok=True)
    for name, labels in zip(names or numbered(len(maps)), maps, strict=True):
        write_label_png(folder / f"{name}.png", labels)


def numbered(count, step=1):
    return [f"{index * step:05d}" for index in range(count)]


class Davis:
    """A DAVIS root that sequences are added to."""

    def __init__(self, root):
        self.root = root
        root.mkdir()

    def add(self, name, maps, annotated=None):
        write_images(self.root / "JPEGImages" / "480p" / name, maps)
        kept = range(len(maps)) if annotated is None else annotated
        write_masks(self.annotations(name), [maps[t] for t in kept], [numbered(len(maps))[t] for t in kept])

    def annotations(self, name):
        return self.root / "Annotations" / "480p" / name

    def list(self, lines, year="480p", split="val"):
        path = self.root / "ImageSets" / year / f"{split}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")


class YouTubeVOS:
    """A YouTube-VOS root that videos are added to."""

    def __init__(self, root):
        self.root = root
        self.videos = {}
        root.mkdir()

    def add(self, name, maps, objects, names=None, annotated=None):
        """`objects`: id to its frames in meta.json, as indices into `names`."""
        names = names or numbered(len(maps), 5)
        write_images(self.root / "JPEGImages" / name, maps, names)
        kept = range(len(maps)) if annotated is None else annotated
        write_masks(self.root / "Annotations" / name, [maps[t] for t in kept], [names[t] for t in kept])
        self.videos[name] = {
            "objects": {
                str(key): {"category": "thing", "frames": [names[t] for t in frames]}
                for key, frames in objects.items()
            }
        }
        (self.root / "meta.json").write_text(json.dumps({"videos": self.videos}))


def entering_maps():
    second = square(40, 30, 10, 2)
    return [np.maximum(first, second) if t >= 2 else first for t, first in enumerate(moving_square())]


class StillTracker:
    """Says of every frame what it was last told, and keeps what it was given."""

    def __init__(self):
        self.given = []

    def annotate(self, frame, masks):
        if not self.given:
            self.labels = np.zeros(frame.shape[:2], np.uint8)
        for object_id, mask in masks.items():
            self.labels[mask] = object_id
        self.given.append((len(self.given), masks))
        return self

    def step(self, frame):
        assert self.given, "a frame before the first annotation"
        assert frame.shape == (*self.labels.shape, 3)
        return self
