import numpy as np
import pytest
import torch

from gcvos_model.checkpoints import random_model
from gcvos_model.errors import CheckpointError, InputError
from gcvos_model.portable.onnx_file import multiply_adds, read_shape, step_shape, write_onnx
from gcvos_model.portable.runtimes import open_runtime
from gcvos_model.portable.timing import busy_inputs, pytorch_run, time_steps

SIZE = (64, 112)  # see conftest.py

RUNTIMES = ["onnxruntime", "openvino"]


def test_a_file_says_what_it_is(step_file, tiny_model):
    assert read_shape(step_file) == step_shape(tiny_model, SIZE)


@pytest.mark.parametrize("objects", [1, 2, 5])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_runtimes_compute_what_pytorch_does(runtime, objects, step_file, tiny_model):
    inputs = busy_inputs(step_shape(tiny_model, SIZE), objects)
    inputs["is_given"][1:2] = 1  # the second of several is annotated
    inputs["given"][1:2, :5] = 1
    got = open_runtime(runtime, step_file, threads=1)(inputs)
    expected = pytorch_run(tiny_model, SIZE)(inputs)
    np.testing.assert_allclose(got["probability"], expected["probability"], atol=1e-4)
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], atol=5e-3, err_msg=name)


def test_openvino_takes_a_changing_number_of_objects(step_file, tiny_model):
    run, reference = open_runtime("openvino", step_file), pytorch_run(tiny_model, SIZE)
    for objects in (1, 3, 1):
        inputs = busy_inputs(step_shape(tiny_model, SIZE), objects)
        np.testing.assert_allclose(run(inputs)["probability"], reference(inputs)["probability"], atol=1e-4)


def test_an_unknown_runtime_or_precision_is_refused(step_file):
    with pytest.raises(InputError, match="no runtime 'tensorrt'"):
        open_runtime("tensorrt", step_file)
    with pytest.raises(InputError, match="in bfloat16"):
        open_runtime("onnxruntime", step_file, precision="bfloat16")


def test_files_of_something_else_are_refused(extra, tmp_path):
    with pytest.raises(InputError, match="gcvos export"):
        read_shape(tmp_path / "absent.onnx")
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(CheckpointError, match="not a step"):
        read_shape(tmp_path / "text.onnx")
    with pytest.raises(InputError, match="half precision"):
        write_onnx(random_model("tiny", precision="bfloat16"), tmp_path / "half.onnx", SIZE)
    assert not (tmp_path / "half.onnx").exists()


def test_operations_grow_with_size_and_with_objects(tiny_model):
    one, two, three = (multiply_adds(tiny_model, SIZE, objects) for objects in (1, 2, 3))
    assert two > one
    # Comparing every context with every memory grows with the square, by next to nothing.
    assert three - two == pytest.approx(two - one, rel=1e-3)
    assert multiply_adds(tiny_model, (128, 112)) == pytest.approx(2 * one, rel=0.05)
    first = 64 * 3 * 49 * SIZE[0] * SIZE[1] // 4  # the trunk's first convolution
    assert one > first


def test_every_run_is_timed(tiny_model):
    calls = []
    times = time_steps({"a": lambda x: calls.append("a") or x, "b": lambda x: calls.append("b") or x}, {}, 2)
    assert set(times) == {"a", "b"}
    assert calls == ["a"] * 8 + ["b"] * 8 + ["a"] * 8 + ["b"] * 8
    assert all(time.wall >= 0 and time.cpu >= 0 for time in times.values())


def test_only_named_inputs_are_in_the_file(step_file):
    import onnx

    graph = onnx.load(step_file).graph
    assert [node.name for node in graph.input][:4] == ["frame", "region", "given", "is_given"]
    assert torch.tensor([len(graph.input), len(graph.output)]).tolist() == [9, 6]
