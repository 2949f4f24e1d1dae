"""A small data set of every kind, drawn: for `make train-smoke` and for the tests."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gcvos_model.masks import write_label_png

Image = NDArray[np.uint8]


def make_data(root: Path, *, seed: int = 0, images: int = 12, frames: int = 12) -> None:
    """Draw images with masks, one video with masks, textures and silhouettes below `root`.

    The layout is `static/blobs/{images,masks}`, `video/train/{JPEGImages,Annotations}/480p/slide`, `textures`,
    `silhouettes`; each image is of a furry ellipse on soft ground, and in the video the view slides over one.
    """
    rng = np.random.default_rng(seed)
    blobs = root / "static" / "blobs"
    for i in range(images):
        image, mask = draw_blob(rng, 90, 120)
        write_jpeg(blobs / "images" / f"{i}.jpg", image)
        write_mask(blobs / "masks" / f"{i}.png", mask)
    make_video(root / "video" / "train", seed=seed, frames=frames)
    for i in range(3):
        write_jpeg(root / "textures" / f"{i}.jpg", rng.integers(0, 255, (60, 60, 3), np.uint8))
        write_mask(root / "silhouettes" / f"{i}.png", draw_blob(rng, 60, 80)[1])


def make_video(root: Path, *, seed: int = 0, frames: int = 12) -> None:
    """Draw one video with masks in DAVIS's layout below `root`."""
    image, mask = draw_blob(np.random.default_rng(seed), 90, 140 + 3 * frames)
    for t in range(frames):
        view = slice(3 * t, 3 * t + 140)
        write_jpeg(root / "JPEGImages" / "480p" / "slide" / f"{t:05}.jpg", image[:, view])
        write_mask(root / "Annotations" / "480p" / "slide" / f"{t:05}.png", mask[:, view])


def draw_blob(rng: np.random.Generator, height: int, width: int) -> tuple[Image, Image]:
    """A textured ellipse on textured ground: image `(H, W, 3)` and index mask `(H, W)`."""
    image = cv2.resize(rng.integers(0, 120, (9, 12, 3), np.uint8), (width, height))
    mask = np.zeros((height, width), np.uint8)
    centre = int(rng.integers(width // 3, 2 * width // 3)), int(rng.integers(height // 3, 2 * height // 3))
    axes = width // 6, height // 5
    cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    fur = cv2.resize(rng.integers(130, 255, (20, 20, 3), np.uint8), (width, height))
    image[mask > 0] = fur[mask > 0]
    return image, mask  # type: ignore[return-value]


def write_jpeg(path: Path, image: Image) -> None:
    """Write an image, its folder too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


def write_mask(path: Path, mask: Image) -> None:
    """Write an index mask, its folder too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_label_png(path, mask)
