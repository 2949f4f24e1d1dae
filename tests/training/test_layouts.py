"""Readers of data sets: each layout, and what is found wrong at the start."""

import json

import cv2
import numpy as np
import pytest

from gcvos_model.errors import InputError
from gcvos_model.training.array_cache import ArrayCache
from gcvos_model.training.coco import read_instances
from gcvos_model.training.data_check import check_sets
from gcvos_model.training.datasets import decode_index_mask, read_index_mask
from gcvos_model.training.layouts import find_sequences, find_sets, find_training_data, join_sets
from gcvos_model.training.made_up_data import make_data, write_jpeg, write_mask
from gcvos_model.training.validation import find_validation

FRAME = np.full((24, 32, 3), 99, np.uint8)
MASK = np.zeros((24, 32), np.uint8)
MASK[4:12, 4:12] = 1
MASK[14:20, 14:20] = 7


def make_video(root, name, masks=range(3), inside=""):
    for t in range(6):
        write_jpeg(root / "JPEGImages" / inside / name / f"{t:05}.jpg", FRAME)
    for t in masks:
        write_mask(root / "Annotations" / inside / name / f"{t:05}.png", MASK)


def test_all_parts_of_the_own_layout(training_data):
    assert len(training_data.images) == 12
    assert [len(video.frames) for video in training_data.videos] == [12]
    assert len(training_data.textures) == len(training_data.silhouettes) == 3
    assert training_data.image_weights.sum() == pytest.approx(1)
    assert training_data.names == ("blobs", "video/train")


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no training data below"):
        find_training_data(tmp_path)


def test_davis_is_trained_on_its_training_sequences_at_480p_alone(tmp_path):
    for name in ("bear", "camel"):
        make_video(tmp_path, name, range(6), "480p")
        make_video(tmp_path, name, range(6), "Full-Resolution")
    lists = tmp_path / "ImageSets" / "2017"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("bear\n")
    (lists / "val.txt").write_text("camel\n")
    (tmp_path / "ImageSets" / "480p").mkdir()
    frame = "480p/camel/00000"
    (tmp_path / "ImageSets" / "480p" / "val.txt").write_text(
        f"/JPEGImages/{frame}.jpg /Annotations/{frame}.png\n"
    )
    (found,) = find_sets(tmp_path)
    assert [(video.name, len(video.frames)) for video in found.videos] == [("bear", 6)]
    assert [video.name for video in find_validation(tmp_path)] == ["camel"]
    (lists / "train.txt").unlink()  # a copy that holds the validation part only: none of it is trained on
    with pytest.raises(InputError, match="no training data"):
        find_sets(tmp_path)


def test_youtube_vos_takes_the_annotated_frames_of_its_training_part(tmp_path):
    make_video(tmp_path / "train", "0043f083b5", (0, 5))
    make_video(tmp_path / "valid", "00f88c4f0a", (0, 5))
    (found,) = find_sets(tmp_path)
    (video,) = found.videos
    assert [path.stem for path in video.frames] == [path.stem for path in video.masks] == ["00000", "00005"]
    make_video(tmp_path / "train", "first-alone", (0,))
    assert len(find_sequences(tmp_path / "train", "train")) == 1


def coco_folder(root, **changes):
    square = [[2, 2, 10, 2, 10, 10, 2, 10]]
    large = {"size": [24, 32], "counts": [0, 24 * 20, 24 * 12]}  # columns 0 to 19, column after column
    annotations = [
        {"image_id": 5, "segmentation": square, "iscrowd": 0},
        {"image_id": 5, "segmentation": large, "iscrowd": 0},
        {"image_id": 5, "segmentation": large, "iscrowd": 1},
        {"image_id": 6, "segmentation": large, "iscrowd": 1},
    ]
    images = [{"id": i, "file_name": f"{i}.jpg", "height": 24, "width": 32} for i in (5, 6)]
    for image in images:
        write_jpeg(root / "train2017" / image["file_name"], FRAME)
    path = root / "annotations" / "instances_train2017.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, **changes}))
    return path


