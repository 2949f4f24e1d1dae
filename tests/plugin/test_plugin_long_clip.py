"""A clip of 5,000 frames with 5 objects: memory stays flat, and the dataset can be used afterwards."""

import json
import subprocess
import sys
from pathlib import Path

import fiftyone as fo
import pytest
from fiftyone import ViewField as F
from made_up import detections, scene, write_video

HERE = Path(__file__).resolve().parent
FRAMES, OBJECTS = 5000, 5


@pytest.mark.long
def test_memory_is_flat_and_the_dataset_stays_usable(tmp_path, checkpoint):
    pixels, labels = scene(FRAMES, OBJECTS, size=(64, 64))
    sample = fo.Sample(filepath=str(write_video(tmp_path / "long.mp4", pixels)))
    sample.frames[1] = fo.Frame(gt=detections(labels[0]))
    dataset = fo.Dataset()
    dataset.add_sample(sample)
    command = [sys.executable, str(HERE / "long_clip_process.py"), dataset.name, str(checkpoint)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    result = json.loads(output.splitlines()[-1])
    resident = result["resident"]
    assert len(resident) == FRAMES
    assert max(resident[200:]) <= 1.05 * resident[200]
    assert result["summary"]["storage"]["long.mp4"] != "database"

    dataset.reload()
    assert dataset.count("frames.gc.detections") == FRAMES * OBJECTS
    assert dataset.match_frames(F("frame_number") > FRAMES - 10).count("frames") == 10
    assert dataset.filter_labels("frames.gc", F("index") == 3).count("frames.gc.detections") == FRAMES
    assert len(dataset.select_fields("frames.gc").first().frames) == FRAMES
    frames = dataset.to_frames(sample_frames=True, output_dir=str(tmp_path / "frames"))
    assert frames.count("gc.detections") == FRAMES * OBJECTS
    assert dataset.first().frames[FRAMES].gc.detections[4].get_mask().any()
    dataset.delete()
