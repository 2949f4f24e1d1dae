"""How well a box becomes a mask: by GrabCut, as it is, or by the network that refines its own first mask.

In the open-source UI of CVAT a box is all that an annotator draws for a tracker, so everything after rests on
this.

    python -m gcvos_model.evaluation.box_prompts DAVIS_ROOT [--every 5]

prints the mean IoU with the true masks, whose tight boxes are the prompts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from gcvos_model.box_refinement import CERTAINTY, ROUNDS, boxes_to_masks
from gcvos_model.checkpoints import load_model
from gcvos_model.evaluation.grabcut import grabcut
from gcvos_model.evaluation.layouts import Benchmark, BenchmarkSequence, read_dataset
from gcvos_model.evaluation.protocol import read_annotation
from gcvos_model.masks import Mask, object_masks, tight_box
from gcvos_model.metrics import region_similarity
from gcvos_model.network.network import GCNetwork
from gcvos_model.prompts import fill_box
from gcvos_model.propagation import SHORT_SIDE
from gcvos_model.video import Frame, open_source

Box = Sequence[float]
FromBox = Callable[[Frame, Box], Mask]

LOG_WIDTH = 140

MIN_PIXELS = 100
"""Of an object to be counted: the box of a smaller one is its mask."""


def variants(model: GCNetwork, short_side: int = SHORT_SIDE) -> dict[str, FromBox]:
    """All ways that are compared, by name."""

    def filled(frame: Frame, box: Box) -> Mask:
        return fill_box(box, (frame.shape[0], frame.shape[1]))

    def network(frame: Frame, box: Box, certainty: float, rounds: int) -> Mask:
        (mask,) = boxes_to_masks(
            model, frame, [box], short_side=short_side, certainty=certainty, rounds=rounds
        )
        return mask

    ways: dict[str, FromBox] = {"filled box": filled, "GrabCut": grabcut}
    settings = [
        (1.0, 1),
        (0.5, ROUNDS),
        (0.7, ROUNDS),
        *((CERTAINTY, rounds) for rounds in (1, 2, ROUNDS, 5)),
    ]
    for certainty, rounds in settings:
        name = f"network, box at {certainty}, {rounds} round{'s' * (rounds > 1)}"
        ways[name] = partial(network, certainty=certainty, rounds=rounds)
    return ways


def true_objects(sequence: BenchmarkSequence, every: int) -> Iterator[tuple[Frame, Mask]]:
    """Every n-th annotated frame, once for each of its objects, with the object's mask."""
    with open_source(sequence.images[0].parent) as source:
        for index in range(0, len(sequence.images), every):
            if sequence.frames[index] not in sequence.annotations:
                continue
            frame = source.frame(index)
            for mask in object_masks(read_annotation(sequence, sequence.frames[index])).values():
                if mask.sum() >= MIN_PIXELS:
                    yield frame, mask


def mean_overlaps(sequence: BenchmarkSequence, ways: dict[str, FromBox], every: int) -> dict[str, float]:
    """Mean IoU of one sequence's objects with what each way makes of their boxes, in per cent."""
    overlaps: dict[str, list[float]] = {name: [] for name in ways}
    for frame, mask in true_objects(sequence, every):
        box = tight_box(mask)
        assert box is not None
        for name, way in ways.items():
            overlaps[name].append(region_similarity(way(frame, box), mask))
    return {name: 100 * float(np.mean(values)) for name, values in overlaps.items() if values}


def as_table(found: Mapping[str, Mapping[str, float]]) -> Table:
    """What `mean_overlaps` gave for sequences, by their names, one row a way."""
    table = Table("way", *found, "mean", title="IoU of boxes turned into masks, per cent", box=MARKDOWN)
    for name in next(iter(found.values()), {}):
        values = [overlaps[name] for overlaps in found.values() if name in overlaps]
        table.add_row(name, *(f"{value:.1f}" for value in (*values, np.mean(values))))
    return table


def main(
    root: Annotated[Path, typer.Argument(help="A DAVIS folder: holds JPEGImages, Annotations, ImageSets.")],
    benchmark: Annotated[Benchmark, typer.Option(help="Whose layout and rules.")] = Benchmark.DAVIS2016,
    split: Annotated[str, typer.Option(help="Which list of sequences.")] = "val",
    every: Annotated[int, typer.Option(min=1, help="Take every n-th frame.")] = 5,
    model: Annotated[str, typer.Option(help="Name or path of a checkpoint.")] = "gcvos-lite",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    short_side: Annotated[int, typer.Option(min=16, help="Working resolution.")] = SHORT_SIDE,
) -> None:
    """Mean IoU, in per cent, of what each way makes of the true masks' boxes."""
    ways = variants(load_model(model, device=device), short_side)
    sequences = read_dataset(root, benchmark, split)
    found = {sequence.name: mean_overlaps(sequence, ways, every) for sequence in sequences}
    Console(width=LOG_WIDTH).print(as_table(found))


if __name__ == "__main__":
    typer.run(main)
