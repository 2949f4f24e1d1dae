"""Does accuracy last: J in the first, second and last third of sequences that are looped forth and back.

    python -m gcvos_model.evaluation.long_clips DAVIS_ROOT --frames 1000

Every pass shows the same frames, so what is lost from one third to the next is lost to time and not to a harder scene.
"""

from collections.abc import Callable
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.box import MARKDOWN
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from gcvos_model.checkpoints import load_model
from gcvos_model.evaluation.layouts import Benchmark, BenchmarkSequence, read_dataset
from gcvos_model.evaluation.protocol import read_annotation
from gcvos_model.masks import object_masks
from gcvos_model.metrics import region_similarity
from gcvos_model.network.network import GCNetwork
from gcvos_model.propagation import Propagator
from gcvos_model.video import open_source


def forth_and_back(length: int, frames: int) -> list[int]:
    """Indices of a clip of `frames` frames: 0 to length - 1, back to 0, and so on."""
    return list(islice(cycle([*range(length), *range(length - 2, 0, -1)]), frames))


def thirds(
    model: GCNetwork, sequence: BenchmarkSequence, frames: int, tick: Callable[[], object] = lambda: None
) -> NDArray[np.float64]:
    """Mean J (3,) in [0, 1] of the objects of a sequence's first frame in each third of its looped clip.

    Args:
        model: from `load_model`.
        sequence: with annotations on every frame.
        frames: of the clip, the annotated first one included; at least 4.
        tick: called after each frame.
    """
    with open_source(sequence.images[0].parent) as source:
        images = [image for _, image in source.frames()]
    truth = [object_masks(np.asarray(read_annotation(sequence, name), np.uint8)) for name in sequence.frames]
    propagator, scores = Propagator(model), []
    propagator.annotate(images[0], truth[0])
    for index in forth_and_back(len(images), frames)[1:]:
        labels = propagator.step(images[index]).labels
        nothing = np.zeros(labels.shape, bool)
        scores.append(
            np.mean([region_similarity(labels == i, truth[index].get(i, nothing)) for i in truth[0]])
        )
        tick()
    return np.array([part.mean() for part in np.array_split(scores, 3)])


def main(
    root: Annotated[Path, typer.Argument(help="A DAVIS folder: holds JPEGImages, Annotations, ImageSets.")],
    frames: Annotated[int, typer.Option(min=4, help="Of each looped clip.")] = 1000,
    benchmark: Annotated[Benchmark, typer.Option(help="Whose layout and rules.")] = Benchmark.DAVIS2016,
    split: Annotated[str, typer.Option(help="Which list of sequences.")] = "val",
    model: Annotated[str, typer.Option(help="Name or path of a checkpoint.")] = "gcvos-lite",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """J in the thirds of looped sequences."""
    network, sequences = load_model(model, device=device), read_dataset(root, benchmark, split)
    table = Table(
        "sequence", "first third", "second", "last", title=f"J over {frames} frames, %", box=MARKDOWN
    )
    rows = []
    with Progress() as progress:
        for sequence in sequences:
            task = progress.add_task(sequence.name, total=frames - 1)
            rows.append(100 * thirds(network, sequence, frames, partial(progress.advance, task)))
            table.add_row(sequence.name, *(f"{j:.1f}" for j in rows[-1]))
    table.add_row("mean", *(f"{j:.1f}" for j in np.mean(rows, axis=0)))
    Console(width=100).print(table)


if __name__ == "__main__":
    typer.run(main)
