"""`gcvos models`: what checkpoints there are, and what computes them."""

import json
from pathlib import Path
from typing import Annotated

import typer


def models(
    paths: Annotated[list[Path] | None, typer.Argument(help="Other checkpoints to describe.")] = None,
    backends: Annotated[
        bool, typer.Option("--backends", help="Say what would compute here, in which precision, and why.")
    ] = False,
) -> None:
    """List the bundled models: parameters, size, digest and how they were trained."""
    if backends:
        print_backends()
    else:
        print_models(paths or [])


def print_models(paths: list[Path]) -> None:
    """A table of the bundled models and other checkpoints."""
    from rich.console import Console
    from rich.table import Table

    from gcvos_model.checkpoints import bundled_models, find_checkpoint, read_checkpoint

    table = Table("name", "parameters", "size", "digest", "training record")
    for path in [*bundled_models().values(), *(find_checkpoint(path) for path in paths)]:
        config, tensors, metadata = read_checkpoint(path)
        count = sum(tensor.numel() for tensor in tensors.values())
        record = json.loads(metadata.get("record", "{}"))
        lines = "\n".join(f"{key}: {brief(key, value)}" for key, value in record.items())
        size = f"{path.stat().st_size / 1e6:.1f} MB"
        table.add_row(config.name, f"{count / 1e6:.2f} M", size, metadata["digest"][:12], lines)
    Console().print(table)


def brief(key: str, value: object) -> object:
    """An entry of a record; of the ranges for int8 only how many there are."""
    from gcvos_model.int8 import RANGES

    return f"of {len(value)} activations" if key == RANGES and isinstance(value, dict) else value


def print_backends() -> None:
    """A table of what could compute here; one row is used."""
    from rich.console import Console
    from rich.table import Table

    from gcvos_model.backends import backends

    table = Table("", "backend", "device", "precision", "why")
    for row in backends():
        mark = "used" if row.used else ("" if row.there else "absent")
        table.add_row(mark, row.name, row.device, row.precision, row.why)
    Console().print(table)
