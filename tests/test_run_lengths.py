import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gcvos_model.errors import InputError
from gcvos_model.run_lengths import compress_counts, decode_rle, decompress_counts, encode_rle

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40))
blocky = st.builds(lambda mask, k: np.kron(mask, np.ones((k, k), bool)), masks, st.integers(1, 9))


def test_counts_go_down_the_columns_and_start_with_background():
    mask = np.array([[0, 1, 1], [0, 0, 1]])
    assert encode_rle(mask) == {"size": [2, 3], "counts": [2, 1, 1, 2]}
    assert encode_rle(1 - mask) == {"size": [2, 3], "counts": [0, 2, 1, 1, 2]}


def test_plain_masks():
    assert encode_rle(np.zeros((2, 3)))["counts"] == [6]
    assert encode_rle(np.ones((2, 3)))["counts"] == [0, 6]


@settings(deadline=None)
@given(blocky, st.booleans())
def test_round_trip_through_json(mask, compressed):
    rle = json.loads(json.dumps(encode_rle(mask, compressed)))
    assert np.array_equal(decode_rle(rle), mask)


@settings(deadline=None)
@given(blocky)
def test_agrees_with_pycocotools(mask):
    coco = pytest.importorskip("pycocotools.mask", reason="pycocotools is in the extra 'train'")
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    ours = encode_rle(mask, compressed=True)
    assert ours["counts"] == theirs["counts"].decode()
    assert ours["size"] == list(theirs["size"])
    assert np.array_equal(decode_rle(theirs), mask)
    plain = encode_rle(mask)
    assert np.array_equal(coco.decode(coco.frPyObjects(plain, *plain["size"])), mask)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**31)))
def test_counts_of_any_size_survive_compression(counts):
    assert decompress_counts(compress_counts(counts)) == counts


@pytest.mark.parametrize(
    ("rle", "reason"),
    [
        ({"counts": [4]}, "needs"),
        ({"size": [2, 2]}, "needs"),
        ({"size": None, "counts": [4]}, "needs"),
        ({"size": [2, 2], "counts": [3]}, "cover 3 pixels, expected 2 x 2 = 4"),
        ({"size": [2, 2], "counts": [5, -1]}, "damaged"),
        ({"size": [2, 2], "counts": "4 "}, "' ' is no part"),
        ({"size": [2, 2], "counts": b"\xff"}, "no part"),
        ({"size": [2, 2], "counts": "P"}, "cut short"),
        ({"size": [2, 2], "counts": ["four"]}, "whole numbers"),
    ],
)
def test_malformed_run_lengths_are_refused(rle, reason):
    with pytest.raises(InputError, match=reason):
        decode_rle(rle)
