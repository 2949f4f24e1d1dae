"""What runs an exported step: ONNX Runtime and OpenVINO behind one function, arrays in, arrays out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gcvos_model.errors import InputError
from gcvos_model.portable.onnx_file import OUTPUTS, Arrays

Run = Callable[[Arrays], Arrays]  # inputs by name to outputs by name
RUNTIMES = ("onnxruntime", "openvino")


def open_runtime(name: str, path: Path, *, threads: int = 0, precision: str = "float32") -> Run:
    """Make a file ready to run on the CPU.

    Args:
        name: `onnxruntime` or `openvino`.
        path: of the file.
        threads: 0 leaves it to the runtime.
        precision: `float32`, or with OpenVINO `bfloat16`: what it computes in where the CPU can.

    Raises:
        InputError: another name or precision.
        ModuleNotFoundError: the runtime is not installed (extra `export`).
    """
    if name == "onnxruntime" and precision == "float32":
        return _onnxruntime(path, threads)
    if name == "openvino" and precision in ("float32", "bfloat16"):
        return _openvino(path, threads, "f32" if precision == "float32" else "bf16")
    raise InputError(f"no runtime '{name}' in {precision}: expected onnxruntime in float32, or openvino")


def _onnxruntime(path: Path, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda inputs: dict(zip(OUTPUTS, session.run(OUTPUTS, inputs), strict=True))


def _openvino(path: Path, threads: int, precision: str) -> Run:
    """Compiled anew for each number of objects: with a dynamic one, OpenVINO 2026.4 fuses sums that it cannot broadcast."""
    import openvino

    core = openvino.Core()
    settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    requests: dict[int, Any] = {}

    def run(inputs: Arrays) -> Arrays:
        objects = len(inputs["frames"])
        if objects not in requests:
            model = core.read_model(str(path))
            model.reshape({name: list(array.shape) for name, array in inputs.items()})
            requests[objects] = core.compile_model(model, "CPU", settings).create_infer_request()
        results = requests[objects].infer(inputs)
        return {name: results[i].copy() for i, name in enumerate(OUTPUTS)}

    return run
