"""Convolutions of bytes beside float32 ones."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gcvos_model.devices import cpu_has_int8
from gcvos_model.network.encoders import ResBlock
from gcvos_model.network.int8_layers import (
    TOGETHER,
    Coding,
    Int8Conv,
    Int8Layer,
    Int8ResBlock,
    coding,
    operators_work,
    to_bytes,
)

pytestmark = pytest.mark.skipif(not cpu_has_int8(), reason="needs a CPU with VNNI")


@pytest.mark.parametrize(("low", "high"), [(0.0, 5.1), (-2.0, 3.1)])
def test_a_coding_spans_its_numbers_and_keeps_zero(low, high):
    scale, zero = coding(low, high)
    least, largest = scale * (0 - zero), scale * (255 - zero)
    assert least == pytest.approx(low, abs=scale)
    assert largest == pytest.approx(high, abs=scale)
    assert isinstance(zero, int)


@given(st.lists(st.floats(-40, 40), min_size=1, max_size=40), st.sampled_from([(0.0, 20.0), (-5.0, 20.0)]))
def test_bytes_are_the_nearest_and_what_lies_outside_is_at_the_end(numbers, ends):
    code, x = coding(*ends), torch.tensor(numbers)
    back = (to_bytes(x, code).float() - code.zero) * code.scale
    inside = x.clamp(-code.zero * code.scale, (255 - code.zero) * code.scale)
    assert (back - inside).abs().max() <= 0.5 * code.scale + 1e-4


def test_a_convolution_of_bytes_by_hand():
    conv = torch.nn.Conv2d(1, 1, 3, padding=1)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 0, 1, 1], conv.weight[0, 0, 1, 2], conv.bias[0] = 127.0, -127.0, 3.0
    x = torch.tensor([[10, 30, 20, 10]], dtype=torch.uint8).view(1, 1, 1, 4)  # stand for 0, 20, 10, 0
    x = x.contiguous(memory_format=torch.channels_last)
    # 127 (x - its right neighbour) + 3, where 0 is beyond the border
    exact = [3 - 127 * 20, 3 + 127 * 10, 3 + 127 * 10, 3]
    assert Int8Conv(conv, coding(-10, 245), torch.float32)(x, "none").flatten().tolist() == exact
    # in tens, negative ones cut off
    assert Int8Conv(conv, coding(-10, 245), coding(0, 2550))(x).flatten().tolist() == [0, 127, 127, 0]
    other = torch.tensor([300.0, 0, -20, 5]).view(1, 1, 1, 4)
    added = Int8Conv(conv, coding(-10, 245), torch.float32).onto(x, other, Coding(1.0, 0), "none")
    assert added.flatten().tolist() == [exact[0] + 300, exact[1], exact[2] - 20, exact[3] + 5]


@pytest.mark.parametrize("channels", [8, TOGETHER, TOGETHER + 16])
def test_a_layer_is_nearly_its_convolution(channels):
    torch.manual_seed(0)
    conv, x = torch.nn.Conv2d(16, channels, 3, padding=1).requires_grad_(False), 3 * torch.rand(2, 16, 8, 12)
    x = x.contiguous(memory_format=torch.channels_last)
    quick = Int8Layer(conv, {"key": (0.0, 3.0)}, "key", torch.float32)(x)
    assert quick.shape == (2, channels, 8, 12)
    assert (quick - conv(x)).norm() < 0.02 * conv(x).norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dilation", [1, 4])
def test_a_block_is_nearly_the_float32_one(dtype, dilation):
    torch.manual_seed(0)
    block, x = ResBlock(32, dilation).requires_grad_(False), torch.randn(2, 32, 12, 20)
    x = x.contiguous(memory_format=torch.channels_last)
    between = block.conv1(x.relu()).relu().max()
    ranges = {"b": (0.0, float(x.max())), "b.conv1": (0.0, float(between))}
    expected = block(x)
    got = Int8ResBlock(block, ranges, "b", dtype)(x.to(dtype))
    assert got.dtype == dtype
    assert (got.float() - expected).norm() < 0.02 * expected.norm()


def test_operators_that_take_other_arguments_are_not_used(monkeypatch):
    def other(*_):
        raise TypeError("qconv_prepack() expected other arguments")

    class Onednn:
        qconv_prepack = staticmethod(other)

    operators_work.cache_clear()
    assert operators_work()
    operators_work.cache_clear()
    monkeypatch.setattr(torch.ops, "onednn", Onednn)
    assert not operators_work()
    assert not cpu_has_int8()
    operators_work.cache_clear()
