"""FiftyOne pointed at a MongoDB of the tests' own before its first import, and fixtures of tiny datasets.

Nothing here needs the network, and FiftyOne's telemetry is off.
"""

import atexit
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]  # for `import plugin` and the helpers beside this file

from fiftyone_server import FIFTYONE, Mongod, environment, find_mongod  # noqa: E402
from made_up import detections, scene, write_video  # noqa: E402

if FIFTYONE is None or find_mongod() is None:
    collect_ignore_glob = ["test_*.py"]
    sys.stderr.write("tests/plugin is left out: it needs fiftyone and a mongod (`make test` installs both)\n")
else:
    FOLDER = Path(tempfile.mkdtemp(prefix="gcvos-fiftyone-"))
    SERVER = Mongod(FOLDER / "database")
    SERVER.start()
    (FOLDER / "plugins").mkdir()
    (FOLDER / "plugins" / "gcvos").symlink_to(ROOT / "plugin", target_is_directory=True)
    os.environ.update(environment(FOLDER, SERVER.uri))
    # Registered before FiftyOne is imported, so it runs after FiftyOne's own exit hooks, which want the server.
    atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
    atexit.register(SERVER.stop)


@pytest.fixture(scope="session", autouse=True)
def nothing_calls_out():
    """Refuse connections to other machines, and name them at the end even if whoever asked hid the error."""
    real, asked = socket.socket.connect, []

    def connect(self, address):
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            asked.append(address)
            raise ConnectionRefusedError(f"these tests have no network, but {address} was asked for")
        return real(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        yield
    assert asked == []


def save_tiny(path: Path, bias: float = 0.0) -> Path:
    import torch

    from gcvos_model.checkpoints import random_model, save_checkpoint

    model = random_model("tiny", seed=1)
    model.decoder.predict.bias += bias
    save_checkpoint(path, model.config, model.state_dict(), {}, torch.float32)
    return path


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network with random weights, as a file that operators and workers can load by path."""
    return save_tiny(tmp_path_factory.mktemp("model") / "tiny.safetensors")


@pytest.fixture(scope="session")
def steady_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that never loses its object (it takes the whole frame for it), for tests that count labels."""
    return save_tiny(tmp_path_factory.mktemp("model") / "steady.safetensors", bias=50.0)


@pytest.fixture
def make_videos(tmp_path: Path):
    """Make a dataset of videos whose first frame is annotated."""
    import fiftyone as fo

    made = []

    def make(
        count: int = 1, frames: int = 6, objects: int = 1, annotate: tuple[int, ...] = (0,), **extra: object
    ):
        dataset = fo.Dataset()
        made.append(dataset.name)
        for n in range(count):
            pixels, labels = scene(frames, objects)
            sample = fo.Sample(filepath=str(write_video(tmp_path / f"clip{n}.mp4", pixels)))
            for index in annotate:
                sample.frames[index + 1] = fo.Frame(gt=detections(labels[index], **extra))
            dataset.add_sample(sample)
        return dataset

    yield make
    for name in made:
        if fo.dataset_exists(name):
            fo.delete_dataset(name)


@pytest.fixture
def make_images(tmp_path: Path):
    """Make a dataset of images that form clips, told apart by `clip` and ordered by `frame_number`."""
    import cv2
    import fiftyone as fo

    made = []

    def make(clips: int = 2, frames: int = 5, objects: int = 1, annotate: tuple[int, ...] = (0,)):
        dataset = fo.Dataset()
        made.append(dataset.name)
        samples = []
        for clip in range(clips):
            pixels, labels = scene(frames, objects)
            for t in range(frames):
                path = tmp_path / f"clip{clip}" / f"{t:05d}.png"
                path.parent.mkdir(exist_ok=True)
                cv2.imwrite(str(path), pixels[t][:, :, ::-1])
                sample = fo.Sample(filepath=str(path), clip=f"c{clip}", frame_number=t + 1)
                if t in annotate:
                    sample["gt"] = detections(labels[t])
                samples.append(sample)
        dataset.add_samples(samples[::-1])  # in the database they lie in another order than in time
        return dataset

    yield make
    for name in made:
        if fo.dataset_exists(name):
            fo.delete_dataset(name)


@pytest.fixture
def run(checkpoint):
    """Propagate with the tiny network and return the summary."""
    from plugin.runner import finish, propagate_collection
    from plugin.settings import Settings

    def run(collection, **changes):
        params = {"source_field": "frames.gt", "target_field": "frames.gc", "model": str(checkpoint)}
        settings = Settings.of({**params, "device": "cpu", "short_side": 64, **changes})
        return finish(propagate_collection(collection, settings), lambda progress: None)

    return run


@pytest.fixture
def never_lost(monkeypatch):
    """Random weights lose objects at once; for tests of bookkeeping every object stays in sight."""
    from steady import keeping

    from gcvos_model import Propagator

    monkeypatch.setattr(Propagator, "step", keeping(Propagator.step))
