import copy

import pytest
import torch

from gcvos_model.network.encoders import ResNetTrunk, build_resnet, fold_batch_norm, scale_channels


@pytest.mark.parametrize("trunk", ["resnet10", "resnet18", "resnet50"])
def test_folding_changes_nothing(trunk):
    resnet = build_resnet(trunk).eval()
    for module in resnet.modules():  # statistics as training leaves them, not the neutral ones
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.1)
    folded = copy.deepcopy(resnet)
    fold_batch_norm(folded)
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        for network in (resnet, folded):
            y = network.maxpool(network.relu(network.bn1(network.conv1(x))))
            network.out = network.layer3(network.layer2(network.layer1(y)))
    torch.testing.assert_close(folded.out, resnet.out, rtol=1e-3, atol=1e-3)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.layer3.modules())


@pytest.mark.parametrize("trunk", ["resnet10", "resnet18", "resnet50"])
def test_strides_and_channels(trunk):
    with torch.inference_mode():
        scales = ResNetTrunk(trunk)(torch.rand(1, 3, 64, 96))
    assert [f.shape[1] for f in scales] == list(scale_channels(trunk))
    assert [f.shape[-2:] for f in scales] == [(16, 24), (8, 12), (4, 6)]


def test_the_stride_of_resnet50_sits_on_the_first_convolution():
    block = build_resnet("resnet50").layer2[0]
    assert (block.conv1.stride, block.conv2.stride) == ((2, 2), (1, 1))
