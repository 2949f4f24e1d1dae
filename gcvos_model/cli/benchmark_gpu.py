"""`gcvos benchmark gpu`: all that is to be known about one GPU, in one call of a few minutes."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gcvos_model.cli.benchmark_propagation import (
    costs_table,
    name_of,
    ratios_table,
    run_cases,
    stages_table,
    wide_console,
)
from gcvos_model.devices import choose_device
from gcvos_model.errors import GCVOSError
from gcvos_model.evaluation.benchmark_rows import Row, append_rows
from gcvos_model.evaluation.machine import describe_machine
from gcvos_model.evaluation.module_timing import measure_reads
from gcvos_model.evaluation.propagation_benchmark import Case


def benchmark_gpu(
    device: Annotated[str, typer.Option(help="cuda or cuda:N.")] = "cuda",
    model: Annotated[list[str] | None, typer.Option(help="Default: gcvos-lite and gcvos-r50.")] = None,
    short_side: Annotated[int, typer.Option(min=16, help="Of the frames.")] = 480,
    frames: Annotated[int, typer.Option(min=1, help="That are timed for each setting.")] = 500,
    long: Annotated[int, typer.Option(min=1, help="Frames of the long video.")] = 10_000,
    out: Annotated[Path | None, typer.Option(help="Append one JSON line a row to this file.")] = None,
) -> None:
    """Whether CUDA graphs are right, then frames/s and memory of 1 and 10 objects, the former over a long video.

    Then the stages of a frame, STM's memory beside ours, and one read of the memory. Without a CUDA device it measures
    nothing and exits with 2; where graphs are wrong it exits with 2 before any speed is measured.
    """
    where = str(choose_device(device))
    models = model or ["gcvos-lite", "gcvos-r50"]

    def cases(objects: int, count: int, precision: str = "auto") -> list[Case]:
        return [Case(name, device, precision, 0, short_side, short_side, objects, count) for name in models]

    console = wide_console()
    checks = run_cases([*cases(1, frames, "float32"), *cases(10, frames, "float32")], "gpu check", out)
    console.print(checks_table(checks))
    if not all(row["agrees"] for row in checks):
        raise GCVOSError("steps in CUDA graphs are not those without them: no speed was measured")
    console.print(rates_table(run_cases([*cases(1, long), *cases(10, frames)], "gpu", out)))
    rows = run_cases([*cases(1, frames), *cases(10, frames)], "alone", out)
    console.print(costs_table(rows))
    console.print(stages_table(rows))
    console.print(ratios_table(run_cases(cases(1, frames), "spacetime", out)))
    if out is not None:
        append_rows(out, measure_reads(device=where), describe_machine(where))


def checks_table(rows: list[Row]) -> Table:
    """How far graphs and steps without them are apart."""
    columns = ("setting", "probabilities differ by", "labels differ in", "the state by", "")
    table = Table(*columns, title="CUDA graphs")
    for row in rows:
        apart = [f"{row[key]:.1e}" for key in ("largest_difference", "differing_pixels", "state_difference")]
        table.add_row(name_of(row), *apart, "right" if row["agrees"] else "WRONG")
    return table


def rates_table(rows: list[Row]) -> Table:
    """Frames a second, and memory along the video."""
    table = Table(
        "setting", "frames/s", "without graphs", "first step", "memory at frame", title="Throughput"
    )
    for row in rows:
        known = [point for point in row["growth"] if point["gpu_bytes"] is not None]
        table.add_row(
            name_of(row),
            f"{row['frames_per_second']:.0f}",
            f"{row['eager_frames_per_second']:.0f}",
            f"{row['first_step_seconds']:.1f} s",
            ", ".join(f"{point['frame']}: {point['gpu_bytes'] / 1e6:.1f} MB" for point in known) or "-",
        )
    return table
