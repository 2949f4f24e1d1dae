"""A ResNet trunk in eight-bit integers: half the time on CPUs that multiply bytes, by oneDNN, which PyTorch carries.

Post-training quantisation: weights are symmetric for each output channel, activations take the range that they have on
photographs (`measure_ranges`). ReLUs and sums are part of the convolutions, so all that lies between two of them is bytes.
What comes out is in the precision of the rest of the network.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from gcvos_model.network.encoders import IMAGENET_MEAN, IMAGENET_STD, ResNetTrunk, Scales

Ranges = Mapping[
    str, tuple[float, float]
]  # least and largest value of each map, by the layer that it comes from
LAYERS = ("layer1", "layer2", "layer3")


class Coding(NamedTuple):
    """How the numbers of a map are bytes: byte b stands for `scale * (b - zero)`."""

    scale: float
    zero: int


def coding(low: float, high: float) -> Coding:
    """Of numbers from `low`, at most 0, to `high`, above 0."""
    scale = (high - low) / 255
    return Coding(scale, round(-low / scale))


# of normalised pixels: black and white in the channels where they lie furthest out
PIXELS = coding(
    min(-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)),
    max((1 - mean) / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)),
)


class Int8Conv:
    """A convolution of bytes.

    Args:
        conv: the float32 convolution.
        before: coding of what goes in.
        after: of what comes out.
    """

    def __init__(self, conv: nn.Conv2d, before: Coding, after: Coding) -> None:
        weight = conv.weight.detach().float()
        scales = weight.abs().amax((1, 2, 3)).clamp(min=1e-8) / 127
        rounded = (weight / scales.view(-1, 1, 1, 1)).round().to(torch.int8)
        geometry = (list(conv.stride), list(conv.padding), list(conv.dilation), conv.groups)
        packed = torch.ops.onednn.qconv_prepack(rounded, scales, *before, *geometry)
        bias = None if conv.bias is None else conv.bias.detach().float()
        self.weights = (packed, scales, torch.zeros(len(scales), dtype=torch.int8))
        self.rest = (bias, *geometry, *after, torch.uint8)
        self.before = before

    def __call__(self, x: Tensor, after: str = "relu") -> Tensor:
        """Bytes to bytes; what comes after the convolution is `relu` or `none`."""
        return torch.ops.onednn.qconv2d_pointwise(x, *self.before, *self.weights, *self.rest, after, [], "")

    def onto(self, x: Tensor, shortcut: Tensor, code: Coding) -> Tensor:
        """ReLU of the convolution of `x` plus the shortcut in its coding; the shortcut is overwritten."""
        return torch.ops.onednn.qconv2d_pointwise.binary(
            x, *self.before, *self.weights, shortcut, *self.rest, *code, "sum", 1.0, "relu", [], ""
        )


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
        ranges: from `measure_ranges`.
        dtype: of the features.
    """

    def __init__(self, trunk: ResNetTrunk, ranges: Ranges, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        code = coding(*ranges["conv1"])
        self.conv1 = Int8Conv(trunk.conv1, PIXELS, code)
        self.layers: list[list[Int8Block]] = []
        for layer in LAYERS:
            blocks: list[Int8Block] = []
            for i, block in enumerate(trunk.get_submodule(layer).children()):
                blocks.append(Int8Block(block, code, ranges, f"{layer}.{i}"))
                code = blocks[-1].after
            self.layers.append(blocks)

    def forward(self, pixels: Tensor) -> Scales:
        """As `ResNetTrunk.forward`; no gradients."""
        x = (pixels.float() / PIXELS.scale + PIXELS.zero).round_().clamp_(0, 255).to(torch.uint8)
        x = self.conv1(x.contiguous(memory_format=torch.channels_last))
        x = torch.ops.quantized.max_pool2d(x, [3, 3], [2, 2], [1, 1], [1, 1], False)
        features = []
        for blocks in self.layers:
            for block in blocks:
                x = block(x)
            features.append(x.to(self.dtype) * blocks[-1].after.scale)  # after a ReLU zero is byte 0
        return Scales(*features)


def measure_ranges(trunk: ResNetTrunk, images: Iterable[Tensor]) -> dict[str, tuple[float, float]]:
    """The range that each map between two convolutions has.

    Args:
        trunk: the float32 one, of basic blocks.
        images: normalised pixels, `(B, 3, H, W)` each.
    """
    ranges: dict[str, tuple[float, float]] = {}

    def widen(name: str, output: Tensor) -> None:
        low, high = ranges.get(name, (0.0, 0.0))
        least = 0.0 if "downsample" not in name else float(output.min())  # all others pass a ReLU
        ranges[name] = min(low, least), max(high, float(output.max()))

    names = ["conv1"]
    for layer in LAYERS:
        for i, block in enumerate(trunk.get_submodule(layer).children()):
            names += [f"{layer}.{i}", f"{layer}.{i}.conv1"]
            names += [f"{layer}.{i}.downsample.0"] * (block.downsample is not None)
    hooks = [
        trunk.get_submodule(name).register_forward_hook(lambda _, __, output, name=name: widen(name, output))
        for name in names
    ]
    with torch.inference_mode():
        for pixels in images:
            trunk(pixels)
    for hook in hooks:
        hook.remove()
    return ranges
