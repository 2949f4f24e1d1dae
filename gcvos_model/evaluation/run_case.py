"""One row of measurements, for a process of its own: see `fresh_process.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .gpu_benchmark import check_graphs, measure_gpu
from .propagation_benchmark import Case, Row, measure_case
from .streaming_benchmark import measure_streaming
from .versus import measure_versus_spacetime, measure_versus_trunk


def run_case(case: Mapping[str, Any], what: str = "alone", torch_bytes: int | None = None) -> Row:
    """Measure a setting.

    Args:
        case: fields of `Case`.
        what: "alone", "trunk" or "spacetime" (the network beside these), "streaming", "gpu check" or "gpu".
        torch_bytes: what was resident after `import torch` alone.
    """
    setting = Case(**case)
    if what == "trunk":
        return measure_versus_trunk(setting)
    if what == "spacetime":
        return measure_versus_spacetime(setting)
    if what == "streaming":
        return measure_streaming(setting, torch_bytes)
    if what == "gpu check":
        return check_graphs(setting)
    if what == "gpu":
        return measure_gpu(setting)
    return measure_case(setting, torch_bytes)
