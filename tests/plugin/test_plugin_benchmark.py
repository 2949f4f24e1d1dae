"""`gcvos benchmark fiftyone`, with a tiny network."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from made_up import scene, write_video

from gcvos_model.cli.benchmark_fiftyone import real_clip, strips
from gcvos_model.errors import InputError


@pytest.fixture
def clip(tmp_path):
    pixels, labels = scene(24)
    path, mask = tmp_path / "clip.mp4", tmp_path / "mask.png"
    write_video(path, pixels)
    cv2.imwrite(str(mask), labels[0] * 255)
    return path, mask


def test_a_row_for_each_storage_and_number_of_objects(clip, steady_checkpoint, tmp_path):
    path, mask = clip
    out = tmp_path / "rows.jsonl"
    command = [
        sys.executable,
        "-m",
        "gcvos_model.cli",
        "benchmark",
        "fiftyone",
        str(path),
        "--mask",
        str(mask),
    ]
    command += ["--model", str(steady_checkpoint), "--device", "cpu", "--short-side", "32", "--out", str(out)]
    # Without a plugins folder it takes the plugin of the checkout.
    environment = {name: value for name, value in os.environ.items() if name != "FIFTYONE_PLUGINS_DIR"}
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["objects"], row["storage"]) for row in rows] == [
        (1, "database"),
        (1, "disk"),
        (5, "database"),
        (5, "disk"),
    ]
    for row in rows:
        assert row["network_fps"] > 0
        assert row["overhead"] == pytest.approx(max(0, 1 - row["fps"] / row["network_fps"]), abs=0.01)
        assert row["frames"] == 24
        assert row["machine"]["cores"] >= 1
    assert "overhead" in shown


def test_strips_share_a_mask_out():
    mask = np.zeros((6, 20), bool)
    mask[1:4, 3:18] = True
    labels = strips(mask, 5)
    assert np.array_equal(labels > 0, mask)
    assert np.bincount(labels.ravel())[1:].tolist() == [9] * 5
    assert (np.diff(labels[2, 3:18].astype(int)) >= 0).all()


def test_a_clip_needs_a_mask_of_its_size(clip, tmp_path):
    path, _ = clip
    with pytest.raises(InputError, match="--mask is missing"):
        real_clip(path, None, 10, 1)
    small = tmp_path / "small.png"
    cv2.imwrite(str(small), np.ones((4, 4), np.uint8))
    with pytest.raises(InputError, match=r"size \(4, 4\)"):
        real_clip(path, small, 10, 1)
