"""The paper's table 1 by hand: 384 x 384 is 24 x 24 = 576 positions; C_N + C_M = 640."""

import pytest

from gcvos_model.evaluation.module_cost import ReadSize, context_cost, spacetime_cost


@pytest.mark.parametrize(
    ("frames", "multiplications", "printed", "mib"),
    [(1, 212_336_640, "0.2", 4), (10, 2_123_366_400, "2.1", 40), (100, 21_233_664_000, "21.2", 394)],
)
def test_spacetime_as_the_paper_prints_it(frames, multiplications, printed, mib):
    cost = spacetime_cost(ReadSize(), frames)
    assert cost.multiplications == multiplications == 576 * 576 * 640 * frames
    assert f"{cost.multiplications / 1e9:.1f}" == printed
    assert round(cost.mib) == mib


def test_context_as_the_paper_prints_it():
    cost = context_cost(ReadSize())
    assert cost.multiplications == 512 * 128 * 576 == 37_748_736  # 0.04 G
    assert cost.bytes == 4 * (512 * 128 + 576 * 128) == 557_056
    assert round(cost.mib) == 1


def test_spacetime_memory_by_hand():
    """32 x 32 pixels are 4 positions; 3 frames of keys 2 and values 5: 84 kept, 8 of the query, 2 x 48 affinities."""
    cost = spacetime_cost(ReadSize(side=32, key_channels=2, value_channels=5), 3)
    assert cost.bytes == 4 * (84 + 8 + 96)
    assert cost.multiplications == 12 * 4 * 2 + 4 * 12 * 5
