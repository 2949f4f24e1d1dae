"""Every layout of a collection: groups, images, clips, frames."""

from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest
from made_up import SIZE, detections, rendered, scene

from gcvos_model import load_model, propagate
from gcvos_model.box_refinement import boxes_to_masks
from gcvos_model.errors import InputError
from gcvos_model.video import open_source
from plugin.frame_sources import ImageSeries
from plugin.sequences import list_sequences
from plugin.settings import Settings


def test_dynamic_groups_of_images(make_images, run, never_lost):
    dataset = make_images(clips=2, frames=5)
    summary = run(dataset.group_by("clip", order_by="frame_number"), source_field="gt", target_field="gc")
    assert (summary["done"], summary["frames"]) == (2, 10)
    for clip in ("c0", "c1"):
        samples = list(dataset.match({"clip": clip}).sort_by("frame_number"))
        labels = [sample.gc.detections for sample in samples]
        assert [len(found) for found in labels] == [1] * 5
        assert [found[0].keyframe for found in labels] == [True] + [False] * 4
        assert len({found[0].instance.id for found in labels}) == 1
    assert dataset.get_field("gc.detections.instance") is not None


def test_images_give_the_masks_of_the_core(make_images, run, checkpoint):
    dataset = make_images(clips=1, frames=5, objects=2)
    run(dataset, source_field="gt", target_field="gc", order_by="frame_number")
    samples = list(dataset.sort_by("frame_number"))
    _, labels = scene(5, 2)
    model = load_model(checkpoint, device="cpu")
    series = ImageSeries(tuple(sample.filepath for sample in samples))
    prompts = {0: {1: labels[0] == 1, 2: labels[0] == 2}}
    for result, sample in zip(propagate(series, prompts, model=model, short_side=64), samples, strict=True):
        assert (rendered(sample.gc) == result.labels).all()


def test_flat_images_ordered_and_told_apart_by_fields(make_images, run, never_lost):
    dataset = make_images(clips=2, frames=4)
    with pytest.raises(InputError, match="the images have no order"):
        run(dataset, source_field="gt", target_field="gc")
    summary = run(dataset, source_field="gt", target_field="gc", order_by="frame_number", group_by="clip")
    assert (summary["done"], summary["frames"]) == (2, 8)
    assert dataset.count("gc.detections") == 8


def test_doubtful_images_are_tagged_one_by_one(make_images, run, never_lost):
    dataset = make_images(clips=1, frames=8)
    run(dataset, source_field="gt", target_field="gc", order_by="frame_number", review_confidence=0.45)
    assert dataset.match_tags("gcvos-review").values("frame_number") == [6]


def test_video_slices_of_groups(make_videos, run):
    videos = list(make_videos(count=2, frames=4))
    dataset = fo.Dataset()
    dataset.add_group_field("group", default="video")
    samples = []
    for video in videos:
        group = fo.Group()
        sample = fo.Sample(filepath=video.filepath, group=group.element("video"))
        sample.frames[1] = fo.Frame(gt=video.frames[1].gt)
        samples += [
            sample,
            fo.Sample(filepath=video.filepath.replace("mp4", "png"), group=group.element("image")),
        ]
    dataset.add_samples(samples)
    assert run(dataset)["done"] == 2
    assert all(sample.frames[1].gc for sample in dataset.select_group_slices("video"))
    dataset.delete()


def test_clips_stay_within_their_bounds(make_videos, run, never_lost):
    dataset = make_videos(frames=12, annotate=(2, 8))
    sample = dataset.first()
    supports = [fo.TemporalDetection(label="x", support=support) for support in ([2, 5], [8, 12])]
    sample["events"] = fo.TemporalDetections(detections=supports)
    sample.save()
    summary = run(dataset.to_clips("events"), review_confidence=0.45)
    assert (summary["done"], summary["failed"]) == (2, {})
    frames = dataset.first().frames
    assert [n for n in range(1, 13) if n in frames and frames[n]["gc"]] == [3, 4, 5, 9, 10, 11, 12]
    assert dataset.first().gc_review == [11]


