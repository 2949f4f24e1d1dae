import pytest
from rich.console import Console

from gcvos_model.evaluation.comparison import compare_with_paper, describe, is_whole_set
from gcvos_model.evaluation.layouts import Benchmark
from gcvos_model.evaluation.paper import FIGURE_4, PAPER_TABLES, TABLE_3, TABLE_4, VAL_FRAMES, VAL_SEQUENCES


def report_of(benchmark="davis2016", names=("blackswan", "libby"), frames=99, split="val"):
    statistics = {"mean": 0.8, "recall": 0.9, "decay": 0.1}
    return {
        "benchmark": benchmark,
        "split": split,
        "subject": {
            "name": "gcvos-lite",
            "context": [128, 64],
            "parameters": 12_340_000,
            "trained_on": "ECSSD, DAVIS 2016 train",
        },
        "settings": {"device": "cpu"},
        "overall": {"J&F": 0.85, "J": statistics, "F": {**statistics, "mean": 0.9}}
        | {"frames": frames, "frames_per_second": 5.0},
        "sequences": [{"name": name} for name in names],
    }


def whole(benchmark):
    return report_of(benchmark.value, VAL_SEQUENCES[benchmark].split(), VAL_FRAMES[benchmark])


def printed(table, *reports):
    console = Console(width=200, record=True)
    console.print(compare_with_paper(table, reports))
    return console.export_text()


def row_of(text, start):
    return next(line.split() for line in text.splitlines() if line.strip().startswith(start))


class TestPaper:
    @pytest.mark.parametrize("table", [TABLE_3, TABLE_4])
    def test_printed_means_are_those_of_j_and_f(self, table):
        for row in [row for section in table.sections for row in section]:
            name, *_, both, region, contour = row
            if both != "-" and name != "SiamMask [29]":  # which the paper has at 70.0, from 71.7 and 67.8
                assert float(both) == pytest.approx((float(region) + float(contour)) / 2, abs=0.051)

    def test_rows_are_as_wide_as_the_headings(self):
        for table in PAPER_TABLES.values():
            assert {len(row) for section in table.sections for row in section} == {len(table.columns)}

    def test_figure_4_is_table_3_in_frames_a_second(self):
        points = {row[0]: row[1:] for section in FIGURE_4.sections for row in section}
        assert points["GC (the paper)"] == ("25", "86.6")
        assert points["STM* [22]"] == ("6.7", "86.5")
        assert points["CINM [1]"] == ("<0.033", "84.2")
        assert "Lucid [15]" not in points  # without a time

    def test_val_splits(self):
        davis2016, davis2017 = (VAL_SEQUENCES[benchmark].split() for benchmark in VAL_SEQUENCES)
        assert (len(davis2016), len(davis2017)) == (20, 30)
        assert set(davis2016) < set(davis2017)
        assert davis2017 == sorted(davis2017)


class TestComparison:
    def test_ours_is_below_the_papers(self):
        text = printed("3", report_of())
        assert row_of(text, "GC (the paper)")[3:] == ["0.04", "86.6", "87.6", "85.7"]
        assert row_of(text, "gcvos-lite, ours (1)")[3:] == ["0.200", "85.0", "80.0", "90.0"]
        assert text.index("GC (the paper)") < text.index("gcvos-lite, ours (1)")

    def test_the_other_tables(self):
        assert row_of(printed("2", report_of()), "128 x 64, ours (1)")[5:] == ["85.0", "12.3", "M", "0.200"]
        assert row_of(printed("4", whole(Benchmark.DAVIS2017)), "gcvos-lite,")[3:] == ["85.0", "80.0", "90.0"]
        assert row_of(printed("figure4", report_of()), "gcvos-lite,")[3:] == ["5.0", "85.0"]

    def test_a_part_of_the_set_is_not_called_comparable(self):
        note = describe(report_of())
        assert "2 sequences of davis2016 val (99 frames): blackswan, libby" in note
        assert "trained on ECSSD, DAVIS 2016 train" in note
        assert "NOT comparable" in note
        assert "NOT comparable" in printed("3", report_of())

    @pytest.mark.parametrize("benchmark", [Benchmark.DAVIS2016, Benchmark.DAVIS2017])
    def test_the_whole_set_is(self, benchmark):
        note = describe(whole(benchmark))
        assert f"all {len(VAL_SEQUENCES[benchmark].split())} sequences of {benchmark.value} val" in note
        assert "comparable" not in note

    @pytest.mark.parametrize(
        "changes",
        [
            {"names": VAL_SEQUENCES[Benchmark.DAVIS2016].split()[1:]},
            {"frames": VAL_FRAMES[Benchmark.DAVIS2016] // 2},  # every second frame
            {"split": "train"},
            {"benchmark": "davis2017"},
            {"benchmark": "youtube-vos"},
        ],
    )
    def test_what_is_not_the_whole_set(self, changes):
        names, frames = VAL_SEQUENCES[Benchmark.DAVIS2016].split(), VAL_FRAMES[Benchmark.DAVIS2016]
        assert is_whole_set(report_of(names=names, frames=frames))
        assert not is_whole_set(report_of(**{"names": names, "frames": frames} | changes))

    def test_reports_of_another_benchmark_are_left_out_and_said_so(self):
        text = printed("4", report_of())
        assert "ours" not in text
        assert "gcvos-lite was measured on davis2016: not of this table" in text

    def test_several_reports_are_told_apart(self):
        text = printed("3", report_of(), whole(Benchmark.DAVIS2016))
        assert row_of(text, "gcvos-lite, ours (2)")
        assert "(2) gcvos-lite: measured on all 20" in text

    def test_the_paper_alone(self):
        assert "No report of davis2016 yet" in printed("3")

    def test_given_masks_have_neither_speed_nor_size(self):
        report = report_of()
        report["subject"] = {"name": "stm", "trained_on": "unknown data (the masks were given)"}
        report["overall"]["frames_per_second"] = None
        assert row_of(printed("2", report), "?, ours (1)")[3:] == ["85.0", "-", "-"]
        assert "speed" not in describe(report)
