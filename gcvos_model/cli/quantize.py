"""`gcvos quantize`: what a checkpoint needs to compute in int8."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gcvos_model.inputs import Frame
    from gcvos_model.training.datasets import ImagePair


def quantize(
    model: Annotated[str, typer.Argument(help="A checkpoint, or a model's name (see `gcvos models`).")],
    data: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of images with masks, as `gcvos train` takes them; videos are not looked at."
        ),
    ],
    count: Annotated[int, typer.Option(min=1, help="How many of the images to take, spread evenly.")] = 32,
) -> None:
    """Let a model compute in int8 on CPUs that can: less than half the time of float32.

    The ranges of its activations are measured by tracking objects in the images, and kept in the checkpoint. `gcvos evaluate
    --precision int8`, and `bfloat16` or `float32` beside it, tells what it costs.
    """
    import json

    from gcvos_model.checkpoints import find_checkpoint, load_model, read_checkpoint, save_checkpoint
    from gcvos_model.cli.visualize import spread
    from gcvos_model.int8 import RANGES, ranges_on
    from gcvos_model.training.layouts import find_training_data

    path = find_checkpoint(model)
    network = load_model(path, device="cpu", precision="float32")
    pairs = spread(find_training_data(*data).images, count)
    ranges = ranges_on(network, [found for pair in pairs if (found := largest_object(pair))])
    config, tensors, metadata = read_checkpoint(path)
    record = json.loads(metadata.get("record", "{}")) | {RANGES: ranges}
    save_checkpoint(path, config, tensors, record, next(iter(tensors.values())).dtype)
    typer.echo(f"{path}: ranges of {len(ranges)} activations")


def largest_object(pair: ImagePair) -> tuple[Frame, NDArray[np.bool_]] | None:
    """An image and the mask of its largest object; None where it has none."""
    import numpy as np

    from gcvos_model.training.datasets import read_index_mask, read_rgb

    labels = read_index_mask(pair.mask)
    ids, sizes = np.unique(labels[labels > 0], return_counts=True)
    return (read_rgb(pair.image), labels == ids[sizes.argmax()]) if len(ids) else None
