"""Captured functions, with operations that are recorded in place of CUDA's graphs."""

import copy
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from gcvos_model.gpu.graphs import Captured
from gcvos_model.gpu.step import step_on_device

from .recorded_graph import use_recorded_graphs


@pytest.fixture(autouse=True)
def _recorded(monkeypatch):
    use_recorded_graphs(monkeypatch)


def test_each_call_computes_from_its_own_arguments():
    captured = Captured(lambda a, b: (a + b, a * b), [torch.zeros(3), torch.zeros(3)])
    first = captured(torch.ones(3), torch.full((3,), 2.0))
    second = captured(torch.full((3,), 5.0), torch.full((3,), 7.0))
    assert [out.tolist() for out in first] == [[3.0] * 3, [2.0] * 3]  # and a later call has not changed them
    assert [out.tolist() for out in second] == [[12.0] * 3, [35.0] * 3]


def test_what_waits_for_the_gpu_cannot_be_captured():
    with pytest.raises(AssertionError, match="_local_scalar_dense cannot be captured"):
        Captured(lambda a: (a * a.max().item(),), [torch.ones(3)])


def test_a_step_can_be_captured_and_replayed(tiny_model):
    """Nothing of the first frame is baked in: other frames, masks, counts and contexts give what calls give."""
    random = np.random.default_rng(0)
    config, size = tiny_model.config, (48, 80)

    def arguments(active, count):
        contexts = [torch.randn(2, config.key_channels, config.value_channels) for _ in range(2)]
        numbers = torch.tensor([1.0, float(count)])
        masks = torch.from_numpy((random.random((2, 120, 120)) < 0.02).astype(np.uint8) * 255)
        frame = torch.from_numpy(random.integers(0, 256, (64, 112, 3), np.uint8))
        return frame, torch.tensor(active), contexts[0], numbers, contexts[1], numbers + 3, masks

    def function(*tensors):
        return step_on_device(tiny_model, size, *tensors)

    with torch.inference_mode():
        captured = Captured(function, arguments([True, True], 1))
        for active, count in (([True, False], 2), ([True, True], 9)):
            given = arguments(active, count)
            for got, expected in zip(captured(*given), function(*given), strict=True):
                torch.testing.assert_close(got, expected, rtol=0, atol=0)


def test_a_step_touches_no_other_device_and_reads_nothing_back(tiny_model, monkeypatch):
    """On the `meta` device there are no values to read, and what is on the CPU cannot be mixed in."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # which does not know that device
    model, config = copy.deepcopy(tiny_model).to("meta"), tiny_model.config
    context = torch.zeros(2, config.key_channels, config.value_channels, device="meta")
    count, active = torch.zeros(2, device="meta"), torch.zeros(2, dtype=torch.bool, device="meta")
    mask = torch.zeros(2, 120, 120, dtype=torch.uint8, device="meta")
    frame = torch.zeros(64, 112, 3, dtype=torch.uint8, device="meta")
    labels, p, *_ = step_on_device(model, (48, 80), frame, active, context, count, context, count, mask)
    assert labels.shape == (48, 80)
    assert p.shape == (2, 16, 28)
