"""`gcvos quantize`: what a checkpoint needs to compute in int8."""

from pathlib import Path
from typing import Annotated

import typer

SUFFIXES = (".jpg", ".jpeg", ".png")


def quantize(
    model: Annotated[str, typer.Argument(help="A checkpoint, or a model's name (see `gcvos models`).")],
    images: Annotated[
        list[Path],
        typer.Argument(help="Folders of photographs like those to track in; masks are not needed."),
    ],
    count: Annotated[int, typer.Option(min=1, help="How many of the images to take, spread evenly.")] = 32,
) -> None:
    """Let a model's trunk compute in int8 on CPUs that can: a third less time a frame.

    The ranges of its activations are measured on the images and kept in the checkpoint. `gcvos evaluate --precision int8`,
    and `bfloat16` or `float32` beside it, tells what it costs.
    """
    import json

    from gcvos_model.checkpoints import find_checkpoint, load_model, read_checkpoint, save_checkpoint
    from gcvos_model.cli.visualize import spread
    from gcvos_model.int8 import RANGES, ranges_on

    path = find_checkpoint(model)
    ranges = ranges_on(
        load_model(path, device="cpu", precision="float32"), spread(find_images(images), count)
    )
    config, tensors, metadata = read_checkpoint(path)
    record = json.loads(metadata.get("record", "{}")) | {RANGES: ranges}
    save_checkpoint(path, config, tensors, record, next(iter(tensors.values())).dtype)
    typer.echo(f"{path}: ranges of {len(ranges)} activations")


def find_images(folders: list[Path]) -> list[Path]:
    """All images below folders, sorted."""
    return sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
