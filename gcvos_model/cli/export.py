"""`gcvos export`: one step of a model as ONNX files, measured against PyTorch."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gcvos_model.errors import InputError

if TYPE_CHECKING:
    from gcvos_model.network.network import GCNetwork

SIZES = ("480x848", "256x448")  # of 480 x 854, the size of DAVIS, at the short sides 480 and 256
RUNTIMES = (("onnxruntime", "float32"), ("openvino", "float32"), ("openvino", "bfloat16"))
EXACT = RUNTIMES[:2]  # those that are held against PyTorch in float32
MAX_DIFFERENCE = 1e-3  # in probability, a step from equal state
MAX_PIXELS = 1e-3  # share of pixels that differ over a sequence
DISAGREES = 1  # exit code


def export(
    out: Annotated[Path, typer.Argument(help="Folder for NAME-HEIGHTxWIDTH.onnx.")],
    model: Annotated[
        str, typer.Option(help="A model's name (see `gcvos models`) or a checkpoint.")
    ] = "gcvos-lite",
    size: Annotated[
        list[str] | None, typer.Option(help="HEIGHTxWIDTH of the frames, multiples of 16. Repeatable.")
    ] = None,
    check: Annotated[
        Path | None, typer.Option(help="Data set in DAVIS layout: compare with PyTorch on its sequences.")
    ] = None,
    split: Annotated[str, typer.Option(help="For --check: which list of sequences.")] = "val",
    time: Annotated[bool, typer.Option(help="Time a step in each runtime, and in PyTorch.")] = False,
    threads: Annotated[
        int, typer.Option(min=0, help="For --time and --check; 0: as each runtime has it.")
    ] = 0,
) -> None:
    """Write one step of a model as ONNX: a frame and the objects' state in, masks and the new state out.

    One file for each size, each for any number of objects. docs/export.md says how to track with it.
    """
    import torch
    from rich.console import Console

    from gcvos_model.checkpoints import load_model
    from gcvos_model.portable.onnx_file import multiply_adds, write_onnx

    sizes = [parse_size(text) for text in size or SIZES]
    network = load_model(model, device="cpu", precision="float32")
    if threads:
        torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    console = Console(markup=False, highlight=False)
    disagreements = 0
    for height, width in sizes:
        path = out / f"{network.config.name}-{height}x{width}.onnx"
        write_onnx(network, path, (height, width))
        operations = [multiply_adds(network, (height, width), objects) / 1e9 for objects in (1, 2)]
        console.print(
            f"{path}: {path.stat().st_size / 1e6:.1f} MB, {operations[0]:.1f} GMAC a step with one object, "
            f"{operations[1] - operations[0]:.1f} more for each other"
        )
        if time:
            print_times(network, model, path, threads, console)
        if check is not None:
            disagreements += print_agreement(network, path, check, split, threads, console)
    if disagreements:
        raise typer.Exit(DISAGREES)


def parse_size(text: str) -> tuple[int, int]:
    """`HEIGHTxWIDTH` as two numbers.

    Raises:
        InputError: it is something else.
    """
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None:
        raise InputError(f"--size {text}: expected HEIGHTxWIDTH, as 480x848")
    return int(match[1]), int(match[2])


def print_times(network: "GCNetwork", model: str, path: Path, threads: int, console: Any) -> None:
    """Print a table: wall and CPU time of a step with one object in each runtime."""
    from rich.table import Table

    from gcvos_model.checkpoints import load_model
    from gcvos_model.devices import cpu_has_bfloat16
    from gcvos_model.portable.onnx_file import read_shape
    from gcvos_model.portable.runtimes import open_runtime
    from gcvos_model.portable.timing import busy_inputs, pytorch_run, time_steps

    shape = read_shape(path)
    runs = {"pytorch float32": pytorch_run(network, shape.size)}
    if cpu_has_bfloat16():
        half = load_model(model, device="cpu", precision="bfloat16")
        runs["pytorch bfloat16"] = pytorch_run(half, shape.size)
    for name, precision in RUNTIMES:
        runs[f"{name} {precision}"] = open_runtime(name, path, threads=threads, precision=precision)
    table = Table("runtime", "ms a step", "CPU ms a step")
    for name, taken in time_steps(runs, busy_inputs(shape)).items():
        table.add_row(name, f"{1000 * taken.wall:.0f}", f"{1000 * taken.cpu:.0f}")
    console.print(table)


def print_agreement(
    network: "GCNetwork", path: Path, root: Path, split: str, threads: int, console: Any
) -> int:
    """Print a table of the sequences for each exact runtime; returns how many rows miss the limits."""
    from rich.table import Table

    from gcvos_model.evaluation.layouts import Benchmark, read_dataset
    from gcvos_model.portable.agreement import compare
    from gcvos_model.portable.onnx_file import read_shape
    from gcvos_model.portable.runtimes import open_runtime

    shape, sequences = read_shape(path), read_dataset(root, Benchmark.DAVIS2016, split)
    missed = 0
    for name, precision in EXACT:
        run = open_runtime(name, path, threads=threads, precision=precision)
        table = Table("sequence", "largest difference", "pixels that differ", "J PyTorch", f"J {name}")
        rows = [compare(sequence, network, run, shape) for sequence in sequences]
        for row in rows:
            scores = (f"{100 * row.j_pytorch:.1f}", f"{100 * row.j_exported:.1f}")
            table.add_row(row.name, f"{row.largest_difference:.1e}", f"{row.differing_pixels:.3%}", *scores)
        console.print(table)
        missed += count_missed([(row.largest_difference, row.differing_pixels) for row in rows])
    return missed


def count_missed(rows: Sequence[tuple[float, float]]) -> int:
    """How many of the rows (largest difference, differing pixels) miss the limits."""
    return sum(difference > MAX_DIFFERENCE or pixels > MAX_PIXELS for difference, pixels in rows)
