"""Two processes with half a batch each learn what one learns from the whole batch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gcvos_model.checkpoints import read_checkpoint
from gcvos_model.errors import InputError
from gcvos_model.training.batches import StepSampler

ROOT = Path(__file__).parents[2]
SCRIPT = ("-m", "tests.training.gradients")


def torchrun(*arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        *arguments,
    ]
    ended = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="PyTorch without gloo")
def test_two_processes_give_the_gradients_of_one(training_root, tmp_path):
    command = [sys.executable, *SCRIPT, str(training_root), str(tmp_path / "one")]
    subprocess.run(command, cwd=ROOT, check=True)
    torchrun(*SCRIPT, str(training_root), str(tmp_path / "two"))
    one, two = load_file(tmp_path / "one"), load_file(tmp_path / "two")
    assert one.keys() == two.keys()
    assert max(float(gradient.abs().max()) for gradient in one.values()) > 1e-3
    for name, gradient in one.items():
        torch.testing.assert_close(
            two[name], gradient, rtol=1e-5, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="PyTorch without gloo")
def test_a_run_of_two_processes_is_written_once(training_root, tmp_path):
    out = tmp_path / "run"
    said = torchrun(
        "-m", "gcvos_model.cli", "train", "--preset", "tiny", "--data", str(training_root), "--out", str(out),
        "--size", "32", "--batch", "2", "--max-steps", "20", "--workers", "0", "--precision", "32-true",
    )  # fmt: skip
    assert said.count("best checkpoint") == 1
    rows = (out / "log.csv").read_text().splitlines()
    assert rows[0] == "step,minutes,what,value"
    assert [row.split(",")[::2] for row in rows[1:]] == [["20", "loss"], ["20", "learning_rate"]]
    assert len(list((out / "pictures").iterdir())) == 1
    assert '"steps": 20' in read_checkpoint(out / "best.safetensors")[2]["record"]


def test_processes_share_the_clips_of_each_step_in_order():
    steps = [
        [next(iterator) for _ in range(2)] for iterator in (iter(StepSampler(4, 5, r, 2)) for r in (0, 1))
    ]
    assert steps == [[[20, 21], [24, 25]], [[22, 23], [26, 27]]]
    with pytest.raises(InputError, match="multiple of 3"):
        StepSampler(4, 0, 0, 3)
