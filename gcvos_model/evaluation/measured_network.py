"""The networks that benchmarks measure: as users load them, with STM's memory, or with random weights."""

from __future__ import annotations

from dataclasses import replace

from gcvos_model.checkpoints import (
    build,
    bundled_models,
    find_checkpoint,
    load_model,
    random_model,
    read_checkpoint,
    ready,
)
from gcvos_model.devices import choose_device, choose_dtype
from gcvos_model.int8 import use_int8
from gcvos_model.network.config import PRESETS, GCConfig
from gcvos_model.network.network import GCNetwork


def is_trained(model: str) -> bool:
    """Whether `model` names weights; else it is a preset of which none are bundled, and gets random ones."""
    return model in bundled_models() or model not in PRESETS


def load_measured(model: str, device: str = "auto", precision: str = "auto") -> GCNetwork:
    """A model by name or path as `load_model` gives it, or a preset with random weights.

    Raises:
        InputError, CheckpointError: as `load_model`.
    """
    if is_trained(model):
        return load_model(model, device=device, precision=precision)
    return _random(PRESETS[model], device, precision)


def load_with_spacetime(model: str, device: str = "auto", precision: str = "auto") -> GCNetwork:
    """The same network, weights included, with STM's memory in place of the global context: for its cost alone.

    Raises:
        InputError, CheckpointError: as `load_model`.
    """
    if not is_trained(model):
        return _random(replace(PRESETS[model], memory="spacetime"), device, precision)
    where = choose_device(device)
    config, tensors, metadata = read_checkpoint(find_checkpoint(model))
    network = build(replace(config, memory="spacetime"), tensors)
    network.digest = metadata["digest"]
    dtype = choose_dtype(precision, where)
    use_int8(network, metadata, precision, where, dtype)
    return ready(network, where, dtype)


def _random(config: GCConfig, device: str, precision: str) -> GCNetwork:
    where = choose_device(device)
    return ready(random_model(config), where, choose_dtype(precision, where))
