"""Propagating through videos with the real FiftyOne, the real MongoDB and a tiny network."""

from pathlib import Path

import av
import fiftyone as fo
import numpy as np
import pytest
from made_up import rendered, scene, write_video

from gcvos_model import load_model, propagate
from gcvos_model.errors import InputError
from plugin import chunks
from plugin.records import Run
from plugin.runner import propagate_collection
from plugin.settings import Settings


def test_masks_are_those_of_the_core(make_videos, run, checkpoint):
    dataset = make_videos(frames=6, objects=2)
    summary = run(dataset)
    assert (summary["done"], summary["frames"], summary["failed"]) == (1, 6, {})
    sample = dataset.first()
    _, labels = scene(6, 2)
    prompts = {0: {1: labels[0] == 1, 2: labels[0] == 2}}
    model = load_model(checkpoint, device="cpu")
    for result in propagate(sample.filepath, prompts, model=model, short_side=64):
        assert np.array_equal(rendered(sample.frames[result.index + 1].gc), result.labels)


def test_what_is_written_on_each_frame(make_videos, run, never_lost):
    dataset = make_videos(frames=5, objects=2, colour="red")
    run(dataset)
    sample = dataset.first()
    tracks = {}
    for number in range(1, 6):
        for detection in sample.frames[number].gc.detections:
            assert detection.label == "thing"
            assert detection.colour == "red"
            assert detection.keyframe is (number == 1)
            assert detection.run == "gcvos_gc"
            assert 0 <= detection.confidence <= 1
            assert detection.occluded in (True, False)
            _, _, w, h = detection.bounding_box
            assert detection.mask.shape == (round(h * 48), round(w * 64))
            assert detection.mask.any(axis=0).all()
            assert detection.mask.any(axis=1).all()
            tracks.setdefault(detection.index, set()).add(detection.instance.id)
    assert {index: len(instances) for index, instances in tracks.items()} == {1: 1, 2: 1}
    schema = dataset.get_frame_field_schema(flat=True)
    for name in ("keyframe", "occluded", "run", "colour", "index", "confidence", "instance"):
        assert f"gc.detections.{name}" in schema


def test_nothing_is_written_where_the_object_is_lost(make_videos, run, monkeypatch):
    from gcvos_model import Propagator

    real = Propagator.step

    def lose(self, frame):
        result = real(self, frame)
        objects = {i: type(o)(0.0, False) for i, o in result.objects.items()}
        empty = np.zeros_like(result.labels)
        return type(result)(result.index, empty, result.ids, result.coarse, result.working_size, objects)

    monkeypatch.setattr(Propagator, "step", lose)
    dataset = make_videos(frames=4)
    run(dataset)
    assert [frame.frame_number for frame in dataset.first().frames.values() if frame["gc"]] == [1]


def test_source_labels_stay_as_they_are(make_videos, run):
    dataset = make_videos(objects=2)
    before = dataset.first().frames[1].gt.to_dict()
    run(dataset)
    assert dataset.first().frames[1].gt.to_dict() == before


def test_the_source_field_can_be_the_target(make_videos, run, never_lost):
    dataset = make_videos(frames=5, annotate=(0, 3))
    before = [dataset.first().frames[n].gt.to_dict() for n in (1, 4)]
    run(dataset, target_field="frames.gt")
    sample = dataset.first()
    assert [sample.frames[n].gt.to_dict() for n in (1, 4)] == before
    assert [len(sample.frames[n].gt.detections) for n in range(1, 6)] == [1] * 5


def test_labels_of_others_stay_without_overwrite(make_videos, run, never_lost):
    dataset = make_videos(frames=4)
    sample = dataset.first()
    mine = fo.Detection(label="mine", bounding_box=[0, 0, 0.5, 0.5], index=9)
    sample.frames[2] = fo.Frame(gc=fo.Detections(detections=[mine]))
    sample.save()
    run(dataset)
    labels = dataset.first().frames[2].gc.detections
    assert [label.label for label in labels] == ["mine", "thing"]
    assert labels[0].id == mine.id
    run(dataset, overwrite=True, skip_done=False)
    assert [label.label for label in dataset.first().frames[2].gc.detections] == ["thing"]


