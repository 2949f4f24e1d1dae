"""The unrolled clip against the Propagator, and a training that learns."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from gcvos_model import Propagator, load_model
from gcvos_model.checkpoints import random_model, read_checkpoint, save_checkpoint
from gcvos_model.errors import InputError
from gcvos_model.network.config import PAPER, TINY
from gcvos_model.network.network import GCNetwork
from gcvos_model.training.batches import Batch, load_batches
from gcvos_model.training.config import RECIPES, STAGES
from gcvos_model.training.gradient_checkpointing import large_parts, recompute_parts
from gcvos_model.training.initial import history, start_network
from gcvos_model.training.loop import train_stage
from gcvos_model.training.losses import clip_loss
from gcvos_model.training.optimisation import parameter_groups, predict, set_learning_rate
from gcvos_model.training.pictures import clip_sheet
from gcvos_model.training.processes import make_fabric
from gcvos_model.training.run_folder import RunFolder
from gcvos_model.training.unroll import ClipModel


def test_an_unrolled_clip_is_what_the_propagator_does(monkeypatch):
    everywhere = "gcvos_model.propagation.search_region"  # clips are crops: training knows no search region
    monkeypatch.setattr(everywhere, lambda mask: np.ones(mask.shape, bool))
    network = random_model("tiny")
    with torch.no_grad():
        network.decoder.predict.bias += (
            2  # so that it sees something: an object of which no pixel is sure is lost
        )
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


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_lead_in_is_tracked_but_not_learned_from(precision):
    network = random_model("tiny")
    generator = torch.Generator().manual_seed(0)
    frames = torch.rand(1, 5, 3, 64, 64, generator=generator)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 16:48, 8:40] = 1
    nothing = torch.zeros(1, 5, 1, 64, 64)
    clip = frames, mask, nothing, nothing, torch.cat([mask, 0 * mask, 0 * mask], dim=1)
    fabric = make_fabric(replace(STAGES["video"], precision=precision))
    model = fabric.setup_module(ClipModel(network, learned=2).requires_grad_().eval())
    logits = model(*clip)
    with torch.no_grad(), fabric.autocast():
        every = ClipModel(network).eval()(*clip)
    assert every.shape[1] == 4
    assert logits.shape[1] == 2
    torch.testing.assert_close(logits.detach(), every[:, 2:], atol=0.05, rtol=0)
    fabric.backward(logits.square().mean())
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not without


@pytest.mark.parametrize("stage", ["images", "video"])
def test_both_stages_learn_from_data_of_their_own(training_data, tmp_path, stage):
    config = replace(
        STAGES[stage], size=48, frames=3, lead_in=2, max_steps=120, max_minutes=60, workers=0, precision="32-true", ema=0.9,
        warm_up_steps=5, learning_rate=1e-3, trunk_factor=1.0,
    )  # fmt: skip
    run = RunFolder(tmp_path / stage)
    run.open(config.to_dict(), {})
    best = train_stage(make_fabric(config), config, TINY, training_data, run, validate=lambda network: 12.5)
    with run.log.open() as file:
        rows = list(csv.reader(file))
    losses = [float(value) for _, _, kind, value in rows if kind == "loss"]
    rates = [float(value) for _, _, kind, value in rows if kind == "learning_rate"]
    assert rates[-1] < rates[0] <= config.learning_rate
    assert min(losses[-2:]) < 0.9 * losses[0]
    assert load_model(best, device="cpu").config == TINY
    record = read_checkpoint(best)[2]["record"]
    assert '"data": ["blobs", "video/train"]' in record
    assert '"validation_j": 12.5' in record
    assert '"steps": 120' in record


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
    for stage, rate in (("images", 1e-5), ("video", 1e-6)):  # the paper's: constant, the same for all parts
        paper = RECIPES["paper"][stage]
        groups[:] = parameter_groups(GCNetwork(TINY), paper)
        for step, done in [(0, 0.0), (500, 0.5), (1000, 1.0)]:
            assert set_learning_rate(Optimizer, paper, step, done) == rate
            assert [group["lr"] for group in groups] == [rate, rate]


def test_without_validation_the_last_is_the_best_and_the_log_says_nothing_of_j(training_data, tmp_path):
    config = replace(
        STAGES["images"], size=32, frames=2, batch=1, max_steps=2, workers=0, precision="32-true"
    )
    run = RunFolder(tmp_path / "run")
    run.open(config.to_dict(), {})
    train_stage(make_fabric(config), config, TINY, training_data, run)
    assert read_checkpoint(run.best)[2] == read_checkpoint(run.last)[2]  # the record and the weights' digest
    assert "J" not in run.log.read_text()
    assert "validation_j" not in read_checkpoint(run.last)[2]["record"]


def test_the_best_is_kept_when_later_ones_are_worse(training_data, tmp_path):
    config = replace(
        STAGES["images"], size=32, frames=2, batch=1, max_steps=3, workers=0, precision="32-true",
        validate_minutes=0.0,
    )  # fmt: skip
    run, scores = RunFolder(tmp_path / "run"), iter([40.0, 60.0, 50.0])
    run.open(config.to_dict(), {})
    train_stage(make_fabric(config), config, TINY, training_data, run, validate=lambda network: next(scores))
    records = [json.loads(read_checkpoint(path)[2]["record"]) for path in (run.best, run.last)]
    assert [(record["steps"], record["validation_j"]) for record in records] == [(2, 60.0), (3, 50.0)]


def float_batch(data):
    config = replace(STAGES["images"], size=32, frames=3, batch=2, workers=0)
    return Batch(*(tensor.float() / 255 for tensor in next(load_batches(data, config))))


def test_gradient_checkpointing_leaves_gradients_as_they_are(training_data):
    shape = replace(PAPER, trunk="resnet10", key_channels=8, value_channels=16, local_channels=16,
                    compressed_channels=16, decoder_channels=(16, 16))  # fmt: skip
    batch = float_batch(training_data)
    gradients = []
    for recompute in (False, True):
        torch.manual_seed(0)
        network = GCNetwork(shape)
        if recompute:
            assert len(large_parts(network)) > 8
            recompute_parts(network)
        logits = predict(ClipModel(network).eval(), batch)
        clip_loss(logits.flatten(0, 1), batch.masks[:, 1:].flatten(0, 1)).backward()
        gradients.append({name: parameter.grad for name, parameter in network.named_parameters()})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(
            gradients[1][name], gradient, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_a_checkpoint_tells_how_it_began(tmp_path):
    assert history(None)["initial"] == "random weights"
    record = {**STAGES["images"].to_dict(), "steps": 9, "minutes": 1.5, "data": ["blobs"]}
    save_checkpoint(tmp_path / "one.safetensors", TINY, GCNetwork(TINY).state_dict(), record, torch.float16)
    known = history(tmp_path / "one.safetensors")
    assert known["data"] == ["blobs"]
    assert known["earlier_stages"] == [
        "images: 9 steps of 4 clips, 3 frames of 192 x 192, 1.5 minutes, learning rate 0.0003"
    ]


def test_weights_start_a_network_that_differs_in_tracking_alone(tmp_path):
    path, tensors = tmp_path / "one.safetensors", GCNetwork(TINY).state_dict()
    save_checkpoint(path, TINY, tensors, {}, torch.float32)
    started = start_network(replace(TINY, horizon=9, least_likeness=0.5), 0, path)
    torch.testing.assert_close(started.state_dict(), tensors)
    with pytest.raises(InputError, match="another shape"):
        start_network(replace(TINY, key_channels=4), 0, path)


def test_pictures_show_truth_and_prediction(training_data):
    sheet = clip_sheet(float_batch(training_data), torch.full((2, 2, 1, 32, 32), 5.0))
    assert sheet.shape == (2 * 32 + 4, 5 * 32 + 4 * 4, 3)
    red = [sheet[:, column * 36 : column * 36 + 32, 0].mean() for column in range(5)]
    assert min(red[2], red[4]) > max(
        red[0], red[1], red[3]
    )  # predictions, all red here, after given mask and truths
