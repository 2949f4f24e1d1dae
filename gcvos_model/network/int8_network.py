"""A network whose trunk, residual blocks, keys, values and queries are in int8, and the ranges that this needs.

The rest (1x1 convolutions, the cue, skips, prediction, equations 1 to 3) takes little time, and stays as it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from gcvos_model.network.encoders import ResBlock
from gcvos_model.network.int8_layers import Int8Layer, Int8ResBlock, Ranges
from gcvos_model.network.int8_trunk import LAYERS, Int8Trunk
from gcvos_model.network.network import GCNetwork

HEADS = ("memory.key", "memory.value", "memory.query")  # each behind a ReLU


def put_in_int8(network: GCNetwork, ranges: Ranges, dtype: torch.dtype) -> None:
    """Replace what computes in int8.

    Args:
        network: in float32, with a trunk of basic blocks that query and memory share.
        ranges: from `measured_ranges`.
        dtype: that the rest of it will have.

    Raises:
        KeyError: a range is missing.
    """
    blocks = {
        name: Int8ResBlock(block, ranges, name, dtype) for name, block in residual_blocks(network).items()
    }
    heads = {name: Int8Layer(network.get_submodule(name), ranges, name, dtype) for name in HEADS}  # type: ignore[arg-type]
    replacements = {"trunk": Int8Trunk(network.trunk, ranges, dtype), **blocks, **heads}
    for name, module in replacements.items():
        network.set_submodule(name, module)


def residual_blocks(network: GCNetwork) -> dict[str, ResBlock]:
    """The blocks of the decoder and of the memory encoder, by name."""
    return {name: module for name, module in network.named_modules() if isinstance(module, ResBlock)}


@contextmanager
def measured_ranges(network: GCNetwork) -> Iterator[dict[str, tuple[float, float]]]:
    """The range of each map that `put_in_int8` asks for, of all that the network computes within the block.

    Args:
        network: as there.
    """
    ranges: dict[str, tuple[float, float]] = {}

    def widen(name: str, x: Tensor, rectified: bool = True) -> None:
        low, high = ranges.get(name, (0.0, 0.0))
        ranges[name] = low if rectified else min(low, float(x.min())), max(high, float(x.max()))

    def before(name: str) -> None:
        module = network.get_submodule(name)
        hooks.append(module.register_forward_pre_hook(lambda _, inputs: widen(name, inputs[0])))

    def behind(name: str, rectified: bool = True) -> None:
        module = network.get_submodule(name)
        hooks.append(module.register_forward_hook(lambda _, __, output: widen(name, output, rectified)))

    hooks: list[torch.utils.hooks.RemovableHandle] = []
    behind("trunk.conv1")
    for layer in LAYERS:
        for i, block in enumerate(network.trunk.get_submodule(layer).children()):
            name = f"trunk.{layer}.{i}"
            behind(name)
            behind(f"{name}.conv1")
            if block.downsample is not None:
                behind(f"{name}.downsample.0", rectified=False)
    for name in residual_blocks(network):
        before(name)
        behind(f"{name}.conv1")
    for name in HEADS:
        before(name)
    try:
        yield ranges
    finally:
        for hook in hooks:
            hook.remove()
