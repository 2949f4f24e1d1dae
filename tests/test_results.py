import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gcvos_model.results import FrameResult, confidence, merged_labels, present_ids, upsample


def test_one_object_is_where_it_is_more_probable_than_not():
    coarse = np.zeros((1, 4, 4), np.float32)
    coarse[0, :, :2] = 1
    labels = merged_labels(coarse, [7], (16, 16))
    np.testing.assert_array_equal(labels, np.where(upsample(coarse[0], (16, 16)) > 0.5, 7, 0))
    assert labels[8, 0] == 7
    assert labels[8, 15] == 0


@settings(deadline=None, max_examples=60)
@given(
    hnp.arrays(np.float32, (3, 5, 6), elements=st.floats(0, 1, width=32)),
    st.integers(5, 40),
    st.integers(5, 40),
)
def test_labels_are_the_argmax_at_full_size(raw, height, width):
    coarse = raw / np.maximum(raw.sum(0), 1)
    labels = merged_labels(coarse, [4, 9, 2], (height, width))
    full = np.stack(
        [upsample(np.clip(1 - coarse.sum(0), 0, 1), (height, width))]
        + [upsample(p, (height, width)) for p in coarse]
    )
    chosen = np.array([0, 4, 9, 2])
    best = full.max(0)
    assert all(
        np.isclose(full[np.flatnonzero(chosen == labels[y, x])[0], y, x], best[y, x], atol=1e-5)
        for y in range(height)
        for x in range(width)
    )


def test_confidence_by_hand():
    assert confidence(np.array([[1.0, 1.0], [0.0, 0.0]]), 1) == 1
    assert confidence(np.array([[0.8, 0.4]]), 1) == pytest.approx((0.64 + 0.16) / 1.2)
    assert confidence(np.array([[0.8, 0.4]]), 0.5) == pytest.approx((0.64 + 0.16) / 1.2 / 4)
    assert confidence(np.array([[0.8, 0.4]]), -0.5) == 0
    assert confidence(np.zeros((2, 2)), 1) == 0


def test_probabilities_are_upsampled_when_asked_for():
    result = FrameResult(0, np.zeros((20, 30), np.uint8), (1,), np.ones((1, 4, 6), np.float32), (16, 24), {})
    assert result.probabilities.shape == (1, 16, 24)
    np.testing.assert_allclose(result.probabilities, 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_which_ids_are_there(dtype):
    labels = np.zeros((5, 7), dtype)
    labels[1, 2], labels[4, 6] = 255, 1
    assert present_ids(labels) == {0, 1, 255}
    assert present_ids(np.full((2, 2), 7, dtype)) == {7}
