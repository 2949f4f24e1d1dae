import json

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cvat_sdk", reason="needs the extra 'cvat'")
pytest.importorskip("nuclio_sdk", reason="needs the extra 'cvat'")

from gcvos_model.cli.cvat_shapes import Shape, shape_to_mask
from gcvos_model.cli.serverless_accuracy import whole_box
from gcvos_model.evaluation.serverless_benchmark import made_up_clip, measure, measure_long
from gcvos_model.masks import write_label_png


def test_the_made_up_shapes_are_the_discs():
    frames, shapes = made_up_clip(270, 7)
    discs = [shape_to_mask(Shape(shape["type"], shape["points"]), frames[0], whole_box) for shape in shapes]
    assert {shape["type"] for shape in shapes} == {"rectangle", "polygon", "mask"}
    for one, shape in zip(discs, shapes, strict=True):
        share = 4 / np.pi if shape["type"] == "rectangle" else 1.0
        assert one.sum() == pytest.approx(share * discs[2].sum(), rel=0.1)
    assert sum(disc.astype(int) for disc in discs).max() == 1
    assert {frame.shape for frame in frames} == {(270, 480, 3)}


def test_rows_by_hand():
    """A function that takes known times: 40 ms in all, going on 38.5 of them without HTTP; the network had 30."""
    clock = iter(np.arange(1000) * 0.040)

    def call(body):
        request = json.loads(body)
        answer = {"shapes": request["shapes"], "states": ["x" * 7] * len(request["shapes"])}
        stages = "decode;dur=6.5, network;dur=25.00, boxes;dur=5.00"
        headers = {"server-timing": stages, "Peak-Memory": "1234"}
        headers |= {"Worker-Time": "38.5"} if request["states"] else {}
        return 200, headers, json.dumps(answer).encode()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.perf_counter", lambda: next(clock))
        start, going_on = measure(call, 90, 2, 3)
    assert (start.step, going_on.step) == ("start", "continue")
    for row in (start, going_on):
        assert (row.height, row.objects, row.state_bytes) == (90, 2, 7)
        overhead = 10 if row is start else 8.5
        assert (row.p50, row.p95, row.overhead) == pytest.approx((40, 40, overhead))
        assert row.stages == {"decode": 6.5, "network": 25.0, "boxes": 5.0}
        assert row.peak_bytes == 1234


def test_the_long_run_by_hand():
    """A function that takes 1, 2, 3, ... ms, and whose state grows once."""
    asked, now = [], [0.0]

    def call(body):
        asked.append(json.loads(body))
        now[0] += (len(asked) - 1 - 2) / 1000  # the start, and two to warm up, do not count
        states = ["x" * (5 if len(asked) < 8 else 6)] * len(asked[-1]["shapes"])
        return 200, {}, json.dumps({"shapes": asked[-1]["shapes"], "states": states}).encode()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.perf_counter", lambda: now[0])
        run = measure_long(call, 90, 15)
    assert (run.frames, run.state_bytes) == (15, (5, 6))
    assert (run.first, run.last) == pytest.approx((2, 14))
    assert [request["shapes"] for request in asked[1:]] == [[None]] * 17
    assert asked[2]["states"] == ["xxxxx"]


@pytest.fixture
def run(gcvos, checkpoint):
    def benchmark(*arguments):
        return gcvos(
            "benchmark", "serverless", "--model", checkpoint, "--device", "cpu", "--precision", "float32",
            "--short-side", 32, "--threads", 1, *arguments,
        )  # fmt: skip

    return benchmark


def test_latency(run, tmp_path):
    code, out, err = run(
        "--height", 90, "--objects", 1, "--objects", 3, "--repeats", 3, "--frames", 20, "--out", tmp_path / "rows"
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "90p: " in out
    *rows, long = [json.loads(line) for line in (tmp_path / "rows").read_text("utf-8").splitlines()]
    assert (long["frames"], len(long["state_bytes"])) == (20, 1)
    assert "20 frames at 480p" in out
    assert [(row["objects"], row["step"]) for row in rows] == [
        (1, "start"), (1, "continue"), (3, "start"), (3, "continue"),
    ]  # fmt: skip
    assert all(row["overhead"] < row["p50"] and row["stages"]["decode"] > 0 for row in rows)


def test_accuracy_through_masks_is_that_of_the_core(run, tmp_path):
    images, annotations = (tmp_path / kind / "480p" / "square" for kind in ("JPEGImages", "Annotations"))
    images.mkdir(parents=True)
    annotations.mkdir(parents=True)
    (tmp_path / "ImageSets" / "480p").mkdir(parents=True)
    (tmp_path / "ImageSets" / "480p" / "val.txt").write_text("square\n", encoding="utf-8")
    noise = np.random.default_rng(0).integers(0, 90, (48, 64, 3), np.uint8)
    for index in range(4):
        frame, mask = noise.copy(), np.zeros((48, 64), np.uint8)
        frame[10:30, 5 + index : 25 + index] = 200
        mask[10:30, 5 + index : 25 + index] = 255
        Image.fromarray(frame).save(images / f"{index:05d}.jpg")
        write_label_png(annotations / f"{index:05d}.png", mask // 255)
    code, out, err = run("--accuracy", tmp_path, "--out", tmp_path / "rows")
    assert (code, err) == (0, "")
    assert "mean J" in out
    assert "by masks, 4 of 4 label maps are the core's to the pixel" in out
    rows = [json.loads(line) for line in (tmp_path / "rows").read_text("utf-8").splitlines()]
    *rows, boxes = rows
    assert 0 < boxes["boxes"]["square"]["GrabCut"] <= 100
    by_type = {row["shape_type"]: row["sequences"]["square"] for row in rows}
    assert set(by_type) == {"core", "rectangle", "polygon", "mask"}
    assert by_type["mask"] == by_type["core"]


def test_refusals(run, tmp_path):
    code, _, err = run("--function", tmp_path)
    assert (code, "there is no" in err) == (2, True)
    code, _, err = run("--url", "http://127.0.0.1:9/")
    assert (code, "does not answer" in err) == (2, True)
    code, _, err = run("--model", "gcvos-none")
    assert (code, "does not start: unknown model 'gcvos-none'" in err) == (2, True)