def test_views_of_frames(make_videos, run, never_lost, tmp_path):
    dataset = make_videos(count=2, frames=10)
    view = dataset.to_frames(sample_frames=True, output_dir=str(tmp_path / "frames"), fps=5)
    numbers = view.limit(5).values("frame_number")
    assert len(numbers) == 5
    summary = run(view)
    assert (summary["done"], summary["frames"]) == (2, 10)
    for sample in dataset:
        assert [n for n in range(1, 11) if n in sample.frames and sample.frames[n]["gc"]] == numbers
    view.reload()
    assert view.count("gc.detections") == 10


def test_sequences_have_the_same_keys_each_time(make_images):
    dataset = make_images()
    settings = Settings.of({"source_field": "gt"})
    view = dataset.group_by("clip", order_by="frame_number")
    first, second = (list_sequences(view, settings) for _ in range(2))
    assert first == second
    assert len({sequence.key for sequence in first}) == 2


@pytest.mark.parametrize("kind", ["empty", "patches", "3d"])
def test_what_has_no_time_is_refused(make_images, run, kind):
    dataset = make_images(clips=1, frames=2)
    collection = {"empty": dataset.limit(0), "patches": dataset.to_patches("gt")}.get(kind)
    if kind == "3d":
        collection = fo.Dataset()
        collection.add_sample(fo.Sample(filepath="/nowhere/cloud.pcd"))
    with pytest.raises(InputError, match=r"no samples|patches|media type"):
        run(collection, source_field="gt", target_field="gc", order_by="frame_number")


def test_polylines_become_masks(make_videos, run):
    dataset = make_videos(frames=3)
    sample = dataset.first()
    x, y, w, h = sample.frames[1].gt.detections[0].bounding_box
    corners = [[(x, y), (x + w, y), (x + w, y + h), (x, y + h)]]
    outline = fo.Polyline(label="thing", points=corners, closed=True)
    sample.frames[1]["outline"] = fo.Polylines(polylines=[outline])
    sample.save()
    run(dataset, source_field="outline", target_field="outline_gc")
    mask = rendered(dataset.first().frames[1].outline_gc) > 0
    truth = scene(3)[1][0] == 1
    assert (mask & truth).sum() / (mask | truth).sum() > 0.75


@pytest.mark.parametrize("kind", ["videos", "images"])
def test_boxes_become_the_masks_that_the_model_finds_in_them(
    make_videos, make_images, run, checkpoint, tmp_path, kind
):
    dataset = make_videos(frames=3) if kind == "videos" else make_images(clips=1, frames=3)
    first = dataset.first() if kind == "videos" else dataset.sort_by("frame_number").first()
    holder = first.frames[1] if kind == "videos" else first
    detection = holder.gt.detections[0]
    detection.mask = None
    first.save()
    x, y, w, h = detection.bounding_box
    with open_source(first.filepath if kind == "videos" else Path(first.filepath).parent) as source:
        frame = source.frame(0)
    box = (x * SIZE[1], y * SIZE[0], (x + w) * SIZE[1], (y + h) * SIZE[0])
    [expected] = boxes_to_masks(load_model(checkpoint, device="cpu"), frame, [box], short_side=64)
    run(
        dataset,
        source_field="gt",
        target_field="gc",
        **({} if kind == "videos" else {"order_by": "filepath"}),
    )
    first.reload()
    assert np.array_equal(rendered((first.frames[1] if kind == "videos" else first).gc) > 0, expected)


def test_groups_of_several_objects_keep_apart(make_images, run):
    dataset = make_images(clips=1, frames=2)
    _, labels = scene(2, 3)
    first = dataset.sort_by("frame_number").first()
    first["three"] = detections(labels[0])
    first.save()
    run(dataset, source_field="three", target_field="three_gc", order_by="frame_number")
    written = dataset.sort_by("frame_number").first().three_gc.detections
    assert [label.index for label in written] == [1, 2, 3]
    assert len({label.instance.id for label in written}) == 3
