import pytest

from gcvos_model.portable.onnx_file import write_onnx

SIZE = (64, 112)  # what the scene's 48 x 80 becomes at the short side 64


@pytest.fixture(scope="session")
def extra():
    """Skips where the extra `export` is not installed."""
    for package in ("onnx", "onnxscript", "onnxruntime", "openvino"):
        pytest.importorskip(package, reason="the extra `export` is not installed")


@pytest.fixture(scope="session")
def step_file(extra, tiny_model, tmp_path_factory):
    """The tiny model's step for the scene."""
    path = tmp_path_factory.mktemp("step") / "tiny-64x112.onnx"
    write_onnx(tiny_model, path, SIZE)
    return path
