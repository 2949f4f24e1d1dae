"""`gcvos benchmark serverless`: what CVAT's tracker function costs, and what it loses."""

import json
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from gcvos_model.cli.progress import frame_progress
from gcvos_model.evaluation.layouts import Benchmark, read_dataset
from gcvos_model.evaluation.machine import describe_machine
from gcvos_model.evaluation.serverless_benchmark import Call, LongRun, Row, measure, measure_long

OVERHEAD_ALLOWED = 60.0
"""Milliseconds beside the network, for one object on a continuing request at 1080p."""

OVERHEAD_ALLOWED_EACH = 4.0
"""Milliseconds beside the network, for each further object."""

LOG_WIDTH = 200
"""Of a table that goes to a file or a pipe, which has no width of its own."""

LONG_RUN_HEIGHT = 480

EVERY_BOX = 10
"""Frames from one whose objects' boxes become masks to the next."""


def benchmark_serverless(
    function: Annotated[Path | None, typer.Option(help="Its folder; default: that of this checkout.")] = None,
    url: Annotated[str | None, typer.Option(help="Ask a deployed function instead, over HTTP.")] = None,
    model: Annotated[str, typer.Option(help="Name or path of a checkpoint.")] = "gcvos-lite",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, int8, float32, bfloat16 or float16.")] = "auto",
    short_side: Annotated[int, typer.Option(min=16, help="Working resolution, pixels.")] = 480,
    threads: Annotated[int, typer.Option(min=0, help="Of PyTorch and OpenCV; 0: theirs.")] = 0,
    height: Annotated[list[int] | None, typer.Option(help="Of the images, 16:9; default 720, 1080.")] = None,
    objects: Annotated[list[int] | None, typer.Option(help="In a request; default 1, 5, 20, 100.")] = None,
    repeats: Annotated[
        int, typer.Option(min=3, help="Requests measured for each row; fewer for many objects.")
    ] = 20,
    frames: Annotated[int, typer.Option(min=0, help="Of the long run, at 480p; 0: none.")] = 500,
    accuracy: Annotated[
        list[Path] | None,
        typer.Option(
            help="Measure J, and boxes that become masks, on this DAVIS folder instead. Repeatable."
        ),
    ] = None,
    benchmark: Annotated[Benchmark, typer.Option(help="For --accuracy: whose layout.")] = Benchmark.DAVIS2017,
    out: Annotated[Path | None, typer.Option(help="Append one JSON line a row to this file.")] = None,
) -> None:
    """Latency, overhead, bytes and memory of CVAT's tracker function, or with --accuracy its mean J.

    The function runs in a process of its own, one worker, or where --url says; it is asked over HTTP. The
    overhead is all but the network and HTTP: JSON, base64, decoding the image, states, shapes.
    """
    from gcvos_model.cli.serverless_call import DEFAULT_FOLDER, call_url, serve_folder

    settings = {
        "GCVOS_MODEL": model,
        "GCVOS_DEVICE": device,
        "GCVOS_PRECISION": precision,
        "GCVOS_SHORT_SIDE": str(short_side),
        "GCVOS_THREADS": str(threads),
    }
    machine = {**describe_machine(), "function": url or "own process", **settings}
    console = Console()
    if not console.is_terminal:
        console = Console(width=LOG_WIDTH)
    console.print(f"{machine['cpu']}, {machine['cores']} cores, {machine['instructions']}; {model}")
    with nullcontext({"url": url}) if url else serve_folder(function or DEFAULT_FOLDER, settings) as ready:
        call = call_url(str(ready["url"]))
        rows: list[dict[str, Any]] = []
        for root in accuracy or []:
            rows += measure_accuracy(call, root, benchmark, settings, console)
        if not accuracy:
            if resident := ready.get("resident"):
                console.print(f"ready with {int(resident) / 2**20:.0f} MiB of memory")
            rows = measure_speed(call, height or [720, 1080], objects or [1, 5, 20, 100], repeats, console)
            if frames:
                rows.append(show_long(measure_long(call, LONG_RUN_HEIGHT, frames), console))
    if out is not None:
        with out.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps({**row, **machine}) + "\n" for row in rows)


