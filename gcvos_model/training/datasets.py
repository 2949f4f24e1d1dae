"""What training is made of: images with masks, videos with masks, textures, silhouettes; and how one is read."""

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gcvos_model.errors import InputError
from gcvos_model.training.array_cache import ArrayCache
from gcvos_model.training.coco import CocoMask

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
CACHE_BYTES = 4 << 30  # of decoded images and masks, all workers together
_cache = ArrayCache(CACHE_BYTES)


@dataclass(frozen=True)
class ImagePair:
    """An image and its index mask (0 background, 1..N objects)."""

    image: Path
    mask: Path | CocoMask
    weight: float = 1.0


@dataclass(frozen=True)
class VideoSequence:
    """A video's frames and their index masks, in order."""

    name: str
    frames: tuple[Path, ...]
    masks: tuple[Path, ...]


@dataclass(frozen=True)
class DataSet:
    """What lies in one place; most have but one of the parts."""

    name: str
    images: tuple[ImagePair, ...] = ()
    videos: tuple[VideoSequence, ...] = ()
    textures: tuple[Path, ...] = ()
    silhouettes: tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.images or self.videos or self.textures or self.silhouettes)


@dataclass(frozen=True)
class TrainingData:
    """Everything that clips are made from; any part may be empty."""

    images: tuple[ImagePair, ...] = ()
    videos: tuple[VideoSequence, ...] = ()
    textures: tuple[Path, ...] = ()
    silhouettes: tuple[Path, ...] = ()
    image_weights: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    names: tuple[str, ...] = ()  # of the sets of images and videos


def share_cache(processes: int) -> None:
    """Leave this process its share of the memory for decoded images."""
    _cache.room = CACHE_BYTES // max(1, processes)


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """An image as RGB `(H, W, 3)`, kept in memory since training meets it again; do not write into it.

    Raises:
        InputError: the file cannot be decoded.
    """
    return _cache.get(path, lambda: decode_rgb(path))


def read_index_mask(mask: Path | CocoMask) -> NDArray[np.uint8]:
    """An index mask `(H, W)`, kept in memory as well: see `decode_index_mask`."""
    return _cache.get(mask, mask.labels if isinstance(mask, CocoMask) else lambda: decode_index_mask(mask))


def decode_rgb(path: Path) -> NDArray[np.uint8]:
    """An image as RGB `(H, W, 3)`.

    Raises:
        InputError: the file cannot be decoded.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(f"cannot decode the image '{path}': replace or remove it")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def decode_index_mask(path: Path) -> NDArray[np.uint8]:
    """An index mask `(H, W)`: palette indices or grey values.

    A mask that holds only 0 and 255 becomes 0 and 1, and so does a JPEG, whose values are not exact.

    Raises:
        InputError: the file cannot be decoded.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            mask = np.array(image if image.mode in ("P", "L") else image.convert("L"))
            inexact = image.format == "JPEG"
    except (OSError, SyntaxError) as error:  # a damaged PNG is a SyntaxError
        raise InputError(f"cannot decode the mask '{path}': {error}") from error
    return (mask > 127).astype(np.uint8) if inexact or set(np.unique(mask)) <= {0, 255} else mask
