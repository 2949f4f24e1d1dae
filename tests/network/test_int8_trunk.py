"""The trunk in int8 beside the float32 one."""

import pytest
import torch

from gcvos_model.devices import cpu_has_int8
from gcvos_model.network.encoders import ResNetTrunk
from gcvos_model.network.int8_trunk import Int8Conv, Int8Trunk, coding, measure_ranges

pytestmark = pytest.mark.skipif(not cpu_has_int8(), reason="needs a CPU with VNNI")


@pytest.fixture(scope="module", params=["resnet10", "resnet18"])
def trunk(request):
    torch.manual_seed(0)
    return ResNetTrunk(request.param).eval().requires_grad_(False)


def pixels(seed, size=(64, 96)):
    """Smooth and in the range of normalised pixels."""
    coarse = torch.rand(1, 3, size[0] // 8, size[1] // 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(4.5 * coarse - 2, size=size, mode="bicubic").clamp(-2, 2.5)


@pytest.mark.parametrize(("low", "high"), [(0.0, 5.1), (-2.0, 3.1)])
def test_a_coding_spans_its_numbers_and_keeps_zero(low, high):
    scale, zero = coding(low, high)
    least, largest = scale * (0 - zero), scale * (255 - zero)
    assert least == pytest.approx(low, abs=scale)
    assert largest == pytest.approx(high, abs=scale)
    assert isinstance(zero, int)


def test_a_convolution_of_bytes_by_hand():
    conv = torch.nn.Conv2d(1, 1, 3, padding=1)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 0, 1, 1], conv.weight[0, 0, 1, 2], conv.bias[0] = 127.0, -127.0, 3.0
    step = Int8Conv(conv, coding(-10, 245), coding(0, 2550))
    x = torch.tensor([[10, 30, 20, 10]], dtype=torch.uint8).view(1, 1, 1, 4)  # stand for 0, 20, 10, 0
    x = x.contiguous(memory_format=torch.channels_last)
    # 127 (x - its right neighbour) + 3, where 0 is beyond the border; in tens, negative ones cut off
    assert step(x).flatten().tolist() == [0, 127, 127, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(64, 96), (48, 80)])
def test_features_are_nearly_the_same(trunk, dtype, size):
    ranges = measure_ranges(trunk, [pixels(seed) for seed in range(4)])
    expected, got = trunk(pixels(9, size)), Int8Trunk(trunk, ranges, dtype)(pixels(9, size))
    for exact, quick in zip(expected, got, strict=True):
        assert quick.shape == exact.shape
        assert quick.dtype == dtype
        assert quick.is_contiguous(memory_format=torch.channels_last)
        assert (quick.float() - exact).norm() < 0.1 * exact.norm()


def test_ranges_hold_all_that_was_seen(trunk):
    ranges = measure_ranges(trunk, [pixels(0), pixels(1)])
    seen = trunk(pixels(1))
    assert ranges["layer3." + max(n for n, _ in trunk.layer3.named_children())][1] >= seen.f16.max()
    assert ranges["layer2.0.downsample.0"][0] < 0
    assert all(low == 0 for name, (low, _) in ranges.items() if "downsample" not in name)
    assert not any(module._forward_hooks for module in trunk.modules())
