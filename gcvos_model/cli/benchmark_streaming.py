"""`gcvos benchmark streaming`: from a video file to mask files, beside the network alone."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gcvos_model.cli.benchmark_propagation import name_of, run_cases, wide_console
from gcvos_model.evaluation.propagation_benchmark import Case


def benchmark_streaming(
    model: Annotated[str, typer.Option(help="Checkpoint, or preset without weights.")] = "gcvos-lite",
    source_side: Annotated[
        list[int] | None, typer.Option(min=16, help="Shorter side of the 16:9 video; repeatable.")
    ] = None,
    short_side: Annotated[int, typer.Option(min=16, help="Working resolution.")] = 480,
    objects: Annotated[list[int] | None, typer.Option(min=1, max=255, help="How many; repeatable.")] = None,
    threads: Annotated[int, typer.Option(min=0, help="Of PyTorch; 0: its own choice.")] = 0,
    precision: Annotated[str, typer.Option(help="auto, int8, float32, bfloat16 or float16.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    frames: Annotated[int, typer.Option(min=1, help="Of each turn.")] = 60,
    out: Annotated[Path | None, typer.Option(help="Append one JSON line a row to this file.")] = None,
) -> None:
    """Frames/s end to end (H.264 decoded, palette PNGs written) beside those of the network alone, and memory."""
    cases = [
        Case(model, device, precision, threads, short_side, side, count, frames)
        for side in source_side or [1080]
        for count in objects or [1]
    ]
    table = Table(title="From a video file to mask files")
    for name in ("setting", "network alone", "end to end", "share", "peak above torch"):
        table.add_column(name, justify="left" if name == "setting" else "right")
    for row in run_cases(cases, "streaming", out):
        table.add_row(
            name_of(row),
            f"{1 / row['own_seconds']:.2f} frames/s",
            f"{1 / row['through_seconds']:.2f} frames/s",
            f"{row['share']:.0%}",
            "-" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 1e6:.0f} MB",
        )
    wide_console().print(table)
