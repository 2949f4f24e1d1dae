"""Clearing a run, and looking through it."""

from pathlib import Path

import fiftyone as fo
import fiftyone.operators as foo
import pytest

from gcvos_model.errors import InputError
from plugin.clear import clear_run
from plugin.review import confidence_series, review_view
from plugin.sequences import list_sequences
from plugin.settings import Settings

PARAMS = {"source_field": "frames.gt", "target_field": "frames.gc"}


def test_clearing_removes_what_the_run_wrote_and_nothing_else(make_videos, run, never_lost):
    dataset = make_videos(count=2, frames=6)
    sample = dataset.first()
    mine = fo.Detection(label="mine", bounding_box=[0, 0, 0.5, 0.5], index=9)
    sample.frames[2] = fo.Frame(gc=fo.Detections(detections=[mine]))
    sample.tags = ["mine"]
    sample.save()
    before = dataset.first().frames[1].gt.to_dict()
    run(dataset, review_confidence=0.45)
    run(dataset, target_field="frames.other", run_key="other")
    counts = clear_run(dataset, "gcvos_gc")
    assert counts == {"labels": 12, "files": 0, "frames": 12}
    frames = dataset.first().frames
    assert [label.label for label in frames[2].gc.detections] == ["mine"]
    assert all(frames[n]["gc"] is None for n in (1, 3, 4, 5, 6))
    assert frames[1].gt.to_dict() == before
    assert dataset.count("frames.other.detections") == 12
    assert dataset.first().tags == ["mine"]
    assert dataset.first().gc_review == []
    assert dataset.list_runs() == ["other"]
    assert run(dataset)["done"] == 2


def test_clearing_removes_mask_files_and_no_others(make_videos, run, never_lost, tmp_path):
    dataset = make_videos(frames=4)
    summary = run(dataset, storage="disk", output_dir=str(tmp_path / "masks"))
    folder = Path(summary["storage"]["clip0.mp4"])
    assert len(list(folder.iterdir())) == 4
    (folder / "mine.png").write_bytes(b"")
    assert clear_run(dataset, "gcvos_gc") == {"labels": 4, "files": 4, "frames": 4}
    assert [path.name for path in folder.iterdir()] == ["mine.png"]


def test_clearing_images_takes_tags_back(make_images, run, never_lost):
    dataset = make_images(clips=1, frames=8)
    run(dataset, source_field="gt", target_field="gc", order_by="frame_number", review_confidence=0.45)
    assert len(dataset.match_tags("gcvos-review")) == 1
    assert clear_run(dataset, "gcvos_gc")["labels"] == 8
    assert len(dataset.match_tags("gcvos-review")) == 0
    assert dataset.count("gc.detections") == 0
    assert dataset.count("gt.detections") == 1


def test_clearing_label_maps(make_videos, run):
    from made_up import scene

    dataset = make_videos(frames=3)
    sample = dataset.first()
    sample.frames[1]["map"] = fo.Segmentation(mask=scene(1)[1][0])
    sample.save()
    run(dataset, source_field="map", target_field="map_gc")
    assert dataset.first().frames[1].map_gc is not None
    clear_run(dataset, "gcvos_map_gc")
    assert all(frame["map_gc"] is None for frame in dataset.first().frames.values())
    assert dataset.first().frames[1].map is not None


def test_an_unknown_run_is_named(make_videos):
    with pytest.raises(InputError, match="no propagation run 'x': expected one of none"):
        clear_run(make_videos(), "x")


def test_clear_operator(make_videos, run, never_lost):
    dataset = make_videos(frames=3)
    run(dataset)
    result = foo.execute_operator(
        "@gcvos/gcvos/clear_propagation", dataset=dataset, params={"run_key": "gcvos_gc"}
    )
    assert result.result == {"labels": 3, "files": 0, "frames": 3}


def test_confidence_along_the_frames(make_videos, run, never_lost):
    dataset = make_videos(frames=7, objects=2)
    run(dataset)
    settings = Settings.of(PARAMS)
    [sequence] = list_sequences(dataset, settings)
    series = confidence_series(dataset, sequence, settings)
    assert sorted(series) == ["thing 1", "thing 2"]
    numbers, values = series["thing 1"]
    assert numbers == [1, 2, 3, 4, 5, 6, 7]
    assert values == pytest.approx([1, 0.5, 0.6, 0.7, 0.8, 0.4, 0.5])


def test_view_of_what_needs_a_look(make_videos, run, never_lost):
    dataset = make_videos(count=2, frames=6)
    run(dataset.limit(1), review_confidence=0.45)
    assert review_view(dataset, "gcvos_gc").values("id") == [dataset.first().id]


def test_review_operator_filters_and_opens_the_panel(make_videos, run, never_lost):
    from fiftyone.operators.executor import ExecutionContext, Executor

    dataset = make_videos(frames=6)
    run(dataset, review_confidence=0.45)
    executor = Executor()
    request = {"dataset_name": dataset.name, "params": {"run_key": "gcvos_gc"}}
    foo.get_operator("@gcvos/gcvos/review_propagation").execute(ExecutionContext(request, executor=executor))
    asked = [(r["operator_uri"], r["params"]) for r in executor.to_json()["requests"]]
    assert [uri for uri, _ in asked] == ["set_view", "open_panel"]


def test_panel_plots_and_a_click_opens_the_frame(make_videos, run, never_lost):
    from fiftyone.operators.executor import ExecutionContext, Executor

    dataset = make_videos(frames=6, objects=2)
    run(dataset, review_confidence=0.45)
    panel = foo.get_operator("@gcvos/gcvos/review_propagation_panel")
    state = {}

    def event(name, current_sample=None, **params):
        executor = Executor()
        given = {"panel_id": "p", "panel_state": state, **params}
        request = {"dataset_name": dataset.name, "params": given, "current_sample": current_sample}
        ctx = ExecutionContext(request, executor=executor)
        getattr(panel, name)(ctx)
        rendered = panel.render(ctx)
        return {r["operator_uri"]: r["params"] for r in executor.to_json()["requests"]}, rendered

    asked, rendered = event("on_load")
    traces = asked["patch_panel_data"]["data"]["confidence"]
    assert [trace["name"] for trace in traces] == ["thing 1", "thing 2", "look again below"]
    assert {"run_key", "sequence", "confidence", "filter"} <= rendered.type.properties.keys()
    asked, _ = event("on_click", x=4, y=0.5)
    sample_id = dataset.first().id
    assert asked["open_sample"]["id"] == sample_id
    assert asked["@gcvos/gcvos/show_frame"] == {"sample_id": sample_id, "frame_number": 4}
    asked, _ = event("on_change_current_sample", current_sample=sample_id)
    assert [trace["name"] for trace in asked["patch_panel_data"]["data"]["confidence"]][:1] == ["thing 1"]
    asked, _ = event("on_click", x=4, y=0.5, current_sample=sample_id)
    assert "open_sample" not in asked
    assert "@gcvos/gcvos/show_frame" in asked
    asked, _ = event("on_filter")
    assert "set_view" in asked
