"""What breaks: a killed process, a database that goes away, a full disk. A second run completes the rest."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest
from fiftyone_server import Mongod, environment
from made_up import rendered

from plugin.records import Run

HERE = Path(__file__).resolve().parent
FRAMES = 150


def start(dataset_name, checkpoint, env=None, **params):
    given = {
        "source_field": "frames.gt",
        "model": str(checkpoint),
        "device": "cpu",
        "short_side": 32,
        **params,
    }
    command = [sys.executable, str(HERE / "propagate_process.py"), dataset_name, json.dumps(given)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    )


def wait_for(condition, seconds=600.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to that")


def counts(dataset, field="gc"):
    """Frame number to how many labels the run has put there."""
    found = Counter()
    for sample in dataset:
        for number, frame in sample.frames.items():
            if frame.has_field(field) and frame[field]:
                found[number] += len(frame[field].detections)
    return found


def test_killed_in_the_middle_a_second_run_completes_the_rest(make_videos, run, steady_checkpoint):
    dataset, whole = make_videos(frames=FRAMES), make_videos(frames=FRAMES)
    process = start(dataset.name, steady_checkpoint, pause=0.02)
    key = dataset.first().id
    record = Run(dataset, "gcvos_gc")
    wait_for(lambda: process.poll() is not None or ((state := record.state(key)) and state.written >= 32))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    state = record.state(key)
    assert 32 <= state.written < FRAMES
    assert not state.alive
    settings = {"model": str(steady_checkpoint), "short_side": 32}
    summary = run(dataset, **settings)
    assert (summary["done"], summary["frames"]) == (1, FRAMES - state.written)
    assert counts(dataset) == dict.fromkeys(range(1, FRAMES + 1), 1)
    run(whole, **settings)
    one, other = dataset.first().frames, whole.first().frames
    for number in range(1, FRAMES + 1):
        assert np.array_equal(rendered(one[number].gc), rendered(other[number].gc))
        [first], [second] = one[number].gc.detections, other[number].gc.detections
        assert (first.confidence, first.occluded) == (second.confidence, second.occluded)


def test_the_database_goes_away_for_ten_seconds(make_videos, steady_checkpoint, tmp_path):
    server = Mongod(tmp_path / "db")
    server.start()
    dataset = make_videos(frames=FRAMES)
    exported = tmp_path / "dataset"
    dataset.export(str(exported), dataset_type=fo.types.FiftyOneDataset, export_media=False)
    env = environment(tmp_path, server.uri) | {"FIFTYONE_PLUGINS_DIR": os.environ["FIFTYONE_PLUGINS_DIR"]}
    script = (
        "import fiftyone as fo, sys;"
        "fo.Dataset.from_dir(sys.argv[1], fo.types.FiftyOneDataset, name='away', persistent=True)"
    )
    subprocess.run([sys.executable, "-c", script, str(exported)], env={**os.environ, **env}, check=True)
    process = start("away", steady_checkpoint, env, pause=0.05)
    try:
        wait_for(lambda: process.poll() is not None or frames_in(server) >= 32)
        server.stop()
        time.sleep(10)
        assert process.poll() is None
        server.start()
        output, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors
        summary = json.loads(output.splitlines()[-1])
        assert (summary["done"], summary["frames"], summary["failed"]) == (1, FRAMES, {})
        assert labels_in(server) == dict.fromkeys(range(1, FRAMES + 1), 1)
    finally:
        process.kill()
        server.stop()


def frame_documents(server):
    import pymongo

    with pymongo.MongoClient(server.uri) as client:
        database = client["fiftyone"]
        [name] = [name for name in database.list_collection_names() if name.startswith("frames.")]
        return list(database[name].find({}, {"frame_number": 1, "gc.detections.run": 1}))


def frames_in(server):
    try:
        return sum(bool(document.get("gc")) for document in frame_documents(server))
    except ValueError:
        return 0


def labels_in(server):
    return {d["frame_number"]: len(d["gc"]["detections"]) for d in frame_documents(server)}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a few hundred kilobytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_keeps_what_is_finished(make_videos, run, steady_checkpoint, small_disk):
    dataset = make_videos(frames=FRAMES)
    settings = {
        "model": str(steady_checkpoint),
        "short_side": 32,
        "storage": "disk",
        "output_dir": str(small_disk),
    }
    summary = run(dataset, **settings)
    assert "No space left" in summary["failed"]["clip0.mp4"]
    before = counts(dataset)
    assert 0 < len(before) < FRAMES
    assert sorted(before) == list(range(1, len(before) + 1))
    paths = [frame.gc.detections[0].mask_path for frame in dataset.first().frames.values() if frame["gc"]]
    assert all(Path(path).stat().st_size for path in paths)
    subprocess.run(["mount", "-o", "remount,size=5m", str(small_disk)], check=True)
    summary = run(dataset, **settings)
    assert (summary["done"], summary["frames"]) == (1, FRAMES - len(before))
    assert counts(dataset) == dict.fromkeys(range(1, FRAMES + 1), 1)
    for frame in dataset.first().frames.values():
        assert frame.gc.detections[0].get_mask().any()
