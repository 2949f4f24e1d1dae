"""ImageNet weights of torchvision-style ResNets, in the folded form of our trunks."""

import torch
from torch import Tensor

from gcvos_model.errors import CheckpointError
from gcvos_model.network.config import Trunk
from gcvos_model.network.encoders import ResNetTrunk, build_resnet, fold_batch_norm


def folded(tensors: dict[str, Tensor], trunk: Trunk) -> dict[str, Tensor]:
    """A `ResNetTrunk`'s state from weights that may or may not have their batch norms folded already.

    Args:
        tensors: names as in torchvision; res5 and the classifier may be absent.
        trunk: which ResNet they are of.

    Raises:
        CheckpointError: they are not of that trunk.
    """
    floats = {name: tensor.float() for name, tensor in tensors.items()}
    if any(name.startswith("bn1.") for name in floats):
        resnet = build_resnet(trunk)
        missing = resnet.load_state_dict(floats, strict=False).missing_keys
        if any(not name.startswith(("layer4.", "fc.")) for name in missing):
            raise CheckpointError(f"the ImageNet weights do not fit '{trunk}': missing {missing[:3]}")
        fold_batch_norm(resnet)
        floats = resnet.state_dict()
    wanted = ResNetTrunk(trunk).state_dict()
    absent = [name for name in wanted if name not in floats]
    if absent:
        raise CheckpointError(f"the ImageNet weights do not fit '{trunk}': missing {absent[:3]}")
    with torch.no_grad():
        return {name: floats[name].clone() for name in wanted}
