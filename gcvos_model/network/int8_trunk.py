"""A ResNet trunk in eight-bit integers.

ReLUs and sums are part of the convolutions, so all that lies between two of them is bytes. What comes out is in the
precision of the rest of the network.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from gcvos_model.network.encoders import IMAGENET_MEAN, IMAGENET_STD, ResNetTrunk, Scales
from gcvos_model.network.int8_layers import Coding, Int8Conv, Ranges, coding

LAYERS = ("layer1", "layer2", "layer3")

# Bytes of pixels go in as they are. 114 is about the mean of a photograph's channels, where normalised pixels are 0: what
# lies beyond the border counts as that (in float32 as each channel's own mean, which is within ten of it).
PIXELS = Coding(1.0, 114)


class Int8Block:
    """A basic block of a ResNet on bytes.

    Args:
        block: torchvision's, batch norm folded.
        before: coding of what goes in.
        ranges: of the block's maps.
        name: of the block in them.
    """

    def __init__(self, block: Any, before: Coding, ranges: Ranges, name: str) -> None:
        between, self.after = coding(*ranges[f"{name}.conv1"]), coding(*ranges[name])
        self.conv1 = Int8Conv(block.conv1, before, between)
        self.conv2 = Int8Conv(block.conv2, between, self.after)
        self.shortcut: Int8Conv | None = None
        self.code = before  # of the shortcut
        if block.downsample is not None:
            self.code = coding(*ranges[f"{name}.downsample.0"])
            self.shortcut = Int8Conv(block.downsample[0], before, self.code)

    def __call__(self, x: Tensor) -> Tensor:
        """Bytes to bytes. A block without a convolution in its shortcut overwrites x."""
        shortcut = x if self.shortcut is None else self.shortcut(x, "none")
        return self.conv2.onto(self.conv1(x), shortcut, self.code)


class Int8Trunk(nn.Module):
    """`ResNetTrunk` in int8.

    Args:
        trunk: the float32 one, of basic blocks.
        ranges: of the network's maps.
        dtype: of the features.
    """

    def __init__(self, trunk: ResNetTrunk, ranges: Ranges, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        code = coding(*ranges["trunk.conv1"])
        self.conv1 = Int8Conv(of_bytes(trunk.conv1), PIXELS, code)
        self.layers: list[list[Int8Block]] = []
        for layer in LAYERS:
            blocks: list[Int8Block] = []
            for i, block in enumerate(trunk.get_submodule(layer).children()):
                blocks.append(Int8Block(block, code, ranges, f"trunk.{layer}.{i}"))
                code = blocks[-1].after
            self.layers.append(blocks)

    def forward(self, pixels: Tensor) -> Scales:
        """As `ResNetTrunk.forward`, of pixels that are bytes, or in [0, 1]; not normalised, and no gradients."""
        x = pixels if pixels.dtype == torch.uint8 else (255 * pixels.float()).round().to(torch.uint8)
        x = self.conv1(x.contiguous(memory_format=torch.channels_last))
        x = torch.ops.quantized.max_pool2d(x, [3, 3], [2, 2], [1, 1], [1, 1], False)
        features = []
        for blocks in self.layers:
            for block in blocks:
                x = block(x)
            features.append(x.to(self.dtype) * blocks[-1].after.scale)  # after a ReLU zero is byte 0
        return Scales(*features)


def of_bytes(conv: nn.Conv2d) -> nn.Conv2d:
    """A convolution of normalised pixels as one of pixels from 0 to 255, each less `PIXELS.zero`."""
    mean, std = (255 * torch.tensor(values) for values in (IMAGENET_MEAN, IMAGENET_STD))
    same = copy.deepcopy(conv).requires_grad_(False)
    same.weight /= std.view(1, 3, 1, 1)
    assert same.bias is not None
    same.bias += (same.weight.sum((2, 3)) * (PIXELS.zero - mean)).sum(1)
    return same
