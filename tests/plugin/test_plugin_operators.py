"""The operators as FiftyOne runs them: from the SDK, in the App's way, and delegated."""

from pathlib import Path

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fiftyone.operators.delegated import DelegatedOperationService
from fiftyone.operators.executor import ExecutionContext, ExecutionError, Executor

from gcvos_model.errors import InputError

PROPAGATE = "@gcvos/gcvos/propagate_annotations"


@pytest.fixture
def params(checkpoint):
    return {"model": str(checkpoint), "device": "cpu", "short_side": 64}


def context(dataset, **request):
    return ExecutionContext({"dataset_name": dataset.name, "params": {}, **request}, executor=Executor())


def form(dataset, params=None, **request):
    ctx = context(dataset, params=dict(params or {}), **request)
    return foo.get_operator(PROPAGATE).resolve_input(ctx).type.properties


def written(dataset, field="gc"):
    frames = [frame for sample in dataset for frame in sample.frames.values()]
    return [frame.frame_number for frame in frames if frame.has_field(field) and frame[field]]


def test_fiftyone_lists_the_plugin_without_errors():
    import fiftyone.plugins as fop

    assert "@gcvos/gcvos" in [plugin.name for plugin in fop.list_plugins()]
    names = [operator.uri for operator in foo.list_operators() if operator.plugin_name == "@gcvos/gcvos"]
    assert PROPAGATE in names
    [definition] = [plugin for plugin in fop.list_plugins() if plugin.name == "@gcvos/gcvos"]
    assert sorted(definition.operators) == sorted(name.split("/")[-1] for name in names)


def test_called_from_python_it_returns_a_summary(make_videos, params):
    dataset = make_videos(count=2, frames=4)
    steps = []
    summary = foo.get_operator(PROPAGATE)(dataset, "frames.gt", "frames.gc", progress=steps.append, **params)
    assert (summary["done"], summary["frames"], summary["failed"]) == (2, 8, {})
    assert len(steps) == 8
    assert steps[-1].share == 1
    assert [step.share for step in steps] == sorted(step.share for step in steps)


def test_an_unknown_setting_is_named(make_videos):
    with pytest.raises(TypeError, match="unknown settings: directoin"):
        foo.get_operator(PROPAGATE)(make_videos(), "frames.gt", directoin="both")


def test_execute_operator_with_the_form_untouched_but_for_the_model(make_videos, params):
    dataset = make_videos(frames=3)
    foo.execute_operator(PROPAGATE, dataset=dataset, params=params)
    assert 1 in written(dataset)
    assert dataset.list_runs() == ["gcvos_gc"]


def test_execute_operator_on_images_with_the_form_untouched_but_for_the_model(make_images, params):
    dataset = make_images(clips=1, frames=3)
    foo.execute_operator(PROPAGATE, dataset=dataset, params=params)
    assert dataset.sort_by("frame_number").first().gc.detections[0].keyframe is True


def test_execute_operator_refuses_with_the_form_s_message(make_videos, params):
    dataset = make_videos()
    with pytest.raises(ExecutionError, match="Validation error"):
        foo.execute_operator(PROPAGATE, dataset=dataset, params={**params, "first_frame": 4, "last_frame": 2})
    assert dataset.list_runs() == []


def test_the_app_sees_progress_after_every_frame_and_the_summary(make_videos, params):
    dataset = make_videos(frames=5)
    operator = foo.get_operator(PROPAGATE)
    messages = list(operator.execute(context(dataset, params={**params, "source_field": "frames.gt"})))
    operators = [message.body.operator_uri for message in messages]
    assert operators == ["set_progress"] * 5 + ["reload_dataset", "show_output"]
    assert "1 of 1 videos done, 5 frames" in messages[-1].body.params["results"]["outcome"]


