"""`gcvos cluster` on this machine."""

import json
import threading
import time
from collections import Counter

import cv2
import numpy as np
import psutil
import pytest

from gcvos_model.masks import read_label_png, write_label_png

FRAMES = {"short": 6, "long": 120}


@pytest.fixture
def manifest(scene, tmp_path):
    """Two videos (folders of images) and one whose mask has another size."""
    frames, labels = scene
    encoded = [cv2.imencode(".png", np.ascontiguousarray(frame[..., ::-1]))[1].tobytes() for frame in frames]
    for name, count in FRAMES.items():
        (tmp_path / name).mkdir()
        for i in range(count):
            (tmp_path / name / f"{i:04d}.png").write_bytes(encoded[i % len(encoded)])
    write_label_png(tmp_path / "first.png", labels[0])
    write_label_png(tmp_path / "small.png", labels[0][:20])
    (tmp_path / "videos.csv").write_text(
        "video,mask,name\nshort,small.png,bad\nlong,first.png,\nshort,first.png,\n"
    )
    return tmp_path / "videos.csv"


@pytest.fixture
def cluster(gcvos, local_cluster, checkpoint, manifest, tmp_path):
    def run(*arguments):
        return gcvos("cluster", manifest, "--out", tmp_path / "out", "--model", checkpoint, "--short-side", 64,
                     "--cpus-per-worker", 1, "--device", "cpu", *arguments)  # fmt: skip

    return run


def report(out):
    return [json.loads(line) for line in (out / "report.jsonl").read_text().splitlines()]


def kill_the_worker_of(out, name, killed):
    """Kill -9 the process that writes a video's results, once some of its frames are there."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if len(list((out / name).glob("*.png"))) >= 10:
            for process in psutil.Process().children(recursive=True):
                if "VideoWorker.run" in " ".join(process.cmdline()):
                    process.kill()
                    killed.append(process.pid)
            return
        time.sleep(0.005)


def test_a_killed_worker_s_video_is_done_again_a_bad_one_reported_and_nothing_done_twice(cluster, tmp_path):
    out, killed = tmp_path / "out", []
    thread = threading.Thread(target=kill_the_worker_of, args=(out, "long", killed))
    thread.start()
    code, printed, err = cluster()
    thread.join()
    assert killed
    assert code == 1
    assert "bad: failed" in printed
    assert "1 videos failed" in err

    lines = {line["video"]: line for line in report(out)}
    assert len(report(out)) == 3
    assert {name: line["status"] for name, line in lines.items()} == {
        "bad": "failed",
        "long": "done",
        "short": "done",
    }
    assert "expected the frame's size" in lines["bad"]["error"]
    assert lines["long"]["attempts"] == 2
    assert int(lines["long"]["worker"].rpartition(":")[2]) not in killed
    for name, count in FRAMES.items():
        results = json.loads((out / name / "results.json").read_text())
        assert results["complete"]
        assert Counter(line["frame"] for line in results["frames"]) == Counter(range(count))
        assert read_label_png(out / name / f"{count - 1:04d}.png").shape == (48, 80)

    before = (out / "long" / "0060.png").stat().st_mtime_ns
    code, printed, _ = cluster()  # again: what is there stays
    assert code == 1
    assert "1 failed, 2 skipped of 3" in printed
    assert (out / "long" / "0060.png").stat().st_mtime_ns == before


def test_a_worker_of_nothing_or_too_much_is_refused(cluster):
    code, _, err = cluster("--cpus-per-worker", 0)
    assert code == 2
    assert "no CPU and no GPU" in err
    code, _, err = cluster("--gpus-per-worker", 1)
    assert code == 2
    assert "ask for fewer" in err
