import cv2
import cvat_scene
import numpy as np
import pytest
import torch

from gcvos_model import Propagator
from gcvos_model.checkpoints import save_checkpoint
from gcvos_model.masks import write_label_png


@pytest.fixture
def clip(scene, tmp_path):
    """A folder of images and the label map of its first frame."""
    frames, labels = scene
    folder = tmp_path / "clip"
    folder.mkdir()
    for i, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"frame{i + 1}.png"), np.ascontiguousarray(frame[..., ::-1]))
    write_label_png(tmp_path / "first.png", labels[0])
    write_label_png(tmp_path / "fifth.png", labels[5])
    return folder


@pytest.fixture
def images():
    generator = np.random.default_rng(0)
    background = generator.integers(0, 90, (48, 64, 3), np.uint8)
    square = generator.integers(160, 255, (14, 14, 3), np.uint8)
    frames = {}
    for number in range(cvat_scene.FRAMES):
        frames[number] = background.copy()
        frames[number][6 + number : 20 + number, 3 * number : 3 * number + 14] = square
    return frames


@pytest.fixture
def serve(images, monkeypatch, tmp_path):
    """Start a stand-in with some annotations; credentials as cvat-cli has them; no waiting."""
    from cvat_stand_in import TOKEN, CvatStandIn

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CVAT_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("gcvos_model.cli.cvat_target.RETRY_DELAYS", (0.0, 0.0, 0.0))
    monkeypatch.setattr("urllib3.util.Retry.sleep", lambda *_: None)  # the SDK's own
    servers = []

    def start(*shapes, labels=(cvat_scene.CAR, cvat_scene.PERSON), **options):
        servers.append(CvatStandIn(images, list(labels), shapes, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def checkpoint(tiny_model, tmp_path_factory):
    """Random weights that see the object wherever it is looked for: the shapes of one that is lost are another matter."""
    path = tmp_path_factory.mktemp("sure") / "sure.safetensors"
    tensors = dict(tiny_model.state_dict())
    tensors["decoder.predict.bias"] = tensors["decoder.predict.bias"] + 3
    save_checkpoint(path, tiny_model.config, tensors, {"minutes": 0}, torch.float32)
    return path


@pytest.fixture
def track(gcvos, checkpoint):
    def run(server, *arguments, task=True):
        where = ("--task", 7) if task else ("--job", 3)
        return gcvos(
            "cvat", "track", *where, "--frame", 4, "--model", checkpoint, "--device", "cpu", "--precision", "float32",
            "--short-side", 32, "--server-host", server.url, *arguments,
        )  # fmt: skip

    return run


@pytest.fixture
def expected(images, checkpoint):
    """What the core finds of a shape drawn on frame 4: frame number to mask."""
    from gcvos_model import load_model
    from gcvos_model.cli.cvat_shapes import Shape, shape_to_mask

    network = load_model(checkpoint, device="cpu", precision="float32")

    def masks(numbers, *shapes):
        propagator = Propagator(network, short_side=32)
        drawn = {
            number: shape_to_mask(Shape(shape["type"], shape["points"]), images[4], None)
            for number, shape in enumerate(shapes, 1)
        }
        propagator.annotate(images[4], drawn)
        return {number: propagator.step(images[number]).labels for number in numbers}

    return masks
