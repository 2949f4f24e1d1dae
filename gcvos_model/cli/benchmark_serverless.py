"""`gcvos benchmark serverless`: what CVAT's tracker function costs, and what it loses."""

import json
import os
import platform
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table

from gcvos_model.cli.progress import frame_progress
from gcvos_model.evaluation.layouts import Benchmark, read_dataset
from gcvos_model.evaluation.serverless_benchmark import Row, measure

OVERHEAD_ALLOWED = 60.0
"""Milliseconds beside the network, for one object on a continuing request at 1080p."""

OVERHEAD_ALLOWED_EACH = 4.0
"""Milliseconds beside the network, for each further object."""

LOG_WIDTH = 160
"""Of a table that goes to a file or a pipe, which has no width of its own."""


def benchmark_serverless(
    function: Annotated[Path | None, typer.Option(help="Its folder; default: that of this checkout.")] = None,
    url: Annotated[str | None, typer.Option(help="Ask a deployed function instead, over HTTP.")] = None,
    model: Annotated[str, typer.Option(help="Name or path of a checkpoint.")] = "gcvos-lite",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    short_side: Annotated[int, typer.Option(min=16, help="Working resolution, pixels.")] = 480,
    threads: Annotated[int, typer.Option(min=0, help="Of PyTorch and OpenCV; 0: theirs.")] = 0,
    height: Annotated[list[int] | None, typer.Option(help="Of the images, 16:9; default 720, 1080.")] = None,
    objects: Annotated[list[int] | None, typer.Option(help="In a request; default 1, 5, 20, 100.")] = None,
    repeats: Annotated[int, typer.Option(min=3, help="Requests measured for each row.")] = 20,
    accuracy: Annotated[
        Path | None, typer.Option(help="Measure J on this DAVIS folder instead, by shape type.")
    ] = None,
    benchmark: Annotated[Benchmark, typer.Option(help="For --accuracy: whose layout.")] = Benchmark.DAVIS2016,
    out: Annotated[Path | None, typer.Option(help="Append one JSON line a row to this file.")] = None,
) -> None:
    """Latency, bytes and overhead of the function for start and continue, or with --accuracy its mean J.

    The function runs in this process, with nuclio's own SDK around it, or where --url says. The overhead is
    all but the network: JSON, base64, decoding the image, states, shapes.
    """
    from gcvos_model.cli.serverless_call import DEFAULT_FOLDER, call_folder, call_url

    settings = {
        "GCVOS_MODEL": model,
        "GCVOS_DEVICE": device,
        "GCVOS_PRECISION": precision,
        "GCVOS_SHORT_SIDE": str(short_side),
        "GCVOS_THREADS": str(threads),
    }
    call = call_url(url) if url else call_folder(function or DEFAULT_FOLDER, settings)
    machine = {
        "function": url or "in process",
        "model": model,
        "device": device,
        "precision": precision,
        "short_side": short_side,
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    rows: list[dict[str, Any]]
    if accuracy is not None:
        rows = measure_accuracy(call, accuracy, benchmark, settings)
    else:
        measured = [
            row
            for pixels in height or [720, 1080]
            for count in objects or [1, 5, 20, 100]
            for row in measure(call, pixels, count, repeats)
        ]
        show(measured)
        rows = [asdict(row) for row in measured]
    if out is not None:
        with out.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps({**row, **machine}) + "\n" for row in rows)


def measure_accuracy(
    call: Any, root: Path, benchmark: Benchmark, settings: dict[str, str]
) -> list[dict[str, Any]]:
    """Mean J by sequence, for the core and the function with each shape type; shown as a table."""
    from gcvos_model.checkpoints import load_model
    from gcvos_model.cli.serverless_accuracy import measure_types
    from gcvos_model.propagation import Propagator

    console = Console()
    sequences = read_dataset(root, benchmark, "val")
    network = load_model(
        settings["GCVOS_MODEL"], device=settings["GCVOS_DEVICE"], precision=settings["GCVOS_PRECISION"]
    )
    core = partial(Propagator, network, short_side=int(settings["GCVOS_SHORT_SIDE"]))
    frames = sum(len(sequence.images) for sequence in sequences)
    with tempfile.TemporaryDirectory(prefix="gcvos-") as folder, frame_progress(console) as progress:
        bar = progress.add_task("core and 3 shape types", total=4 * frames)
        by_type = measure_types(call, core, sequences, Path(folder), partial(progress.advance, bar))
    table = Table("sequence", *by_type, title="mean J, per cent")
    means = {name: sum(scores.values()) / len(scores) for name, scores in by_type.items()}
    for sequence in by_type["core"]:
        table.add_row(sequence, *(f"{scores[sequence]:.1f}" for scores in by_type.values()))
    table.add_row("mean", *(f"{mean:.1f}" for mean in means.values()))
    console.print(table)
    return [
        {"shape_type": name, "mean_j": means[name], "sequences": scores} for name, scores in by_type.items()
    ]


def show(rows: list[Row]) -> None:
    """The rows as a table, and whether the overhead is within what is allowed."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=LOG_WIDTH)
    stages = list(dict.fromkeys(stage for row in rows for stage in row.stages))
    table = Table(
        "image", "objects", "step", "p50 ms", "p95 ms", "overhead ms", *stages, "request MB", "state KB"
    )
    for row in rows:
        table.add_row(
            f"{row.height}p, {row.image_bytes / 1e6:.1f} MB",
            str(row.objects),
            row.step,
            *(f"{value:.1f}" for value in (row.p50, row.p95, row.overhead)),
            *(f"{row.stages.get(stage, 0):.1f}" for stage in stages),
            f"{row.request_bytes / 1e6:.2f}",
            f"{row.state_bytes / 1e3:.1f}",
        )
    console.print(table)
    going_on = {(row.height, row.objects): row.overhead for row in rows if row.step == "continue"}
    for (height, count), overhead in going_on.items():
        one = going_on.get((height, 1))
        if count == 1:
            console.print(
                f"{height}p: {overhead:.1f} ms beside the network (at 1080p allowed: {OVERHEAD_ALLOWED})"
            )
        elif one is not None:
            each = (overhead - one) / (count - 1)
            console.print(
                f"{height}p: {each:.2f} ms for each of {count - 1} more (allowed: {OVERHEAD_ALLOWED_EACH})"
            )
