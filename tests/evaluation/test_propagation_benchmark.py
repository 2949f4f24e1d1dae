import numpy as np
import pytest
import torch

from gcvos_model.errors import GCVOSError, InputError
from gcvos_model.evaluation.benchmark_rows import append_rows, read_rows
from gcvos_model.evaluation.fresh_process import call_in_fresh_process
from gcvos_model.evaluation.made_up_clip import forth_and_back, made_up_clip
from gcvos_model.evaluation.measured_network import load_measured, load_with_spacetime
from gcvos_model.evaluation.propagation_benchmark import Case, annotated, measure_case
from gcvos_model.evaluation.stages import STEP_STAGES
from gcvos_model.evaluation.versus import measure_versus_spacetime, measure_versus_trunk, step_after


@pytest.fixture
def case(checkpoint):
    return Case(str(checkpoint), "cpu", "float32", short_side=64, source_side=96, objects=2, frames=3)


def test_a_row_has_all_that_was_asked_for(case, tiny_model):
    row = measure_case(case)
    assert (row["model"], row["weights"], row["device"], row["precision"]) == (
        "tiny",
        "trained",
        "cpu",
        "float32",
    )
    assert (row["source"], row["working"], row["threads"]) == ([96, 170], [64, 112], torch.get_num_threads())
    assert 0 < row["median_seconds"] <= row["p95_seconds"]
    assert row["cpu_seconds"] > 0
    assert set(row["stages"]) == {*STEP_STAGES, "other", "decode", "write"}
    assert min(row["stages"].values()) > 0
    clip, labels = made_up_clip(1, case.source, 1)
    state = annotated(tiny_model, clip[0], labels, case.short_side).memories[1].to_bytes()
    assert row["state_bytes"] == len(state)
    assert row["peak_bytes"] is None  # unknown, for what PyTorch alone needs is
    assert row["gpu_peak_bytes"] is None


def test_growth_is_shown_at_some_frames(case):
    row = measure_case(Case(**{**vars(case), "frames": 100, "short_side": 32, "source_side": 32}))
    assert [point["frame"] for point in row["growth"]] == [50, 100]
    assert all(point["median_seconds"] > 0 for point in row["growth"])
    assert all(point["median_cpu_seconds"] > 0 for point in row["growth"])


def test_sources_have_the_sizes_that_people_mean():
    sides = {side: Case(source_side=side).source for side in (360, 480, 1080, 2160)}
    assert sides == {360: (360, 640), 480: (480, 854), 1080: (1080, 1920), 2160: (2160, 3840)}


def test_beside_a_bare_trunk(case):
    row = measure_versus_trunk(case)
    assert row["benchmark"] == "versus trunk"
    assert row["ratio"] == pytest.approx(row["median_seconds"] / row["trunk_seconds"], rel=1)


def test_stms_memory_has_the_frames_that_are_asked_for(case):
    """64 x 112 are 4 x 7 positions; each keeps 8 + 16 numbers, where the context is 8 x 16 for ever."""
    row = measure_versus_spacetime(case, (1, 7), repeats=1)
    assert [pair["spacetime_bytes"] for pair in row["pairs"]] == [4 * 28 * 24, 7 * 4 * 28 * 24]
    assert [pair["context_bytes"] for pair in row["pairs"]] == [4 * 8 * 16] * 2
    assert all(pair["ratio"] > 0 for pair in row["pairs"])


def test_the_alternative_has_the_same_weights(checkpoint, tiny_model):
    other = load_with_spacetime(str(checkpoint), "cpu", "float32")
    assert other.config.memory == "spacetime"
    own = tiny_model.state_dict()
    assert all(torch.equal(own[name], tensor) for name, tensor in other.state_dict().items())


def test_a_step_from_the_same_state_gives_the_same(case):
    network = load_measured(case.model, "cpu", "float32")
    clip, labels = made_up_clip(2, case.source, 2)
    step, _ = step_after(5, annotated(network, clip[0], labels, 64), clip[1])
    np.testing.assert_array_equal(step().coarse, step().coarse)


def test_the_clip_has_all_objects_and_loops_without_a_cut():
    clip, labels = made_up_clip(3, (64, 114), 20)
    assert set(np.unique(labels)) == set(range(21))
    assert {frame.shape for frame in clip} == {(64, 114, 3)}
    assert [forth_and_back(3, i) for i in range(6)] == [0, 1, 2, 1, 0, 1]
    assert [forth_and_back(1, i) for i in range(3)] == [0, 0, 0]


def test_rows_come_back_as_they_were(tmp_path):
    append_rows(tmp_path / "rows.jsonl", [{"benchmark": "module", "seconds": 0.25}], {"cores": 2})
    append_rows(tmp_path / "rows.jsonl", [{"benchmark": "module", "seconds": 0.5}], {"cores": 2})
    rows = read_rows(tmp_path / "rows.jsonl")
    assert [row["seconds"] for row in rows] == [0.25, 0.5]
    assert rows[0]["machine"] == {"cores": 2}
    (tmp_path / "bad.jsonl").write_text('{"benchmark": "module"}\nnothing\n')
    with pytest.raises(InputError, match="line 2"):
        read_rows(tmp_path / "bad.jsonl")
    with pytest.raises(InputError, match="cannot read"):
        read_rows(tmp_path / "absent.jsonl")


def test_errors_of_a_fresh_process_come_back():
    run_case = "gcvos_model.evaluation.run_case:run_case"
    with pytest.raises(InputError, match="unknown device 'tpu'"):
        call_in_fresh_process(run_case, {"case": {"model": "tiny", "device": "tpu"}})
    with pytest.raises(GCVOSError, match="ended with code 1"):
        call_in_fresh_process("gcvos_model.evaluation.run_case:nothing", {})
