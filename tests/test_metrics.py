"""J, F and the statistics of DAVIS: values worked out by hand, the definition spelt out, invariants."""

import doctest
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gcvos_model import metrics
from gcvos_model.errors import InputError
from gcvos_model.metrics import boundary_map, boundary_radius, contour_accuracy, region_similarity, statistics

MASK_SIZES = st.tuples(st.integers(1, 20), st.integers(1, 20))


def box(size, top, left, bottom, right):
    """A mask of `size` whose rows top..bottom - 1 and columns left..right - 1 are the object."""
    mask = np.zeros(size, dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


@st.composite
def mask_pairs(draw):
    size = draw(MASK_SIZES)
    return draw(hnp.arrays(bool, size)), draw(hnp.arrays(bool, size))


def test_examples_in_docstrings():
    assert doctest.testmod(metrics, extraglobs={"np": np}).failed == 0


class TestRegionSimilarity:
    @pytest.mark.parametrize(
        ("mask", "truth", "expected"),
        [
            ([[1, 1, 1, 1]], [[1, 1, 1, 1]], 1.0),
            ([[1, 1, 0, 0]], [[0, 0, 1, 1]], 0.0),
            ([[1, 1, 1, 0]], [[0, 1, 1, 1]], 0.5),
            ([[1, 0, 0, 0]], [[1, 1, 1, 1]], 0.25),
            ([[0, 0, 0, 0]], [[0, 0, 0, 0]], 1.0),  # absent and not found
            ([[0, 0, 0, 0]], [[0, 0, 0, 1]], 0.0),
            ([[1, 0, 0, 0]], [[0, 0, 0, 0]], 0.0),
            ([[7, 255, 0, 0]], [[1, 1, 0, 0]], 1.0),  # whatever is not 0 is the object
        ],
    )
    def test_by_hand(self, mask, truth, expected):
        assert region_similarity(np.array(mask), np.array(truth)) == expected

    @given(mask_pairs())
    def test_symmetric_and_bounded(self, pair):
        assert 0 <= region_similarity(*pair) == region_similarity(*reversed(pair)) <= 1

    @given(mask_pairs())
    def test_one_only_for_equal_masks(self, pair):
        assert (region_similarity(*pair) == 1) == np.array_equal(*pair)

    def test_sizes_that_differ_are_named(self):
        with pytest.raises(InputError, match=r"\(3, 4\) and \(4, 3\)"):
            region_similarity(np.zeros((3, 4)), np.zeros((4, 3)))

    def test_a_stack_of_masks_is_refused(self):
        with pytest.raises(InputError, match=r"expected one \(H, W\)"):
            region_similarity(np.zeros((2, 3, 4)), np.zeros((2, 3, 4)))


class TestBoundaryMap:
    def test_runs_half_a_pixel_up_and_left(self):
        expected = box((7, 7), 1, 1, 5, 5) & ~box((7, 7), 2, 2, 4, 4)
        assert np.array_equal(boundary_map(box((7, 7), 2, 2, 5, 5)), expected)

    def test_none_along_the_border_of_the_image(self):
        boundary = boundary_map(box((4, 4), 0, 0, 4, 2))
        assert np.array_equal(boundary, box((4, 4), 0, 1, 4, 2))

    def test_last_row_and_column_look_along_themselves_only(self):
        corner = np.zeros((3, 3), dtype=bool)
        corner[2, 2] = True
        assert np.array_equal(boundary_map(corner), np.array([[0, 0, 0], [0, 1, 1], [0, 1, 0]], dtype=bool))

    @pytest.mark.parametrize("fill", [False, True])
    def test_uniform_masks_have_none(self, fill):
        assert not boundary_map(np.full((5, 6), fill)).any()

    @given(hnp.arrays(bool, MASK_SIZES))
    def test_same_for_the_complement_and_under_transposition(self, mask):
        assert np.array_equal(boundary_map(mask), boundary_map(~mask))
        assert np.array_equal(boundary_map(mask.T), boundary_map(mask).T)


class TestBoundaryRadius:
    @pytest.mark.parametrize(
        ("size", "radius"),
        # diagonals 979.7, 494.2, 125, 126.2, 2202.9 and 2.8; 0.008 of 125 is 1 exactly
        [((480, 854), 8), ((240, 432), 4), ((75, 100), 1), ((75, 101.5), 2), ((1080, 1920), 18), ((2, 2), 1)],
    )
    def test_eight_thousandths_of_the_diagonal_rounded_up(self, size, radius):
        assert boundary_radius(size) == radius


class TestContourAccuracy:
    def test_by_hand_equal_precision_and_recall(self):
        # Radius 1. The boundaries are the 16 pixels around [2..6] x [2..6] and around [2..6] x [4..8]. Of the
        # first, four pixels of its top row, four of its bottom row and the two of its right side next to them
        # are at most 1 from the second; likewise the other way round.
        mask, truth = box((10, 12), 3, 3, 7, 7), box((10, 12), 3, 5, 7, 9)
        assert contour_accuracy(mask, truth) == pytest.approx(10 / 16)

    def test_by_hand_precision_below_recall(self):
        truth = box((20, 20), 3, 3, 7, 7)
        mask = truth | box((20, 20), 15, 15, 16, 16)  # 4 boundary pixels too many beside 16 right ones
        precision, recall = 16 / 20, 1.0
        expected = 2 * precision * recall / (precision + recall)
        assert contour_accuracy(mask, truth) == pytest.approx(expected)
        assert contour_accuracy(truth, mask) == pytest.approx(expected)

    def test_nothing_matches(self):
        assert contour_accuracy(box((40, 40), 2, 2, 9, 9), box((40, 40), 25, 25, 35, 35)) == 0

    @pytest.mark.parametrize(
        ("mask", "truth", "expected"),
        [
            (box((9, 9), 0, 0, 0, 0), box((9, 9), 0, 0, 0, 0), 1),
            (box((9, 9), 2, 2, 5, 5), box((9, 9), 0, 0, 0, 0), 0),
            (box((9, 9), 0, 0, 0, 0), box((9, 9), 2, 2, 5, 5), 0),
            (box((9, 9), 0, 0, 9, 9), box((9, 9), 0, 0, 0, 0), 1),  # neither has a boundary
        ],
    )
    def test_without_boundary(self, mask, truth, expected):
        assert contour_accuracy(mask, truth) == expected

    def test_the_disk_is_round(self):
        # 75 x 101 has the radius 2: (2, 0) lies within it, (2, 1) does not, though it would in a square
        size = (75, 101)
        mask = box(size, 30, 30, 31, 31)
        assert contour_accuracy(mask, np.roll(mask, (2, 0), axis=(0, 1))) == 1
        assert contour_accuracy(mask, np.roll(mask, (2, 1), axis=(0, 1))) < 1

    @given(st.integers(-8, 8), st.integers(-8, 8), st.integers(5, 60), st.integers(5, 60))
    @settings(max_examples=25)
    def test_a_shift_within_the_tolerance_is_free(self, down, right, height, width):
        mask = box((480, 854), 100, 300, 100 + height, 300 + width)
        score = contour_accuracy(np.roll(mask, (down, right), axis=(0, 1)), mask)
        if math.hypot(down, right) <= 8:
            assert score == 1
        else:
            assert score < 1

    @given(mask_pairs())
    def test_symmetric_and_bounded(self, pair):
        score = contour_accuracy(*pair)
        assert 0 <= score <= 1
        assert score == pytest.approx(contour_accuracy(*reversed(pair)), abs=1e-12)

    @given(hnp.arrays(bool, MASK_SIZES))
    def test_one_for_equal_masks(self, mask):
        assert contour_accuracy(mask, mask.copy()) == 1

    @given(st.integers(0, 2**32 - 1))
    @settings(max_examples=40)
    def test_agrees_with_the_definition_pixel_by_pixel(self, seed):
        rng = np.random.default_rng(seed)
        size = (int(rng.integers(3, 12)), int(rng.integers(150, 400)))  # radii 2 to 4
        mask, truth = (
            np.kron(rng.random((3, 40)) < 0.2, np.ones((4, 10)))[: size[0], : size[1]] for _ in "ab"
        )
        assert contour_accuracy(mask, truth) == pytest.approx(contour_accuracy_by_definition(mask, truth))


def contour_accuracy_by_definition(mask, truth):
    """Every boundary pixel against every other one."""
    radius = math.ceil(0.008 * math.hypot(*mask.shape))
    ours, theirs = np.argwhere(boundary_map(mask)), np.argwhere(boundary_map(truth))
    if len(ours) == 0 or len(theirs) == 0:
        return float(len(ours) == len(theirs))
    near = ((ours[:, None] - theirs[None]) ** 2).sum(-1) <= radius**2
    precision, recall = near.any(1).mean(), near.any(0).mean()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


class TestStatistics:
    def test_by_hand_nine_frames(self):
        # ids 0 2 4 6 8: the first bin is frames 0..2, the last 6..8
        mean, recall, decay = statistics([1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
        assert mean == pytest.approx(0.6)
        assert recall == pytest.approx(5 / 9)  # 0.5 is not above 0.5
        assert decay == pytest.approx(0.9 - 0.3)

    def test_by_hand_halves_are_rounded_up(self):
        # 7 frames: 1, 2.5, 4, 5.5, 7 become 1, 3, 4, 6, 7; rounding to even would give 1, 2, 4, 6, 7
        assert statistics([1, 0, 0, 0.9, 0.9, 0.25, 0.75]).decay == pytest.approx(1 / 3 - 0.5)

    def test_by_hand_quarters_are_rounded_to_the_nearest(self):
        # 6 frames: 1, 2.25, 3.5, 4.75, 6 become 1, 2, 4, 5, 6
        assert statistics([1, 0.5, 0, 0, 0.25, 0.75]).decay == pytest.approx(0.75 - 0.5)

    def test_one_frame(self):
        assert statistics([0.75]) == (0.75, 1.0, 0.0)

    def test_frames_without_a_score(self):
        mean, recall, decay = statistics([math.nan, 1, 0.5, 0.8, 0.4])
        assert mean == pytest.approx(2.7 / 4)
        assert recall == pytest.approx(2 / 5)  # a frame without a score is not recalled
        assert decay == pytest.approx(1 - 0.6)

    @pytest.mark.parametrize("scores", [[], [math.nan, math.nan]])
    @pytest.mark.filterwarnings("error")
    def test_no_score_at_all(self, scores):
        assert math.isnan(statistics(scores).mean)
        assert math.isnan(statistics(scores).decay)

    def test_more_frames_than_eight_bits_count(self):
        scores = np.repeat([1.0, 0.5, 0.5, 0.0], 250)
        assert statistics(scores).decay == pytest.approx(1.0, abs=0.01)

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=120))
    def test_bounds(self, scores):
        mean, recall, decay = statistics(scores)
        assert min(scores) - 1e-9 <= mean <= max(scores) + 1e-9
        assert 0 <= recall <= 1
        assert -1 <= decay <= 1

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=120))
    def test_played_backwards_the_decay_changes_sign_or_the_bins_do(self, scores):
        # The bins mirror each other unless a limit fell on a half, which is rounded up both ways.
        if (len(scores) - 1) % 4 != 2:
            assert statistics(scores[::-1]).decay == pytest.approx(-statistics(scores).decay, abs=1e-9)

    def test_two_dimensions_are_refused(self):
        with pytest.raises(InputError, match=r"\(2, 3\)"):
            statistics(np.zeros((2, 3)))
