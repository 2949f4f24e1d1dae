from dataclasses import replace

import numpy as np
import pytest
import torch

from gcvos_model.box_refinement import _coverage, boxes_to_masks
from gcvos_model.checkpoints import random_model
from gcvos_model.errors import InputError
from gcvos_model.network.config import PRESETS
from gcvos_model.prompts import fill_box

FRAME = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
BOXES = [(12, 20, 52, 50), (3, 3, 5, 5), (0, 0, 96, 64), (-10, 40, 30.5, 90)]


@pytest.fixture(scope="module")
def model():
    return random_model("tiny", seed=0)


def test_coverage_by_hand():
    coverage = _coverage((4, 6, 12, 8), (16, 32), (16, 32))[0]  # cells of 4 x 4 pixels
    expected = torch.zeros(4, 8)
    expected[1, 1:3] = 0.5
    assert torch.equal(coverage, expected)
    assert _coverage((0, 0, 32, 16), (16, 32), (48, 96)).min() == 1
    assert _coverage((-5, -5, 99, 99), (16, 32), (16, 32)).max() == 1


def test_masks_stay_in_their_boxes_and_are_never_empty(model):
    masks = boxes_to_masks(model, FRAME, BOXES, short_side=32)
    for mask, box in zip(masks, BOXES, strict=True):
        assert mask.shape == (64, 96)
        assert mask.any()
        assert not (mask & ~fill_box(box, (64, 96))).any()


def test_boxes_do_not_touch_each_other(model):
    many = BOXES * 6  # more than go through the network together
    together = boxes_to_masks(model, FRAME, many, short_side=32)
    alone = [boxes_to_masks(model, FRAME, [box], short_side=32)[0] for box in BOXES]
    for mask, expected in zip(together, alone * 6, strict=True):
        assert np.array_equal(mask, expected)


def test_the_frame_is_encoded_once(model, monkeypatch):
    calls, encode = [], model.encode
    monkeypatch.setattr(model, "encode", lambda pixels: calls.append(1) or encode(pixels))
    boxes_to_masks(model, FRAME, BOXES * 6, short_side=32)
    assert len(calls) == 1


def test_without_a_round_the_box_is_what_is_left(model):
    (mask,) = boxes_to_masks(model, FRAME, [(12, 20, 52, 52)], short_side=64, certainty=1.0, rounds=0)
    assert (mask != fill_box((12, 20, 52, 52), (64, 96))).sum() <= 4  # its corners


def test_refusals(model):
    with pytest.raises(InputError, match="covers no pixel"):
        boxes_to_masks(model, FRAME, [(100, 3, 120, 9)], short_side=32)
    spacetime = random_model(replace(PRESETS["tiny"], memory="spacetime"))
    with pytest.raises(InputError, match="memory is spacetime"):
        boxes_to_masks(spacetime, FRAME, BOXES, short_side=32)
