import pytest
import torch

from gcvos_model.checkpoints import random_model
from gcvos_model.evaluation.gpu_benchmark import CHECKED, check_graphs, measure_gpu
from gcvos_model.evaluation.propagation_benchmark import Case

CASE = Case("tiny", "cpu", "float32", short_side=64, source_side=96, objects=2, frames=50)


@pytest.fixture
def on_device(monkeypatch):
    """Steps go the way that they go on a GPU, with random weights that see what they look for."""
    network = random_model("tiny")
    with torch.no_grad():
        network.decoder.predict.bias += 3
    monkeypatch.setattr("gcvos_model.evaluation.gpu_benchmark.load_measured", lambda *_: network)
    monkeypatch.setattr("gcvos_model.propagation.runs_on_device", lambda model, memories: True)


def test_graphs_agree(on_device):
    row = check_graphs(CASE)
    assert row["benchmark"] == "gpu check"
    assert (row["objects"], row["frames"], row["precision"]) == (2, CHECKED, "float32")
    assert row["largest_difference"] < 1e-5
    assert row["agrees"]


@pytest.mark.parametrize("what", ["region", "mask", "count"])
def test_graphs_that_are_wrong_are_found_out(on_device, monkeypatch, what):
    if what == "region":
        monkeypatch.setattr("gcvos_model.gpu.step.search_regions", lambda p: torch.zeros_like(p).bool())
    elif what == "mask":
        monkeypatch.setattr("gcvos_model.gpu.step.quantize", lambda p: torch.zeros(2, 120, 120).byte())
    else:
        monkeypatch.setattr("gcvos_model.step.LOST_BELOW", 2)
    assert not check_graphs(CASE)["agrees"]


def test_a_row_has_rates_and_memory_along_the_video(on_device):
    row = measure_gpu(CASE)
    assert row["benchmark"] == "gpu"
    assert min(row["frames_per_second"], row["eager_frames_per_second"], row["first_step_seconds"]) > 0
    assert row["growth"] == [{"frame": 50, "gpu_bytes": None}]
    assert row["gpu_peak_bytes"] is None
