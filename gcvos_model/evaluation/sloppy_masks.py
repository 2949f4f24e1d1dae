"""How far does a sloppy first mask sink the track: J with first masks as annotators make them.

    python -m gcvos_model.evaluation.sloppy_masks DAVIS_ROOT

The kinds are those that training knows (`training/first_masks.py`). "First" is how good the mask is that was given.
"""

from collections.abc import Callable, Mapping
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
from gcvos_model.training.first_masks import Mask, box, coarse_polygon, resized, shifted
from gcvos_model.video import open_source

KINDS: Mapping[str, Callable[[np.random.Generator, Mask], Mask]] = {
    "exact": lambda _, mask: mask,
    "a box": box,
    "a coarse polygon": coarse_polygon,
    "shifted": shifted,
    "too large or too small": resized,
}


def tracked_j(
    model: GCNetwork, sequence: BenchmarkSequence, kind: str, tick: Callable[[], object] = lambda: None
) -> tuple[float, float]:
    """J in [0, 1] of the first masks that are given, and the mean J of those predicted, but for the last frame's.

    Args:
        model: from `load_model`.
        sequence: with annotations on every frame.
        kind: of `KINDS`; what it draws depends on the sequence's name and the object's id alone.
        tick: called after each frame.
    """
    truth: list[dict[int, NDArray[np.bool_]]] = [
        object_masks(np.asarray(read_annotation(sequence, name), np.uint8)) for name in sequence.frames
    ]
    given = {}
    for i, mask in truth[0].items():
        rng = np.random.default_rng([i, *sequence.name.encode()])
        given[i] = KINDS[kind](rng, mask * np.uint8(255)) > 127
    first = np.mean([region_similarity(given[i], mask) for i, mask in truth[0].items()])
    propagator, scores = Propagator(model), []
    with open_source(sequence.images[0].parent) as source:
        for index, frame in source.frames():
            if index == 0:
                propagator.annotate(frame, given)
                continue
            labels = propagator.step(frame).labels
            nothing = np.zeros(labels.shape, bool)
            if index < len(truth) - 1:
                scores += [region_similarity(labels == i, truth[index].get(i, nothing)) for i in given]
            tick()
    return float(first), float(np.mean(scores))


def main(
    root: Annotated[Path, typer.Argument(help="A DAVIS folder: holds JPEGImages, Annotations, ImageSets.")],
    benchmark: Annotated[Benchmark, typer.Option(help="Whose layout and rules.")] = Benchmark.DAVIS2016,
    split: Annotated[str, typer.Option(help="Which list of sequences.")] = "val",
    model: Annotated[str, typer.Option(help="Name or path of a checkpoint.")] = "gcvos-lite",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """J with each kind of first mask."""
    network, sequences = load_model(model, device=device), read_dataset(root, benchmark, split)
    table = Table("first mask", "first, J", "predicted, J", title="J in %, mean over sequences", box=MARKDOWN)
    with Progress() as progress:
        for kind in KINDS:
            task = progress.add_task(kind, total=sum(len(s.images) - 1 for s in sequences))
            rows = [tracked_j(network, s, kind, lambda task=task: progress.advance(task)) for s in sequences]  # type: ignore[misc]
            table.add_row(kind, *(f"{100 * j:.1f}" for j in np.mean(rows, axis=0)))
    Console(width=100).print(table)


if __name__ == "__main__":
    typer.run(main)
