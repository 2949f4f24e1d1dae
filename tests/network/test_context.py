"""Equations 1 to 3 against explicit loops in float64, and what must hold of them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gcvos_model.network.context import (
    GlobalContext,
    distribute,
    frame_context,
    likeness,
    normalize_keys,
    normalize_queries,
    taken_over,
    update,
)

FORMS = ("none", "mean", "softmax")


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("form", FORMS)
def test_frame_context_is_equation_1_written_out(form):
    k, v = random(2, 3, 5), random(2, 4, 5, seed=1)
    weights = normalize_keys(k, form)
    context = frame_context(weights, v)
    for b in range(2):
        for n in range(3):
            for m in range(4):
                expected = 0.0
                for position in range(5):
                    if form == "softmax":
                        weight = k[b, n, position].exp() / sum(k[b, n, p].exp() for p in range(5))
                    else:
                        weight = k[b, n, position] / (5 if form == "mean" else 1)
                    expected += weight * v[b, m, position]
                assert context[b, n, m] == pytest.approx(float(expected), abs=1e-12)


def test_update_is_the_mean_of_all_frames():
    contexts = [random(3, 4, seed=s) for s in range(40)]
    running = torch.zeros(3, 4, dtype=torch.float64)
    for t, context in enumerate(contexts, start=1):
        running = update(running, context, t)
    torch.testing.assert_close(running, torch.stack(contexts).mean(0), rtol=0, atol=1e-12)


def test_each_object_has_its_own_frame_count():
    old, new = random(2, 3, 4), random(2, 3, 4, seed=1)
    both = update(old, new, torch.tensor([1, 5]).view(2, 1, 1))
    torch.testing.assert_close(both[0], new[0])
    torch.testing.assert_close(both[1], old[1] * 4 / 5 + new[1] / 5)


def test_the_first_update_forgets_what_was_there():
    torch.testing.assert_close(update(random(3, 4), random(3, 4, seed=1), 1), random(3, 4, seed=1))


@pytest.mark.parametrize("form", FORMS)
def test_distribute_is_equation_3_written_out(form):
    q, context = random(1, 3, 5), random(2, 3, 4, seed=1)
    weights = normalize_queries(q, form)
    out = distribute(weights, context)  # one frame's queries, two objects
    assert out.shape == (2, 5, 4)
    for b in range(2):
        for position in range(5):
            for m in range(4):
                expected = 0.0
                for n in range(3):
                    weight = q[0, n, position]
                    if form == "softmax":
                        weight = weight.exp() / sum(q[0, i, position].exp() for i in range(3))
                    expected += weight * context[b, n, m]
                assert out[b, position, m] == pytest.approx(float(expected), abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 99))
def test_softmax_contexts_stay_within_the_values(channels, positions, seed):
    k, v = random(1, channels, positions, seed=seed), random(1, 4, positions, seed=seed + 1)
    context = frame_context(normalize_keys(k, "softmax"), v)
    assert (context <= v.amax(2)[:, None] + 1e-9).all()
    assert (context >= v.amin(2)[:, None] - 1e-9).all()


@pytest.mark.parametrize("form", ["mean", "softmax"])
def test_normalised_contexts_do_not_depend_on_the_resolution(form):
    k, v = random(1, 3, 6), random(1, 4, 6, seed=1)
    once = frame_context(normalize_keys(k, form), v)
    twice = frame_context(normalize_keys(k.repeat(1, 1, 4), form), v.repeat(1, 1, 4))
    torch.testing.assert_close(once, twice)
    as_printed = frame_context(normalize_keys(k.repeat(1, 1, 4), "none"), v.repeat(1, 1, 4))
    torch.testing.assert_close(as_printed, 4 * frame_context(k, v))


def test_the_order_of_positions_does_not_matter():
    k, v, order = random(1, 3, 6), random(1, 4, 6, seed=1), torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(frame_context(k, v), frame_context(k[..., order], v[..., order]))


def test_the_module_applies_the_functions_to_its_convolutions():
    module = GlobalContext(4, 6, 3, 5, "softmax")
    x, f = torch.randn(2, 6, 4, 4), torch.randn(2, 4, 4, 4)
    k = normalize_keys(module.key(x).flatten(2), "softmax")
    torch.testing.assert_close(module.context(x), frame_context(k, module.value(x).flatten(2)))
    torch.testing.assert_close(module.queries(f).sum(1), torch.ones(2, 16))
    torch.testing.assert_close(module.keys(x).flatten(2).sum(2), torch.ones(2, 3))


def test_beyond_the_horizon_every_frame_weighs_the_same():
    printed, bounded = (GlobalContext(4, 6, 3, 5, "softmax", horizon) for horizon in (0, 4))
    old, new = torch.zeros(3, 5), torch.ones(3, 5)
    for t in (1, 3, 4):
        torch.testing.assert_close(bounded.update(old, new, t), printed.update(old, new, t))
    torch.testing.assert_close(printed.update(old, new, 2000), new / 2000)
    torch.testing.assert_close(bounded.update(old, new, 2000), new / 4)
    each = bounded.update(old, new, torch.tensor([2, 2000]).view(2, 1, 1))
    torch.testing.assert_close(each, torch.stack([new / 2, new / 4]))


def test_likeness_is_the_cosine_of_whole_contexts():
    G = torch.zeros(3, 2, 2)
    G[:, 0, 0], G[:, 1, 1] = 3, 4
    C = torch.zeros(3, 2, 2)
    C[0] = 7 * G[0]
    C[1, 0, 1] = 5
    C[2, 0, 0] = 1
    torch.testing.assert_close(likeness(C, G), torch.tensor([1.0, 0.0, 0.6]))


def test_a_mask_that_went_over_to_another_object_is_told_by_its_context():
    G = torch.eye(3).unsqueeze(1)  # three objects that have nothing in common
    mostly = torch.tensor([0.1, 0.0, 1.0])  # the first one's mask shows the third
    alike = torch.tensor([0.0, 1.0, 0.3])  # the second one is itself, with a little of the third
    assert taken_over(torch.stack([mostly, alike, G[2, 0]]).unsqueeze(1), G).tolist() == [True, False, False]
    assert not taken_over(G, G).any()
    assert not taken_over(
        torch.tensor([[[0.0, -1.0, 0.0]]]), G[:1]
    ).any()  # alone, there is nobody to go over to


def test_twins_are_not_taken_for_each_other():
    one, other = torch.tensor([1.0, 0.20, 0.0]), torch.tensor([1.0, 0.0, 0.20])
    G = torch.stack([one, other]).unsqueeze(1)
    assert not taken_over(G.flip(0), G).any()  # each is more like the other, but like itself as well