def test_running_again_doubles_nothing(make_videos, run, never_lost):
    dataset = make_videos(count=2, frames=5)
    assert run(dataset)["done"] == 2
    again = run(dataset)
    assert (again["done"], again["skipped"], again["frames"]) == (0, 2, 0)
    other = run(dataset, run_key="other")
    assert other["done"] == 2
    for sample in dataset:
        assert [len(sample.frames[n].gc.detections) for n in range(1, 6)] == [1] * 5


def test_a_run_broken_off_goes_on_where_it_was(make_videos, run, checkpoint, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 4)
    whole, broken = make_videos(frames=19), make_videos(frames=19)
    run(whole)
    params = {"source_field": "gt", "model": str(checkpoint), "device": "cpu", "short_side": 64}
    settings = Settings.of(params)
    steps = propagate_collection(broken, settings)
    for _ in range(10):
        next(steps)
    steps.close()
    [state] = Run(broken, settings.run_key).states().values()
    assert (state.status, state.written) == ("running", 10)
    assert run(broken)["frames"] == 9
    for one, other in zip(whole.first().frames.values(), broken.first().frames.values(), strict=True):
        assert np.array_equal(rendered(one.gc), rendered(other.gc))


@pytest.mark.parametrize("direction", ["backward", "both"])
def test_other_directions_go_on_too(make_videos, run, checkpoint, never_lost, direction, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 4)
    dataset = make_videos(frames=12, annotate=(3, 8))
    params = {"source_field": "gt", "model": str(checkpoint), "device": "cpu", "short_side": 64}
    steps = propagate_collection(dataset, Settings.of({**params, "direction": direction}))
    for _ in range(6):
        next(steps)
    steps.close()
    run(dataset, direction=direction)
    counts = [
        len(dataset.first().frames[n].gc.detections) if dataset.first().frames[n]["gc"] else 0
        for n in range(1, 13)
    ]
    assert counts == ([1] * 12 if direction == "both" else [1] * 9 + [0] * 3)


