"""Which device and which precision to compute in."""

import torch

from gcvos_model.errors import InputError
from gcvos_model.network.int8_layers import operators_work

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(device: str) -> torch.device:
    """`auto`, `cpu`, `cuda`, `cuda:N` or `mps` as a device that is there.

    Raises:
        InputError: the name is unknown, or the device is absent.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (number and not number.isdigit()):
        raise InputError(f"unknown device '{device}': expected auto, cpu, cuda, cuda:N or mps")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise InputError(
            f"device '{device}' is not there: PyTorch sees {torch.cuda.device_count()} CUDA devices; "
            "use --device cpu, or install a CUDA build of PyTorch and the driver"
        )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise InputError("device 'mps' is not there: it needs an Apple GPU; use --device cpu")
    return torch.device(device)


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """`auto` or a name of `PRECISIONS` as a dtype: bfloat16 where the device has instructions for it, else float32.

    `int8` is that of most convolutions (`int8.py`); the rest is as with `auto`.

    Raises:
        InputError: an unknown name.
    """
    if precision not in ("auto", "int8"):
        if precision not in PRECISIONS:
            raise InputError(f"unknown precision '{precision}': expected auto, int8, {', '.join(PRECISIONS)}")
        return PRECISIONS[precision]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if device.type == "cpu" and cpu_has_bfloat16() else torch.float32


def cpu_has_bfloat16() -> bool:
    """Whether the CPU computes in bfloat16 (AVX-512 BF16 or AMX on x86, BF16 on Arm): elsewhere it is emulated, slowly."""
    capabilities = torch.backends.cpu.get_cpu_capability()
    if capabilities.startswith("AVX"):
        return bool(torch.cpu._is_avx512_bf16_supported())
    return (
        bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) if torch.backends.mkldnn.is_available() else False
    )


def cpu_has_int8() -> bool:
    """Whether the CPU sums products of bytes in one instruction (VNNI on x86; False where PyTorch cannot tell).

    Without it the sums of two products overflow 16 bits, and quantised networks go wrong. PyTorch's operators have changed
    from one version to another, so they must do here what is asked of them, too.
    """
    can: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    able = torch.backends.mkldnn.is_available() and bool(can.get("avx512_vnni") or can.get("avx_vnni"))
    return able and operators_work()
