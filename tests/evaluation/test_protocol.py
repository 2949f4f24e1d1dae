import numpy as np
import pytest

from gcvos_model.errors import InputError
from gcvos_model.evaluation.layouts import Benchmark, read_dataset
from gcvos_model.evaluation.protocol import read_annotation, read_prompts, scored_objects

from .scenes import FRAMES, entering_maps, moving_square, numbered, square, write_masks

DAVIS2016, DAVIS2017, YOUTUBE_VOS = Benchmark


def sequence_of(root, benchmark, name):
    return next(sequence for sequence in read_dataset(root, benchmark, "val") if sequence.name == name)


class TestDavis2016:
    def test_all_objects_are_one(self, davis):
        duo = sequence_of(davis.root, DAVIS2016, "duo")
        assert np.array_equal(read_annotation(duo, "00000"), (square(4) > 0) | (square(40, 30, 10) > 0))
        (prompts,) = read_prompts(duo).values()
        assert list(prompts) == [1]
        assert np.array_equal(prompts[1], read_annotation(duo, "00000") == 1)

    def test_255_is_the_object_too(self, davis):
        davis.add("white", [255 * labels for labels in moving_square()])
        davis.list(["white"])
        white = sequence_of(davis.root, DAVIS2016, "white")
        assert np.array_equal(read_annotation(white, "00000"), square(4))

    def test_first_and_last_frame_are_left_out(self, davis):
        scored = scored_objects(sequence_of(davis.root, DAVIS2016, "duo"))
        assert scored == dict.fromkeys(["00001", "00002", "00003", "00004"], (1,))


class TestDavis2017:
    def test_each_object_is_given_on_the_first_frame(self, davis):
        prompts = read_prompts(sequence_of(davis.root, DAVIS2017, "duo"))
        assert {index: list(masks) for index, masks in prompts.items()} == {0: [1, 2]}
        assert np.array_equal(prompts[0][2], square(40, 30, 10) == 1)

    def test_void_is_background(self, davis):
        davis.add("void", [np.maximum(a, square(40, 30, 10, 255)) for a in moving_square()])
        davis.list(["void"], year="2017")
        void = sequence_of(davis.root, DAVIS2017, "void")
        assert np.array_equal(read_annotation(void, "00001"), square(6))
        assert set(scored_objects(void).values()) == {(1,)}

    def test_every_id_up_to_the_highest_of_the_first_frame_is_scored(self, davis):
        later = [square(4, object_id=3), *(square(4, object_id=object_id) for object_id in (3, 1, 7, 3))]
        davis.add("gap", later)
        davis.list(["gap"], year="2017")
        gap = sequence_of(davis.root, DAVIS2017, "gap")
        assert list(read_prompts(gap)[0]) == [3]
        assert scored_objects(gap) == dict.fromkeys(["00001", "00002", "00003"], (1, 2, 3))

    def test_nothing_is_scored_without_truth(self, davis):
        davis.add("secret", moving_square(), annotated=[0])
        davis.list(["secret"], year="2017")
        assert scored_objects(sequence_of(davis.root, DAVIS2017, "secret")) == {}

    def test_no_object_on_the_first_frame(self, davis):
        davis.add("empty", [0 * labels for labels in moving_square()])
        davis.list(["empty"], year="2017")
        empty = sequence_of(davis.root, DAVIS2017, "empty")
        with pytest.raises(InputError, match=r"'empty' has no object to follow: .*00000\.png"):
            read_prompts(empty)
        with pytest.raises(InputError, match="'empty' has no object to score"):
            scored_objects(empty)

    def test_two_frames_leave_nothing_to_score(self, davis):
        davis.add("short", moving_square(2))
        davis.list(["short"], year="2017")
        with pytest.raises(InputError, match=r"'short' has 2 frames.*at least 3"):
            scored_objects(sequence_of(davis.root, DAVIS2017, "short"))


class TestYouTubeVOS:
    def test_each_object_is_given_on_its_own_first_frame(self, youtube):
        prompts = read_prompts(sequence_of(youtube.root, YOUTUBE_VOS, "a1b2"))
        assert {index: list(masks) for index, masks in prompts.items()} == {0: [1], 2: [2]}
        assert np.array_equal(prompts[2][2], square(40, 30, 10) == 1)

    def test_scored_after_its_own_first_frame(self, youtube):
        scored = scored_objects(sequence_of(youtube.root, YOUTUBE_VOS, "a1b2"))
        assert scored == {"00005": (1,), "00010": (1,), **dict.fromkeys(["00015", "00020", "00025"], (1, 2))}

    def test_pixels_before_the_entry_of_meta_do_not_count(self, youtube):
        youtube.add("late", entering_maps(), {1: range(FRAMES), 2: range(4, FRAMES)})
        assert list(read_prompts(sequence_of(youtube.root, YOUTUBE_VOS, "late"))) == [0, 4]

    def test_an_object_waits_for_the_first_annotation_that_shows_it(self, youtube):
        youtube.add("early", entering_maps(), {1: range(FRAMES), 2: range(1, FRAMES)}, annotated=[0, 3, 5])
        early = sequence_of(youtube.root, YOUTUBE_VOS, "early")
        assert list(read_prompts(early)) == [0, 3]
        assert scored_objects(early) == {"00015": (1,), "00025": (1, 2)}

    def test_an_object_that_is_never_shown_is_left_out(self, youtube):
        youtube.add("ghost", moving_square(), {1: range(FRAMES), 2: range(2, FRAMES)})
        ghost = sequence_of(youtube.root, YOUTUBE_VOS, "ghost")
        assert list(read_prompts(ghost)) == [0]
        assert set(scored_objects(ghost).values()) == {(1,)}

    def test_annotations_that_only_introduce_objects_are_no_truth(self, youtube):
        youtube.add("val", entering_maps(), {1: range(FRAMES), 2: range(2, FRAMES)}, annotated=[0, 2])
        write_masks(youtube.root / "Annotations" / "val", [square(40, 30, 10, 2)], numbered(6, 5)[2:3])
        val = sequence_of(youtube.root, YOUTUBE_VOS, "val")
        assert list(read_prompts(val)) == [0, 2]
        assert scored_objects(val) == {}

    def test_annotated_frames_that_meta_does_not_ask_for_are_not_scored(self, youtube):
        youtube.add("some", moving_square(), {1: [0, 1, 2]})
        assert scored_objects(sequence_of(youtube.root, YOUTUBE_VOS, "some")) == {
            "00005": (1,),
            "00010": (1,),
        }

    def test_no_object_at_all(self, youtube):
        youtube.add("empty", [0 * labels for labels in moving_square()], {1: range(FRAMES)})
        with pytest.raises(InputError, match="'empty' has no object to follow"):
            read_prompts(sequence_of(youtube.root, YOUTUBE_VOS, "empty"))
