"""What all tests share: one thread for PyTorch, a tiny model, a small moving scene."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch

from gcvos_model.checkpoints import random_model, save_checkpoint
from gcvos_model.network.network import GCNetwork

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_model() -> GCNetwork:
    """Random weights: for everything that does not depend on what the network has learnt."""
    return random_model("tiny")


@pytest.fixture(scope="session")
def scene() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Ten frames (48 x 80) of two textured blocks that move over noise, and their label maps (ids 1 and 2)."""
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 90, (48, 80, 3), np.uint8)
    first, second = (
        rng.integers(150, 255, (16, 20, 3), np.uint8),
        rng.integers(90, 160, (12, 12, 3), np.uint8),
    )
    frames, labels = [], []
    for t in range(10):
        frame, label = ground.copy(), np.zeros((48, 80), np.uint8)
        frame[8 + t : 24 + t, 5 + 2 * t : 25 + 2 * t], label[8 + t : 24 + t, 5 + 2 * t : 25 + 2 * t] = (
            first,
            1,
        )
        frame[30:42, 60 - 3 * t : 72 - 3 * t], label[30:42, 60 - 3 * t : 72 - 3 * t] = second, 2
        frames.append(frame)
        labels.append(label)
    return frames, labels


@pytest.fixture(scope="session")
def checkpoint(tiny_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_checkpoint(path, tiny_model.config, tiny_model.state_dict(), {"minutes": 0}, torch.float32)
    return path


@pytest.fixture
def gcvos(capfd):
    """Run the command line in this process: exit code, standard output, standard error."""
    from gcvos_model.cli import main

    def run(*arguments):
        with pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return exit_.value.code or 0, out, err

    return run
