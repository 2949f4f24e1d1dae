import time

import cv2
import numpy as np

from gcvos_model.evaluation.grabcut import grabcut
from gcvos_model.masks import tight_box


def scene(size=(120, 160), centre=(80, 60), radius=30, scale=1):
    """A reddish disc on greenish ground, both noisy, and the disc's mask."""
    height, width = size[0] * scale, size[1] * scale
    y, x = np.mgrid[:height, :width] + 0.5
    disc = np.hypot(x - centre[0] * scale, y - centre[1] * scale) < radius * scale
    colours = np.where(disc[..., None], (190, 80, 60), (70, 140, 60))
    noise = np.random.default_rng(0).normal(0, 12, (height, width, 3))
    return (colours + noise).clip(0, 255).astype(np.uint8), disc


def iou(first, second):
    return (first & second).sum() / (first | second).sum()


def test_a_box_gives_the_object_in_it():
    frame, disc = scene()
    mask = grabcut(frame, (48, 28, 112, 92))
    assert (mask.shape, mask.dtype) == (disc.shape, bool)
    assert iou(mask, disc) > 0.95


def test_the_mask_stays_in_the_box():
    frame, _ = scene()
    x1, y1, x2, y2 = tight_box(grabcut(frame, (60, 40, 130, 70)))
    assert x1 >= 60
    assert y1 >= 40
    assert x2 <= 130
    assert y2 <= 70


def test_a_box_may_reach_beyond_the_frame():
    frame, disc = scene(centre=(10, 10))
    assert iou(grabcut(frame, (-30.5, -20, 42, 42.4)), disc) > 0.9


def test_the_same_box_gives_the_same_mask():
    frame, _ = scene()
    first = grabcut(frame, (40, 20, 115, 95))
    cv2.setRNGSeed(12345)
    assert np.array_equal(grabcut(frame, (40, 20, 115, 95)), first)


def test_where_grabcut_fails_the_box_is_filled():
    frame, _ = scene()
    assert grabcut(frame, (0, 0, 160, 120)).all()  # nothing around it to learn from
    flat = np.full((50, 60, 3), 128, np.uint8)  # nothing in it to tell apart
    mask = grabcut(flat, (10, 20, 30, 40))
    assert mask.sum() == 400
    assert mask[20:40, 10:30].all()


def test_tiny_boxes_work():
    frame, _ = scene()
    assert grabcut(frame, (80, 60, 81, 61)).sum() == 1
    assert grabcut(frame[:1, :1], (0, 0, 1, 1)).all()


def test_large_frames_cost_little_more_than_small_ones():
    small = scene(scale=2)  # 320 x 240
    large = [array.repeat(8, axis=0).repeat(8, axis=1) for array in small]

    def seconds(frame, scale):
        start = time.process_time()
        grabcut(frame, (48 * scale, 28 * scale, 112 * scale, 92 * scale))
        return time.process_time() - start

    quick = min(seconds(small[0], 2) for _ in range(3))
    slow = min(seconds(large[0], 16) for _ in range(3))
    assert slow < 8 * quick  # 64 times the pixels
    assert iou(grabcut(large[0], (768, 448, 1792, 1472)), large[1]) > 0.95
