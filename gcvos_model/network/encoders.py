"""Query and memory encoders over torchvision's ResNet trunks, cut after res4 (stride 16).

Batch norm is frozen, as in STM. A frozen batch norm is a fixed affine map of each channel, so it is folded into the
convolution before it: every trunk here is convolutions with biases, in training as at inference.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gcvos_model.network.config import Trunk
from gcvos_model.network.vision import import_torchvision

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
MASK_PLANES = (
    2  # the object's mask, and the other objects' together: what tells it from those that look like it
)


class Scales(NamedTuple):
    """Features of a frame at strides 4, 8 and 16: the outputs of res2, res3 and res4."""

    f4: Tensor  # (B, C4, H/4, W/4)
    f8: Tensor  # (B, C8, H/8, W/8)
    f16: Tensor  # (B, C16, H/16, W/16)


def scale_channels(trunk: Trunk) -> tuple[int, int, int]:
    """Channels of a trunk's features at strides 4, 8 and 16."""
    return (256, 512, 1024) if trunk == "resnet50" else (64, 128, 256)


class ResNetTrunk(nn.Module):
    """A ResNet up to res4, batch norm folded: `(B, in_channels, H, W)` normalised pixels to `Scales`."""

    def __init__(self, trunk: Trunk, in_channels: int = 3) -> None:
        super().__init__()
        resnet = build_resnet(trunk)
        fold_batch_norm(resnet)
        self.conv1: nn.Conv2d = resnet.conv1
        if in_channels != 3:
            self.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3)
        self.layer1: nn.Module = resnet.layer1
        self.layer2: nn.Module = resnet.layer2
        self.layer3: nn.Module = resnet.layer3

    def forward(self, pixels: Tensor) -> Scales:
        """Pixels `(B, in_channels, H, W)`, H and W multiples of 16, to features at strides 4, 8 and 16."""
        x = F.relu(
            F.max_pool2d(self.conv1(pixels), 3, stride=2, padding=1)
        )  # the ReLU on a quarter of the pixels
        f4 = self.layer1(x)
        f8 = self.layer2(f4)
        return Scales(f4, f8, self.layer3(f8))


def build_resnet(trunk: Trunk) -> Any:
    """torchvision's ResNet with random weights; ResNet-50 in the wiring of its original (Caffe) weights.

    There the stride of res3 and res4 sits on their first 1x1 convolution, in torchvision on the 3x3 one.
    """
    models = import_torchvision().models
    if trunk == "resnet10":
        return models.resnet.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1])
    resnet = getattr(models, trunk)()
    if trunk == "resnet50":
        for layer in (resnet.layer2, resnet.layer3):
            layer[0].conv1.stride, layer[0].conv2.stride = (2, 2), (1, 1)
    return resnet


def fold_batch_norm(resnet: Any) -> None:
    """Fold each batch norm of a torchvision ResNet into the convolution before it, in place (res5 excepted)."""
    resnet.eval()
    pairs: list[tuple[nn.Module, str, str]] = [(resnet, "conv1", "bn1")]
    for layer in (resnet.layer1, resnet.layer2, resnet.layer3):
        for block in layer:
            pairs += [(block, f"conv{i}", f"bn{i}") for i in (1, 2, 3) if hasattr(block, f"conv{i}")]
            if block.downsample is not None:
                pairs.append((block.downsample, "0", "1"))
    for parent, conv, norm in pairs:
        fused = fuse_conv_bn_eval(getattr(parent, conv), getattr(parent, norm))
        setattr(parent, conv, fused.requires_grad_())
        setattr(parent, norm, nn.Identity())


class ResBlock(nn.Module):
    """Pre-activation residual block with two 3x3 convolutions: `(B, C, h, w)` to the same shape."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Residual block without normalisation, as in STM's decoder."""
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class MemoryEncoder(nn.Module):
    """The paper's: a trunk of its own whose input is the frame and the mask, four channels (figure 2)."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = ResNetTrunk(trunk, in_channels=4)
        self.out_channels = scale_channels(trunk)[2]

    def forward(self, pixels: Tensor, f16: Tensor, masks: Tensor) -> Tensor:
        """Memory features X.

        Args:
            pixels: normalised frames, `(1 or B, 3, H, W)`.
            f16: unused here.
            masks: soft masks in [0, 1], `(B, 2, H/4, W/4)`: the object's, and the other objects', unused here.

        Returns:
            `(B, out_channels, H/16, W/16)`.
        """
        full = F.interpolate(masks[:, :1], size=pixels.shape[-2:], mode="bilinear", align_corners=False)
        frames = pixels.expand(masks.shape[0], -1, -1, -1)
        return self.trunk(torch.cat([frames, full], dim=1)).f16


class SharedMemoryEncoder(nn.Module):
    """gcvos-lite's: the query's own res4 features, joined with the masks at stride 16.

    A convolution over joined inputs is the sum of convolutions over each, so the frame's part is computed once for
    any number of objects; what res4 sees is wide already, so a 1x1 convolution does for that part. A cell of stride
    16 sees the 16 values of each mask at stride 4 as channels.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.from_frame = nn.Conv2d(in_channels, out_channels, 1)
        self.from_mask = nn.Conv2d(MASK_PLANES * 16, out_channels, 3, padding=1, bias=False)
        self.block = ResBlock(out_channels)
        self.out_channels = out_channels

    def forward(self, pixels: Tensor, f16: Tensor, masks: Tensor) -> Tensor:
        """As `MemoryEncoder.forward`, from `f16` `(1 or B, in_channels, H/16, W/16)` in place of the pixels."""
        x = self.from_frame(f16) + self.from_mask(F.pixel_unshuffle(masks, 4))
        return F.relu(self.block(x))
