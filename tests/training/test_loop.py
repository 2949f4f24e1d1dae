"""The unrolled clip against the Propagator, and a training that learns."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from gcvos_model import Propagator, load_model
from gcvos_model.checkpoints import random_model, read_checkpoint
from gcvos_model.network.config import TINY
from gcvos_model.network.network import GCNetwork
from gcvos_model.training.config import STAGES
from gcvos_model.training.loop import train_stage
from gcvos_model.training.optimisation import parameter_groups, set_learning_rate
from gcvos_model.training.processes import make_fabric
from gcvos_model.training.run_folder import RunFolder
from gcvos_model.training.unroll import ClipModel


def test_an_unrolled_clip_is_what_the_propagator_does(monkeypatch):
    everywhere = "gcvos_model.propagation.search_region"  # clips are crops: training knows no search region
    monkeypatch.setattr(everywhere, lambda mask: np.ones(mask.shape, bool))
    network = random_model("tiny")
    frames = torch.randint(0, 256, (1, 3, 3, 64, 64), dtype=torch.uint8)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 16:48, 8:40] = 1
    nothing = torch.zeros(1, 3, 1, 64, 64)
    with torch.inference_mode():
        logits = ClipModel(network).eval()(
            frames.float() / 255, mask, nothing, nothing, torch.cat([mask, 0 * mask, 0 * mask], dim=1)
        )
    propagator = Propagator(network, short_side=64)
    images = [np.ascontiguousarray(frame.permute(1, 2, 0).numpy()) for frame in frames[0]]
    propagator.annotate(images[0], {1: mask[0, 0].numpy()})
    for t in (1, 2):
        result = propagator.step(images[t])
        expected = logits[0, t - 1, 0].sigmoid().numpy()
        # The propagator keeps its previous mask at 120 x 120 bytes, so the two agree closely, not to the bit.
        np.testing.assert_allclose(result.probabilities[0], expected, atol=0.03)


@pytest.mark.parametrize("stage", ["images", "video"])
def test_both_stages_learn_from_data_of_their_own(training_data, tmp_path, stage):
    config = replace(
        STAGES[stage], size=48, frames=3, max_steps=160, max_minutes=60, workers=0, precision="32-true", ema=0.9,
        warm_up_steps=5, learning_rate=1e-3, trunk_factor=1.0,
    )  # fmt: skip
    run = RunFolder(tmp_path / stage)
    run.open(config.to_dict(), {})
    best = train_stage(make_fabric(config), config, TINY, training_data, run, validate=lambda network: 12.5)
    with run.log.open() as file:
        rows = list(csv.reader(file))
    losses = [float(value) for _, _, kind, value in rows if kind == "loss"]
    assert min(losses[-2:]) < 0.9 * losses[0]
    assert load_model(best, device="cpu").config == TINY
    record = read_checkpoint(best)[2]["record"]
    assert '"validation_j": 12.5' in record
    assert '"steps": 160' in record


def test_pretrained_parts_learn_at_a_tenth_and_the_schedule_ends_in_the_budget():
    config = STAGES["images"]
    groups = parameter_groups(GCNetwork(TINY), config)
    assert [group["factor"] for group in groups] == [1.0, 0.1]
    assert sum(len(group["params"]) for group in groups) == len(list(GCNetwork(TINY).parameters()))

    class Optimizer:
        param_groups = groups

    rates = []
    for step, done in [(0, 0.0), (99, 0.1), (500, 0.5), (800, 0.8), (1000, 1.0)]:
        set_learning_rate(Optimizer, config, step, done)
        rates.append(groups[0]["lr"] / config.learning_rate)
        assert groups[1]["lr"] == pytest.approx(groups[0]["lr"] / 10)
    assert rates == pytest.approx([0.01, 1, 1, 0.5, 0.01])
