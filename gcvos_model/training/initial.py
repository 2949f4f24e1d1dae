"""Where a stage's weights begin: random, an ImageNet trunk, or the checkpoint of an earlier stage."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from gcvos_model.checkpoints import build, read_checkpoint
from gcvos_model.errors import CheckpointError, InputError
from gcvos_model.network.config import GCConfig
from gcvos_model.network.network import GCNetwork
from gcvos_model.training.imagenet import folded


def start_network(shape: GCConfig, seed: int, initial: Path | None) -> GCNetwork:
    """A float32 network to train, on the CPU: new parts by the seed, the others from `initial`.

    Raises:
        InputError, CheckpointError: `initial` is absent, unreadable, or of another shape.
    """
    torch.manual_seed(seed)
    network = GCNetwork(shape)
    if initial is not None:
        load_initial(network, initial)
    freeze_low_layers(network)
    return network


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Raises:
        InputError: there is none.
        CheckpointError: it is damaged.
    """
    if not path.is_file():
        raise InputError(f"there is no file '{path}' to start from")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"'{path}' is not a readable safetensors file: {error}") from error


def load_initial(network: GCNetwork, path: Path) -> None:
    """Fill a network from a gcvos checkpoint, or its trunks from ImageNet weights (batch norm folded or not)."""
    tensors = read_tensors(path)
    if "conv1.weight" in tensors:
        load_trunk(network, tensors)
        return
    config, tensors, _ = read_checkpoint(path)
    if config.of_tensors() != network.config.of_tensors():
        raise InputError(f"'{path}' holds a network of another shape than preset '{network.config.name}'")
    network.load_state_dict(build(config, tensors).state_dict())


def load_trunk(network: GCNetwork, tensors: dict[str, Tensor]) -> None:
    """Fill the query encoder's trunk, and the memory encoder's where it has its own, from ImageNet weights."""
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


def history(initial: Path | None) -> dict[str, Any]:
    """What is known of `initial` for the record: its file, and for a checkpoint its digest, data and stages."""
    if initial is None:
        return {"initial": "random weights", "earlier_stages": [], "data": []}
    if "conv1.weight" in read_tensors(initial):
        return {"initial": f"ImageNet trunk {initial.name}", "earlier_stages": [], "data": []}
    _, _, metadata = read_checkpoint(initial)
    record = json.loads(metadata.get("record", "{}"))
    earlier = [*record.get("earlier_stages", []), *([describe(record)] if "stage" in record else [])]
    return {
        "initial": f"{initial.name} ({metadata['digest'][:12]})",
        "earlier_stages": earlier,
        "data": list(record.get("data", [])),
    }


def describe(record: dict[str, Any]) -> str:
    """One line on a stage that is over."""
    return (
        f"{record['stage']}: {record['steps']} steps of {record['batch']} clips, {record['frames']} frames of "
        f"{record['size']} x {record['size']}, {record['minutes']} minutes, learning rate {record['learning_rate']:g}"
        + (f", from {record['initial']}" if "initial" in record else "")
    )
