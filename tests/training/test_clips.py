"""Clips: image and mask stay aligned, the same seed gives the same clip, the first mask is never empty."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from gcvos_model.errors import InputError
from gcvos_model.training.appearance import vary_frames
from gcvos_model.training.batches import load_batches
from gcvos_model.training.clip import clip_of, with_cut, without_second
from gcvos_model.training.config import STAGES
from gcvos_model.training.image_clips import (
    OBJECT_MOTION,
    Layer,
    compose,
    image_clip,
    layered_clip,
    place,
    warped_clip,
)
from gcvos_model.training.video_clips import crop_clip, video_clip
from gcvos_model.training.warps import MotionConfig, affine, path_of_maps, remap


def grid_image():
    """Cells of a grid in distinct colours; the mask is some of those cells, told by a full red channel."""
    rng = np.random.default_rng(3)
    cells = rng.integers(0, 200, (8, 10, 3), np.uint8)
    chosen = rng.random((8, 10)) < 0.4
    cells[..., 0] = np.where(chosen, 255, 0)
    image = cv2.resize(cells, (200, 160), interpolation=cv2.INTER_NEAREST)
    return image, image[..., 0].copy()


@pytest.mark.parametrize("seed", range(6))
def test_a_warp_moves_image_and_mask_alike(seed):
    image, mask = grid_image()
    rng = np.random.default_rng(seed)
    maps = path_of_maps(rng, place(rng, np.array([100.0, 80.0]), 140, 0.2, 64), 64, 3, OBJECT_MOTION)
    for positions in maps:
        np.testing.assert_allclose(remap(image, positions)[..., 0], remap(mask, positions), atol=1)


def test_without_motion_the_clip_stands_still():
    still = MotionConfig(rotation=0, log_scale=0, shift=0, shear=0, deformation=0)
    first, *others = path_of_maps(np.random.default_rng(0), affine(0, 1, 0, (50, 40)), 32, 3, still)
    for positions in others:
        np.testing.assert_array_equal(positions, first)
    np.testing.assert_allclose(first[0, 0], [50 - 15.5, 40 - 15.5])  # the placement maps the clip's centre


def test_affine_by_hand():
    turned = affine(90, 2, 0, (5, 7)) @ np.array([1, 0, 1])
    np.testing.assert_allclose(turned, [5, 9, 1], atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_a_crop_of_video_moves_image_and_mask_alike(seed):
    image, mask = grid_image()
    clip = crop_clip(np.random.default_rng(seed), [image] * 2, [mask] * 2, [255 - mask] * 2, 64)
    red, other = clip.frames[0][..., 0].astype(int), clip.masks[0].astype(int)
    assert np.corrcoef(red.ravel(), other.ravel())[0, 1] > 0.99  # but for the colours' jitter
    np.testing.assert_array_equal(clip.frames[0], clip.frames[1])
    np.testing.assert_allclose(clip.others[0], 255.0 - clip.masks[0], atol=1)


def test_the_window_follows_an_object_that_crosses_the_frame():
    masks = [np.zeros((90, 300), np.uint8) for _ in range(6)]
    for t, mask in enumerate(masks):
        mask[35:55, 20 + 48 * t : 40 + 48 * t] = 255
    images = [np.repeat(mask[..., None], 3, -1) for mask in masks]
    seen = []
    for seed in range(20):
        clip = crop_clip(np.random.default_rng(seed), images, masks, [0 * mask for mask in masks], 48)
        seen.append([bool(mask.any()) for mask in clip.masks])
    # The widest window spans 90 of 300 pixels: one that stood still would see two of the six at most.
    assert max(map(sum, seen)) == 6
    assert min(map(sum, seen)) < 6


def test_every_second_step_takes_long_tracks(training_data):
    config = replace(STAGES["video"], size=48, batch=2, workers=0)
    batches = load_batches(training_data, config)
    lengths = [next(batches).frames.shape[1] for _ in range(4)]
    assert lengths == [config.frames + config.lead_in, config.frames] * 2


def test_videos_too_short_for_a_clip_are_refused(training_data):
    config = replace(STAGES["video"], size=48, batch=2, workers=0)
    wanted = config.frames + config.lead_in + 1
    short = [
        replace(v, frames=v.frames[: wanted - 1], masks=v.masks[: wanted - 1]) for v in training_data.videos
    ]
    with pytest.raises(InputError, match=f"the longest video has {wanted - 1} frames .* wants {wanted}"):
        load_batches(replace(training_data, videos=short), config)


@pytest.mark.parametrize("make", [image_clip, warped_clip, layered_clip, video_clip])
def test_clips_have_the_shape_asked_for_and_repeat_by_seed(training_data, make):
    for seed in range(8):
        clip, again = (make(np.random.default_rng(seed), training_data, 48, 3) for _ in range(2))
        assert clip.frames.shape == (3, 48, 48, 3)
        assert clip.masks.shape == (3, 48, 48)
        assert clip.frames.dtype == clip.masks.dtype == np.uint8
        np.testing.assert_array_equal(clip.frames, again.frames)
        np.testing.assert_array_equal(clip.masks, again.masks)
        assert clip.others.shape == clip.masks.shape
        assert clip.first.shape == (48, 48)
        assert clip.before.shape == (3, 48, 48)
        assert (clip.masks.astype(int) + clip.others <= 256).all()  # nothing is two objects


def test_the_first_mask_is_never_empty_and_objects_move(training_data):
    moved = 0
    for seed in range(20):
        clip = image_clip(np.random.default_rng(seed), training_data, 48, 3)
        assert (clip.masks[0] > 127).any()
        moved += not np.array_equal(clip.masks[0] > 127, clip.masks[2] > 127)
    assert moved >= 18


def test_a_gap_keeps_the_masks_of_the_frame_left_out():
    planes = np.arange(4, dtype=np.uint8)[:, None, None] * np.ones((4, 8, 8), np.uint8)
    clip = without_second(clip_of(np.repeat(planes[..., None], 3, -1), planes, planes + 100, planes + 200))
    assert clip.frames[:, 0, 0, 0].tolist() == [0, 2, 3]
    assert clip.masks[:, 0, 0].tolist() == [0, 2, 3]
    assert clip.others[:, 0, 0].tolist() == [100, 102, 103]
    assert clip.decoys[:, 0, 0].tolist() == [200, 202, 203]
    assert clip.before[:, 0, 0].tolist() == [1, 101, 201]
    assert clip.first[0, 0] == 0


def test_a_cut_shows_another_scene_without_the_object_for_a_while_or_for_good():
    def clip(value):
        planes = np.full((4, 8, 8), value, np.uint8)
        return clip_of(np.repeat(planes[..., None], 3, -1), planes, planes, planes)

    seen = set()
    for seed in range(200):
        cut = with_cut(np.random.default_rng(seed), clip(100), clip(200))
        shown = cut.frames[:, 0, 0, 0] == 200
        for planes in (cut.masks, cut.others, cut.decoys):
            np.testing.assert_array_equal(planes[:, 0, 0], np.where(shown, 0, 100))
        assert (cut.first == 100).all()
        seen.add(tuple(shown.tolist()))
    f, t = False, True
    assert seen == {(f, t, f, f), (f, f, t, f), (f, f, f, t), (f, t, t, f), (f, t, t, t), (f, f, t, t)}


def test_what_lies_in_front_hides_objects_behind_it():
    def layer(left, known=False):
        image, mask = np.full((16, 16, 3), 200, np.uint8), np.zeros((16, 16), np.uint8)
        mask[:, left : left + 8] = 255
        grid = np.stack(np.meshgrid(np.arange(16), np.arange(16)), -1).astype(np.float32)
        return Layer(image, mask, [grid], known=known, decoy=known)

    target, front = layer(0), layer(4, known=True)
    _, mask, others, decoys = compose(np.zeros((16, 16, 3), np.float32), [target, front], target, 0)
    assert (mask[8] > 127).tolist() == [True] * 4 + [False] * 12
    assert (others[8] > 127).tolist() == [False] * 4 + [True] * 8 + [False] * 4
    np.testing.assert_array_equal(decoys, others)


def test_appearance_leaves_geometry_alone():
    frame = np.zeros((32, 32, 3), np.uint8)
    frame[8:24, 8:24] = 200
    for seed in range(20):
        for varied in vary_frames(np.random.default_rng(seed), [frame, frame]):
            inside, outside = varied[12:20, 12:20].mean(), varied[:4].mean()
            assert inside > outside
