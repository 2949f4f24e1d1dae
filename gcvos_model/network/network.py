"""GCNetwork: the pieces in the order of the paper's figure 2."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gcvos_model.network.config import GCConfig
from gcvos_model.network.context import GlobalContext
from gcvos_model.network.decoder import Decoder, Skip
from gcvos_model.network.encoders import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    MASK_PLANES,
    MemoryEncoder,
    ResNetTrunk,
    SharedMemoryEncoder,
    scale_channels,
)
from gcvos_model.network.int8_trunk import Int8Trunk
from gcvos_model.network.spacetime import SpaceTime


class Features(NamedTuple):
    """All that is computed of a frame once, whatever the number of objects."""

    pixels: Tensor  # (B, 3, H, W), normalised; as they came where the trunk is in int8
    f16: Tensor  # (B, C16 or C16 + C8, H/16, W/16): res4, with `config.fine` joined by res3
    q: Tensor  # (B, C_N, H*W/256)
    e: Tensor  # (B, C_M, H*W/256) what contexts are compared with, or (B, 0, H*W/256)
    local: Tensor  # (B, compressed_channels, H/16, W/16): the query's own part of the compression
    skip8: Tensor  # (B, decoder_channels[0], H/8, W/8)
    skip4: Tensor  # (B, decoder_channels[1], H/4, W/4)


class GCNetwork(nn.Module):
    """Encode a frame, segment it from each object's memory, and turn frame and masks into contexts.

    One batch axis serves two uses: in training, B clips with one object each; at inference, one frame (B = 1) whose
    features broadcast over K objects.
    """

    mean: Tensor
    std: Tensor
    digest: str = ""  # of the checkpoint it came from; set by `checkpoints.py`

    def __init__(self, config: GCConfig) -> None:
        super().__init__()
        self.config = config
        c4, c8, c16 = scale_channels(config.trunk)
        self.trunk = ResNetTrunk(config.trunk)
        query_in = c16 + c8 * config.fine
        self.memory_encoder: MemoryEncoder | SharedMemoryEncoder = (
            SharedMemoryEncoder(query_in, config.memory_channels)
            if config.shared_trunk
            else MemoryEncoder(config.trunk)
        )
        sizes = (query_in, self.memory_encoder.out_channels, config.key_channels, config.value_channels)
        self.memory: GlobalContext | SpaceTime = (
            GlobalContext(*sizes, config.normalization, config.horizon)
            if config.memory == "context"
            else SpaceTime(*sizes)
        )
        self.embedding = nn.Conv2d(query_in, config.value_channels, 1) if config.compared else None
        # Figure 2 joins distributed context and local features, section 3.2 compresses them by a convolution. The
        # convolution of joined maps is the sum of two, and the local one is the same for every object.
        compressed = config.compressed_channels
        self.local = (
            nn.Conv2d(c16, config.local_channels, 3, padding=1) if config.local_channels else nn.Identity()
        )
        kernel, around = config.compress_kernel, config.compress_kernel // 2
        self.compress_local = nn.Conv2d(config.local_channels or c16, compressed, kernel, padding=around)
        cue = config.previous_mask_channels
        self.cue = nn.Conv2d(MASK_PLANES * 16, cue, 3, padding=1) if cue else None
        read = config.value_channels + config.key_channels * config.compared
        self.compress = nn.Conv2d(config.reads * read + cue, compressed, kernel, padding=around, bias=False)
        wide, slim = config.decoder_channels
        self.skip8 = Skip(c8, wide, config.skip_blocks)
        self.skip4 = Skip(c4, slim, config.skip_blocks)
        self.decoder = Decoder(compressed, config.decoder_channels, config.completion_dilation)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    @property
    def precision(self) -> str:
        """What it computes in: the type of its parameters, and before it `int8` where most convolutions do."""
        dtype = str(next(self.parameters()).dtype).removeprefix("torch.")
        return f"int8 + {dtype}" if isinstance(self.trunk, Int8Trunk) else dtype

    def encode(self, frames: Tensor) -> Features:
        """Run the query encoder.

        Args:
            frames: RGB, bytes or in [0, 1], `(B, 3, H, W)`, H and W multiples of 16.

        Returns:
            What every object's segmentation and memory share.
        """
        pixels = frames
        if not isinstance(self.trunk, Int8Trunk):
            pixels = normalize_pixels(as_fractions(frames, self.mean.dtype), self.mean, self.std)
        f4, f8, f16 = self.trunk(pixels)
        rich = torch.cat([f16, F.avg_pool2d(f8, 2)], dim=1) if self.config.fine else f16
        return Features(
            pixels=pixels,
            f16=rich,
            q=self.memory.queries(rich),
            e=self.embedding(rich).flatten(2).float() if self.embedding else rich[:, :0].flatten(2),
            local=self.compress_local(self.local(f16)),
            skip8=self.skip8(f8),
            skip4=self.skip4(f4),
        )

    def context(self, features: Features, masks: Tensor) -> Tensor:
        """Equation 1 for a frame whose masks are known.

        Args:
            features: of the frame (B = 1 or K).
            masks: soft masks in [0, 1], `(K, 2, H/4, W/4)`: each object's, and the other objects' together
                (`with_others`); without the second plane, `(K, 1, H/4, W/4)`, there are no others.

        Returns:
            Each object's context of this frame, `(K, C_N, C_M)`, float32.
        """
        masks = _two_planes(masks).to(features.f16.dtype)
        return self.memory.context(self.memory_encoder(features.pixels, features.f16, masks))

    def segment(self, features: Features, memories: Sequence[Tensor], previous: Tensor) -> Tensor:
        """Equation 3 and the decoder.

        Args:
            features: of the frame to segment (B = 1 or K).
            memories: what is read for each object: its context G `(K, C_N, C_M)`, and before it, with
                `config.annotated_apart`, the context of its annotated frames.
            previous: the masks on the frame before, one or two planes as in `context`; without
                `config.previous_mask_channels` they are not looked at.

        Returns:
            Log-odds of each object's mask by itself, `(K, 1, H/4, W/4)`, float32.
        """
        height, width = features.f16.shape[-2:]
        read = [self.memory.read(features.q, memory) for memory in memories]  # each (K, N, C_M)
        if self.config.compared:
            read += [self.memory.compare(features.e, memory) for memory in memories]  # each (K, N, C_N)
        joined = torch.cat(read, dim=2).transpose(1, 2).unflatten(2, (height, width)).to(features.f16.dtype)
        if self.cue is not None:
            cue = F.relu(self.cue(F.pixel_unshuffle(_two_planes(previous).to(joined.dtype), 4)))
            joined = torch.cat([joined, cue], dim=1)
        compressed = features.local + self.compress(joined)
        return self.decoder(compressed, features.skip8, features.skip4)


def with_others(masks: Tensor) -> Tensor:
    """Join each object's mask with the other objects': soft masks of one frame `(K, 1, h, w)` to `(K, 2, h, w)`."""
    others = (masks.sum(dim=0, keepdim=True) - masks).clamp(0, 1)
    return torch.cat([masks, others], dim=1)


def as_fractions(frames: Tensor, dtype: torch.dtype) -> Tensor:
    """Frames as bytes, to [0, 1] in a floating-point type; frames that are in that already stay as they are."""
    return frames.to(dtype) / 255 if frames.dtype == torch.uint8 else frames


def normalize_pixels(frames: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """`(frames - mean) / std` for frames `(B, 3, H, W)` and `mean` and `std` of their channels; channels-last.

    Row by row: over pixels of three channels each, the same takes ten times as long.
    """
    batch, channels, height, width = frames.shape
    rows = frames.permute(0, 2, 3, 1).reshape(batch, height, width * channels)
    rows = (rows - mean.flatten().repeat(width)) / std.flatten().repeat(width)
    return rows.view(batch, height, width, channels).permute(0, 3, 1, 2)


def merge(logits: Tensor) -> Tensor:
    """Merge objects by a softmax over their maps and the background's (section 4.2).

    The background's log-odds are 0, so a single object's probability is the sigmoid of its own.

    Args:
        logits: log-odds of each object by itself, `(K, 1, h, w)`.

    Returns:
        Probabilities, `(K, 1, h, w)`; their sum over K is at most 1, what is missing is the background's.
    """
    background = torch.zeros_like(logits[:1])
    return torch.cat([background, logits]).softmax(dim=0)[1:]


def _two_planes(masks: Tensor) -> Tensor:
    return masks if masks.shape[1] == MASK_PLANES else F.pad(masks, (0, 0, 0, 0, 0, 1))
