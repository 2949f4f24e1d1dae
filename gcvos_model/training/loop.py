"""The training loop of both stages: a budget in minutes, an exact resume, the best and the last checkpoint."""

import csv
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gcvos_model.checkpoints import build, read_checkpoint, save_checkpoint
from gcvos_model.errors import InputError
from gcvos_model.network.config import GCConfig
from gcvos_model.network.network import GCNetwork
from gcvos_model.training.datasets import TrainingData
from gcvos_model.training.first_masks import sloppy_clip
from gcvos_model.training.image_clips import image_clip
from gcvos_model.training.losses import clip_loss
from gcvos_model.training.unroll import ClipModel
from gcvos_model.training.video_clips import video_clip

LOG_EVERY = 20  # steps whose mean loss is one line of the log
Validate = Callable[[GCNetwork], float]


@dataclass(frozen=True)
class TrainConfig:
    """One stage of training. Learning rates are those of the new parts; the ImageNet trunk learns at a tenth."""

    stage: str  # "images" or "video"
    size: int = 192  # side of a clip, pixels
    frames: int = 3
    batch: int = 4
    video_share: float = 0.0  # of clips from real video
    sloppy_share: float = 0.15  # of clips whose first mask is as an annotator makes it
    learning_rate: float = 3e-4
    trunk_factor: float = 0.1
    weight_decay: float = 1e-4
    clip_norm: float = 5.0
    warm_up_steps: int = 100
    decay_share: float = 0.4  # the last part of the budget, over which the rate falls to a hundredth
    ema: float = 0.999
    max_minutes: float = 60.0
    max_steps: int = 0  # 0: no bound
    validate_minutes: float = 25.0
    precision: str = "bf16-mixed"
    seed: int = 0
    workers: int = 1


STAGES = {
    "images": TrainConfig(stage="images"),
    "video": TrainConfig(
        stage="video", size=256, frames=4, batch=4, video_share=0.65, learning_rate=1.5e-4, decay_share=0.9
    ),
}


class Batch(NamedTuple):
    """Clips as tensors, uint8 as they are loaded: the fields of `Clip` with channels."""

    frames: Tensor  # (B, T, 3, S, S)
    masks: Tensor  # (B, T, 1, S, S)
    others: Tensor  # (B, T, 1, S, S)
    first: Tensor  # (B, 1, S, S)
    before: Tensor  # (B, 2, S, S)


class Clips(Dataset[Batch]):
    """Clip number i, the same for the same seed whoever asks, without the batch axis."""

    def __init__(self, data: TrainingData, config: TrainConfig, first: int) -> None:
        self.data, self.config, self.first = data, config, first

    def __len__(self) -> int:
        return 1 << 30  # the budget ends the training, not the data

    def __getitem__(self, index: int) -> Batch:
        rng = np.random.default_rng((self.config.seed, self.first + index))
        make = video_clip if self.data.videos and rng.random() < self.config.video_share else image_clip
        clip = make(rng, self.data, self.config.size, self.config.frames)
        if rng.random() < self.config.sloppy_share:
            clip = sloppy_clip(rng, clip)
        return Batch(
            frames=torch.from_numpy(np.ascontiguousarray(clip.frames.transpose(0, 3, 1, 2))),
            masks=torch.from_numpy(clip.masks)[:, None],
            others=torch.from_numpy(clip.others)[:, None],
            first=torch.from_numpy(clip.first)[None],
            before=torch.from_numpy(clip.before),
        )


def train_stage(
    config: TrainConfig,
    shape: GCConfig,
    data: TrainingData,
    run: Path,
    initial: Path | None,
    validate: Validate | None,
) -> Path:
    """Train one stage into the folder `run` and return the best checkpoint's path.

    Args:
        config: what to do.
        shape: the network's.
        data: what to make clips of.
        run: the run folder: `log.csv`, `last.safetensors`, `best.safetensors`.
        initial: a gcvos checkpoint, or an ImageNet trunk, to start from.
        validate: a network to mean J in per cent; the best checkpoint is chosen by it.
    """
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    network = GCNetwork(shape)
    if initial is not None:
        load_initial(network, initial)
    freeze_low_layers(network)
    fabric = Fabric(precision=config.precision, devices=1)  # type: ignore[arg-type]
    optimizer = torch.optim.AdamW(parameter_groups(network, config), betas=(0.9, 0.99), fused=True)
    model, optimizer = fabric.setup(ClipModel(network).to(memory_format=torch.channels_last), optimizer)  # type: ignore[call-overload]
    average = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    loader = DataLoader(
        Clips(data, config, first=0),
        batch_size=config.batch,
        num_workers=config.workers,
        worker_init_fn=_one_thread,
        prefetch_factor=8 if config.workers else None,
    )
    started = checked = time.monotonic()
    best = -1.0
    batches: Iterator[Batch] = iter(loader)
    losses: list[float] = []
    step = 0
    with (run / "log.csv").open("a", newline="") as file:
        log = csv.writer(file)
        while True:
            minutes = (time.monotonic() - started) / 60
            done = minutes / config.max_minutes
            if config.max_steps:
                done = max(done, step / config.max_steps)
            ended = done >= 1
            if ended or (time.monotonic() - checked) / 60 >= config.validate_minutes:
                score = _checkpoint(config, shape, average, run, validate, step, minutes, best)
                best, checked = max(best, score), time.monotonic()
                log.writerow([step, f"{minutes:.2f}", "J", f"{score:.2f}"])
                file.flush()
            if ended:
                return run / "best.safetensors"
            set_learning_rate(optimizer, config, step, done)
            batch = Batch(*(fabric.to_device(tensor).float() / 255 for tensor in next(batches)))
            loss = train_step(fabric, model, optimizer, config, batch)
            step += 1
            losses.append(loss)
            update_average(average, network, min(config.ema, (1 + step) / (10 + step)))
            if step % LOG_EVERY == 0:
                log.writerow([step, f"{minutes:.2f}", "loss", f"{np.mean(losses):.4f}"])
                losses.clear()
                file.flush()


