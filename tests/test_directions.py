"""propagate(): which frames come out, in which order, and how two directions are merged."""

import time

import cv2
import numpy as np
import pytest

from gcvos_model import Propagator, propagate
from gcvos_model.directions import AHEAD, blend, forward
from gcvos_model.errors import InputError
from gcvos_model.evaluation.made_up_clip import made_up_clip
from gcvos_model.results import FrameResult, ObjectResult
from gcvos_model.video import ImageFolder, VideoWriter, open_source

SIDE = 64


@pytest.fixture(scope="module")
def clip(scene, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    for i, frame in enumerate(scene[0]):
        cv2.imwrite(str(folder / f"{i:02}.png"), frame[..., ::-1])
    return folder


def indices(results):
    return [result.index for result in results]


def test_forward_begins_at_the_first_annotated_frame(tiny_model, clip, scene):
    prompts = {3: {1: scene[1][3] == 1}}
    assert indices(propagate(clip, prompts, model=tiny_model, short_side=SIDE)) == list(range(3, 10))
    assert indices(propagate(clip, prompts, model=tiny_model, stop=6, short_side=SIDE)) == [3, 4, 5]


def test_backward_descends_from_the_last_annotated_frame(tiny_model, clip, scene):
    prompts = {3: {1: scene[1][3] == 1}, 6: {1: scene[1][6] == 1}}
    results = list(propagate(clip, prompts, model=tiny_model, direction="backward", start=1, short_side=SIDE))
    assert indices(results) == [6, 5, 4, 3, 2, 1]
    assert [r.objects[1].annotated for r in results] == [True, False, False, True, False, False]


def test_both_covers_every_frame_and_keeps_annotated_ones(tiny_model, clip, scene):
    labels = scene[1]
    prompts = {2: {1: labels[2] == 1}, 6: {1: labels[6] == 1, 2: labels[6] == 2}}
    results = list(propagate(clip, prompts, model=tiny_model, direction="both", short_side=SIDE))
    assert indices(results) == list(range(10))
    np.testing.assert_array_equal(results[2].labels == 1, labels[2] == 1)
    np.testing.assert_array_equal(results[6].labels, labels[6])
    assert all(r.ids == (1, 2) for r in results)


def test_both_outside_the_annotated_frames_is_one_direction(tiny_model, clip, scene):
    prompts = {4: {1: scene[1][4] == 1}}
    results = {
        r.index: r for r in propagate(clip, prompts, model=tiny_model, direction="both", short_side=SIDE)
    }
    for one in propagate(clip, prompts, model=tiny_model, short_side=SIDE):
        np.testing.assert_array_equal(results[one.index].labels, one.labels)
    for one in propagate(clip, prompts, model=tiny_model, direction="backward", short_side=SIDE):
        np.testing.assert_array_equal(results[one.index].labels, one.labels)


def test_chunks_with_the_state_handed_on_are_one_pass(tiny_model, clip, scene):
    prompts = {0: {1: scene[1][0] == 1}, 5: {2: scene[1][5] == 2}}
    whole = list(propagate(clip, prompts, model=tiny_model, short_side=SIDE))
    source, parts, memories = open_source(clip), [], {}
    for begin in (0, 4, 7):
        propagator = Propagator(tiny_model, short_side=SIDE, memories=memories, index=begin)
        parts += list(forward(source, prompts, propagator, {0: 4, 4: 7, 7: None}[begin]))
        memories = propagator.memories
    for a, b in zip(whole, parts, strict=True):
        assert a.index == b.index
        np.testing.assert_array_equal(a.coarse, b.coarse)
        np.testing.assert_array_equal(a.labels, b.labels)


def result(index, p, sure, annotated=False):
    coarse = np.full((1, 4, 4), p, np.float32)
    labels = np.full((16, 16), p > 0.5, np.uint8)
    return FrameResult(index, labels, (1,), coarse, (16, 16), {1: ObjectResult(sure, p > 0.5, annotated)})


def test_blend_by_hand():
    merged = blend(result(3, 0.9, 0.8), result(3, 0.2, 0.4), {1: [2, 6]})
    w_f, w_b = 0.8 * 3 / 4, 0.4 * 1 / 4
    np.testing.assert_allclose(merged.coarse, (w_f * 0.9 + w_b * 0.2) / (w_f + w_b), rtol=1e-5)
    assert merged.objects[1].confidence == pytest.approx((w_f * 0.8 + w_b * 0.4) / (w_f + w_b))
    assert merged.labels.all()


def test_blend_of_two_lost_directions_is_lost():
    merged = blend(result(3, 0.1, 0.0), result(3, 0.2, 0.0), {1: [2, 6]})
    assert not merged.labels.any()
    assert merged.objects[1] == ObjectResult(0.0, False)


def test_blend_listens_to_the_direction_that_saw_the_object():
    merged = blend(result(5, 0.1, 0.0), result(5, 0.9, 0.7), {1: [2, 6]})
    np.testing.assert_allclose(merged.coarse, 0.9, rtol=1e-5)


def test_blend_before_the_first_keyframe_takes_the_backward_direction():
    forward_result = FrameResult(
        1, np.zeros((16, 16), np.uint8), (), np.zeros((0, 4, 4), np.float32), (16, 16), {}
    )
    np.testing.assert_allclose(blend(forward_result, result(1, 0.9, 0.7), {1: [2]}).coarse, 0.9)


@pytest.mark.parametrize(
    ("prompts", "options", "words"),
    [
        ({}, {}, "no object is annotated"),
        ({0: {}}, {}, "no object is annotated"),
        ({0: {1: np.ones((48, 80), bool)}}, {"direction": "sideways"}, "expected forward, backward or both"),
        ({0: {1: np.ones((48, 80), bool)}}, {"start": 2}, "frame 0 is annotated, but frames 2 to the end"),
        ({7: {1: np.ones((48, 80), bool)}}, {"stop": 7}, "frame 7 is annotated, but frames 0 to 7"),
    ],
)
def test_what_cannot_begin_is_refused_at_once(tiny_model, clip, prompts, options, words):
    with pytest.raises(InputError, match=words):
        propagate(clip, prompts, model=tiny_model, **options)


def test_an_annotated_frame_beyond_the_end_is_an_error(tiny_model, clip, scene):
    prompts = {0: {1: scene[1][0] == 1}, 40: {1: scene[1][0] == 1}}
    with pytest.raises(InputError, match="frame 40 is annotated, but the source ends"):
        list(propagate(clip, prompts, model=tiny_model, short_side=SIDE))


def test_a_4k_video_comes_out_at_4k(tiny_model, tmp_path):
    clip, labels = made_up_clip(2, (2160, 3840), 3)
    with VideoWriter(tmp_path / "4k.mp4", (2160, 3840)) as writer:
        for frame in clip:
            writer.write(frame)
    prompts = {0: {i: labels == i for i in (1, 2, 3)}}
    results = list(propagate(tmp_path / "4k.mp4", prompts, model=tiny_model, short_side=SIDE))
    assert [result.labels.shape for result in results] == [(2160, 3840)] * 2
    np.testing.assert_array_equal(results[0].labels, labels)


def test_frames_are_decoded_ahead_but_no_further_than_allowed(tiny_model, scene):
    """While the first result is looked at, the next frames are fetched: what is ahead bounds the memory."""
    frames, labels = scene
    fetched = []

    class Source(ImageFolder):
        def __init__(self):
            self.size, self.frame_count = (48, 80), 10

        def frames(self, start=0, stop=None):
            for index in range(start, 10):
                fetched.append(index)
                yield index, frames[index]

    results = forward(Source(), {0: {1: labels[0] == 1}}, Propagator(tiny_model, short_side=SIDE))
    next(results)
    deadline = time.monotonic() + 30
    while len(fetched) < AHEAD + 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert fetched == list(
        range(AHEAD + 2)
    )  # the one looked at, those that wait, and one that waits for room
    results.close()
    assert len(fetched) <= AHEAD + 3