def measure_speed(
    call: Call, heights: Sequence[int], counts: Sequence[int], repeats: int, console: Console
) -> list[dict[str, Any]]:
    """Latency by image height and number of objects; shown as a table, and held against what is allowed."""
    rows = [row for height in heights for count in counts for row in measure(call, height, count, repeats)]
    show(rows, console)
    return [asdict(row) for row in rows]


def show_long(run: LongRun, console: Console) -> dict[str, Any]:
    """One line for the long run."""
    sizes = " to ".join(f"{size:,}" for size in sorted({run.state_bytes[0], run.state_bytes[-1]}))
    console.print(
        f"{run.frames} frames at {LONG_RUN_HEIGHT}p, 1 object: {run.first:.1f} ms (p50 of the first fifth), "
        f"{run.last:.1f} ms (of the last); its state always has {sizes} bytes"
    )
    return asdict(run)


def measure_accuracy(
    call: Call, root: Path, benchmark: Benchmark, settings: dict[str, str], console: Console
) -> list[dict[str, Any]]:
    """Mean J by sequence, for the core and the function with each shape type, and the IoU of boxes that become
    masks; shown as tables.
    """
    from gcvos_model.checkpoints import load_model
    from gcvos_model.cli.serverless_accuracy import count_equal, measure_types
    from gcvos_model.evaluation.box_prompts import as_table, mean_overlaps, variants
    from gcvos_model.propagation import Propagator

    sequences = read_dataset(root, benchmark, "val")
    network = load_model(
        settings["GCVOS_MODEL"], device=settings["GCVOS_DEVICE"], precision=settings["GCVOS_PRECISION"]
    )
    short_side = int(settings["GCVOS_SHORT_SIDE"])
    core = partial(Propagator, network, short_side=short_side)
    frames = sum(len(sequence.images) for sequence in sequences)
    with tempfile.TemporaryDirectory(prefix="gcvos-") as folder, frame_progress(console) as progress:
        bar = progress.add_task("core and 3 shape types", total=4 * frames)
        by_type = measure_types(call, core, sequences, Path(folder), partial(progress.advance, bar))
        same, total = count_equal(Path(folder))
    table = Table("sequence", *by_type, title=f"mean J in per cent, {root.name}", box=MARKDOWN)
    means = {name: sum(scores.values()) / len(scores) for name, scores in by_type.items()}
    for sequence in by_type["core"]:
        table.add_row(sequence, *(f"{scores[sequence]:.1f}" for scores in by_type.values()))
    table.add_row("mean", *(f"{mean:.1f}" for mean in means.values()))
    console.print(table)
    console.print(f"by masks, {same} of {total} label maps are the core's to the pixel")
    ways = variants(network, short_side)
    boxes = {sequence.name: mean_overlaps(sequence, ways, EVERY_BOX) for sequence in sequences}
    console.print(as_table(boxes))
    rows: list[dict[str, Any]] = [
        {"shape_type": name, "mean_j": means[name], "sequences": scores} for name, scores in by_type.items()
    ]
    return [{"data": root.name, **row} for row in (*rows, {"boxes": boxes})]


def show(rows: list[Row], console: Console) -> None:
    """The rows as a table, and whether the overhead is within what is allowed."""
    stages = list(dict.fromkeys(stage for row in rows for stage in row.stages))
    columns = ("image", "objects", "step", "p50 ms", "p95 ms", "requests/s", "overhead ms")
    table = Table(*columns, *stages, "request MB", "state bytes", "peak MiB", box=MARKDOWN)
    for row in rows:
        table.add_row(
            f"{row.height}p, {row.image_bytes / 1e6:.1f} MB",
            str(row.objects),
            row.step,
            *(f"{value:.1f}" for value in (row.p50, row.p95, 1000 / row.p50, row.overhead)),
            *(f"{row.stages.get(stage, 0):.1f}" for stage in stages),
            f"{row.request_bytes / 1e6:.2f}",
            f"{row.state_bytes:,}",
            f"{row.peak_bytes / 2**20:.0f}" if row.peak_bytes else "",
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
