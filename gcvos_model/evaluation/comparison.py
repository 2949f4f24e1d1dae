"""Our numbers below the paper's, with all that must be known to compare them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from .layouts import Benchmark
from .paper import PAPER_TABLES, VAL_FRAMES, VAL_SEQUENCES, PaperTable

Report = Mapping[str, Any]
"""A report as `read_report` returns it."""

PAPER_DEVICE = "one Tesla P40"


def compare_with_paper(table_name: str, reports: Sequence[Report]) -> Group:
    """A table of the paper with a row for each report below, and a note on each row.

    Args:
        table_name: a key of `PAPER_TABLES`.
        reports: of the table's benchmark or not; what is of another one is named and left out.
    """
    paper = PAPER_TABLES[table_name]
    table = Table(*paper.columns, box=box.SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    for section in paper.sections:
        for row in section:
            table.add_row(*row)
        table.add_section()
    ours = [report for report in reports if report["benchmark"] == paper.benchmark.value]
    notes = []
    for number, report in enumerate(ours, start=1):
        table.add_row(*our_row(paper, report, mark=f"ours ({number})"))
        notes.append(f"({number}) {describe(report)}")
    for report in reports:
        if report not in ours:
            notes.append(
                f"{report['subject']['name']} was measured on {report['benchmark']}: not of this table."
            )
    if not ours:
        notes.append(f"No report of {paper.benchmark.value} yet: gcvos evaluate makes one.")
    return Group(Text(paper.caption), table, *(Text(note) for note in notes))


def our_row(paper: PaperTable, report: Report, mark: str) -> list[str]:
    """The cells of a report in the columns of one of the paper's tables; "-" for what was not measured."""
    overall, subject = report["overall"], report["subject"]
    speed = overall["frames_per_second"]
    cells = {
        "Method": f"{subject['name']}, {mark}",
        "GC feature size": f"{' x '.join(map(str, subject.get('context', '?')))}, {mark}",
        "Parameters": f"{subject['parameters'] / 1e6:.1f} M" if "parameters" in subject else "-",
        "J&F": _percent(overall["J&F"]),
        "J": _percent(overall["J"]["mean"]),
        "F": _percent(overall["F"]["mean"]),
        "frames/s": f"{speed:.1f}" if speed else "-",
        "Time (s)": f"{1 / speed:.3f}" if speed else "-",
        "Runtime (s)": f"{1 / speed:.3f}" if speed else "-",
    }
    return [cells[column] for column in paper.columns]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def describe(report: Report) -> str:
    """What a reader must know of a row of ours: sequences, training data, device, and whether it compares."""
    subject, settings = report["subject"], report["settings"]
    parts = [f"{subject['name']}: measured on {measured_on(report)}; trained on {subject['trained_on']}"]
    if report["overall"]["frames_per_second"]:
        parts.append(f"speed on {settings['device']}, the paper's on {PAPER_DEVICE}")
    if not is_whole_set(report):
        parts.append("NOT comparable with the rows above, which are of the whole set")
    return "; ".join(parts) + "."


def measured_on(report: Report) -> str:
    """The sequences of a report in words: all of them, or which."""
    names = [sequence["name"] for sequence in report["sequences"]]
    split = f"{report['benchmark']} {report['split']}"
    if is_whole_set(report):
        return f"all {len(names)} sequences of {split}"
    count = f"{len(names)} sequence{'s' if len(names) != 1 else ''}"
    return f"{count} of {split} ({report['overall']['frames']} frames): {', '.join(names)}"


def is_whole_set(report: Report) -> bool:
    """Whether a report is of every sequence and frame of DAVIS val, and so comparable with the paper's."""
    benchmark = Benchmark(report["benchmark"])
    if report["split"] != "val" or benchmark not in VAL_SEQUENCES:
        return False
    names = sorted(sequence["name"] for sequence in report["sequences"])
    return names == VAL_SEQUENCES[benchmark].split() and report["overall"]["frames"] == VAL_FRAMES[benchmark]
