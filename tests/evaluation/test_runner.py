from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
from PIL import Image

from gcvos_model.errors import InputError
from gcvos_model.evaluation import runner
from gcvos_model.evaluation.layouts import Benchmark, read_dataset
from gcvos_model.evaluation.runner import (
    Run,
    SequenceScore,
    _result_or_message,
    evaluate_sequences,
    segment_sequence,
)
from gcvos_model.masks import read_label_png

from .scenes import FRAMES, StillTracker, entering_maps, moving_square, numbered, square, write_masks

DAVIS2016, DAVIS2017, YOUTUBE_VOS = Benchmark


def masks_in(folder):
    return {path.stem: read_label_png(path) for path in sorted(folder.iterdir())}


def test_masks_come_out_in_the_official_layout(davis, tmp_path):
    sequences = read_dataset(davis.root, DAVIS2017, "val")
    evaluate_sequences(sequences, Run(tmp_path / "masks", StillTracker))
    assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == ["ball", "car", "duo"]
    for path in (tmp_path / "masks" / "duo").iterdir():
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("P", (64, 48))
            assert image.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]  # DAVIS: black, red, green
    masks = masks_in(tmp_path / "masks" / "duo")
    assert list(masks) == numbered(FRAMES)
    assert all(np.array_equal(mask, entering_maps()[0] + square(40, 30, 10, 2)) for mask in masks.values())


def test_scores_and_cost_of_a_run(davis, tmp_path):
    done = []
    sequences = read_dataset(davis.root, DAVIS2016, "val")
    scores, failures = evaluate_sequences(sequences, Run(tmp_path, StillTracker), on_frames=done.append)
    assert not failures
    assert [(score.name, score.frames) for score in scores] == [("ball", 6), ("car", 6), ("duo", 6)]
    assert sum(done) == 18
    ball, car, _ = scores
    # 12 x 12 pixels, 2 or 3 further on each frame: the intersection loses 12 x 2 or 12 x 3 each time
    assert ball.objects[0].region == pytest.approx([120 / 168, 96 / 192, 72 / 216, 48 / 240])
    assert car.objects[0].region == pytest.approx([108 / 180, 72 / 216, 36 / 252, 0])
    assert all(score.seconds > 0 for score in scores)


def test_given_masks_score_as_the_run_that_wrote_them(davis, tmp_path):
    sequences = read_dataset(davis.root, DAVIS2017, "val")
    ran, _ = evaluate_sequences(sequences, Run(tmp_path, StillTracker))
    read, failures = evaluate_sequences(sequences, Run(tmp_path))
    assert not failures
    assert [score.objects for score in read] == [score.objects for score in ran]
    assert all(score.seconds is None and score.peak_memory is None for score in read)


def test_a_sequence_that_fails_does_not_stop_the_others(davis, tmp_path):
    (davis.root / "JPEGImages" / "480p" / "car" / "00003.jpg").write_bytes(b"broken")
    done = []
    sequences = read_dataset(davis.root, DAVIS2016, "val")
    scores, failures = evaluate_sequences(sequences, Run(tmp_path, StillTracker), on_frames=done.append)
    assert [score.name for score in scores] == ["ball", "duo"]
    assert list(failures) == ["car"]
    assert "00003.jpg" in failures["car"]
    assert list(masks_in(tmp_path / "car")) == numbered(3)  # what was finished is there


def test_several_processes_give_the_same(davis, tmp_path):
    for name, maps in (("ball", moving_square(speed=1)), ("car", moving_square(top=20))):
        write_masks(tmp_path / name, maps)
    sequences = read_dataset(davis.root, DAVIS2016, "val")
    done = []
    alone = evaluate_sequences(sequences, Run(tmp_path))
    together = evaluate_sequences(sequences, Run(tmp_path), jobs=2, on_frames=done.append)
    assert alone == together
    assert [score.name for score in alone[0]] == ["ball", "car"]
    assert "duo" in alone[1]
    assert sum(done) == 18


def test_scores_and_failures_come_in_the_order_of_the_list(davis, tmp_path, monkeypatch):
    sequences = read_dataset(davis.root, DAVIS2016, "val")
    outcomes = [(s.name, SequenceScore(s.name, 6, ()) if s.name != "car" else "broken") for s in sequences]
    monkeypatch.setattr(runner, "_outcomes", lambda *arguments: reversed(outcomes))  # as processes may end
    scores, failures = evaluate_sequences(sequences, Run(tmp_path), jobs=2)
    assert [score.name for score in scores] == ["ball", "duo"]
    assert failures == {"car": "broken"}


def test_a_process_that_dies_is_told_of():
    future = Future()
    future.set_exception(BrokenProcessPool("gone"))
    assert "fewer jobs" in _result_or_message(future)


def test_no_jobs(davis, tmp_path):
    with pytest.raises(InputError, match="got 0 jobs"):
        evaluate_sequences(read_dataset(davis.root, DAVIS2016, "val"), Run(tmp_path), jobs=0)


class TestSegmentSequence:
    def test_objects_enter_on_their_own_first_frames(self, youtube, tmp_path):
        (video,) = read_dataset(youtube.root, YOUTUBE_VOS, "val")
        tracker = StillTracker()
        segment_sequence(video, tracker, tmp_path / "masks")
        assert [list(masks) for _, masks in tracker.given] == [[1], [2]]
        masks = masks_in(tmp_path / "masks")
        assert list(masks) == numbered(FRAMES, 5)
        assert [set(np.unique(mask)) for mask in masks.values()] == [{0, 1}] * 2 + [{0, 1, 2}] * 4

    def test_frames_before_the_first_object_are_background(self, youtube, tmp_path):
        youtube.add("late", [0 * square(4), *moving_square(3)], {1: range(1, 4)})
        late = next(s for s in read_dataset(youtube.root, YOUTUBE_VOS, "val") if s.name == "late")
        segment_sequence(late, StillTracker(), tmp_path / "masks")
        assert list(masks_in(tmp_path / "masks")) == ["00005", "00010", "00015"]

    def test_frames_between_those_asked_for_are_tracked_and_not_written(self, youtube, tmp_path):
        youtube.add("dense", moving_square(7), {1: [0, 5]}, names=numbered(7), annotated=[0])
        dense = next(s for s in read_dataset(youtube.root, YOUTUBE_VOS, "val") if s.name == "dense")
        done = []
        segment_sequence(dense, StillTracker(), tmp_path / "masks", done.append)
        assert list(masks_in(tmp_path / "masks")) == ["00000", "00005"]
        assert len(done) == 7

    def test_an_annotation_of_another_size_than_its_frame_is_named(self, davis, tmp_path):
        write_masks(davis.annotations("ball"), [np.zeros((50, 64), np.uint8) + 1], ["00000"])
        ball = read_dataset(davis.root, DAVIS2016, "val")[0]
        with pytest.raises(
            InputError, match=r"00000\.png has the size \(50, 64\), its frame .*00000\.jpg \(48, 64\)"
        ):
            segment_sequence(ball, StillTracker(), tmp_path)
