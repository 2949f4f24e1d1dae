"""`gcvos export` and its check, on a small data set in DAVIS layout; the page's example, run as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from gcvos_model.errors import InputError
from gcvos_model.evaluation.layouts import Benchmark, read_dataset
from gcvos_model.masks import read_label_png, write_label_png
from gcvos_model.portable.agreement import compare
from gcvos_model.portable.onnx_file import read_shape, step_shape
from gcvos_model.portable.runtimes import open_runtime
from gcvos_model.portable.timing import pytorch_run
from gcvos_model.propagation import Propagator

SIZE = (64, 112)  # see conftest.py

FRAMES = 4
PAGE = Path(__file__).parents[2] / "docs" / "export.md"


@pytest.fixture(scope="module")
def davis(scene, tmp_path_factory):
    root = tmp_path_factory.mktemp("davis")
    for kind in ("JPEGImages", "Annotations"):
        (root / kind / "480p" / "blocks").mkdir(parents=True)
    (root / "ImageSets" / "480p").mkdir(parents=True)
    (root / "ImageSets" / "480p" / "val.txt").write_text("blocks\n")
    for i, (frame, labels) in enumerate(zip(*(part[:FRAMES] for part in scene), strict=True)):
        image = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(root / f"JPEGImages/480p/blocks/{i:05d}.jpg"), image)
        write_label_png(root / f"Annotations/480p/blocks/{i:05d}.png", labels)
    return root


@pytest.mark.parametrize("benchmark", [Benchmark.DAVIS2016, Benchmark.DAVIS2017])
def test_the_exported_step_agrees(benchmark, davis, tiny_model, step_file):
    (sequence,) = read_dataset(davis, benchmark, "val")
    found = compare(
        sequence, tiny_model, open_runtime("onnxruntime", step_file, threads=1), read_shape(step_file)
    )
    assert found.frames == FRAMES
    assert found.largest_difference < 1e-4
    assert (
        found.differing_pixels < 0.03
    )  # random weights: what is lost by a hair on one side is not on the other
    assert found.j_exported == pytest.approx(found.j_pytorch, abs=1e-2)


def test_a_step_that_is_off_is_seen(davis, tiny_model):
    (sequence,) = read_dataset(davis, Benchmark.DAVIS2016, "val")
    exact = pytorch_run(tiny_model, SIZE)

    def off(inputs):
        outputs = exact(inputs)
        return {**outputs, "probability": np.clip(outputs["probability"] + 0.01, 0, 1)}

    found = compare(sequence, tiny_model, off, step_shape(tiny_model, SIZE))
    assert found.largest_difference == pytest.approx(0.01, abs=1e-4)


def test_another_size_or_model_is_refused(davis, tiny_model):
    (sequence,) = read_dataset(davis, Benchmark.DAVIS2016, "val")
    run = pytorch_run(tiny_model, (64, 64))
    with pytest.raises(InputError, match="export for"):
        compare(sequence, tiny_model, run, step_shape(tiny_model, (64, 64)))
    shape = step_shape(tiny_model, SIZE)
    other = type(shape)(**{**shape.__dict__, "digest": "0" * 64})
    with pytest.raises(InputError, match="export it anew"):
        compare(sequence, tiny_model, run, other)


def test_the_command_writes_and_checks(extra, gcvos, checkpoint, davis, tmp_path):
    code, out, err = gcvos("export", tmp_path / "onnx", "--model", checkpoint, "--size", "64x112",
                           "--check", davis, "--threads", 1)  # fmt: skip
    assert code == 0, err
    assert (tmp_path / "onnx" / "tiny-64x112.onnx").is_file()
    for word in ("GMAC", "blocks", "J onnxruntime", "J openvino"):
        assert word in out


def test_a_size_that_is_none_is_refused(extra, gcvos, checkpoint, tmp_path):
    for size, why in (("480p", "HEIGHTxWIDTH"), ("60x64", "multiples of 16")):
        code, _, err = gcvos("export", tmp_path, "--model", checkpoint, "--size", size)
        assert code == 2
        assert why in err


def test_the_page_s_example_tracks_as_the_propagator(davis, tiny_model, step_file, tmp_path):
    script = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    (tmp_path / "track.py").write_text(script, encoding="utf-8")
    images, mask = davis / "JPEGImages/480p/blocks", davis / "Annotations/480p/blocks/00000.png"
    subprocess.run(
        [sys.executable, tmp_path / "track.py", step_file, images, mask, tmp_path / "out"], check=True
    )
    reference = Propagator(tiny_model, short_side=SIZE[0])
    first = read_label_png(mask)
    for i, path in enumerate(sorted(images.iterdir())):
        frame = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        given = {1: first == 1, 2: first == 2}
        expected = (reference.step(frame) if i else reference.annotate(frame, given)).labels
        found = read_label_png(tmp_path / "out" / f"{path.stem}.png")
        assert (found != expected).mean() < 2e-3  # a tie may fall the other way
