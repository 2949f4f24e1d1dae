"""Memory that is in use now, and the most that was in use at once."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

_LINUX_STATUS = Path("/proc/self/status")
_LINUX_CLEAR = Path("/proc/self/clear_refs")


def reset_peak_memory(device: str) -> None:
    """Start measuring anew: what `peak_memory` returns afterwards is the peak since now.

    On the CPU only Linux can do so; elsewhere the peak is that since the start of the process.
    """
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats(device)
    else:
        with contextlib.suppress(OSError):
            _LINUX_CLEAR.write_text("5")  # proc(5): "reset the peak resident set size"


def peak_memory(device: str) -> int | None:
    """Peak memory in bytes: allocated for tensors on a CUDA device, else resident in this process.

    None where the system does not tell (Windows).
    """
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated(device)
    peak = _linux_status("VmHWM:")
    if peak is not None:
        return peak
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def resident_memory() -> int | None:
    """Memory of this process that is resident now, in bytes; None where the system does not tell (all but Linux)."""
    return _linux_status("VmRSS:")


def _linux_status(field: str) -> int | None:
    with contextlib.suppress(OSError):
        for line in _LINUX_STATUS.read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    return None
