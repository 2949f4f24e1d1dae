"""How well a box becomes a mask: by GrabCut, as it is, or by the network that refines its own first mask.

In the open-source UI of CVAT a box is all that an annotator draws for a tracker, so everything after rests on
this.

    python -m gcvos_model.evaluation.box_prompts DAVIS_ROOT [--every 5]

prints the mean IoU with the true masks, whose tight boxes are the prompts.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from gcvos_model.checkpoints import load_model
from gcvos_model.evaluation.layouts import Benchmark, BenchmarkSequence, read_dataset
from gcvos_model.evaluation.protocol import read_annotation
from gcvos_model.masks import Mask, object_masks, tight_box
from gcvos_model.metrics import region_similarity
from gcvos_model.network.network import GCNetwork
from gcvos_model.prompts import box_to_mask
from gcvos_model.propagation import SHORT_SIDE, Propagator
from gcvos_model.video import Frame, open_source

Box = Sequence[float]
FromBox = Callable[[Frame, Box], Mask]

LOG_WIDTH = 140

MIN_PIXELS = 100
"""Of an object to be counted: the box of a smaller one is its mask."""


def fill_box(frame: Frame, box: Box) -> Mask:
    """The whole box (x1, y1, x2, y2)."""
    mask = np.zeros(frame.shape[:2], bool)
    left, top, right, bottom = (round(edge) for edge in box)
    mask[top:bottom, left:right] = True
    return mask


def fill_ellipse(frame: Frame, box: Box) -> Mask:
    """The ellipse that touches all sides of the box (x1, y1, x2, y2)."""
    left, top, right, bottom = box
    y, x = np.ogrid[: frame.shape[0], : frame.shape[1]]
    across = (2 * (x + 0.5) - left - right) / max(right - left, 1)
    along = (2 * (y + 0.5) - top - bottom) / max(bottom - top, 1)
    mask: Mask = across**2 + along**2 <= 1
    return mask if mask.any() else fill_box(frame, box)


def refine(
    frame: Frame,
    box: Box,
    *,
    model: GCNetwork,
    short_side: int,
    first: FromBox,
    certainty: float = 1.0,
    rounds: int = 1,
) -> Mask:
    """Let the network find on a frame what a rough mask of the same frame shows it.

    Args:
        frame: uint8 RGB (H, W, 3).
        box: x1, y1, x2, y2 in pixels; nothing outside belongs to the object.
        model: From `load_model`.
        short_side: Working resolution.
        first: Makes the rough mask.
        certainty: With which the rough mask goes into the memory, above 0.5.
        rounds: How often the result takes the rough mask's place.

    Returns:
        Mask (H, W), never empty: where the network finds nothing, the rough mask.
    """
    inside = fill_box(frame, box)
    mask = first(frame, box)
    for _ in range(rounds):
        propagator = Propagator(model, short_side=short_side)
        propagator.annotate(frame, {1: mask.astype(np.float32) * certainty})
        found = (propagator.step(frame).labels == 1) & inside
        if not found.any():
            break
        mask = found
    return mask


def variants(model: GCNetwork, short_side: int = SHORT_SIDE) -> dict[str, FromBox]:
    """All ways that are compared, by name."""
    refined = partial(refine, model=model, short_side=short_side)
    return {
        "filled box": fill_box,
        "filled ellipse": fill_ellipse,
        "GrabCut": box_to_mask,
        "network from box": partial(refined, first=fill_box),
        "network from soft box": partial(refined, first=fill_box, certainty=0.6),
        "network from box, twice": partial(refined, first=fill_box, rounds=2),
        "network from ellipse": partial(refined, first=fill_ellipse),
        "network from ellipse, twice": partial(refined, first=fill_ellipse, rounds=2),
        "network from GrabCut": partial(refined, first=box_to_mask),
    }


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
    found = {}
    for sequence in sequences:
        found[sequence.name] = mean_overlaps(sequence, ways, every)
        print(
            sequence.name, {name: round(value, 1) for name, value in found[sequence.name].items()}, flush=True
        )
    table = Table("way", *found, "mean", title="IoU of boxes turned into masks, per cent")
    for name in ways:
        values = [overlaps[name] for overlaps in found.values() if name in overlaps]
        table.add_row(name, *(f"{value:.1f}" for value in (*values, np.mean(values))))
    Console(width=LOG_WIDTH).print(table)


if __name__ == "__main__":
    typer.run(main)
