"""The machine that a figure was measured on, described without its name."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from gcvos_model import __version__
from gcvos_model.devices import cpu_has_bfloat16

_CPU_INFO = Path("/proc/cpuinfo")


def describe_machine(device: str = "cpu") -> dict[str, Any]:
    """Processor, cores that this process may use, versions, and the GPU where `device` is one; no name, no paths."""
    machine: dict[str, Any] = {
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cpu_bfloat16": cpu_has_bfloat16(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "gcvos": __version__,
    }
    if device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(device)
        machine |= {
            "gpu": properties.name,
            "gpu_memory_gb": round(properties.total_memory / 1e9, 1),
            "cuda": torch.version.cuda,
        }
    return machine


def cpu_model() -> str:
    """The processor's name, as far as the system tells."""
    with suppress(OSError):
        for line in _CPU_INFO.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
