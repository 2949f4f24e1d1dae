import json
from dataclasses import asdict

from gcvos_model.cli import benchmark_gpu, benchmark_propagation
from gcvos_model.evaluation.gpu_benchmark import CHECKED
from gcvos_model.evaluation.run_case import run_case


def test_everything_in_one_call(gcvos, monkeypatch, tmp_path):
    """On the CPU, for tests have no GPU: the same path but for events and waiting."""
    monkeypatch.setattr(
        benchmark_propagation,
        "call_in_fresh_process",
        lambda function, arguments, threads: run_case(**arguments),
    )
    monkeypatch.setattr(benchmark_gpu, "measure_reads", lambda device: [{"benchmark": "module"}])
    code, _, err = gcvos(
        "benchmark", "gpu", "--device", "cpu", "--model", "tiny", "--short-side", 32, "--frames", 2, "--long", 50,
        "--out", tmp_path / "rows.jsonl",
    )  # fmt: skip
    assert (code, err) == (0, "")
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [(row["benchmark"], row.get("objects"), row.get("frames")) for row in rows] == [
        ("gpu check", 1, CHECKED),
        ("gpu check", 10, CHECKED),
        ("gpu", 1, 50),
        ("gpu", 10, 2),
        ("propagation", 1, 2),
        ("propagation", 10, 2),
        ("versus spacetime", 1, 2),
        ("module", None, None),
    ]
    assert all(row["agrees"] for row in rows[:2])
    assert [point["frame"] for point in rows[2]["growth"]] == [50]
    assert rows[2]["frames_per_second"] > 0


def test_graphs_that_are_wrong_are_not_timed(gcvos, monkeypatch):
    row = {"largest_difference": 0.5, "differing_pixels": 0.1, "state_difference": 0.0, "agrees": False}
    asked = []

    def wrong(cases, what, out):
        asked.append(what)
        return [{**asdict(case), "source": case.source, "working": case.source, **row} for case in cases]

    monkeypatch.setattr(benchmark_gpu, "run_cases", wrong)
    code, out, err = gcvos("benchmark", "gpu", "--device", "cpu")
    assert code == 2
    assert "no speed was measured" in err
    assert "WRONG" in out
    assert asked == ["gpu check"]


def test_without_a_gpu_it_says_so(gcvos):
    code, _, err = gcvos("benchmark", "gpu", "--device", "cuda:99")
    assert code == 2
    assert "is not there" in err
