import pytest
import torch

from gcvos_model.checkpoints import random_model, save_checkpoint
from gcvos_model.errors import CheckpointError, InputError
from gcvos_model.evaluation.layouts import Benchmark, read_dataset
from gcvos_model.evaluation.measure import describe_model, measure_masks, measure_model, trained_on

from .scenes import numbered


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A tiny network with random weights."""
    network = random_model("tiny")
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_checkpoint(
        path, network.config, network.state_dict(), {"data": ["ECSSD", "DAVIS 2016 train"]}, torch.float32
    )
    return path


@pytest.fixture
def sequences(davis):
    return read_dataset(davis.root, Benchmark.DAVIS2017, "val")


def test_a_model_from_frames_to_a_report(checkpoint, sequences, tmp_path):
    done = []
    report = measure_model(
        sequences,
        "val",
        tmp_path / "masks",
        model=str(checkpoint),
        device="cpu",
        precision="float32",
        short_side=48,
        on_frames=done.append,
    )
    assert not report.failures
    assert sum(done) == 18
    assert [path.name for path in sorted((tmp_path / "masks" / "duo").iterdir())] == [
        f"{frame}.png" for frame in numbered(6)
    ]
    read = report.to_dict()
    assert read["overall"]["objects"] == 4
    assert 0 <= read["overall"]["J&F"] <= 1
    assert read["overall"]["frames_per_second"] > 0
    assert read["settings"]["device"] == "cpu"
    assert read["settings"]["precision"] == "float32"
    assert read["subject"]["name"] == "tiny"
    assert report.objects == measure_masks(sequences, "val", tmp_path / "masks").objects


def test_several_processes_segment_as_one_does(checkpoint, sequences, tmp_path):
    settings = {"model": str(checkpoint), "device": "cpu", "precision": "float32", "short_side": 48}
    alone = measure_model(sequences[:2], "val", tmp_path / "alone", **settings)
    together = measure_model(sequences[:2], "val", tmp_path / "together", jobs=2, **settings)
    assert [s.name for s in together.sequences] == ["ball", "car"]
    assert [s.objects for s in together.sequences] == [s.objects for s in alone.sequences]
    assert all(s.peak_memory for s in together.sequences)


def test_what_is_said_of_a_model(checkpoint):
    subject = describe_model(str(checkpoint))
    network = random_model("tiny")
    assert subject["digest"] == network.digest
    assert subject["parameters"] == sum(
        p.numel() for p in network.state_dict().values() if p.is_floating_point()
    )
    assert subject["context"] == [network.config.value_channels, network.config.key_channels]
    assert subject["trained_on"] == "ECSSD, DAVIS 2016 train"
    assert subject["record"] == {"data": ["ECSSD", "DAVIS 2016 train"]}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"data": ["ECSSD", "COCO"]}, "ECSSD, COCO"),
        ({"data": "YouTube-VOS"}, "YouTube-VOS"),
        ({"steps": 3}, "data that its checkpoint does not name"),
    ],
)
def test_training_data_of_a_record(record, expected):
    assert trained_on(record) == expected


def test_a_model_that_is_not_there_is_told_before_anything_runs(sequences, tmp_path):
    with pytest.raises(CheckpointError):
        measure_model(sequences, "val", tmp_path / "masks", model=str(tmp_path / "absent.safetensors"))
    with pytest.raises(InputError, match="unknown model"):
        measure_model(sequences, "val", tmp_path / "masks", model="gcvos-none", jobs=2)
    assert not (tmp_path / "masks").exists()


def test_masks_that_are_not_there(sequences, tmp_path):
    with pytest.raises(InputError, match="there is no folder of masks"):
        measure_masks(sequences, "val", tmp_path / "absent")
