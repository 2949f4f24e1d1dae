"""What a run measured: averages over objects and sequences, as JSON, as CSV and as a table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from gcvos_model.errors import InputError
from gcvos_model.files import write_atomic
from gcvos_model.metrics import Statistics

from .layouts import Benchmark
from .runner import SequenceScore
from .scoring import ObjectScore

FORMAT = "gcvos-evaluation-1"
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Report:
    """Everything that a run measured, and on what.

    Attributes:
        benchmark: whose rules the scores follow.
        split: of the data set.
        sequences: the scores, in the order of the split's list.
        failures: sequence name to message of those that could not be segmented or scored.
        subject: what was measured: `name`, and of a model its checkpoint's record, see `describe_model`.
        settings: how it was run: device, short side, jobs, versions.
    """

    benchmark: Benchmark
    split: str
    sequences: Sequence[SequenceScore]
    failures: Mapping[str, str]
    subject: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def objects(self) -> list[ObjectScore]:
        """Every scored object of every sequence: what the overall numbers are the mean of."""
        return [score for sequence in self.sequences for score in sequence.objects]

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON holds it; numbers that were not measured are None."""
        return {
            "format": FORMAT,
            "benchmark": self.benchmark.value,
            "split": self.split,
            "subject": dict(self.subject),
            "settings": dict(self.settings),
            "overall": {
                "sequences": len(self.sequences),
                **averages(self.objects),
                **_cost(self.sequences),
            },
            "sequences": [_sequence_dict(sequence) for sequence in self.sequences],
            "failures": dict(self.failures),
        }


def averages(objects: Sequence[ObjectScore]) -> dict[str, Any]:
    """J&F, and mean, recall and decay of J and F: each the mean over objects, as DAVIS 2017 has it."""
    region = _mean_statistics([score.region_statistics for score in objects])
    contour = _mean_statistics([score.contour_statistics for score in objects])
    both = (region["mean"] + contour["mean"]) / 2 if objects else None
    return {"objects": len(objects), "J&F": both, "J": region, "F": contour}


def _mean_statistics(values: Sequence[Statistics]) -> dict[str, Any]:
    if not values:
        return dict.fromkeys(Statistics._fields)
    means = np.mean(values, axis=0)
    return dict(zip(Statistics._fields, means.tolist(), strict=True))


def _cost(sequences: Sequence[SequenceScore]) -> dict[str, Any]:
    timed = [sequence for sequence in sequences if sequence.seconds]
    seconds = sum(sequence.seconds or 0 for sequence in timed)
    peaks = [sequence.peak_memory for sequence in sequences if sequence.peak_memory is not None]
    return {
        "frames": sum(sequence.frames for sequence in sequences),
        "frames_per_second": sum(sequence.frames for sequence in timed) / seconds if timed else None,
        "peak_memory_mb": max(peaks) / MEGABYTE if peaks else None,
    }


def _sequence_dict(sequence: SequenceScore) -> dict[str, Any]:
    objects = [
        {
            "id": score.object_id,
            **{key: value for key, value in averages([score]).items() if key != "objects"},
            "frames": list(score.frames),
            "J_per_frame": list(score.region),
            "F_per_frame": list(score.contour),
        }
        for score in sequence.objects
    ]
    summary = averages(sequence.objects)
    return {"name": sequence.name, **summary, **_cost([sequence]), "per_object": objects}


COLUMNS = {
    "J&F": ("J&F",),
    "J mean": ("J", "mean"),
    "J recall": ("J", "recall"),
    "J decay": ("J", "decay"),
    "F mean": ("F", "mean"),
    "F recall": ("F", "recall"),
    "F decay": ("F", "decay"),
    "frames/s": ("frames_per_second",),
    "peak MB": ("peak_memory_mb",),
}
"""Heading of each measured column to where `Report.to_dict` has it."""


def _rows(report: Mapping[str, Any]) -> list[tuple[str, int, int, list[float | None]]]:
    """(name, objects, frames, values of COLUMNS) of each sequence, and of all of them at the end."""
    entries = [*report["sequences"], {**report["overall"], "name": "overall"}]
    return [
        (
            entry["name"],
            entry["objects"],
            entry["frames"],
            [_look_up(entry, keys) for keys in COLUMNS.values()],
        )
        for entry in entries
    ]


def _look_up(entry: Any, keys: Sequence[str]) -> float | None:
    for key in keys:
        entry = entry[key]
    value: float | None = entry
    return value


def to_csv(report: Report) -> str:
    """One row a sequence and one of all, scores as fractions; what was not measured is left empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["sequence", "objects", "frames", *COLUMNS])
    for name, objects, frames, values in _rows(report.to_dict()):
        writer.writerow([name, objects, frames, *values])
    return text.getvalue()


def to_table(report: Report) -> Table:
    """One row a sequence and one of all, scores in percent."""
    title = f"{report.subject['name']} on {report.benchmark.value} {report.split}, in %"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("sequence", overflow="fold")
    for heading in ("objects", "frames", *COLUMNS):
        table.add_column(heading, justify="right", min_width=max(map(len, heading.split())))
    rows = _rows(report.to_dict())
    for row in rows:
        name, objects, frames, values = row
        if row is rows[-1]:
            table.add_section()
        percent, cost = values[:-2], values[-2:]
        cells = [*(_cell(value, 100) for value in percent), *(_cell(value, 1) for value in cost)]
        table.add_row(name, str(objects), str(frames), *cells)
    return table


def _cell(value: float | None, factor: float) -> str:
    return "-" if value is None else f"{value * factor:.1f}"


def write_report(report: Report, folder: Path) -> None:
    """Write `report.json` (everything, by frame) and `report.csv` (by sequence) into a folder, new or not.

    Raises:
        OSError: they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / "report.json", (json.dumps(report.to_dict(), indent=1) + "\n").encode())
    write_atomic(folder / "report.csv", to_csv(report).encode())


def read_report(path: Path) -> dict[str, Any]:
    """Read `report.json`, as `Report.to_dict` made it.

    Raises:
        InputError: there is none, or it is not one of ours.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot read the report {path}: {error}; give a report.json of gcvos evaluate"
        ) from error
    if not isinstance(report, dict) or report.get("format") != FORMAT:
        raise InputError(
            f"{path} is not a report of this version; expected the report.json of gcvos evaluate"
        )
    return report
