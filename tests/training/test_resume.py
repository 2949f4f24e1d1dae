"""A run that is killed and resumed learns what an uninterrupted one learns."""

import csv
import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from gcvos_model.cli import main
from gcvos_model.errors import CheckpointError, InputError
from gcvos_model.network.config import TINY
from gcvos_model.network.network import GCNetwork
from gcvos_model.training.config import STAGES
from gcvos_model.training.optimisation import make_optimizer
from gcvos_model.training.run_folder import RunFolder, RunLog
from gcvos_model.training.state import Progress, load_state, save_state

STEPS = 60


def arguments(root, out, *more):
    return [
        "train", "--preset", "tiny", "--data", str(root), "--out", str(out), "--size", "32", "--batch", "2",
        "--max-steps", str(STEPS), "--precision", "32-true", "--workers", "0", *more,
    ]  # fmt: skip


def run_here(*given):
    with pytest.raises(SystemExit) as ended:
        main(arguments(*given))
    return ended.value.code


def losses(run):
    with (run / "log.csv").open() as file:
        return {
            int(row["step"]): float(row["value"]) for row in csv.DictReader(file) if row["what"] == "loss"
        }


def wait_for_losses(run, process):
    """Until the log has its first loss."""
    while process.poll() is None and not ((run / "log.csv").exists() and losses(run)):
        time.sleep(0.02)


def test_losses_after_a_kill_are_those_of_an_uninterrupted_run(training_root, tmp_path, capsys):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run_here(training_root, whole) == 0
    command = [
        sys.executable,
        "-m",
        "gcvos_model.cli",
        *arguments(training_root, killed, "--save-minutes", "0"),
    ]
    with subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        wait_for_losses(killed, process)
        process.kill()
    assert process.returncode not in (0, None)
    assert 20 <= max(losses(killed)) < STEPS
    assert run_here(training_root, killed) == 2
    assert "--resume goes on with it" in capsys.readouterr().err
    assert run_here(training_root, killed, "--resume") == 0
    assert list(losses(killed)) == [20, 40, 60]
    assert losses(killed) == pytest.approx(losses(whole), abs=1e-4)
    assert (killed / "best.safetensors").exists()
    assert list((killed / "tensorboard").iterdir())
    assert list((killed / "pictures").glob("*.png"))
    (found,) = [entry for entry in json.loads((killed / "data.json").read_text()) if entry["name"] == "blobs"]
    assert found["images"] == 12
    before = (killed / "best.safetensors").stat().st_mtime_ns
    assert run_here(training_root, killed, "--resume") == 0  # it is over: nothing is left to do
    assert (killed / "best.safetensors").stat().st_mtime_ns == before


def test_a_state_brings_everything_back(tmp_path):
    def begin(seed):
        torch.manual_seed(seed)
        network = GCNetwork(TINY).to(memory_format=torch.channels_last)
        return (
            network,
            {k: v.clone() for k, v in network.state_dict().items()},
            make_optimizer(network, STAGES["images"]),
        )

    network, average, optimizer = begin(0)
    for parameter in network.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    progress = Progress(step=7, minutes=1.5, best=55.5, losses=[0.25, 0.5])
    save_state(tmp_path / "state", network, average, optimizer, progress)
    other, other_average, other_optimizer = begin(1)
    assert load_state(tmp_path / "state", other, other_average, other_optimizer) == progress
    for one, two in zip(network.parameters(), other.parameters(), strict=True):
        two.grad = one.grad.clone()
    optimizer.step()
    other_optimizer.step()
    for (name, one), two in zip(network.state_dict().items(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
        torch.testing.assert_close(average[name], other_average[name], rtol=0, atol=0)


def test_half_a_state_is_refused(tmp_path):
    (tmp_path / "state").write_bytes(b"half of it")
    network = GCNetwork(TINY)
    with pytest.raises(CheckpointError, match="cannot resume"):
        load_state(tmp_path / "state", network, {}, make_optimizer(network, STAGES["images"]))


def test_a_run_is_neither_mixed_nor_lost(tmp_path):
    run, config = RunFolder(tmp_path / "run"), STAGES["images"]
    with pytest.raises(InputError, match="no run"):
        run.open(config.to_dict(), {}, resume=True)
    run.open(config.to_dict(), {})
    with pytest.raises(InputError, match="--overwrite replaces it"):
        run.open(config.to_dict(), {})
    run.open(replace(config, workers=7).to_dict(), {}, resume=True)
    with pytest.raises(InputError, match=r"size was 192, now 64; learning_rate was 0\.0003, now 0\.1"):
        run.open(replace(config, size=64, learning_rate=0.1).to_dict(), {}, resume=True)
    (tmp_path / "run" / "mine.txt").write_text("kept")
    run.last.write_bytes(b"old")
    run.open(replace(config, size=64).to_dict(), {}, overwrite=True)
    assert not run.last.exists()
    assert (tmp_path / "run" / "mine.txt").exists()


def test_what_a_killed_run_logged_after_its_state_is_taken_back(tmp_path):
    run = RunFolder(tmp_path)
    run.log.write_text("step,minutes,what,value\n20,0.10,loss,0.9\n40,0.20,loss,0.8\n60,0.30,J,50.0\n6")
    log = RunLog(run, 40)
    log.write(60, 0.4, "loss", 0.75)
    log.close()
    assert run.log.read_text().split() == [
        "step,minutes,what,value", "20,0.10,loss,0.9", "40,0.20,loss,0.8", "60,0.40,loss,0.7500",
    ]  # fmt: skip
