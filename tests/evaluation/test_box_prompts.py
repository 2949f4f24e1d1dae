import numpy as np
import pytest
from PIL import Image

from gcvos_model.checkpoints import random_model
from gcvos_model.evaluation.box_prompts import mean_overlaps, variants
from gcvos_model.evaluation.layouts import Benchmark, read_dataset
from gcvos_model.masks import write_label_png


@pytest.fixture(scope="module")
def model():
    return random_model("tiny", seed=0)


@pytest.fixture
def disc():
    """A bright ellipse that touches the box 12, 20, 52, 50, and its mask."""
    y, x = np.mgrid[:64, :96] + 0.5
    mask = ((x - 32) / 20) ** 2 + ((y - 35) / 15) ** 2 <= 1
    frame = np.random.default_rng(0).integers(0, 60, (64, 96, 3), np.uint8)
    frame[mask] += 170
    return frame, mask


def test_overlaps(tmp_path, disc, model):
    frame, mask = disc
    images, annotations = (tmp_path / kind / "480p" / "disc" for kind in ("JPEGImages", "Annotations"))
    for folder in (images, annotations, tmp_path / "ImageSets" / "480p"):
        folder.mkdir(parents=True)
    (tmp_path / "ImageSets" / "480p" / "val.txt").write_text("disc\n", encoding="utf-8")
    for name in ("00000", "00001"):
        Image.fromarray(frame).save(images / f"{name}.jpg", quality=95)
        write_label_png(annotations / f"{name}.png", mask.astype(np.uint8))
    (sequence,) = read_dataset(tmp_path, Benchmark.DAVIS2016, "val")
    found = mean_overlaps(sequence, variants(model, 32), every=1)
    assert found["filled box"] == pytest.approx(100 * np.pi / 4, abs=2)
    assert found["GrabCut"] > 90
    assert set(found) == set(variants(model, 32))
