"""`gcvos benchmark propagation`: what a frame costs, for any setting; each row from a process of its own."""

import sys
from dataclasses import asdict
from enum import Enum
from itertools import product
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gcvos_model.devices import choose_device
from gcvos_model.evaluation.benchmark_rows import Row, append_rows
from gcvos_model.evaluation.fresh_process import call_in_fresh_process
from gcvos_model.evaluation.machine import describe_machine
from gcvos_model.evaluation.propagation_benchmark import Case

LOG_WIDTH = 170
RUN_CASE = "gcvos_model.evaluation.run_case:run_case"
STAGES = (
    "decode", "resize", "query encoder", "read", "decoder", "memory encoder", "merge", "other", "write",
)  # fmt: skip


class Versus(str, Enum):
    """What the network is set beside, in one process and in turn."""

    SPACETIME = "spacetime"  # the same network with STM's memory
    TRUNK = "trunk"  # a bare float32 ResNet-18 trunk to res4


def benchmark_propagation(
    model: Annotated[
        list[str] | None, typer.Option(help="Checkpoint, or preset without weights; repeatable.")
    ] = None,
    short_side: Annotated[
        list[int] | None, typer.Option(min=16, help="Working resolution; repeatable.")
    ] = None,
    source_side: Annotated[
        int | None,
        typer.Option(min=16, help="Shorter side of the incoming 16:9 frames; default: --short-side."),
    ] = None,
    objects: Annotated[list[int] | None, typer.Option(min=1, max=255, help="How many; repeatable.")] = None,
    threads: Annotated[
        list[int] | None, typer.Option(min=0, help="Of PyTorch; 0: its own choice. Repeatable.")
    ] = None,
    precision: Annotated[
        list[str] | None, typer.Option(help="auto, int8, float32, bfloat16 or float16; repeatable.")
    ] = None,
    device: Annotated[list[str] | None, typer.Option(help="auto, cpu, cuda or cuda:N; repeatable.")] = None,
    frames: Annotated[int, typer.Option(min=1, help="That are timed; 2000 shows growth.")] = 50,
    vs: Annotated[Versus | None, typer.Option(help="Take turns with this, and give ratios.")] = None,
    out: Annotated[Path | None, typer.Option(help="Append one JSON line a row to this file.")] = None,
) -> None:
    """Time, CPU seconds and memory of a frame, and the stages that they go to, for all combinations of the options.

    Memory is above that of `import torch` alone. With --vs, the network and its alternative take turns in one process,
    and ratios are medians over pairs.
    """
    cases = [
        Case(name, where, number_format, thread_count, side, source_side or side, object_count, frames)
        for name, where, number_format, thread_count, side, object_count in product(
            model or ["gcvos-lite"],
            device or ["auto"],
            precision or ["auto"],
            threads or [0],
            short_side or [480],
            objects or [1],
        )
    ]
    rows = run_cases(cases, vs.value if vs else "alone", out)
    console = wide_console()
    console.print(ratios_table(rows) if vs else costs_table(rows))
    if vs is None:
        console.print(stages_table(rows))


def run_cases(cases: list[Case], what: str, out: Path | None) -> list[Row]:
    """Measure each case in a process of its own (`run_case`), and write its row as soon as it is there."""
    machines = {case.device: describe_machine(str(choose_device(case.device))) for case in cases}
    if out is not None:
        append_rows(out, [], {})  # what cannot be written shows before the measuring
    rows = []
    for case in cases:
        arguments = {"case": asdict(case), "what": what}
        row = call_in_fresh_process(RUN_CASE, arguments, case.threads)
        rows.append(row)
        if out is not None:
            append_rows(out, [row], machines[case.device])
    return rows


def wide_console() -> Console:
    """The terminal; a file or a pipe has no width of its own, and gets one for all columns."""
    return Console(width=None if sys.stdout.isatty() else LOG_WIDTH)


def name_of(row: Row) -> str:
    """The setting in a few words."""
    height, width = row["source"]
    working = "" if row["working"][0] == height else f" at {row['working'][0]}"
    return (
        f"{row['model']}, {height} x {width}{working}, {row['objects']} obj., "
        f"{row['precision']}, {row['device']}, {row['threads']} thr."
    )


def costs_table(rows: list[Row]) -> Table:
    """Time and memory."""
    table = Table(title="A frame")
    for name in ("setting", "median", "95%", "CPU", "frames/s", "peak above torch", "GPU peak"):
        table.add_column(name, justify="left" if name == "setting" else "right")
    for row in rows:
        table.add_row(
            name_of(row),
            *(f"{1000 * row[key]:.1f} ms" for key in ("median_seconds", "p95_seconds", "cpu_seconds")),
            f"{1 / row['median_seconds']:.1f}",
            *(
                "-" if row[key] is None else f"{row[key] / 1e6:.0f} MB"
                for key in ("peak_bytes", "gpu_peak_bytes")
            ),
        )
    return table


def stages_table(rows: list[Row]) -> Table:
    """Milliseconds by stage; decoding and writing come beside the step."""
    table = Table("setting", *STAGES, title="Stages, ms")
    for row in rows:
        table.add_row(name_of(row), *(f"{1000 * row['stages'][stage]:.1f}" for stage in STAGES))
    return table


def ratios_table(rows: list[Row]) -> Table:
    """Ratios over pairs."""
    table = Table("setting", "beside", "gcvos", "other", "ratio", title="In turn")
    for row in rows:
        if row["benchmark"] == "versus trunk":
            times = (f"{1000 * row[key]:.1f} ms" for key in ("median_seconds", "trunk_seconds"))
            table.add_row(name_of(row), "float32 trunk", *times, f"{row['ratio']:.2f} of it")
        for pair in row.get("pairs", []):
            times = (f"{1000 * pair[key]:.1f} ms" for key in ("context_seconds", "spacetime_seconds"))
            beside = f"STM's memory, {pair['frames']} frames"
            table.add_row(name_of(row), beside, *times, f"{pair['ratio']:.2f} times as fast")
    return table
