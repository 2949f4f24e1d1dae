import json
import sys

import pytest

from gcvos_model.cli import benchmark_propagation
from gcvos_model.evaluation.propagation_benchmark import Case, measure_case
from gcvos_model.evaluation.run_case import run_case


def test_a_row_comes_from_a_process_of_its_own(gcvos, checkpoint, tmp_path):
    code, out, err = gcvos(
        "benchmark", "propagation", "--model", checkpoint, "--device", "cpu", "--precision", "float32",
        "--objects", 2, "--short-side", 32, "--threads", 1, "--frames", 2, "--out", tmp_path / "rows.jsonl",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "query" in out
    [row] = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert (row["objects"], row["threads"], row["source"]) == (2, 1, [32, 56])
    if sys.platform == "linux":
        assert 0 < row["peak_bytes"] < 1e9


def test_every_combination_is_measured(gcvos, monkeypatch):
    asked = []

    def note(function, arguments, threads):
        asked.append((arguments["case"]["objects"], arguments["case"]["short_side"], threads))
        return measured

    measured = measure_case(Case("tiny", "cpu", short_side=32, source_side=32, frames=1))
    monkeypatch.setattr(benchmark_propagation, "call_in_fresh_process", note)
    code, _, err = gcvos(
        "benchmark", "propagation", "--model", "tiny", "--objects", 1, "--objects", 5, "--short-side", 32,
        "--threads", 1, "--threads", 2,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert sorted(asked) == [(1, 32, 1), (1, 32, 2), (5, 32, 1), (5, 32, 2)]


def test_beside_stms_memory(gcvos, checkpoint, monkeypatch):
    monkeypatch.setattr(
        benchmark_propagation,
        "call_in_fresh_process",
        lambda function, arguments, threads: run_case(**arguments),
    )
    code, out, err = gcvos(
        "benchmark",
        "propagation",
        "--vs",
        "spacetime",
        "--model",
        checkpoint,
        "--short-side",
        32,
        "--device",
        "cpu",
    )
    assert (code, err) == (0, "")
    assert "times as" in out


def test_bad_settings_are_refused(gcvos, tmp_path):
    for arguments in (
        ("--model", "gcvos-huge"),
        ("--device", "tpu"),
        ("--out", tmp_path / "absent" / "rows"),
    ):
        code, _, err = gcvos("benchmark", "propagation", *arguments)
        assert code == 2, err
        assert len(err.strip().splitlines()) == 1


def test_streaming_and_the_page(gcvos, monkeypatch, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra 'plots'")
    monkeypatch.setattr(
        benchmark_propagation,
        "call_in_fresh_process",
        lambda function, arguments, threads: run_case(**arguments),
    )
    rows, page = tmp_path / "rows.jsonl", tmp_path / "page.md"
    code, out, err = gcvos(
        "benchmark", "streaming", "--model", "tiny", "--source-side", 64, "--short-side", 32, "--frames", 3,
        "--device", "cpu", "--out", rows,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "frames/s" in out
    assert gcvos("benchmark", "report", rows, "--out", page)[0] == 0
    assert "From a video file to mask files" in page.read_text()
    code, _, err = gcvos("benchmark", "report", tmp_path / "absent.jsonl", "--out", page)
    assert code == 2
    assert "cannot read the rows" in err
