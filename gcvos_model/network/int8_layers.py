"""Convolutions of eight-bit integers, by oneDNN, which PyTorch carries: half the time on CPUs that multiply bytes.

Post-training quantisation: weights are symmetric for each output channel, activations take the range that they have on
photographs (`int8_ranges.py`).
"""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gcvos_model.network.encoders import ResBlock

Ranges = Mapping[str, tuple[float, float]]  # least and largest value, by the layer that the map belongs to

TOGETHER = 128  # output channels: oneDNN takes six times as long for 192 as for 128 and then 64


class Coding(NamedTuple):
    """How the numbers of a map are bytes: byte b stands for `scale * (b - zero)`."""

    scale: float
    zero: int


def coding(low: float, high: float) -> Coding:
    """Of numbers from `low`, at most 0, to `high`, above 0."""
    scale = (high - low) / 255
    return Coding(scale, round(-low / scale))


def to_bytes(x: Tensor, code: Coding) -> Tensor:
    """A map as bytes, what lies outside the coding's range at its end."""
    scaled = x * (1 / code.scale) + code.zero if code.zero else x * (1 / code.scale)
    return (
        scaled.round_().clamp_(0, 255).to(torch.int16).to(torch.uint8)
    )  # straight to bytes takes five times as long


class Int8Conv:
    """A convolution of bytes.

    Args:
        conv: the float32 convolution.
        before: coding of what goes in.
        after: coding of what comes out; or a floating-point type, if that is not to be bytes.
        part: of its output channels.
    """

    def __init__(
        self, conv: nn.Conv2d, before: Coding, after: Coding | torch.dtype, part: slice = slice(None)
    ) -> None:
        weight = conv.weight.detach().float()[part]
        scales = weight.abs().amax((1, 2, 3)).clamp(min=1e-8) / 127
        rounded = (weight / scales.view(-1, 1, 1, 1)).round().to(torch.int8)
        geometry = (list(conv.stride), list(conv.padding), list(conv.dilation), conv.groups)
        packed = torch.ops.onednn.qconv_prepack(rounded, scales, *before, *geometry)
        bias = None if conv.bias is None else conv.bias.detach().float()[part]
        self.before = before
        self.weights = (packed, scales, torch.zeros(len(scales), dtype=torch.int8))
        output = (*after, torch.uint8) if isinstance(after, Coding) else (1.0, 0, after)
        self.rest = (bias, *geometry, *output)

    def __call__(self, x: Tensor, after: str = "relu") -> Tensor:
        """Of bytes; what comes after the convolution is `relu` or `none`."""
        return torch.ops.onednn.qconv2d_pointwise(x, *self.before, *self.weights, *self.rest, after, [], "")

    def onto(self, x: Tensor, other: Tensor, code: Coding, after: str = "relu") -> Tensor:
        """The convolution of `x` plus what stands in `other` in its coding, which is overwritten; then as above."""
        return torch.ops.onednn.qconv2d_pointwise.binary(
            x, *self.before, *self.weights, other, *self.rest, *code, "sum", 1.0, after, [], ""
        )


@cache
def operators_work() -> bool:
    """Whether PyTorch's operators take these arguments, and 2 x 3 + 4 onto 5 is 15."""
    conv = nn.Conv2d(1, 1, 1).requires_grad_(False)
    conv.weight[:], conv.bias[:] = 3.0, 4.0  # type: ignore[index]
    two, five = torch.tensor([[[[20]]]], dtype=torch.uint8), torch.tensor([[[[5.0]]]])
    try:
        sums = Int8Conv(conv, Coding(0.1, 0), torch.float32).onto(two, five, Coding(1.0, 0))
    except (AttributeError, RuntimeError, TypeError):
        return False
    return abs(float(sums) - 15) < 1e-3


class Int8Layer(nn.Module):
    """A convolution in int8 of a floating-point map that holds nothing negative, as behind a ReLU.

    Args:
        conv: the float32 convolution.
        ranges: of the network's maps.
        name: of the convolution in them.
        dtype: of what comes out.
    """

    def __init__(self, conv: nn.Conv2d, ranges: Ranges, name: str, dtype: torch.dtype) -> None:
        super().__init__()
        self.before = coding(*ranges[name])
        parts = [slice(i, i + TOGETHER) for i in range(0, conv.out_channels, TOGETHER)]
        self.convs = [Int8Conv(conv, self.before, dtype, part) for part in parts]

    def forward(self, x: Tensor) -> Tensor:
        """As the convolution's; no gradients."""
        x = to_bytes(x, self.before)
        return torch.cat([conv(x, "none") for conv in self.convs], dim=1)


class Int8ResBlock(nn.Module):
    """`ResBlock` whose convolutions are in int8.

    Args:
        block: the float32 one.
        ranges: of the network's maps.
        name: of the block in them.
        dtype: of what goes in and comes out.
    """

    def __init__(self, block: ResBlock, ranges: Ranges, name: str, dtype: torch.dtype) -> None:
        super().__init__()
        before, between = coding(*ranges[name]), coding(*ranges[f"{name}.conv1"])
        self.conv1 = Int8Conv(block.conv1, before, between)
        self.conv2 = Int8Conv(block.conv2, between, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """As `ResBlock.forward`, but x is overwritten; no gradients."""
        rectified = to_bytes(x, self.conv1.before)  # its range begins at 0
        return self.conv2.onto(self.conv1(rectified), x, Coding(1.0, 0), "none")
