"""Gradient checkpointing: memory for computing, where the network is large."""

from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

from gcvos_model.network.encoders import ResBlock, ResNetTrunk
from gcvos_model.network.network import GCNetwork


def recompute_blocks(network: GCNetwork) -> None:
    """Let every residual block keep its input alone, and compute the rest again in the backward pass.

    The gradients are the same. Blocks that do not learn keep nothing anyway and are left as they are.
    """
    for block in residual_blocks(network):
        if any(parameter.requires_grad for parameter in block.parameters()):
            block.forward = partial(checkpoint, block.forward, use_reentrant=False, preserve_rng_state=False)


def residual_blocks(network: GCNetwork) -> list[nn.Module]:
    """Those of the trunks, of the memory encoder and of the decoder."""
    blocks: list[nn.Module] = []
    for module in network.modules():
        if isinstance(module, ResBlock):
            blocks.append(module)
        elif isinstance(module, ResNetTrunk):
            blocks += [
                block for layer in (module.layer1, module.layer2, module.layer3) for block in layer.children()
            ]
    return blocks
