"""One step of training: parameter groups, the learning rate's schedule, the step, the average of the weights."""

from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from gcvos_model.errors import GCVOSError
from gcvos_model.network.network import GCNetwork
from gcvos_model.training.batches import Batch
from gcvos_model.training.config import TrainConfig
from gcvos_model.training.losses import clip_loss


def make_optimizer(network: GCNetwork, config: TrainConfig) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay; without decay it is the paper's Adam."""
    return torch.optim.AdamW(parameter_groups(network, config), betas=(0.9, 0.99), fused=True)


def parameter_groups(network: GCNetwork, config: TrainConfig) -> list[dict[str, Any]]:
    """Pretrained trunks apart from new parts, each with its learning rate as a factor."""
    trunk: list[Tensor] = []
    new: list[Tensor] = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            (trunk if "trunk." in name else new).append(parameter)
    return [
        {"params": new, "factor": 1.0, "weight_decay": config.weight_decay},
        {"params": trunk, "factor": config.trunk_factor, "weight_decay": config.weight_decay},
    ]


def set_learning_rate(optimizer: Any, config: TrainConfig, step: int, done: float) -> float:
    """Warm-up by steps, then constant, then linear decay over the last `decay_share` of the budget (`done` in [0, 1]).

    Returns:
        The rate of the new parts.
    """
    left = max(0.01, min(1.0, (1 - done) / config.decay_share)) if config.decay_share else 1.0
    rate = config.learning_rate * min(1.0, (step + 1) / max(1, config.warm_up_steps)) * left
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
    return rate


def to_floats(fabric: Fabric, batch: Batch) -> Batch:
    """A loaded batch on the device, everything in [0, 1]."""
    return Batch(*(fabric.to_device(tensor).float() / 255 for tensor in batch))


def predict(model: Any, batch: Batch) -> Tensor:
    """Log-odds of a batch of floats by a `ClipModel`, `(B, L, 1, S, S)`."""
    return model(batch.frames, batch.first, batch.others, batch.decoys, batch.before)


def train_step(fabric: Fabric, model: Any, optimizer: Any, config: TrainConfig, batch: Batch) -> float:
    """One step on a batch of floats; returns this process's loss.

    Raises:
        GCVOSError: the gradients are no longer finite; the weights are left as they were.
    """
    logits = predict(model, batch)
    loss = clip_loss(logits.flatten(0, 1), batch.masks[:, -logits.shape[1] :].flatten(0, 1))
    optimizer.zero_grad(set_to_none=True)
    fabric.backward(loss)
    norm = fabric.clip_gradients(
        model, optimizer, max_norm=config.clip_norm or float("inf"), error_if_nonfinite=False
    )
    if norm is None or not torch.isfinite(norm):
        raise GCVOSError(
            f"the training has diverged: the loss is {loss.item():.3g}, the gradients' norm {norm}; "
            "start again with a lower --learning-rate, or --resume from the last state"
        )
    optimizer.step()
    return loss.item()


@torch.no_grad()
def update_average(average: dict[str, Tensor], network: GCNetwork, decay: float) -> None:
    """The exponential moving average of the weights: what is validated and shipped."""
    torch._foreach_lerp_(list(average.values()), list(network.state_dict().values()), 1 - decay)