def test_closing_the_app_s_stream_leaves_whole_frames(make_videos, params):
    dataset = make_videos(frames=9)
    operator = foo.get_operator(PROPAGATE)
    stream = operator.execute(context(dataset, params={**params, "source_field": "frames.gt"}))
    for _ in range(4):
        next(stream)
    stream.close()
    from plugin.records import Run

    [state] = Run(dataset, "gcvos_gc").states().values()
    assert state.written == 4
    summary = operator(dataset, "frames.gt", **params)
    assert (summary["done"], summary["frames"]) == (1, 5)


def test_delegated_with_progress_and_summary(make_videos, params):
    dataset = make_videos(count=2, frames=3)
    foo.execute_operator(PROPAGATE, dataset=dataset, params=params, request_delegation=True)
    service = DelegatedOperationService()
    [operation] = service.list_operations(dataset_name=dataset.name)
    assert not written(dataset, "gc")
    service.execute_operation(operation)
    operation = service.get(operation.id)
    assert operation.run_state == "completed"
    assert operation.result.result["done"] == 2
    assert operation.status.progress is not None
    assert 1 in written(dataset)


def test_a_cancelled_operation_ends_on_a_whole_frame(make_videos, params, monkeypatch):
    import sys

    module = sys.modules[type(foo.get_operator(PROPAGATE)).__module__]
    monkeypatch.setattr(module, "ASK_EVERY", 0.0)
    dataset = make_videos(frames=9)
    service = DelegatedOperationService()
    foo.execute_operator(PROPAGATE, dataset=dataset, params=dict(params), request_delegation=True)
    [operation] = service.list_operations(dataset_name=dataset.name)
    monkeypatch.setattr(
        type(service), "set_progress", lambda self, doc_id, progress: service.set_failed(doc_id=doc_id)
    )
    service.execute_operation(operation)
    from plugin.records import Run

    [state] = Run(dataset, "gcvos_gc").states().values()
    assert 1 <= state.written < 9
    again = foo.get_operator(PROPAGATE)(dataset, **{"source_field": "frames.gt", **params})
    assert again["frames"] == 9 - state.written


def test_form_defaults_work_untouched(make_videos):
    dataset = make_videos()
    properties = form(dataset)
    assert properties["source_field"].default == "frames.gt"
    assert properties["target_field"].default == "frames.gc"
    assert properties["direction"].default == "forward"
    assert "problem" not in properties


def test_form_on_a_dataset_without_annotations():
    dataset = fo.Dataset()
    dataset.add_sample(fo.Sample(filepath="/nowhere/clip.mp4"))
    properties = form(dataset)
    assert list(properties) == ["problem"]
    assert properties["problem"].invalid
    assert "annotate at least one frame" in properties["problem"].error_message
    dataset.delete()


def test_form_names_what_is_wrong(make_videos):
    dataset = make_videos()
    properties = form(dataset, {"source_field": "frames.gt", "first_frame": 4, "last_frame": 2})
    assert properties["problem"].invalid
    assert "frames 4 to 2" in properties["problem"].error_message


def test_form_offers_the_selected_labels(make_videos, params):
    dataset = make_videos(frames=3, objects=2)
    label = dataset.first().frames[1].gt.detections[1]
    selected = {
        "label_id": label.id,
        "sample_id": dataset.first().id,
        "field": "frames.gt",
        "frame_number": 1,
    }
    assert "selected_only" in form(dataset, selected_labels=[selected])
    foo.execute_operator(PROPAGATE, dataset=dataset, params=params, selected_labels=[selected])
    assert [label.index for label in dataset.first().frames[1].gc.detections] == [2]


def set_length(dataset, frames):
    sample = dataset.first()
    sample.metadata = fo.VideoMetadata(total_frame_count=frames)
    sample.save()


