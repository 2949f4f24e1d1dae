"""The refinement decoder: from stride 16 to stride 4, doubling the resolution at each stage (section 3.2)."""

import torch.nn.functional as F
from torch import Tensor, nn

from gcvos_model.network.encoders import ResBlock


class Skip(nn.Module):
    """A skip connection from the query encoder: the same for every object, so computed once a frame.

    With a block it is the paper's, a 3x3 convolution before it; without, a 1x1 convolution alone.
    """

    def __init__(self, in_channels: int, out_channels: int, block: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3 if block else 1, padding=1 if block else 0)
        self.block = ResBlock(out_channels) if block else nn.Identity()

    def forward(self, f: Tensor) -> Tensor:
        """Query features `(B, in_channels, h, w)` to `(B, out_channels, h, w)`."""
        return self.block(self.conv(f))


class Refine(nn.Module):
    """One stage: the coarser map, doubled by bilinear upsampling, plus the skip connection, then a residual block."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        same = in_channels == out_channels
        self.compress = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)
        self.block = ResBlock(out_channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """The map `(K, in_channels, h, w)` and the skip `(1 or K, out_channels, 2h, 2w)` to `(K, out_channels, 2h, 2w)`."""
        up = F.interpolate(self.compress(x), scale_factor=2, mode="bilinear", align_corners=False)
        return self.block(skip + up)


class Decoder(nn.Module):
    """Two stages of refinement and the mask's log-odds at stride 4."""

    def __init__(self, in_channels: int, channels: tuple[int, int], completion_dilation: int) -> None:
        super().__init__()
        self.block = ResBlock(in_channels)
        self.completion = ResBlock(in_channels, completion_dilation) if completion_dilation else nn.Identity()
        self.refine8 = Refine(in_channels, channels[0])
        self.refine4 = Refine(channels[0], channels[1])
        self.predict = nn.Conv2d(channels[1], 1, 3, padding=1)

    def forward(self, x: Tensor, skip8: Tensor, skip4: Tensor) -> Tensor:
        """Compressed features `(K, in_channels, H/16, W/16)` and skips to log-odds `(K, 1, H/4, W/4)`, float32."""
        x = self.completion(self.block(x))
        x = self.refine8(x, skip8)
        x = self.refine4(x, skip4)
        return self.predict(F.relu(x)).float()
