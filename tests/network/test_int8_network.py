"""The trunk and the whole network in int8 beside the float32 one."""

import copy
from dataclasses import replace

import pytest
import torch

from gcvos_model.checkpoints import random_model, ready
from gcvos_model.devices import cpu_has_int8
from gcvos_model.network.config import TINY
from gcvos_model.network.int8_network import measured_ranges, put_in_int8
from gcvos_model.network.int8_trunk import Int8Trunk
from gcvos_model.network.network import normalize_pixels

pytestmark = pytest.mark.skipif(not cpu_has_int8(), reason="needs a CPU with VNNI")


@pytest.fixture(scope="module", params=["resnet10", "resnet18"])
def network(request):
    return random_model(replace(TINY, trunk=request.param))


def frame(seed, size=(64, 96)):
    """Smooth, bytes."""
    coarse = torch.rand(1, 3, size[0] // 8, size[1] // 8, generator=torch.Generator().manual_seed(seed))
    pixels = 255 * torch.nn.functional.interpolate(coarse, size=size, mode="bicubic")
    return pixels.clamp(0, 255).to(torch.uint8).contiguous(memory_format=torch.channels_last)


def run(network, seed, size=(64, 96)):
    """Log-odds of two objects on a frame, from its own context."""
    mask = torch.zeros(2, 1, size[0] // 4, size[1] // 4)
    mask[0, :, 2:8, 3:9], mask[1, :, 8:, 10:] = 1, 1
    with torch.inference_mode():
        features = network.encode(frame(seed, size))
        context = network.context(features, mask)
        return network.segment(features, [context, context], mask)


@pytest.fixture(scope="module")
def ranges(network):
    with measured_ranges(network) as found:
        for seed in range(4):
            run(network, seed)
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(64, 96), (48, 80)])
def test_the_trunks_features_are_nearly_the_same(network, ranges, dtype, size):
    pixels = frame(9, size)
    normalized = normalize_pixels(pixels.float() / 255, network.mean, network.std)
    expected, got = network.trunk(normalized), Int8Trunk(network.trunk, ranges, dtype)(pixels)
    for exact, quick in zip(expected, got, strict=True):
        assert quick.shape == exact.shape
        assert quick.dtype == dtype
        assert quick.is_contiguous(memory_format=torch.channels_last)
        assert (quick.float() - exact).norm() < 0.1 * exact.norm()


def test_frames_may_be_bytes_or_fractions(network, ranges):
    quick = in_int8(network, ranges)
    for either in (network, quick):
        by_bytes, by_fractions = (either.encode(pixels).f16 for pixels in (frame(3), frame(3) / 255))
        torch.testing.assert_close(by_bytes, by_fractions)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_masks_are_nearly_the_same(network, ranges, dtype):
    expected, got = run(network, 9), run(in_int8(network, ranges, dtype), 9)
    assert got.shape == expected.shape
    assert (got.sigmoid() - expected.sigmoid()).abs().mean() < 0.02


def test_ranges_hold_all_that_was_seen(network, ranges):
    normalized = normalize_pixels(frame(1) / 255, network.mean, network.std)
    last = "trunk.layer3." + max(name for name, _ in network.trunk.layer3.named_children())
    assert ranges[last][1] >= network.trunk(normalized).f16.max()
    assert ranges["trunk.layer2.0.downsample.0"][0] < 0
    assert all(low == 0 for name, (low, _) in ranges.items() if "downsample" not in name)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def in_int8(network, ranges, dtype=torch.float32):
    quick = copy.deepcopy(network)
    put_in_int8(quick, ranges, dtype)
    return ready(quick, torch.device("cpu"), dtype)
