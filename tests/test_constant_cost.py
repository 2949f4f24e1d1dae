"""The thousandth frame costs what the fiftieth did."""

import time

import numpy as np
import psutil
import pytest

from gcvos_model import Propagator
from gcvos_model.cli import main
from gcvos_model.masks import write_label_png
from gcvos_model.video import VideoWriter


def forth_and_back(items, count):
    """Indices 0 1 2 ... n-1 n-2 ... 1 0 1 ...: a clip looped without a cut."""
    period = 2 * (len(items) - 1)
    for i in range(count):
        at = i % period
        yield items[min(at, period - at)]


def test_frame_1000_costs_what_frame_50_did(tiny_model, scene):
    """An old propagator and a new one in turn, so that a machine whose speed drifts slows both."""
    frames, labels = scene
    old, new = Propagator(tiny_model, short_side=32), Propagator(tiny_model, short_side=32)
    for propagator in (old, new):
        propagator.annotate(frames[0], {1: labels[0] == 1, 2: labels[0] == 2})
    size, seconds = len(old.memories[1].to_bytes()), {old: [], new: []}
    for frame in forth_and_back(frames, 950):
        old.step(frame)
    for frame in forth_and_back(frames, 100):
        for propagator in (old, new):
            before = time.process_time()
            propagator.step(frame)
            seconds[propagator].append(time.process_time() - before)
    assert old.index == 1051
    assert len(old.memories[1].to_bytes()) == size
    assert np.median(seconds[old]) <= 1.15 * np.median(seconds[new])


@pytest.mark.long
def test_a_thousand_frames_on_the_command_line_hold_memory_flat(scene, tmp_path, checkpoint, monkeypatch):
    frames, labels = scene
    with VideoWriter(tmp_path / "long.mp4", (48, 80), 25) as writer:
        for frame in forth_and_back(frames, 1000):
            writer.write(frame)
    write_label_png(tmp_path / "first.png", labels[0])
    process, resident = psutil.Process(), []
    from gcvos_model.result_folder import ResultFolder

    original = ResultFolder.write

    def measured(self, *arguments):
        original(self, *arguments)
        resident.append(process.memory_info().rss)

    monkeypatch.setattr(ResultFolder, "write", measured)
    options = [
        "--out",
        str(tmp_path / "out"),
        "--model",
        str(checkpoint),
        "--short-side",
        "64",
        "--device",
        "cpu",
    ]
    with pytest.raises(SystemExit) as exit_:
        main(["propagate", str(tmp_path / "long.mp4"), "--mask", str(tmp_path / "first.png"), *options])
    assert not exit_.value.code
    assert len(resident) == 1000
    assert max(resident[50:]) <= 1.03 * resident[50]
