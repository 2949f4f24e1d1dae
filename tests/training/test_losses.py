import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gcvos_model.training.losses import bootstrapped_cross_entropy, clip_loss, soft_jaccard


def test_cross_entropy_of_the_hardest_by_hand():
    logits = torch.tensor([0.0, 2.0, -3.0, 4.0, 1.0]).view(1, 1, 1, 5)
    masks = torch.tensor([1.0, 1.0, 1.0, 0.0, 1.0]).view(1, 1, 1, 5)
    losses = [  # those of the object's pixels count twice
        2 * math.log(2),
        2 * math.log1p(math.exp(-2)),
        2 * math.log1p(math.exp(3)),
        math.log1p(math.exp(4)),
        2 * math.log1p(math.exp(-1)),
    ]
    assert float(bootstrapped_cross_entropy(logits, masks, 0.4)) == pytest.approx(
        (losses[2] + losses[3]) / 2, rel=1e-5
    )
    assert float(bootstrapped_cross_entropy(logits, masks, 1.0)) == pytest.approx(sum(losses) / 5, rel=1e-5)


def test_soft_jaccard_by_hand():
    logits, masks = torch.zeros(1, 1, 2, 2), torch.tensor([[1.0, 1.0], [0.0, 0.0]]).view(1, 1, 2, 2)
    smooth = 4e-3  # p = 0.5 everywhere: intersection 1, union 0.5 + 0.5 + 1 + 1
    assert float(soft_jaccard(logits, masks)) == pytest.approx(1 - (1 + smooth) / (3 + smooth), rel=1e-5)


def test_a_perfect_prediction_costs_nothing_also_when_empty():
    for masks in (torch.ones(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)):
        assert float(clip_loss((masks - 0.5) * 80, masks)) == pytest.approx(0, abs=1e-4)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000))
def test_going_towards_the_mask_costs_less(seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, 1, 6, 6, generator=generator)
    masks = (torch.rand(1, 1, 6, 6, generator=generator) > 0.5).float()
    assert clip_loss(logits + (masks - 0.5) * 0.2, masks) < clip_loss(logits, masks)


def test_gradients_are_right():
    logits = torch.randn(1, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    masks = (torch.rand(1, 1, 3, 3) > 0.5).double()
    assert torch.autograd.gradcheck(lambda x: clip_loss(x, masks), logits)
