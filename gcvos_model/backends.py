"""What could compute here, what is used, and why: what `gcvos models --backends` says."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import torch

from gcvos_model.devices import choose_device, choose_dtype, cpu_has_bfloat16, cpu_has_int8


@dataclass(frozen=True)
class Backend:
    """One way to compute."""

    name: str
    device: str
    precision: str  # `-` where it is not there
    there: bool
    used: bool  # by `load_model` with device and precision `auto`
    why: str


def backends() -> list[Backend]:
    """All of them, PyTorch's devices first, in the order in which they are preferred."""
    used = choose_device("auto")
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    rows = [_pytorch(kind, found, used.type == kind) for kind, found in there.items()]
    return [*rows, _exported("onnxruntime", "float32"), _exported("openvino", "float32, bfloat16")]


def _pytorch(kind: str, there: bool, used: bool) -> Backend:
    name = f"PyTorch {torch.__version__}"
    if not there:
        built = kind == "cuda" and torch.version.cuda is None
        why = "PyTorch is built without CUDA" if built else f"PyTorch sees no {kind} device"
        return Backend(name, kind, "-", there, used, why)
    dtype = choose_dtype("auto", torch.device(kind))
    if kind == "cpu":
        capability = torch.backends.cpu.get_cpu_capability()
        can = "computes" if cpu_has_bfloat16() else "does not compute"
        why = f"the CPU ({capability}) {can} in bfloat16"
        if cpu_has_int8():
            why += " and int8, which networks take whose checkpoint is made for it (`gcvos quantize`)"
    else:
        why = f"{torch.cuda.get_device_name()}" if kind == "cuda" else "an Apple GPU"
    if not used:
        why += "; a GPU is there"
    precision = str(dtype).removeprefix("torch.")
    if kind == "cpu" and cpu_has_int8():
        precision = f"int8 + {precision}"
    return Backend(name, kind, precision, there, used, why)


def _exported(package: str, precision: str) -> Backend:
    """A runtime of exported files. Neither takes PyTorch's place: see docs/export.md for what was measured."""
    try:
        name, there = f"{package} {version(package)}", True
    except PackageNotFoundError:
        name, there = package, False
    why = "runs files of `gcvos export` only" if there else "not installed: pip install 'gcvos[export]'"
    return Backend(name, "cpu", precision if there else "-", there, False, why)
