import csv
import json

import pytest
from rich.console import Console

from gcvos_model.errors import InputError
from gcvos_model.evaluation.layouts import Benchmark
from gcvos_model.evaluation.report import Report, read_report, to_csv, to_table, write_report
from gcvos_model.evaluation.runner import SequenceScore
from gcvos_model.evaluation.scoring import ObjectScore

FRAMES = tuple("abcd")


def score_of(object_id, region, contour):
    return ObjectScore(object_id, FRAMES, tuple(region), tuple(contour))


@pytest.fixture
def report():
    """Two sequences of one and of two objects."""
    lone = score_of(1, [1, 1, 0.5, 0.5], [0.8] * 4)
    pair = score_of(1, [0.4] * 4, [0.2] * 4), score_of(2, [0.9, 0.9, 0.9, 0.1], [0.6, 0.6, 0.6, 0.4])
    sequences = [
        SequenceScore("lone", 6, (lone,), seconds=2.0, peak_memory=300_000_000),
        SequenceScore("pair", 6, pair, seconds=4.0, peak_memory=500_000_000),
    ]
    return Report(Benchmark.DAVIS2017, "val", sequences, {}, {"name": "gcvos-lite"}, {"device": "cpu"})


def test_overall_is_the_mean_over_objects_by_hand(report):
    overall = report.to_dict()["overall"]
    assert overall["J"]["mean"] == pytest.approx((0.75 + 0.4 + 0.7) / 3)
    assert overall["F"]["mean"] == pytest.approx((0.8 + 0.2 + 0.55) / 3)
    assert overall["J&F"] == pytest.approx((overall["J"]["mean"] + overall["F"]["mean"]) / 2)
    assert overall["J"]["recall"] == pytest.approx((0.5 + 0 + 0.75) / 3)
    # 4 frames: the first bin is frames 0 and 1, the last 2 and 3
    assert overall["J"]["decay"] == pytest.approx((0.5 + 0 + 0.4) / 3)
    assert overall["F"]["decay"] == pytest.approx((0 + 0 + 0.1) / 3)
    assert overall["objects"] == 3
    assert overall["frames_per_second"] == pytest.approx(12 / 6)  # of all frames, not the mean of 3 and 1.5
    assert overall["peak_memory_mb"] == 500


def test_a_sequence_is_the_mean_over_its_objects_by_hand(report):
    lone, pair = report.to_dict()["sequences"]
    assert pair["J"]["mean"] == pytest.approx((0.4 + 0.7) / 2)
    assert pair["J&F"] == pytest.approx((0.55 + 0.375) / 2)
    assert pair["frames_per_second"] == 1.5
    assert lone["per_object"][0]["J_per_frame"] == [1, 1, 0.5, 0.5]
    assert [entry["id"] for entry in pair["per_object"]] == [1, 2]
    assert pair["per_object"][1]["J"]["mean"] == pytest.approx(0.7)


def test_json_and_csv_hold_the_same(report, tmp_path):
    write_report(report, tmp_path / "new" / "out")
    read = read_report(tmp_path / "new" / "out" / "report.json")
    assert read == json.loads(json.dumps(report.to_dict()))
    with (tmp_path / "new" / "out" / "report.csv").open(newline="") as file:
        rows = {row["sequence"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["lone", "pair", "overall"]
    assert float(rows["overall"]["J mean"]) == read["overall"]["J"]["mean"]
    assert float(rows["pair"]["F recall"]) == read["sequences"][1]["F"]["recall"]
    assert float(rows["pair"]["peak MB"]) == 500


def test_what_was_not_measured_is_left_empty(tmp_path):
    sequences = [SequenceScore("given", 6, ())]
    report = Report(Benchmark.YOUTUBE_VOS, "val", sequences, {}, {"name": "masks"}, {})
    assert "NaN" not in json.dumps(report.to_dict())
    assert report.to_dict()["overall"]["J&F"] is None
    assert to_csv(report).splitlines()[1] == "given,0,6" + "," * 9


def test_table_in_percent(report):
    console = Console(width=120, record=True)
    console.print(to_table(report))
    lines = console.export_text().splitlines()
    assert "gcvos-lite on davis2017 val" in lines[0]
    overall = next(line for line in lines if "overall" in line).split()
    # objects, frames, J&F, then mean, recall and decay of J and of F
    assert overall[1:10] == ["3", "12", "56.7", "61.7", "41.7", "30.0", "51.7", "58.3", "3.3"]


@pytest.mark.parametrize("text", ["", "[]", '{"format": "other"}'])
def test_a_file_that_is_no_report(tmp_path, text):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(InputError, match=r"report\.json"):
        read_report(tmp_path / "report.json")


def test_no_report(tmp_path):
    with pytest.raises(InputError, match="cannot read the report"):
        read_report(tmp_path / "report.json")
