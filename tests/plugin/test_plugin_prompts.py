"""Labels -> masks and identities."""

import fiftyone as fo
import numpy as np
import pytest
from made_up import SIZE, detections, scene

from gcvos_model.errors import InputError
from plugin.prompts import label_mask, label_masks, read_annotations
from plugin.sequences import list_sequences
from plugin.settings import Settings
from plugin.tracks import identities, make_tracks

H, W = SIZE


def not_needed(*arguments):
    raise AssertionError("neither the frame nor the model is needed")


def settings(**changes):
    return Settings.of({"source_field": "frames.gt", "target_field": "frames.gc", **changes})


def read(dataset, **changes):
    chosen = settings(**changes)
    [sequence] = list_sequences(dataset, chosen)
    with sequence.open() as source:
        return read_annotations(dataset, sequence, chosen, source, not_needed)


def test_detection_mask_lands_where_its_box_is():
    _, labels = scene(1)
    [detection] = detections(labels[0]).detections
    assert np.array_equal(label_mask(detection, SIZE), labels[0] == 1)


def test_detection_mask_in_a_file(tmp_path):
    _, labels = scene(1)
    [detection] = detections(labels[0]).detections
    detection.export_mask(str(tmp_path / "mask.png"), update=True)
    assert detection.mask is None
    assert np.array_equal(label_mask(detection, SIZE), labels[0] == 1)


def test_closed_polyline_is_an_area_and_open_one_a_line():
    square = [[(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)]]
    area = label_mask(fo.Polyline(points=square, closed=True, filled=False), SIZE)
    line = label_mask(fo.Polyline(points=square, closed=False, filled=False), SIZE)
    assert abs(area.sum() - H * W / 4) < 2 * (H + W)
    assert area[H // 2, W // 2]
    assert not line[H // 2, W // 2]
    assert line[H // 4, W // 2]


def test_boxes_without_masks_are_looked_for_together():
    _, labels = scene(1, 2)
    first, second = detections(labels[0]).detections
    box = fo.Detection(label="box", bounding_box=[0.25, 0.5, 1.5, 0.25])  # beyond the right edge
    pixels = np.zeros((*SIZE, 3), np.uint8)
    asked = []

    def find(frame, boxes):
        asked.append((frame is pixels, boxes))
        return [labels[0] == 2]

    masks = label_masks({1: first, 7: box, 2: second}, SIZE, lambda: pixels, find, "frame 1")
    assert asked == [(True, [(W / 4, H / 2, W, H * 3 / 4)])]
    assert list(masks) == [1, 7, 2]
    assert np.array_equal(masks[1], labels[0] == 1)
    assert np.array_equal(masks[7], labels[0] == 2)
    assert list(label_masks({1: first}, SIZE, not_needed, not_needed, "frame 1")) == [1]


def test_a_box_outside_the_frame_is_named():
    box = fo.Detection(label="thing", bounding_box=[1.2, 0.5, 0.2, 0.25])
    with pytest.raises(InputError, match="the detection 'thing' on frame 3 marks no pixel"):
        label_masks({1: box}, SIZE, not_needed, not_needed, "frame 3")


def test_masks_are_read_from_the_annotated_frame(make_videos):
    _, labels = scene(6, 2)
    annotations = read(make_videos(objects=2))
    assert list(annotations.prompts) == [0]
    assert sorted(annotations.tracks) == [1, 2]
    for object_id, mask in annotations.prompts[0].items():
        assert np.array_equal(mask, labels[0] == object_id)


def test_only_the_first_keyframe_of_each_object(make_videos):
    dataset = make_videos(annotate=(0, 2, 4))
    assert sorted(read(dataset).prompts) == [0, 2, 4]
    assert sorted(read(dataset, keyframes="first").prompts) == [0]


def test_propagated_labels_are_no_prompts(make_videos):
    dataset = make_videos(annotate=(0, 3))
    sample = dataset.first()
    sample.frames[4].gt.detections[0].keyframe = False
    sample.save()
    assert sorted(read(dataset).prompts) == [0]


def test_classes_ids_and_range_narrow_what_is_taken(make_videos):
    dataset = make_videos(objects=2, annotate=(0, 3))
    sample = dataset.first()
    first, _ = sample.frames[1].gt.detections
    first.label = "other"
    sample.save()
    assert [t.label for t in read(dataset, classes=["other"]).tracks.values()] == ["other"]
    assert len(read(dataset, label_ids=[first.id]).tracks) == 1
    assert sorted(read(dataset, first_frame=2).prompts) == [3]


def test_an_empty_mask_is_named(make_videos):
    dataset = make_videos()
    sample = dataset.first()
    sample.frames[1].gt.detections[0].mask = np.zeros((3, 3), bool)
    sample.save()
    with pytest.raises(InputError, match="'thing' on frame 1 marks no pixel"):
        read(dataset)


def test_a_lost_mask_file_is_named(make_videos, tmp_path):
    dataset = make_videos()
    sample = dataset.first()
    detection = sample.frames[1].gt.detections[0]
    detection.mask, detection.mask_path = None, str(tmp_path / "gone.png")
    sample.save()
    with pytest.raises(InputError, match=r"frame 1 .*gone\.png"):
        read(dataset)


def test_keypoints_are_refused_with_a_reason(make_videos):
    dataset = make_videos()
    sample = dataset.first()
    sample.frames[1]["gt2"] = fo.Keypoints(keypoints=[fo.Keypoint(points=[(0.5, 0.5)])])
    sample.save()
    with pytest.raises(InputError, match="keypoints: points do not say where the object ends"):
        read(dataset, source_field="frames.gt2")


def test_segmentation_values_are_objects(make_videos):
    dataset = make_videos(objects=2)
    _, labels = scene(6, 2)
    dataset.default_mask_targets = {1: "cat", 2: "dog"}
    sample = dataset.first()
    sample.frames[1]["map"] = fo.Segmentation(mask=np.where(labels[0] == 2, 7, labels[0]).astype(np.uint8))
    sample.save()
    annotations = read(dataset, source_field="frames.map")
    assert annotations.segmentation
    assert sorted(annotations.prompts[0]) == [1, 7]
    assert annotations.tracks[1].label == "cat"
    assert np.array_equal(annotations.prompts[0][7], labels[0] == 2)


def test_identity_by_instance_then_index_then_class():
    def label(name, n, **extra):
        return {"_id": n, "label": name, **extra}

    first = [label("a", 1, index=4), label("b", 2), label("c", 3), label("c", 4)]
    second = [label("b", 5), label("a", 6, index=4), label("a", 7, index=5)]
    names = identities([first, second])
    assert names[0][0] == names[1][1]
    assert names[0][1] == names[1][0]
    assert len({*names[0], *names[1]}) == 5  # a4, b, both c, a5


def test_tracks_keep_indices_and_attributes_and_are_the_same_each_time():
    labels = {
        ("index", "a/1"): {"_id": 1, "label": "a", "index": 1, "colour": "red"},
        ("class", "b"): {"_id": 2, "label": "b"},
    }
    tracks = make_tracks(labels, "video")
    assert [track.index for track in tracks.values()] == [1, 2]
    assert tracks["index", "a/1"].attributes == {"colour": "red"}
    assert tracks == make_tracks(labels, "video")
    other = make_tracks(labels, "another video")
    assert {t.instance for t in tracks.values()}.isdisjoint(t.instance for t in other.values())
