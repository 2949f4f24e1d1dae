import sys

import numpy as np
import pytest

from gcvos_model.evaluation.peak_memory import peak_memory, reset_peak_memory

BLOCK = 200_000_000  # bytes


def test_a_peak_is_remembered():
    before = peak_memory("cpu")
    if before is None:
        pytest.skip("this system does not tell a process its peak memory")
    block = np.ones(BLOCK, np.uint8)
    del block
    assert peak_memory("cpu") >= BLOCK


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can measure a peak anew")
def test_a_reset_forgets_it():
    reset_peak_memory("cpu")
    before = peak_memory("cpu")
    block = np.ones(BLOCK, np.uint8)
    assert 0.9 * BLOCK < peak_memory("cpu") - before < 1.5 * BLOCK
    del block
    reset_peak_memory("cpu")
    assert peak_memory("cpu") < before + BLOCK / 2
