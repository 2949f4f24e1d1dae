import cv2
import numpy as np
import pytest
import torch

from gcvos_model.gpu.search import connected_parts, search_regions
from gcvos_model.search import search_region

SIZE = (120, 212)  # of masks at 480 x 848


def spiral():
    mask = np.zeros(SIZE, bool)
    top, left, bottom, right = 0, 0, SIZE[0] - 1, SIZE[1] - 1
    while bottom - top > 4:
        mask[top, left : right + 1] = mask[bottom, left : right + 1] = True
        mask[top : bottom + 1, right] = mask[top + 2 : bottom + 1, left] = True
        mask[top + 2, left : left + 3] = True
        top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
    return mask


def noise(share):
    return np.random.default_rng(0).random(SIZE) < share


def blobs(width):
    smooth = cv2.GaussianBlur(np.random.default_rng(0).random(SIZE).astype(np.float32), (0, 0), width)
    return smooth > np.quantile(smooth, 0.6)


def disc():
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return (y - 60) ** 2 + (x - 100) ** 2 < 50**2


MASKS = {
    "nothing": np.zeros(SIZE, bool),
    "all of it": np.ones(SIZE, bool),
    "one cell": np.eye(*SIZE, dtype=bool) & (np.arange(SIZE[1]) == 7),
    "diagonal": np.eye(*SIZE, dtype=bool),
    "disc": disc(),
    "spiral": spiral(),
    **{f"blobs {width}": blobs(width) for width in (1, 2, 3, 5, 9)},
    **{f"noise {share}": noise(share) for share in (0.01, 0.1, 0.2, 0.3, 0.35, 0.45, 0.5)},
}


@pytest.mark.parametrize("name", MASKS)
def test_parts_are_those_of_opencv(name):
    parts = connected_parts(torch.from_numpy(MASKS[name])[None])[0].numpy()
    _, expected = cv2.connectedComponents(MASKS[name].astype(np.uint8), connectivity=8)
    pairs = set(zip(parts[MASKS[name]].tolist(), expected[MASKS[name]].tolist(), strict=True))
    assert len({ours for ours, _ in pairs}) == len({theirs for _, theirs in pairs}) == len(pairs)
    assert (parts[~MASKS[name]] == np.flatnonzero(~MASKS[name])).all()


def test_regions_are_those_of_opencv():
    masks = np.stack(list(MASKS.values())).astype(np.float32)
    expected = np.stack([search_region(mask) for mask in masks])
    assert 0.1 < expected.mean() < 0.9
    np.testing.assert_array_equal(search_regions(torch.from_numpy(masks)).numpy(), expected)


def test_small_parts_apart_do_not_widen_a_region_large_ones_do():
    masks = torch.zeros(2, 60, 90)
    masks[:, 20:40, 10:30] = 1
    masks[0, 5:9, 80:84] = 1
    masks[1, 5:20, 70:84] = 1
    assert search_regions(masks)[:, 5, 80].tolist() == [False, True]
