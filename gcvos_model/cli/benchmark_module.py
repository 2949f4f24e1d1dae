"""`gcvos benchmark module`: the paper's tables 1 and 2, computed and measured."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gcvos_model.devices import choose_device
from gcvos_model.errors import InputError
from gcvos_model.evaluation.benchmark_rows import Row, append_rows
from gcvos_model.evaluation.machine import describe_machine
from gcvos_model.evaluation.module_cost import MIB, ReadSize
from gcvos_model.evaluation.module_timing import DEFAULT_FRAMES, measure_context_sizes, measure_reads
from gcvos_model.network.config import PRESETS


def benchmark_module(
    frames: Annotated[list[int] | None, typer.Option(min=1, help="Remembered frames; repeatable.")] = None,
    side: Annotated[int, typer.Option(min=16, help="Of the square frame of table 1, in pixels.")] = 384,
    model: Annotated[str, typer.Option(help="Preset whose context's size table 2 varies.")] = "gcvos-r50",
    short_side: Annotated[int, typer.Option(min=16, help="Of table 2's frames, in pixels.")] = 480,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    repeats: Annotated[int, typer.Option(min=1, help="How often each is timed.")] = 5,
    out: Annotated[Path | None, typer.Option(help="Append one JSON line a row to this file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="PNG of table 1's times and memory.")] = None,
) -> None:
    """What reading the memory costs, STM's and the global context, and what the context's size costs.

    Table 1 is computed as the paper counts (a multiplication with its addition once, MiB of float32) and measured;
    table 2 is measured with random weights.
    """
    if model not in PRESETS:
        raise InputError(f"unknown preset '{model}': expected one of {', '.join(PRESETS)}")
    where = str(choose_device(device))
    machine = describe_machine(where)
    if out is not None:
        append_rows(out, [], machine)  # what cannot be written shows before the measuring
    if plot is not None:
        import matplotlib  # noqa: F401 - so does what is not installed
    reads = measure_reads(ReadSize(side), frames or DEFAULT_FRAMES, device=where, repeats=repeats)
    sizes = measure_context_sizes(PRESETS[model], short_side=short_side, device=where, repeats=repeats)
    console = Console()
    console.print(reads_table(reads))
    console.print(sizes_table(sizes))
    if out is not None:
        append_rows(out, reads + sizes, machine)
    if plot is not None:
        plot_reads(plot, reads)


def reads_table(rows: list[Row]) -> Table:
    """The paper's table 1."""
    table = Table(title=f"One read of the memory, {rows[0]['side']} x {rows[0]['side']} pixels, float32")
    for name in ("memory", "frames", "multiplications", "memory, computed", "memory, measured", "time"):
        table.add_column(name, justify="left" if name == "memory" else "right")
    for row in rows:
        measured = row["measured_bytes"]
        table.add_row(
            {"spacetime": "STM", "context": "global context"}[row["memory"]],
            str(row["frames"]),
            f"{row['multiplications'] / 1e9:.2f} G",
            f"{row['bytes'] / MIB:.1f} MiB",
            "-" if measured is None else f"{measured / MIB:.1f} MiB",
            f"{1000 * row['seconds']:.2f} ms",
        )
    return table


def sizes_table(rows: list[Row]) -> Table:
    """The paper's table 2."""
    table = Table(title=f"Size of the context, {rows[0]['model']}, short side {rows[0]['short_side']}")
    for name in ("C_M x C_N", "parameters", "time a frame"):
        table.add_column(name, justify="right")
    for row in rows:
        size = f"{row['value_channels']} x {row['key_channels']}"
        table.add_row(size, f"{row['parameters'] / 1e6:.1f} M", f"{row['seconds']:.3f} s")
    return table


def plot_reads(path: Path, rows: list[Row]) -> None:
    """Draw table 1's times over the number of remembered frames."""
    from gcvos_model.evaluation.benchmark_plots import plot_lines

    names = {"spacetime": "STM", "context": "global context"}
    lines = {
        name: [(row["frames"], 1000 * row["seconds"]) for row in rows if row["memory"] == memory]
        for memory, name in names.items()
    }
    plot_lines(path, lines, x="remembered frames", y="ms a read", title="Reading the memory", log=True)
