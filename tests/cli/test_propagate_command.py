"""`gcvos propagate` as a user meets it."""

import json
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

import gcvos_model.result_folder
from gcvos_model.masks import read_label_png, write_label_png
from gcvos_model.video import open_source


@pytest.fixture
def propagate(gcvos, clip, checkpoint, tmp_path):
    def run(*arguments, source=clip, mask=("--mask", tmp_path / "first.png"), out=tmp_path / "out"):
        return gcvos(
            "propagate",
            source,
            *mask,
            "--out",
            out,
            "--model",
            checkpoint,
            "--device",
            "cpu",
            "--short-side",
            64,
            *arguments,
        )

    return run


def masks(folder):
    return {path.name: read_label_png(path) for path in sorted(folder.glob("*.png"))}


def test_one_png_per_frame_named_as_the_images_are(propagate, scene, tmp_path):
    code, out, err = propagate()
    assert (code, err) == (0, "")
    assert "10 frames" in out
    written = masks(tmp_path / "out")
    assert sorted(written) == sorted(f"frame{i + 1}.png" for i in range(10))
    np.testing.assert_array_equal(written["frame1.png"], scene[1][0])
    assert all(labels.shape == (48, 80) for labels in written.values())


def test_results_json_says_how_sure_each_frame_is(propagate, tmp_path):
    propagate()
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["complete"]
    assert [line["frame"] for line in results["frames"]] == list(range(10))
    assert results["frames"][0]["objects"]["1"] == {"confidence": 1.0, "visible": True, "annotated": True}
    assert 0 <= results["frames"][4]["objects"]["2"]["confidence"] <= 1
    assert results["frames"][4]["seconds"] > 0


def test_a_video_gets_the_names_of_davis(propagate, scene, tmp_path):
    from gcvos_model.video import VideoWriter

    with VideoWriter(tmp_path / "clip.mp4", (48, 80), 10) as writer:
        for frame in scene[0]:
            writer.write(frame)
    code, _, err = propagate(source=tmp_path / "clip.mp4")
    assert code == 0, err
    assert sorted(masks(tmp_path / "out")) == [f"{i:05d}.png" for i in range(10)]


def test_keyframes_both_ways_and_every_nth(propagate, scene, tmp_path):
    code, _, err = propagate(
        "--direction",
        "both",
        "--start",
        1,
        "--stop",
        9,
        "--every-nth",
        2,
        mask=("--mask", f"5={tmp_path / 'fifth.png'}"),
    )
    assert code == 0, err
    written = masks(tmp_path / "out")
    assert sorted(written) == ["frame2.png", "frame4.png", "frame6.png", "frame8.png"]
    np.testing.assert_array_equal(written["frame6.png"], scene[1][5])


def test_boxes_and_polygons_are_new_objects(propagate, tmp_path):
    code, _, err = propagate(
        "--box", "55,25,75,45", "--polygon", "2=5,5,30,5,30,30", mask=("--mask", tmp_path / "first.png")
    )
    assert code == 0, err
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert sorted(results["frames"][0]["objects"]) == ["1", "2", "3"]
    assert results["frames"][2]["objects"]["4"]["annotated"]


def test_coco_and_polygons_are_written_beside(propagate, tmp_path):
    from gcvos_model.run_lengths import decode_rle

    assert propagate("--format", "coco")[0] == 0
    document = json.loads((tmp_path / "out" / "annotations.json").read_text())
    first = next(a for a in document["annotations"] if a["image_id"] == 0 and a["track_id"] == 1)
    np.testing.assert_array_equal(
        decode_rle(first["segmentation"]), read_label_png(tmp_path / "first.png") == 1
    )
    assert first["bbox"] == [5, 8, 20, 16]
    assert propagate("--format", "polygons", "--overwrite")[0] == 0
    frame = json.loads((tmp_path / "out" / "polygons.json").read_text())["frames"][0]
    assert len(frame["objects"]["1"][0]) == 4


def test_an_overlay_video_shows_every_frame(propagate, tmp_path):
    assert propagate("--overlay", tmp_path / "overlay.mp4")[0] == 0
    assert open_source(tmp_path / "overlay.mp4").count_frames() == 10


def test_results_are_not_overwritten_unasked(propagate, tmp_path):
    propagate()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    code, _, err = propagate()
    assert code == 2
    assert "--overwrite" in err
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before
    assert propagate("--overwrite")[0] == 0


def test_overwriting_leaves_other_files_alone(propagate, tmp_path):
    propagate()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    assert propagate("--overwrite", "--stop", 4)[0] == 0
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    assert len(masks(tmp_path / "out")) == 4


def test_resume_gives_what_one_run_gives(propagate, tmp_path, monkeypatch):
    propagate(out=tmp_path / "whole")
    monkeypatch.setattr("gcvos_model.cli.propagate.STATE_EVERY", 2)
    original, written = gcvos_model.result_folder.write_label_png, []

    def full_disk(path, labels):
        if len(written) == 5:
            raise OSError(28, "No space left on device")
        written.append(path)
        original(path, labels)

    with monkeypatch.context() as patch:
        patch.setattr(gcvos_model.result_folder, "write_label_png", full_disk)
        code, _, err = propagate()
    assert code == 1
    assert "stopped after frame 4" in err
    assert "No space left" in err
    assert "Traceback" not in err
    assert not json.loads((tmp_path / "out" / "results.json").read_text())["complete"]
    assert len(masks(tmp_path / "out")) == 5
    assert propagate("--resume")[0] == 0
    for name, labels in masks(tmp_path / "whole").items():
        np.testing.assert_array_equal(labels, masks(tmp_path / "out")[name])


