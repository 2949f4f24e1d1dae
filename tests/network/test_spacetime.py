import pytest
import torch

from gcvos_model.network.context import GlobalContext
from gcvos_model.network.spacetime import SpaceTime, entry, read


def test_read_matches_every_position_by_softmax():
    torch.manual_seed(0)
    q, k, v = torch.randn(1, 3, 5), torch.randn(1, 3, 7), torch.randn(1, 4, 7)
    out = read(q, entry(k, v))
    for position in range(5):
        affinity = torch.stack([(q[0, :, position] * k[0, :, j]).sum() / 3**0.5 for j in range(7)])
        expected = (affinity.softmax(0) * v[0]).sum(1)
        torch.testing.assert_close(out[0, position], expected)


def test_the_memory_grows_by_one_frame_at_a_time():
    module = SpaceTime(4, 6, 3, 5)
    first, second = module.context(torch.randn(1, 6, 2, 3)), module.context(torch.randn(1, 6, 2, 3))
    memory = module.update(first, second, 2)
    assert memory.shape == (1, 12, 8)
    torch.testing.assert_close(memory[:, :6], first)
    torch.testing.assert_close(memory[:, 6:], second)


def test_the_order_of_remembered_frames_does_not_matter():
    module = SpaceTime(4, 6, 3, 5)
    a, b, q = (
        module.context(torch.randn(1, 6, 2, 3)),
        module.context(torch.randn(1, 6, 2, 3)),
        torch.randn(1, 3, 6),
    )
    torch.testing.assert_close(module.read(q, torch.cat([a, b], 1)), module.read(q, torch.cat([b, a], 1)))


def test_its_parameters_are_the_global_contexts():
    sizes = (4, 6, 3, 5)
    ours = {name: tensor.shape for name, tensor in GlobalContext(*sizes, "softmax").state_dict().items()}
    assert {name: tensor.shape for name, tensor in SpaceTime(*sizes).state_dict().items()} == ours
    assert ours["key.weight"] == pytest.approx((3, 6, 3, 3))
