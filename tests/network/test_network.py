"""The network's size, shapes and the independence of objects."""

from dataclasses import replace

import pytest
import torch

from gcvos_model.checkpoints import random_model
from gcvos_model.network.config import LITE, PAPER, TINY, GCConfig
from gcvos_model.network.network import GCNetwork, merge, normalize_pixels, with_others


def parameters(config: GCConfig) -> float:
    return sum(p.numel() for p in GCNetwork(config).parameters()) / 1e6


def test_the_papers_parameter_counts():
    assert 38 <= parameters(PAPER) <= 39.5  # table 2, 512 x 128
    assert 45 <= parameters(replace(PAPER, key_channels=512)) <= 47  # table 2, 512 x 512


def test_lite_stays_light():
    assert parameters(LITE) <= 7.5


def test_the_papers_shapes():
    network = GCNetwork(PAPER).eval()
    assert network.trunk.conv1.in_channels == 3
    assert network.memory_encoder.trunk.conv1.in_channels == 4
    with torch.inference_mode():
        features = network.encode(torch.rand(1, 3, 32, 48))
        context = network.context(features, torch.rand(2, 1, 8, 12))
        logits = network.segment(features, [context], torch.zeros(2, 1, 8, 12))
    assert features.f16.shape == (1, 1024, 2, 3)
    assert features.local.shape == (1, 256, 2, 3)
    assert context.shape == (2, 128, 512)
    assert logits.shape == (2, 1, 8, 12)


@pytest.mark.parametrize(
    "config", [TINY, replace(TINY, name="alone", shared_trunk=False, annotated_apart=False)]
)
def test_objects_in_a_batch_are_as_one_at_a_time(config):
    network = random_model(config)
    frame, masks = torch.rand(1, 3, 64, 64), with_others(torch.rand(3, 1, 16, 16) / 3)
    with torch.inference_mode():
        features = network.encode(frame)
        contexts = network.context(features, masks)
        logits = network.segment(features, [contexts] * config.reads, masks)
        for k in range(3):
            one = network.context(features, masks[k : k + 1])
            torch.testing.assert_close(contexts[k : k + 1], one, rtol=0, atol=1e-5)
            alone = network.segment(features, [one] * config.reads, masks[k : k + 1])
            torch.testing.assert_close(logits[k : k + 1], alone, rtol=0, atol=1e-5)


def test_each_object_is_told_where_the_others_are():
    masks = torch.tensor([0.1, 0.2, 0.9]).view(3, 1, 1, 1)
    torch.testing.assert_close(
        with_others(masks).flatten(1), torch.tensor([[0.1, 1.0], [0.2, 1.0], [0.9, 0.3]])
    )


def test_no_others_is_an_empty_plane():
    network = random_model(TINY)
    with torch.inference_mode():
        features, mask = network.encode(torch.rand(1, 3, 32, 32)), torch.rand(2, 1, 8, 8)
        both = torch.cat([mask, torch.zeros_like(mask)], dim=1)
        torch.testing.assert_close(network.context(features, mask), network.context(features, both))


def test_spacetime_differs_in_the_module_only():
    ours = GCNetwork(TINY).state_dict()
    theirs = GCNetwork(replace(TINY, memory="spacetime")).state_dict()
    assert {name: tensor.shape for name, tensor in ours.items()} == {n: t.shape for n, t in theirs.items()}


def test_merging_one_object_is_the_sigmoid():
    logits = torch.randn(1, 1, 4, 4)
    torch.testing.assert_close(merge(logits), logits.sigmoid())


def test_merged_probabilities_and_the_background_sum_to_one():
    logits = torch.tensor([2.0, -1.0, 0.5]).view(3, 1, 1, 1)
    p = merge(logits).flatten()
    odds = logits.flatten().exp()
    torch.testing.assert_close(p, odds / (1 + odds.sum()))


def test_gradients_reach_every_part():
    network = GCNetwork(TINY)
    features = network.encode(torch.rand(1, 3, 32, 32))
    masks = torch.rand(1, 1, 8, 8)
    context = network.context(features, masks)
    network.segment(features, [context, context], masks).sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_pixels_are_normalized_channel_by_channel(layout):
    frames = torch.rand(2, 3, 4, 6).to(memory_format=layout)
    mean, std = torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1), torch.tensor([0.2, 0.3, 0.1]).view(1, 3, 1, 1)
    normalized = normalize_pixels(frames, mean, std)
    assert torch.equal(normalized, (frames - mean) / std)
    assert normalized.is_contiguous(memory_format=torch.channels_last)
