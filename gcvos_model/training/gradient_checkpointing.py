"""Gradient checkpointing: memory for computing, where the network is large."""

from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

from gcvos_model.network.encoders import ResBlock, ResNetTrunk
from gcvos_model.network.network import GCNetwork


def recompute_parts(network: GCNetwork) -> None:
    """Let every large part keep its input alone, and compute what is inside again in the backward pass.

    The gradients are the same. Parts that do not learn keep nothing anyway and are left as they are.
    """
    for part in large_parts(network):
        if any(parameter.requires_grad for parameter in part.parameters()):
            part.forward = partial(checkpoint, part.forward, use_reentrant=False, preserve_rng_state=False)


def large_parts(network: GCNetwork) -> list[nn.Module]:
    """res2, res3 and res4 of the trunks, and the residual blocks of memory encoder, skip connections and decoder.

    Of a trunk whole stages, not blocks: the input of a bottleneck is the largest thing in it.
    """
    parts: list[nn.Module] = []
    for module in network.modules():
        if isinstance(module, ResBlock):
            parts.append(module)
        elif isinstance(module, ResNetTrunk):
            parts += [module.layer1, module.layer2, module.layer3]
    return parts