def test_form_says_what_will_be_done(make_videos):
    dataset = make_videos(count=3, frames=7, objects=2)  # no metadata: the first video is opened
    plan = form(dataset)["plan"].view.label
    assert "3 clips, about 21 frames: from frames.gt to frames.gc with gcvos-lite at 480 pixels" in plan
    assert "about 5 s on a CPU" in plan
    set_length(dataset, 1000)
    assert "about 1014 frames" in form(dataset)["plan"].view.label
    assert "about 12 frames" in form(dataset, {"first_frame": 3, "last_frame": 6})["plan"].view.label


def test_form_counts_frames_of_images_and_groups(make_images, make_videos):
    images = make_images(clips=2, frames=5)
    assert "2 clips, about 10 frames: from gt to gc " in form(images, {"group_by": "clip"})["plan"].view.label
    [video] = make_videos(frames=4)
    dataset = fo.Dataset()
    dataset.add_group_field("group", default="image")
    group = fo.Group()
    sample = fo.Sample(filepath=video.filepath, group=group.element("video"))
    sample.frames[1] = fo.Frame(gt=video.frames[1].gt)
    dataset.add_samples([sample, fo.Sample(filepath="/nowhere.png", group=group.element("image"))])
    assert "1 clip, about 4 frames" in form(dataset)["plan"].view.label
    dataset.delete()


def test_form_says_how_to_start_workers_for_what_is_long(make_videos, monkeypatch):
    dataset = make_videos()
    monkeypatch.setattr(fo.config, "allow_legacy_orchestrators", False)
    set_length(dataset, 2900)  # 0.2 s a frame
    assert "worker" not in form(dataset)
    set_length(dataset, 3100)
    assert "fiftyone delegated launch" in form(dataset)["worker"].view.label
    monkeypatch.setattr(fo.config, "allow_legacy_orchestrators", True)
    assert "worker" not in form(dataset)


def test_delegated_is_the_default_where_operations_can_be_delegated(monkeypatch):
    operator = foo.get_operator(PROPAGATE)
    for registered in (False, True):
        monkeypatch.setattr(fo.config, "allow_legacy_orchestrators", registered)
        assert operator.config.allow_immediate_execution
        assert operator.config.default_choice_to_delegated is registered


def test_form_names_missing_files(make_videos, tmp_path):
    dataset = make_videos(count=2)
    first, second = dataset.values("filepath")
    Path(first).unlink()
    properties = form(dataset)
    assert "problem" not in properties
    assert f"1 of 2 clips have no file and will be passed over: {first}" in properties["missing"].view.label
    Path(second).unlink()
    assert f"There is no file {first}" in form(dataset)["problem"].error_message


def test_form_names_a_missing_model_and_a_field_of_another_type(make_videos, tmp_path):
    dataset = make_videos()
    gone = str(tmp_path / "gone.safetensors")
    assert f"there is no checkpoint '{gone}'" in form(dataset, {"model": gone})["problem"].error_message
    sample = dataset.first()
    sample.frames[1]["other"] = fo.Classification(label="x")
    sample.save()
    properties = form(dataset, {"target_field": "frames.other"})
    assert "holds Classification" in properties["problem"].error_message


def test_form_refuses_the_wrong_media_type(tmp_path):
    dataset = fo.Dataset()
    sample = fo.Sample(filepath=str(tmp_path / "cloud.pcd"))
    sample["gt"] = fo.Detections()
    dataset.add_sample(sample)
    assert "expected videos or images" in form(dataset)["problem"].error_message
    dataset.delete()


def test_the_open_sample_alone(make_videos, params):
    dataset = make_videos(count=2, frames=3)
    foo.execute_operator(PROPAGATE, dataset=dataset, params=params, current_sample=dataset.last().id)
    assert not any(frame["gc"] for frame in dataset.first().frames.values())
    assert dataset.last().frames[1].gc


def test_refused_settings_from_python(make_videos):
    with pytest.raises(InputError, match="unknown model"):
        foo.get_operator(PROPAGATE)(make_videos(), "frames.gt", model="gcvos-none")