def without_frames(path):
    """Overwrite a file with a video that says what it holds and then holds nothing."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width = 48, 64
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))))
        container.mux(stream.encode(None))
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[: whole.index(b"mdat") + 4])


def test_one_bad_video_does_not_stop_the_others(make_videos, run):
    dataset = make_videos(count=6, frames=4)
    samples = list(dataset)
    Path(samples[0].filepath).unlink()
    Path(samples[1].filepath).write_bytes(b"no video at all")
    Path(samples[2].filepath).write_bytes(b"")
    without_frames(samples[3].filepath)
    samples[4].frames[1].gt.detections[0].mask = np.zeros((4, 4), bool)
    samples[4].save()
    summary = run(dataset)
    assert summary["done"] == 1
    assert sorted(summary["failed"]) == [f"clip{n}.mp4" for n in range(5)]
    assert "there is no file" in summary["failed"]["clip0.mp4"]
    assert "no frame" in summary["failed"]["clip3.mp4"]
    assert "marks no pixel" in summary["failed"]["clip4.mp4"]
    pixels, _ = scene(4)
    write_video(Path(samples[0].filepath), pixels)
    assert run(dataset)["done"] == 1


def test_videos_without_annotations_are_named(make_videos, run):
    dataset = make_videos(count=2)
    sample = dataset.last()
    sample.frames[1]["gt"] = None
    sample.save()
    summary = run(dataset)
    assert (summary["done"], summary["unannotated"]) == (1, ["clip1.mp4"])
    with pytest.raises(InputError, match="no sample has annotations"):
        run(dataset.select(sample.id), run_key="lonely")


def test_frame_range(make_videos, run, never_lost):
    dataset = make_videos(frames=8, annotate=(2,))
    run(dataset, first_frame=2, last_frame=6)
    written = [frame.frame_number for frame in dataset.first().frames.values() if frame["gc"]]
    assert written == [3, 4, 5, 6]


def test_other_settings_under_the_same_key_are_refused(make_videos, run):
    dataset = make_videos()
    run(dataset)
    with pytest.raises(InputError, match="direction: forward then, both now"):
        run(dataset, direction="both")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source_field": "frames.none"}, "no field 'none'; label fields are: gt"),
        ({"target_field": "frames.other"}, "holds Classification, but Detections are to be written"),
        ({"source_field": "frames.other"}, "holds Classification: expected Detections"),
        ({"direction": "sideways"}, "expected one of forward, backward, both"),
        ({"first_frame": 5, "last_frame": 2}, "frames 5 to 2"),
        ({"model": "gcvos-none"}, "unknown model"),
    ],
)
def test_what_cannot_begin_is_refused_before_anything_is_written(make_videos, run, changes, message):
    dataset = make_videos()
    sample = dataset.first()
    sample.frames[1]["other"] = fo.Classification(label="x")
    sample.save()
    schema = dataset.get_frame_field_schema()
    with pytest.raises(Exception, match=message):
        run(dataset, **changes)
    assert dataset.get_frame_field_schema().keys() == schema.keys()
    assert dataset.list_runs() == []


def test_doubtful_videos_are_marked(make_videos, run, never_lost):
    dataset = make_videos(frames=12)
    summary = run(dataset, review_confidence=0.45)
    sample = dataset.first()
    assert sample.gc_review == [6, 11]  # confidence 0.4 where the index is a multiple of five
    assert "gcvos-review" in sample.tags
    assert summary["review"] == {"clip0.mp4": [6, 11]}


def test_masks_in_files(make_videos, run, never_lost, tmp_path):
    in_database, on_disk = make_videos(frames=4, objects=2), make_videos(frames=4, objects=2)
    run(in_database)
    summary = run(on_disk, storage="disk", output_dir=str(tmp_path / "masks"))
    assert str(tmp_path / "masks") in summary["storage"]["clip0.mp4"]
    for one, other in zip(in_database.first().frames.values(), on_disk.first().frames.values(), strict=True):
        assert all(label.mask is None and label.mask_path for label in other.gc.detections)
        assert np.array_equal(rendered(one.gc), rendered(other.gc))


def test_auto_storage_takes_files_for_what_is_large(make_videos, run, monkeypatch):
    from plugin import storage

    dataset = make_videos(frames=4)
    assert run(dataset)["storage"] == {"clip0.mp4": "database"}
    monkeypatch.setattr(storage, "DATABASE_BYTES", 1000)
    other = make_videos(frames=4)
    assert run(other)["storage"]["clip0.mp4"] != "database"


def test_threshold_changes_the_masks(make_videos, run):
    low, high = make_videos(frames=3), make_videos(frames=3)
    run(low, mask_threshold=0.05)
    run(high, mask_threshold=0.95)

    def area(dataset):
        return sum((rendered(frame["gc"]) > 0).sum() for frame in dataset.first().frames.values())

    assert area(low) > area(high)


def test_segmentation_comes_back_as_segmentation(make_videos, run):
    dataset = make_videos(frames=4, objects=2)
    _, labels = scene(4, 2)
    sample = dataset.first()
    sample.frames[1]["map"] = fo.Segmentation(mask=labels[0])
    sample.save()
    run(dataset, source_field="frames.map", target_field="frames.map_gc")
    first = dataset.first().frames[1].map_gc
    assert isinstance(first, fo.Segmentation)
    assert np.array_equal(first.mask, labels[0])
    assert first.keyframe is True


def test_fiftyone_s_own_evaluation_compares_with_ground_truth(make_videos, run):
    dataset = make_videos(frames=4, annotate=(0, 1, 2, 3))
    run(dataset, keyframes="first")
    results = dataset.evaluate_detections(
        "frames.gc", gt_field="frames.gt", eval_key="gc", use_masks=True, compute_mAP=True
    )
    assert 0 <= results.mAP() <= 1
    assert dataset.first().frames[1].gc.detections[0].gc_iou == 1
