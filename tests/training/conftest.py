import cv2
import numpy as np
import pytest

from gcvos_model.masks import write_label_png
from gcvos_model.training.datasets import find_training_data


def blob(rng, height, width):
    """A textured ellipse on textured ground: image and index mask."""
    image = cv2.resize(rng.integers(0, 120, (9, 12, 3), np.uint8), (width, height))
    mask = np.zeros((height, width), np.uint8)
    centre = (int(rng.integers(width // 3, 2 * width // 3)), int(rng.integers(height // 3, 2 * height // 3)))
    cv2.ellipse(mask, centre, (width // 6, height // 5), float(rng.uniform(0, 180)), 0, 360, 1, -1)
    fur = cv2.resize(rng.integers(130, 255, (20, 20, 3), np.uint8), (width, height))
    image[mask > 0] = fur[mask > 0]
    return image, mask


@pytest.fixture(scope="session")
def training_root(tmp_path_factory):
    """A small data set of every kind, in the layout of the readers."""
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("data")
    for name in ("images", "masks"):
        (root / "static" / "blobs" / name).mkdir(parents=True)
    for i in range(12):
        image, mask = blob(rng, 90, 120)
        cv2.imwrite(str(root / "static" / "blobs" / "images" / f"{i}.jpg"), image)
        write_label_png(root / "static" / "blobs" / "masks" / f"{i}.png", mask)
    for kind in ("JPEGImages", "Annotations"):
        (root / "video" / "train" / kind / "480p" / "slide").mkdir(parents=True)
    image, mask = blob(rng, 90, 200)
    for t in range(12):
        folder = root / "video" / "train"
        cv2.imwrite(
            str(folder / "JPEGImages" / "480p" / "slide" / f"{t:05}.jpg"), image[:, 3 * t : 3 * t + 140]
        )
        write_label_png(
            folder / "Annotations" / "480p" / "slide" / f"{t:05}.png", mask[:, 3 * t : 3 * t + 140]
        )
    (root / "textures").mkdir()
    (root / "silhouettes").mkdir()
    for i in range(3):
        cv2.imwrite(str(root / "textures" / f"{i}.jpg"), rng.integers(0, 255, (60, 60, 3), np.uint8))
        write_label_png(root / "silhouettes" / f"{i}.png", blob(rng, 60, 80)[1])
    return root


@pytest.fixture(scope="session")
def training_data(training_root):
    return find_training_data(training_root)
