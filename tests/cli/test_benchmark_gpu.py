import json

from gcvos_model.cli import benchmark_gpu, benchmark_propagation
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
        ("propagation", 1, 2),
        ("propagation", 10, 2),
        ("propagation", 1, 50),
        ("versus spacetime", 1, 2),
        ("module", None, None),
    ]
    assert rows[2]["growth"][0]["frame"] == 50


def test_without_a_gpu_it_says_so(gcvos):
    code, _, err = gcvos("benchmark", "gpu", "--device", "cuda:99")
    assert code == 2
    assert "is not there" in err
