import numpy as np
import pytest

from gcvos_model.errors import InputError
from gcvos_model.evaluation.layouts import Benchmark, read_dataset
from gcvos_model.evaluation.scoring import score_sequence

from .scenes import entering_maps, moving_square, numbered, square, write_masks

DAVIS2016, DAVIS2017, YOUTUBE_VOS = Benchmark


def sequence_of(root, benchmark, name):
    return next(sequence for sequence in read_dataset(root, benchmark, "val") if sequence.name == name)


def overlap(shift, side=12):
    """J of a square and the same square `shift` pixels to the side."""
    common = max(0, side - shift) * side
    return common / (2 * side * side - common)


def test_the_truth_scores_one(davis):
    for name in ("ball", "duo"):
        duo = sequence_of(davis.root, DAVIS2017, name)
        for score in score_sequence(duo, davis.annotations(name)):
            assert score.frames == ("00001", "00002", "00003", "00004")
            assert score.region == score.contour == (1.0,) * 4
            assert score.region_statistics == score.contour_statistics == (1, 1, 0)


def test_a_mask_that_stands_still_by_hand(davis, tmp_path):
    ball = sequence_of(davis.root, DAVIS2016, "ball")
    write_masks(tmp_path / "still", [square(4)] * 6)
    (score,) = score_sequence(ball, tmp_path / "still")
    assert score.object_id == 1
    assert score.region == pytest.approx([overlap(2), overlap(4), overlap(6), overlap(8)])
    assert score.region_statistics.mean == pytest.approx(np.mean([overlap(s) for s in (2, 4, 6, 8)]))
    assert score.region_statistics.recall == 1 / 4  # 120/168 = 0.71, then 0.5 and less
    # 4 frames: limits 1, 1.75, 2.5, 3.25, 4 become frames 0, 1, 2, 2, 3
    assert score.region_statistics.decay == pytest.approx(
        (overlap(2) + overlap(4)) / 2 - (overlap(6) + overlap(8)) / 2
    )
    assert list(score.contour) == sorted(score.contour, reverse=True)


def test_objects_are_scored_apart_in_2017_and_together_in_2016(davis, tmp_path):
    swapped = [np.array([0, 2, 1], np.uint8)[labels] for labels in entering_duo()]
    write_masks(tmp_path / "swapped", swapped)
    apart = score_sequence(sequence_of(davis.root, DAVIS2017, "duo"), tmp_path / "swapped")
    assert [score.region for score in apart] == [(0.0,) * 4] * 2
    (together,) = score_sequence(sequence_of(davis.root, DAVIS2016, "duo"), tmp_path / "swapped")
    assert together.region == (1.0,) * 4


def entering_duo():
    return [np.maximum(a, square(40, 30, 10, 2)) for a in moving_square()]


def test_black_and_white_masks_are_read_in_2016(davis, tmp_path):
    write_masks(tmp_path / "white", [255 * labels for labels in moving_square()])
    (score,) = score_sequence(sequence_of(davis.root, DAVIS2016, "ball"), tmp_path / "white")
    assert score.region == (1.0,) * 4


def test_first_and_last_mask_need_not_be_there(davis, tmp_path):
    write_masks(tmp_path / "ball", moving_square()[1:-1], numbered(6)[1:-1])
    (score,) = score_sequence(sequence_of(davis.root, DAVIS2016, "ball"), tmp_path / "ball")
    assert score.region == (1.0,) * 4


def test_an_object_that_enters_later_is_scored_from_then_on(youtube, tmp_path):
    maps = entering_maps()
    maps[2] = square(8)  # where object 2 enters, its own mask is not looked at
    maps[4] = square(12)
    write_masks(tmp_path / "a1b2", maps, numbered(6, 5))
    first, second = score_sequence(sequence_of(youtube.root, YOUTUBE_VOS, "a1b2"), tmp_path / "a1b2")
    assert (first.frames, first.region) == (tuple(numbered(6, 5)[1:]), (1.0,) * 5)
    assert (second.frames, second.region) == (tuple(numbered(6, 5)[3:]), (1.0, 0.0, 1.0))


def test_nothing_without_truth(youtube, tmp_path):
    youtube.add("val", moving_square(), {1: range(6)}, annotated=[0])
    assert score_sequence(sequence_of(youtube.root, YOUTUBE_VOS, "val"), tmp_path) == ()


def test_a_missing_mask_is_named(davis, tmp_path):
    write_masks(tmp_path / "ball", moving_square())
    (tmp_path / "ball" / "00003.png").unlink()
    with pytest.raises(InputError, match=r"ball.00003\.png is missing"):
        score_sequence(sequence_of(davis.root, DAVIS2016, "ball"), tmp_path / "ball")


def test_a_mask_of_another_size_is_named(davis, tmp_path):
    write_masks(tmp_path / "ball", [np.repeat(labels, 2, axis=0) for labels in moving_square()])
    with pytest.raises(InputError, match=r"00001\.png has the size \(96, 64\), its annotation \(48, 64\)"):
        score_sequence(sequence_of(davis.root, DAVIS2016, "ball"), tmp_path / "ball")


def test_an_unknown_object_is_named(davis, tmp_path):
    write_masks(tmp_path / "duo", [square(4, object_id=5)] * 6)
    with pytest.raises(
        InputError, match=r"00001\.png holds the object 5, which sequence 'duo' has not; .* 1, 2"
    ):
        score_sequence(sequence_of(davis.root, DAVIS2017, "duo"), tmp_path / "duo")


def test_a_file_that_is_no_image(davis, tmp_path):
    write_masks(tmp_path / "ball", moving_square())
    (tmp_path / "ball" / "00002.png").write_text("not a PNG")
    with pytest.raises(InputError, match=r"00002\.png"):
        score_sequence(sequence_of(davis.root, DAVIS2016, "ball"), tmp_path / "ball")
