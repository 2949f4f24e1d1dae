import math

import numpy as np
import pytest
from PIL import Image

from gcvos_model.checkpoints import random_model
from gcvos_model.evaluation.confidence import Judged
from gcvos_model.evaluation.layouts import Benchmark, read_dataset
from gcvos_model.evaluation.review_threshold import Finding, as_table, auroc, finding, marks
from gcvos_model.masks import write_label_png


def mark(confidence, j):
    return Judged(confidence, visible=True, present=True, j=j)


FOUND = [mark(0.3, 0.1), mark(0.6, 0.4), mark(0.7, 0.9), mark(0.95, 0.8)]


def test_what_a_threshold_finds():
    assert finding(FOUND, 0.5) == Finding(flagged=0.25, precision=1.0, recall=0.5)
    assert finding(FOUND, 0.8) == Finding(flagged=0.75, precision=pytest.approx(2 / 3), recall=1.0)
    assert finding(FOUND, 0.1) == Finding(flagged=0.0, precision=1.0, recall=0.0)
    assert finding([], 0.5) == Finding(flagged=0.0, precision=1.0, recall=1.0)


def test_auroc_counts_pairs():
    assert auroc(FOUND) == 1
    assert auroc([*FOUND, mark(0.5, 0.9)]) == pytest.approx(5 / 6)
    assert auroc([mark(0.5, 0.1), mark(0.5, 0.9)]) == 0.5
    assert math.isnan(auroc(FOUND[:2]))


def test_table_has_a_row_a_threshold():
    table = as_table(FOUND)
    assert "4 masks, 2 of them bad (J < 0.5); AUROC of the confidence 1.000" in str(table.title)
    assert table.row_count == 12


def test_marks_of_a_sequence(tmp_path):
    images, annotations = (tmp_path / kind / "480p" / "box" for kind in ("JPEGImages", "Annotations"))
    for folder in (images, annotations, tmp_path / "ImageSets" / "480p"):
        folder.mkdir(parents=True)
    (tmp_path / "ImageSets" / "480p" / "val.txt").write_text("box\n", encoding="utf-8")
    labels = np.zeros((48, 64), np.uint8)
    labels[8:40, 8:40] = 1
    for name in ("00000", "00001", "00002"):
        Image.fromarray(np.repeat(labels[:, :, None] * 200, 3, 2)).save(images / f"{name}.jpg")
        write_label_png(annotations / f"{name}.png", labels)
    (sequence,) = read_dataset(tmp_path, Benchmark.DAVIS2016, "val")
    found = list(marks(random_model("tiny", seed=1), sequence))
    assert len(found) <= 2  # a mask is none where the object is lost
    assert all(0 < mark.confidence <= 1 and 0 <= mark.j <= 1 for mark in found)
    model = random_model("tiny", seed=1)
    model.decoder.predict.bias.data += 50.0  # never loses it
    assert len(list(marks(model, sequence))) == 2