def test_coco_instances_lie_over_each_other_small_ones_in_front_and_crowds_are_left_out(tmp_path):
    coco_folder(tmp_path / "static" / "coco")
    data = find_training_data(tmp_path)
    assert data.names == ("coco",)
    (pair,) = data.images  # the other image holds a crowd only
    assert pair.image.name == "5.jpg"
    labels = read_index_mask(pair.mask)
    assert labels.shape == (24, 32)
    assert (labels[2:10, 2:10] == 2).all()
    assert (labels == 1).sum() == 24 * 20 - 64
    assert (labels[:, 20:] == 0).all()


def test_annotations_that_are_not_of_coco_are_refused_by_name(tmp_path):
    path = coco_folder(tmp_path, annotations=[{"image_id": 5, "iscrowd": 0}])
    with pytest.raises(InputError, match=r"instances_train2017\.json.*segmentation"):
        read_instances(path)
    wrong = [{"image_id": 5, "segmentation": {"size": [9, 9], "counts": [81]}}]
    with pytest.raises(InputError, match=r"size \[9, 9\] in an image of \[24, 32\]"):
        read_instances(coco_folder(tmp_path, annotations=wrong))
    coco_folder(tmp_path)
    (tmp_path / "train2017" / "5.jpg").unlink()
    with pytest.raises(InputError, match=r"names the image '5\.jpg'"):
        find_sets(tmp_path)


def test_the_check_counts_and_measures(training_root):
    sets, summaries = check_sets(find_sets(training_root))
    by_name = {summary.name: summary for summary in summaries}
    blobs, video = by_name["blobs"], by_name["video/train"]
    assert (blobs.images, blobs.smallest, blobs.largest, blobs.objects) == (12, (120, 90), (120, 90), 1)
    assert (video.videos, video.frames, video.largest) == (1, 12, (140, 90))
    assert by_name["textures"].others == by_name["silhouettes"].others == 3
    assert not any(summary.left_out for summary in summaries)
    assert len(join_sets(sets).images) == 12
    json.dumps([summary.to_dict() for summary in summaries])


def test_unusable_files_are_refused_by_name_or_left_out(tmp_path):
    make_data(tmp_path)
    blobs, video = tmp_path / "static" / "blobs", tmp_path / "video" / "train"
    (blobs / "images" / "3.jpg").write_bytes(b"no JPEG")
    write_mask(blobs / "masks" / "4.png", MASK.T)
    (video / "Annotations" / "480p" / "slide" / "00002.png").write_bytes(b"")
    write_jpeg(video / "JPEGImages" / "480p" / "slide" / "00005.jpg", FRAME)
    with pytest.raises(
        InputError, match=r"4 of \d+ files cannot be used.*3\.jpg.*\(24, 32\).*00002.*--skip-unreadable"
    ):
        check_sets(find_sets(tmp_path))
    sets, summaries = check_sets(find_sets(tmp_path), skip_unreadable=True)
    data = join_sets(sets)
    assert sorted(pair.image.stem for pair in data.images) == sorted(
        str(i) for i in range(12) if i not in (3, 4)
    )
    assert [path.stem for path in data.videos[0].frames if path.stem in ("00002", "00005")] == []
    assert sum(len(summary.left_out) for summary in summaries) == 4


def test_masks_are_indices_but_for_black_and_white(tmp_path):
    write_mask(tmp_path / "palette.png", MASK)
    assert set(np.unique(decode_index_mask(tmp_path / "palette.png"))) == {0, 1, 7}
    cv2.imwrite(str(tmp_path / "grey.png"), (MASK > 0) * np.uint8(255))
    np.testing.assert_array_equal(decode_index_mask(tmp_path / "grey.png"), MASK > 0)
    cv2.imwrite(str(tmp_path / "lossy.jpg"), (MASK > 0) * np.uint8(255))
    np.testing.assert_array_equal(decode_index_mask(tmp_path / "lossy.jpg"), MASK > 0)


def test_the_cache_keeps_what_was_used_last():
    cache, made = ArrayCache(room=250), []

    def get(key):
        return cache.get(key, lambda: made.append(key) or np.zeros(100, np.uint8))

    for key in "abbacac":  # c drives b out, which was used longest ago
        get(key)
    assert made == ["a", "b", "c"]
    get("b")
    assert made == ["a", "b", "c", "b"]
    assert cache.used == 200