def test_resuming_another_run_is_refused(propagate, tmp_path):
    propagate()
    code, _, err = propagate("--resume", "--short-side", 80)
    assert code == 2
    assert "short_side" in err


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_leaves_whole_frames_and_goes_on(clip, checkpoint, propagate, tmp_path, sent):
    propagate(out=tmp_path / "whole", source=long_clip(clip, tmp_path))
    command = [
        sys.executable,
        "-m",
        "gcvos_model.cli",
        "propagate",
        str(tmp_path / "long"),
        "--model",
        str(checkpoint),
    ]
    command += ["--mask", str(tmp_path / "first.png"), "--out", str(tmp_path / "out"), "--short-side", "64"]
    process = subprocess.Popen(
        [*command, "--device", "cpu"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell has it ignored
    )
    while len(list((tmp_path / "out").glob("*.png"))) < 3 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(sent)
    error = process.communicate()[1].decode()
    assert "Traceback" not in error
    left = masks(tmp_path / "out")
    assert 3 <= len(left) < 80, error
    assert propagate("--resume", source=tmp_path / "long")[0] == 0
    whole = masks(tmp_path / "whole")
    assert whole.keys() == masks(tmp_path / "out").keys()
    for name, labels in masks(tmp_path / "out").items():
        np.testing.assert_array_equal(labels, whole[name])


def long_clip(clip, tmp_path):
    """The clip's frames over and over, 80 of them."""
    (tmp_path / "long").mkdir()
    for i in range(80):
        shutil.copy(clip / f"frame{i % 10 + 1}.png", tmp_path / "long" / f"{i:03}.png")
    return tmp_path / "long"


def test_a_broken_frame_stops_the_run_and_keeps_the_others(propagate, clip, tmp_path):
    (clip / "frame7.png").write_bytes(b"not an image")
    code, _, err = propagate()
    assert code == 1
    assert "frame7.png" in err
    assert len(masks(tmp_path / "out")) == 6


def bad_inputs(tmp_path):
    ok = tmp_path / "first.png"
    write_label_png(tmp_path / "small.png", np.ones((40, 80), np.uint8))
    write_label_png(tmp_path / "empty.png", np.zeros((48, 80), np.uint8))
    many = np.arange(48 * 80, dtype=np.int32).reshape(48, 80) % 300
    cv2.imwrite(str(tmp_path / "many.png"), many.astype(np.uint16))
    (tmp_path / "broken.safetensors").write_bytes(b"x" * 100)
    (tmp_path / "nothing").mkdir()
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    return {
        "missing video": ((), {"source": tmp_path / "absent.mp4"}, "absent.mp4"),
        "empty folder": ((), {"source": tmp_path / "nothing"}, "nothing"),
        "not a video": ((), {"source": tmp_path / "bad.mp4"}, "bad.mp4"),
        "mask of another size": (
            (),
            {"mask": ("--mask", tmp_path / "small.png")},
            "80x40 pixels, frame 0 is 80x48",
        ),
        "empty mask": ((), {"mask": ("--mask", tmp_path / "empty.png")}, "is empty"),
        "missing mask": ((), {"mask": ("--mask", tmp_path / "absent.png")}, "absent.png"),
        "no annotation": ((), {"mask": ()}, "nothing is annotated"),
        "too many objects": (
            (),
            {"mask": ("--mask", tmp_path / "many.png")},
            "palette PNG holds ids 1 to 255",
        ),
        "box outside": (("--box", "100,100,200,200"), {}, "covers no pixel of the frame"),
        "half a box": (("--box", "1,2,3"), {}, "expected x1,y1,x2,y2"),
        "words for a box": (("--box", "a,b,c,d"), {}, "expected numbers"),
        "frame beyond the end": ((), {"mask": ("--mask", f"99={ok}")}, "99"),
        "unknown model": (("--model", "gcvos-huge"), {}, "gcvos-huge"),
        "damaged checkpoint": (("--model", tmp_path / "broken.safetensors"), {}, "broken.safetensors"),
        "absent gpu": (("--device", "cuda:99"), {}, "is not there"),
        "unknown direction": (("--direction", "up"), {}, "forward, backward or both"),
        "unknown format": (("--format", "gif"), {}, "png, coco, polygons"),
        "annotated frame skipped": (("--every-nth", 2), {"mask": ("--mask", f"1={ok}")}, "only every 2th"),
    }


@pytest.mark.parametrize(
    "case",
    ["missing video", "empty folder", "not a video", "mask of another size", "empty mask", "missing mask", "no annotation",
     "too many objects", "box outside", "half a box", "words for a box", "frame beyond the end", "unknown model",
     "damaged checkpoint", "absent gpu", "unknown direction", "unknown format", "annotated frame skipped"],
)  # fmt: skip
def test_bad_input_is_one_line_and_writes_nothing(propagate, tmp_path, case):
    arguments, options, words = bad_inputs(tmp_path)[case]
    code, _, err = propagate(*arguments, **options)
    assert code == 2
    assert words in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_ids_need_not_be_contiguous(propagate, scene, tmp_path):
    labels = scene[1][0].astype(np.int32) * 100
    write_label_png(tmp_path / "wide.png", labels)
    assert propagate(mask=("--mask", tmp_path / "wide.png"))[0] == 0
    np.testing.assert_array_equal(masks(tmp_path / "out")["frame1.png"], labels)
