"""All that a training needs to go on exactly where it was: tensors and, in the same file's metadata, where it stands.

One file, so that weights, moments and step are always of the same moment; written beside and then renamed, so that a
kill at any time leaves a whole one. Nothing of random number generators is in it: clip number i depends on the seed and
i, and what is drawn in a step on the seed, the step and the process (`seed_step`).
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gcvos_model.errors import CheckpointError
from gcvos_model.network.network import GCNetwork
from gcvos_model.training.config import TrainConfig


@dataclass
class Progress:
    """Where a training stands. Minutes are of the budget: time in which the process did not run does not count."""

    step: int = 0
    minutes: float = 0.0
    validated: float = 0.0  # minutes at the last validation, state and picture
    saved: float = 0.0
    pictured: float = 0.0
    best: float | None = None  # mean J in per cent of the best checkpoint
    loss: float | None = None  # the log's last
    finished: bool = False
    losses: list[float] = field(default_factory=list)  # since the last line of the log

    def done(self, config: TrainConfig) -> float:
        """The share of the budget that is used up; 1 or more where the training is over."""
        steps = self.step / config.max_steps if config.max_steps else 0.0
        return max(steps, self.minutes / config.max_minutes)


def seed_step(config: TrainConfig, step: int, rank: int) -> None:
    """Seed what is drawn during a step (the damage to fed-back masks), each process apart."""
    torch.manual_seed((config.seed * 1_000_003 + step) * 4096 + rank)


def save_state(
    path: Path, network: GCNetwork, average: dict[str, Tensor], optimizer: Any, progress: Progress
) -> None:
    """Write weights, their average, the optimizer's moments and the progress, whole or not at all."""
    tensors = {f"weights.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in average.items()}
    for name, parameter in network.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{key}.{name}"] = value
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    partial = path.with_name(path.name + ".partial")
    save_file(stored, partial, {"progress": json.dumps(asdict(progress))})
    partial.replace(path)


@torch.no_grad()
def load_state(path: Path, network: GCNetwork, average: dict[str, Tensor], optimizer: Any) -> Progress:
    """Put a saved state back into a network, its average and its optimizer, in place.

    Raises:
        CheckpointError: the file is damaged, or of another network.
    """
    try:
        with safe_open(path, "pt") as file:
            progress = Progress(**json.loads((file.metadata() or {})["progress"]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        own = network.state_dict()
        for name, tensor in own.items():
            tensor.copy_(tensors.pop(f"weights.{name}"))
            average[name].copy_(tensors.pop(f"average.{name}"))
        parameters = dict(network.named_parameters())
        for full_name, tensor in tensors.items():
            _, key, name = full_name.split(".", 2)
            parameter = parameters[name]
            # Moments lie in memory as their parameters do (channels last): the fused optimizer relies on it.
            like = (
                torch.empty_like(parameter) if tensor.shape == parameter.shape else torch.empty_like(tensor)
            )
            optimizer.state[parameter][key] = like.to(parameter.device).copy_(tensor)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"cannot resume from '{path}': {error}; --overwrite starts anew") from error
    return progress
