"""Readers: where images with masks, videos with masks and textures lie, and how one of them is read.

What is found is listed once, at the start, so that an empty or half-copied folder is refused before training begins.
"""

import functools
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gcvos_model.errors import InputError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
SET_WEIGHTS = {
    "eth80": 0.3,
    "caltech_cutout": 0.5,
}  # toys on blue; masks from plain backgrounds: fewer of them


@dataclass(frozen=True)
class ImagePair:
    """An image and its index mask (0 background, 1..N objects)."""

    image: Path
    mask: Path
    weight: float = 1.0


@dataclass(frozen=True)
class VideoSequence:
    """A video's frames and their index masks, in order."""

    name: str
    frames: tuple[Path, ...]
    masks: tuple[Path, ...]


@dataclass(frozen=True)
class TrainingData:
    """Everything that clips are made from; any part may be empty."""

    images: tuple[ImagePair, ...] = ()
    videos: tuple[VideoSequence, ...] = ()
    textures: tuple[Path, ...] = ()
    silhouettes: tuple[Path, ...] = ()
    image_weights: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    names: tuple[str, ...] = ()  # of the sets


def find_training_data(root: Path) -> TrainingData:
    """List the training data below `root`.

    The layout: `static/SET/{images,masks}/NAME.*`, `video/train/{JPEGImages,Annotations}/480p/SEQUENCE/*`,
    `textures/*`, `silhouettes/*`.

    Raises:
        InputError: there are neither images nor videos with masks.
    """
    images = tuple(pair for folder in sorted(root.glob("static/*")) for pair in find_image_pairs(folder))
    videos = tuple(find_sequences(root / "video" / "train"))
    if not images and not videos:
        raise InputError(
            f"no training data below '{root}': expected static/SET/images with static/SET/masks beside them, "
            "or video/train/JPEGImages with video/train/Annotations"
        )
    weights = np.array([pair.weight for pair in images])
    return TrainingData(
        images=images,
        videos=videos,
        textures=tuple(list_images(root / "textures")),
        silhouettes=tuple(list_images(root / "silhouettes")),
        image_weights=weights / weights.sum() if len(weights) else weights,
        names=(
            *(folder.name for folder in sorted(root.glob("static/*"))),
            *(("video/train",) if videos else ()),
        ),
    )


def list_images(folder: Path) -> list[Path]:
    """The image files below a folder, in order; none where it is absent."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)


def find_image_pairs(folder: Path) -> list[ImagePair]:
    """Pairs of `folder/images/NAME.*` and `folder/masks/NAME.*`; an image without a mask is left out."""
    masks = {path.stem: path for path in list_images(folder / "masks")}
    weight = SET_WEIGHTS.get(folder.name, 1.0)
    return [
        ImagePair(path, masks[path.stem], weight)
        for path in list_images(folder / "images")
        if path.stem in masks
    ]


def find_sequences(root: Path) -> list[VideoSequence]:
    """Sequences of a DAVIS or YouTube-VOS layout: frames in `JPEGImages`, masks of the same names in `Annotations`."""
    sequences = []
    for folder in sorted({path.parent for path in list_images(root / "JPEGImages")}):
        masks_folder = root / "Annotations" / folder.relative_to(root / "JPEGImages")
        masks = {path.stem: path for path in list_images(masks_folder)}
        frames = [path for path in list_images(folder) if path.stem in masks]
        if len(frames) >= 2:
            sequences.append(VideoSequence(folder.name, tuple(frames), tuple(masks[p.stem] for p in frames)))
    return sequences


@functools.lru_cache(maxsize=8192)
def read_rgb(path: Path) -> NDArray[np.uint8]:
    """An image as RGB `(H, W, 3)`, kept in memory since training meets it again; do not write into it.

    Raises:
        InputError: the file cannot be decoded.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(f"cannot decode the image '{path}': replace or remove it")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


@functools.lru_cache(maxsize=8192)
def read_index_mask(path: Path) -> NDArray[np.uint8]:
    """An index mask `(H, W)`: palette indices or grey values; a mask that holds only 0 and 255 becomes 0 and 1.

    Raises:
        InputError: the file cannot be decoded.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            mask = np.array(image if image.mode in ("P", "L") else image.convert("L"))
    except OSError as error:
        raise InputError(f"cannot decode the mask '{path}': {error}") from error
    return (mask > 127).astype(np.uint8) if set(np.unique(mask)) <= {0, 255} else mask
