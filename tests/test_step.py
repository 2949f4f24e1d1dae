"""The state after a step, by hand. The whole step is checked against the Propagator in tests/portable and tests/gpu."""

import torch

from gcvos_model.step import State, quantize, remember, restore


def state(count, **fields):
    zeros = torch.zeros(count)
    contexts = torch.zeros(count, 1, 1)
    blank = State(contexts, zeros, contexts, zeros, torch.zeros(count, 2, 2))
    return blank._replace(**{name: torch.tensor(value) for name, value in fields.items()})


def test_entering_corrected_predicted_and_lost_objects(tiny_model):
    before = state(
        4,
        annotated=[[[0.0]], [[6.0]], [[6.0]], [[6.0]]],
        annotated_frames=[0.0, 1.0, 1.0, 1.0],
        context=[[[0.0]], [[9.0]], [[9.0]], [[9.0]]],
        frames=[0.0, 3.0, 3.0, 3.0],
    )
    seen, unseen = torch.full((2, 2), 0.75), torch.zeros(2, 2)
    p = torch.stack([seen, seen, seen, unseen])
    lost = torch.tensor([False, False, False, True]).view(-1, 1, 1)
    by_hand = torch.tensor([True, True, False, False]).view(-1, 1, 1)
    after = remember(tiny_model, before, p, torch.full((4, 1, 1), 1.0), by_hand, lost)
    # the frame's own context; the mean of both annotated frames' (6 + 1) / 2; (3 * 9 + 1) / 4; as it was
    assert after.context.flatten().tolist() == [1.0, 3.5, 7.0, 9.0]
    assert after.frames.tolist() == [1, 2, 4, 3]
    assert after.annotated.flatten().tolist() == [1.0, 3.5, 6.0, 6.0]
    assert after.annotated_frames.tolist() == [1, 2, 1, 1]
    assert torch.equal(after.previous, p)


def test_masks_are_kept_as_bytes():
    kept = quantize(torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1, 1).expand(3, 1, 16, 28))
    assert kept.shape == (3, 120, 120)
    assert [mask.unique().tolist() for mask in kept] == [[0], [128], [255]]
    restored = restore(kept, (16, 28))
    assert restored.shape == (3, 1, 16, 28)
    torch.testing.assert_close(restored[:, 0, 0, 0], torch.tensor([0.0, 128 / 255, 1.0]))
