"""`gcvos benchmark gpu`: all that is to be known about one GPU, in one call of a few minutes."""

from pathlib import Path
from typing import Annotated

import typer

from gcvos_model.cli.benchmark_propagation import (
    costs_table,
    ratios_table,
    run_cases,
    stages_table,
    wide_console,
)
from gcvos_model.devices import choose_device
from gcvos_model.evaluation.benchmark_rows import append_rows
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
    """Frames/s and memory of 1 and 10 objects, a long video, STM's memory beside ours, and one read of the memory."""
    where = str(choose_device(device))
    models = model or ["gcvos-lite", "gcvos-r50"]

    def cases(objects: tuple[int, ...], count: int) -> list[Case]:
        return [
            Case(name, device, "auto", 0, short_side, short_side, number, count)
            for name in models
            for number in objects
        ]

    console = wide_console()
    rows = run_cases([*cases((1, 10), frames), *cases((1,), long)[:1]], "alone", out)
    console.print(costs_table(rows))
    console.print(stages_table(rows))
    console.print(ratios_table(run_cases(cases((1,), frames), "spacetime", out)))
    if out is not None:
        append_rows(out, measure_reads(device=where), describe_machine(where))
