import re
from datetime import datetime, timezone

import pytest

pytest.importorskip("matplotlib", reason="needs the extra 'plots'")

from gcvos_model.errors import InputError
from gcvos_model.evaluation.benchmark_rows import append_rows, read_rows
from gcvos_model.evaluation.machine import describe_machine
from gcvos_model.evaluation.module_cost import ReadSize
from gcvos_model.evaluation.module_timing import measure_context_sizes, measure_reads
from gcvos_model.evaluation.performance_page import STAGES, further_object, write_page
from gcvos_model.evaluation.propagation_benchmark import Case
from gcvos_model.evaluation.run_case import run_case
from gcvos_model.evaluation.streaming_benchmark import measure_streaming
from gcvos_model.evaluation.versus import measure_versus_spacetime
from gcvos_model.network.config import PRESETS

CASE = Case("tiny", "cpu", "float32", short_side=32, source_side=32, frames=2)


def propagation_row(objects, seconds, **more):
    return {
        "benchmark": "propagation", "model": "tiny", "device": "cpu", "precision": "float32", "threads": 2,
        "source": [480, 854], "working": [480, 848], "objects": objects, "median_seconds": seconds,
        "p95_seconds": seconds, "cpu_seconds": 2 * seconds, "peak_bytes": 123_000_000, "state_bytes": 15_000,
        "gpu_peak_bytes": None, "growth": [], "stages": dict.fromkeys(STAGES, 0.001), "date": "2026-01-02",
        "machine": describe_machine(), "short_side": 480, "frames": 50, **more,
    }  # fmt: skip


def test_numbers_by_hand(tmp_path):
    rows = [propagation_row(1, 0.100), propagation_row(1, 0.080), propagation_row(5, 0.144)]
    write_page(rows, tmp_path / "page.md", tmp_path / "images")
    text = (tmp_path / "page.md").read_text()
    assert "80.0 ms" in text
    assert "100.0 ms" not in text  # measured again since
    assert "| 12.5 |" in text  # frames/s
    assert "123 MB" in text
    assert "2026-01-02" in text
    assert "No GPU has been measured" in text
    assert further_object(rows[2], rows[1:]) == "20%"  # (0.144 - 0.080) / 4 / 0.080


def test_a_gpu_by_hand(tmp_path):
    setting = propagation_row(1, 0.002, device="cuda", precision="bfloat16")
    growth = [{"frame": 100, "gpu_bytes": 300_000_000}, {"frame": 10_000, "gpu_bytes": 300_000_000}]
    rows = [
        {
            **setting, "benchmark": "gpu check", "largest_difference": 0.00012, "differing_pixels": 0.0004,
            "state_difference": 0.004,
        },
        {
            **setting, "benchmark": "gpu", "frames_per_second": 700.4, "eager_frames_per_second": 90.0,
            "first_step_seconds": 1.26, "growth": growth, "gpu_peak_bytes": 400_000_000,
        },
    ]  # fmt: skip
    write_page(rows, tmp_path / "page.md", tmp_path / "images")
    text = (tmp_path / "page.md").read_text()
    assert "| 700 | 90 | 1.3 s | 100: 300 MB, 10000: 300 MB | 400 MB |" in text
    assert "| 1.2e-04 | 0.040% | 4.0e-03 |" in text
    assert "No GPU has been measured" not in text


def test_a_page_of_everything_that_is_measured(tmp_path):
    rows = [
        *measure_reads(ReadSize(32, 8, 16), (1, 2), repeats=1),
        *measure_context_sizes(PRESETS["tiny"], ((16, 8),), short_side=32, repeats=1),
        run_case(vars(CASE)),
        measure_versus_spacetime(CASE, (1, 2), repeats=1),
        run_case(vars(CASE), "trunk"),
        measure_streaming(CASE),
    ]
    growth = [
        {
            "frame": n,
            "median_seconds": 0.1,
            "median_cpu_seconds": 0.2,
            "resident_bytes": 10**8,
            "gpu_bytes": None,
        }
        for n in (50, 100, 200)
    ]
    rows[5]["growth"] = growth
    append_rows(tmp_path / "rows.jsonl", rows, describe_machine())
    write_page(read_rows(tmp_path / "rows.jsonl"), tmp_path / "page.md", tmp_path / "images")
    text = (tmp_path / "page.md").read_text()
    assert datetime.now(timezone.utc).date().isoformat() in text
    assert len(re.findall("^## ", text, re.MULTILINE)) == 9
    pictures = re.findall(r"\]\(images/(\S+)\)", text)
    assert len(pictures) == 3
    assert all((tmp_path / "images" / name).stat().st_size > 1000 for name in pictures)


def test_the_share_of_the_networks_own_rate():
    row = measure_streaming(
        Case("tiny", "cpu", "float32", short_side=32, source_side=64, frames=4, objects=2)
    )
    assert row["share"] == pytest.approx(row["own_seconds"] / row["through_seconds"], rel=0.5)


def test_no_rows_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no rows"):
        write_page([], tmp_path / "page.md", tmp_path)
    with pytest.raises(InputError, match="cannot write"):
        write_page([propagation_row(1, 0.1)], tmp_path / "absent" / "page.md", tmp_path)