def train_step(fabric: Fabric, model: Any, optimizer: Any, config: TrainConfig, batch: Batch) -> float:
    """One step on a batch, everything in [0, 1]; returns the loss."""
    model.train()
    logits = model(batch.frames, batch.first, batch.others, batch.before)
    loss = clip_loss(logits.flatten(0, 1), batch.masks[:, 1:].flatten(0, 1))
    optimizer.zero_grad(set_to_none=True)
    fabric.backward(loss)
    fabric.clip_gradients(model, optimizer, max_norm=config.clip_norm)
    optimizer.step()
    return loss.item()


def load_initial(network: GCNetwork, path: Path) -> None:
    """Fill a network from a gcvos checkpoint, or its trunks from ImageNet weights (batch norm folded or not)."""
    tensors = load_file(path)
    if "conv1.weight" in tensors:
        load_trunk(network, tensors)
        return
    config, tensors, _ = read_checkpoint(path)
    if config != network.config:
        raise InputError(f"'{path}' holds a network of another shape than preset '{network.config.name}'")
    network.load_state_dict(build(config, tensors).state_dict())


def load_trunk(network: GCNetwork, tensors: dict[str, Tensor]) -> None:
    """Fill the query encoder's trunk, and the memory encoder's where it has its own, from ImageNet weights."""
    from gcvos_model.training.imagenet import folded

    weights = folded(tensors, network.config.trunk)
    network.trunk.load_state_dict(weights)
    own = getattr(network.memory_encoder, "trunk", None)
    if own is not None:
        with_mask = own.conv1.weight.detach().clone()
        with_mask[:, :3] = weights["conv1.weight"]
        own.load_state_dict({**weights, "conv1.weight": with_mask})


def freeze_low_layers(network: GCNetwork) -> None:
    """Leave conv1 and res2 of a shared trunk as ImageNet made them: a third of the backward pass for nothing gained."""
    if network.config.shared_trunk:
        for part in (network.trunk.conv1, network.trunk.layer1):
            part.requires_grad_(False)


def parameter_groups(network: GCNetwork, config: TrainConfig) -> list[dict[str, Any]]:
    """Pretrained trunks apart from new parts, each with its learning rate."""
    groups: dict[float, list[Tensor]] = {1.0: [], config.trunk_factor: []}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups[config.trunk_factor if "trunk." in name else 1.0].append(parameter)
    return [
        {"params": params, "factor": factor, "weight_decay": config.weight_decay}
        for factor, params in groups.items()
    ]


def set_learning_rate(optimizer: Any, config: TrainConfig, step: int, done: float) -> None:
    """Warm-up by steps, then constant, then linear decay over the last `decay_share` of the budget (`done` in [0, 1])."""
    left = max(0.01, min(1.0, (1 - done) / config.decay_share))
    rate = config.learning_rate * min(1.0, (step + 1) / config.warm_up_steps) * left
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


@torch.no_grad()
def update_average(average: dict[str, Tensor], network: GCNetwork, decay: float) -> None:
    """The exponential moving average of the weights: what is validated and shipped."""
    torch._foreach_lerp_(list(average.values()), list(network.state_dict().values()), 1 - decay)


def _checkpoint(
    config: TrainConfig,
    shape: GCConfig,
    average: dict[str, Tensor],
    run: Path,
    validate: Validate | None,
    step: int,
    minutes: float,
    best: float,
) -> float:
    network = build(shape, average)
    score = validate(network.eval()) if validate else 0.0
    record = {**asdict(config), "steps": step, "minutes": round(minutes, 1), "validation_j": round(score, 2)}
    for name, wanted in (("last", True), ("best", score >= best)):
        if wanted:
            save_checkpoint(run / f"{name}.safetensors", network.config, average, record, torch.float16)
    return score


def _one_thread(worker: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
