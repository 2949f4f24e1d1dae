"""The shape of a network, and the named presets."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

Normalization = Literal["none", "mean", "softmax"]
Memory = Literal["context", "spacetime"]
Trunk = Literal["resnet10", "resnet18", "resnet50"]

STRIDE = 16  # of res4, where keys, values and queries live; working frames are padded to a multiple of it
MASK_STRIDE = 4  # of the decoder's output, and of the masks that are fed back


@dataclass(frozen=True)
class GCConfig:
    """What decides a network's parameters and what they mean; it travels with every checkpoint.

    C_N and C_M are the paper's names: the context matrix of an object is C_N x C_M.
    """

    name: str
    trunk: Trunk = "resnet50"
    shared_trunk: bool = False  # one trunk for query and memory; the mask joins its res4 features
    memory_channels: int = (
        1024  # of X, the memory encoder's output: the trunk's own where the trunk is not shared
    )
    key_channels: int = 128  # C_N
    value_channels: int = 512  # C_M
    local_channels: int = (
        512  # of the query's local features; 0: res4 itself is joined with the distributed context
    )
    compressed_channels: int = 256  # at stride 16, what the decoder starts from
    compress_kernel: int = 3  # of the convolution that compresses what is read and the local features
    decoder_channels: tuple[int, int] = (256, 256)  # at strides 8 and 4
    skip_blocks: bool = (
        True  # skips as the paper's: a 3x3 convolution and a residual block; else a 1x1 convolution
    )
    completion_dilation: int = (
        0  # of a second residual block at stride 16: it ties together the parts of an object
    )
    # that is larger than a convolution sees; 0: no such block
    normalization: Normalization = "softmax"  # of keys and queries: see `context.py`
    previous_mask_channels: int = 0  # of the cue made of the previous frame's mask; 0: no such cue
    compared: bool = False  # the context is also read along its other axis: see `context.compare`
    fine: bool = (
        False  # res3, averaged to stride 16, joins res4 in what is remembered, asked for and compared
    )
    annotated_apart: bool = False  # the context of the annotated frames is read beside the running mean
    memory: Memory = "context"  # "spacetime": STM's, the comparator
    memory_interval: int = 1  # every n-th predicted frame is remembered
    horizon: int = (
        0  # t of equation 2 is at most this, so that objects may change their looks at any time; 0: no bound
    )
    least_likeness: float = (
        -1.0  # an object is lost where its frame's context is less like the remembered one: `context.likeness`
    )

    def __post_init__(self) -> None:
        """Checkpoints hold JSON, where the tuple became a list."""
        object.__setattr__(self, "decoder_channels", tuple(self.decoder_channels))

    @property
    def reads(self) -> int:
        """How many contexts are read for each object: 1, or 2 with the annotated frames' own."""
        return 2 if self.annotated_apart else 1

    def of_tensors(self) -> "GCConfig":
        """The same, but for what bears on tracking alone: networks for which this is equal can share their weights."""
        return replace(self, memory_interval=1, horizon=0, least_likeness=-1.0)

    def to_dict(self) -> dict[str, Any]:
        """All fields, for the checkpoint's metadata."""
        return asdict(self)


PAPER = GCConfig(name="gcvos-r50")

LITE = GCConfig(
    name="gcvos-lite",
    trunk="resnet18",
    shared_trunk=True,
    memory_channels=160,
    key_channels=64,
    value_channels=192,
    local_channels=0,
    compressed_channels=128,
    compress_kernel=1,
    decoder_channels=(64, 32),
    skip_blocks=False,
    completion_dilation=4,
    previous_mask_channels=32,
    compared=True,
    fine=True,
    annotated_apart=True,
    horizon=64,
    least_likeness=0.8,
)

TINY = GCConfig(
    name="tiny",
    trunk="resnet10",
    shared_trunk=True,
    memory_channels=32,
    key_channels=8,
    value_channels=16,
    local_channels=0,
    compressed_channels=32,
    compress_kernel=1,
    decoder_channels=(16, 16),
    skip_blocks=False,
    completion_dilation=2,
    previous_mask_channels=8,
    compared=True,
    fine=True,
    annotated_apart=True,
)

PRESETS: dict[str, GCConfig] = {config.name: config for config in (LITE, PAPER, TINY)}
