"""The function's folder is no package of the wheel: nuclio puts it on the path, and so do these tests."""

import importlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nuclio_sdk", reason="needs the extra 'cvat'")
pytest.importorskip("cvat_sdk", reason="needs the extra 'cvat'")

sys.path.insert(0, str(Path(__file__).parent))
from function_folder import FUNCTION, ROOT, SHORT_SIDE

sys.path.insert(0, str(FUNCTION))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """A tiny network as a checkpoint file: random weights that see the object wherever it is looked for."""
    import torch

    from gcvos_model.checkpoints import random_model, save_checkpoint

    model = random_model("tiny", seed=0)
    model.decoder.predict.bias += 1
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    save_checkpoint(path, model.config, model.state_dict(), {}, torch.float32)
    return path


@pytest.fixture(scope="session")
def environment(checkpoint):
    """The function's settings for tests."""
    return {
        "GCVOS_MODEL": str(checkpoint),
        "GCVOS_DEVICE": "cpu",
        "GCVOS_PRECISION": "float32",
        "GCVOS_SHORT_SIDE": str(SHORT_SIDE),
        "GCVOS_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture(scope="session")
def function(environment):
    """The function, initialised in this process: body (bytes) -> (status, headers, body), by nuclio's wrapper."""
    from nuclio_worker import answer, make_context, packet_of

    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    module, context = importlib.import_module("main"), make_context(sys.stderr)
    module.init_context(context)
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})

    def call(body, content_type="application/json"):
        response = answer(module, context, packet_of(content_type, {}, body))
        return response["status_code"], response["headers"], response["body"].encode()

    call.tracker = context.user_data.tracker
    call.module, call.context = module, context
    return call


@pytest.fixture
def clip():
    """Twelve frames of 48 x 64 pixels: a textured square that moves over noise; and its masks."""
    generator = np.random.default_rng(0)
    background = generator.integers(0, 90, (48, 64, 3), np.uint8)
    square = generator.integers(160, 255, (14, 14, 3), np.uint8)
    frames, masks = [], []
    for index in range(12):
        frame, mask = background.copy(), np.zeros((48, 64), bool)
        row, column = 10 + index, 8 + 3 * index
        frame[row : row + 14, column : column + 14] = square
        mask[row : row + 14, column : column + 14] = True
        frames.append(frame)
        masks.append(mask)
    return frames, masks
