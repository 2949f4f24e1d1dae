"""What one stage of training does, and the recipes: sets of such settings with a name."""

from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class TrainConfig:
    """One stage of training. Learning rates are those of the new parts; the ImageNet trunk learns at `trunk_factor` of it.

    `batch` counts the clips of a step over all processes together, so the number of processes changes the speed and
    not what is learned.
    """

    stage: str  # "images" or "video"
    size: int = 192  # side of a clip, pixels
    frames: int = 3
    batch: int = 4
    long_every: int = (
        0  # every n-th step takes long tracks of video, with `lead_in` more frames; 0: none does
    )
    lead_in: int = 4  # frames of a long track between the annotated one and those that are learned from
    video_share: float = 0.0  # of clips from real video
    sloppy_share: float = 0.15  # of clips whose first mask is as an annotator makes it
    cut_share: float = 0.06  # of clips that cut to another scene, for a frame or for good
    learning_rate: float = 3e-4
    trunk_factor: float = 0.1
    weight_decay: float = 1e-4
    clip_norm: float = 5.0  # gradients are scaled down to this norm; 0: they are not
    warm_up_steps: int = 100
    decay_share: float = (
        0.4  # the last part of the budget, over which the rate falls to a hundredth; 0: constant
    )
    ema: float = 0.999  # of the weights that are validated and shipped; 0: the last ones
    gradient_checkpointing: bool = False  # a third more computing for a fraction of the memory: for gcvos-r50
    max_minutes: float = 60.0
    max_steps: int = 0  # 0: no bound
    validate_minutes: float = 25.0
    save_minutes: float = 5.0  # between states to resume from
    picture_minutes: float = 10.0
    precision: str = "bf16-mixed"
    seed: int = 0
    workers: int = 1  # processes that make clips, for each training process

    def to_dict(self) -> dict[str, Any]:
        """All fields, for the run folder and the checkpoint's record."""
        return asdict(self)


FREE = frozenset({"validate_minutes", "save_minutes", "picture_minutes", "workers"})
"""Fields that may change when a run is resumed: they do not bear on what is learned."""

STAGES = {
    "images": TrainConfig(stage="images"),
    "video": TrainConfig(
        stage="video",
        size=320,
        frames=4,
        batch=4,
        long_every=2,
        video_share=0.4,
        learning_rate=2e-4,
        decay_share=0.85,
    ),
}

# Section 3.3 of the paper: Adam at 1e-5, then 1e-6, batches of 8, 480p; nothing is said of decay, averaging or
# clipping, so there is none. The size of stage 1 is table 1's input, 384 x 384.
_PAPER = TrainConfig(
    stage="images",
    size=384,
    batch=8,
    sloppy_share=0.0,
    cut_share=0.0,
    learning_rate=1e-5,
    trunk_factor=1.0,
    weight_decay=0.0,
    clip_norm=0.0,
    warm_up_steps=1,
    decay_share=0.0,
    ema=0.0,
    gradient_checkpointing=True,
    precision="32-true",
)

# One large GPU: batches eight times as large, rates twice (less than the square root of that, which is usual for Adam).
_GPU = {
    name: replace(
        config, batch=32, learning_rate=2 * config.learning_rate, warm_up_steps=200, validate_minutes=5.0,
        save_minutes=2.0, picture_minutes=3.0,
    )
    for name, config in STAGES.items()
}  # fmt: skip

RECIPES: dict[str, dict[str, TrainConfig]] = {
    "gcvos": STAGES,
    "gpu": _GPU,
    "paper": {
        "images": _PAPER,
        "video": replace(_PAPER, stage="video", size=480, video_share=1.0, learning_rate=1e-6),
    },
}
