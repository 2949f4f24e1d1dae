import json

import pytest
from PIL import Image


def test_tables_rows_and_plot(gcvos, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra 'plots'")
    code, out, err = gcvos(
        "benchmark", "module", "--frames", 1, "--frames", 3, "--side", 64, "--model", "tiny", "--short-side", 64,
        "--repeats", 1, "--device", "cpu", "--out", tmp_path / "rows.jsonl", "--plot", tmp_path / "reads.png",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "STM" in out
    assert "512 x 128" in out
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["benchmark"] for row in rows] == ["module"] * 4 + ["context size"] * 2
    assert all(row["machine"]["cores"] >= 1 and row["date"] for row in rows)
    assert Image.open(tmp_path / "reads.png").size[0] > 300


def test_nothing_is_measured_for_rows_that_cannot_be_written(gcvos, tmp_path):
    code, _, err = gcvos("benchmark", "module", "--out", tmp_path / "absent" / "rows.jsonl")
    assert code == 2
    assert "cannot write the rows" in err
    assert gcvos("benchmark", "module", "--model", "gcvos-huge")[0] == 2
