"""Sloppy first masks: near the true one, and of the kind that their name says."""

import numpy as np
import pytest

from gcvos_model.metrics import region_similarity
from gcvos_model.training.clip import clip_of, without_second
from gcvos_model.training.first_masks import box, coarse_polygon, resized, shifted, sloppy_clip, sloppy_mask


def disc(size=64, radius=16):
    y, x = np.mgrid[:size, :size] - size / 2
    return ((x**2 + y**2 < radius**2) * np.uint8(255)).astype(np.uint8)


@pytest.mark.parametrize("make", [box, coarse_polygon, shifted, resized])
def test_each_is_near_the_true_mask_and_differs_from_it(make):
    similar = [
        region_similarity(make(np.random.default_rng(i), disc()) > 127, disc() > 127) for i in range(20)
    ]
    assert min(similar) > 0.6
    assert np.mean(similar) < 0.995


def test_a_box_is_a_rectangle():
    drawn = box(np.random.default_rng(0), disc()) > 127
    rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    assert drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    assert region_similarity(drawn, disc() > 127) == pytest.approx(np.pi / 4, abs=0.08)


def test_a_mask_is_never_lost():
    dot = np.zeros((32, 32), np.uint8)
    dot[5, 7] = 255
    assert all((sloppy_mask(np.random.default_rng(i), dot) > 127).any() for i in range(50))


def test_the_cue_is_as_sloppy_unless_a_gap_follows():
    masks = np.stack([disc(), np.roll(disc(), 3, 1), np.roll(disc(), 6, 1)])
    clip = clip_of(np.zeros((3, 64, 64, 3), np.uint8), masks, 0 * masks, 0 * masks)
    near = sloppy_clip(np.random.default_rng(1), clip)
    np.testing.assert_array_equal(near.before[0], near.first)
    far = sloppy_clip(np.random.default_rng(1), without_second(clip))
    np.testing.assert_array_equal(far.before[0], masks[1])
    np.testing.assert_array_equal(far.masks, masks[[0, 2]])
