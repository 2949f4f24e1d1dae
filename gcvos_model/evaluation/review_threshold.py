"""From which confidence on a mask needs no look: what each threshold finds of the bad masks, and how often it is wrong.

    python -m gcvos_model.evaluation.review_threshold DAVIS_ROOT

A mask is bad where its region similarity J with the truth is below 0.5. The default of FiftyOne's operators is chosen
from this table (`review_confidence` in plugin/settings.py).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from gcvos_model.checkpoints import load_model
from gcvos_model.network.network import GCNetwork

from .confidence import BAD, Judged, judge, whole
from .confidence import auroc as confidence_auroc
from .layouts import Benchmark, BenchmarkSequence, read_dataset

THRESHOLDS = tuple(round(0.4 + 0.05 * step, 2) for step in range(12))
LOG_WIDTH = 120


@dataclass(frozen=True)
class Finding:
    """What looking at all masks below a threshold would bring; shares in [0, 1].

    Attributes:
        flagged: share of the masks that are to be looked at.
        precision: share of those that are bad; 1 where there are none.
        recall: share of the bad ones that are among them; 1 where there are none.
    """

    flagged: float
    precision: float
    recall: float


def marks(model: GCNetwork, sequence: BenchmarkSequence) -> Iterator[Judged]:
    """Segment a sequence from its first masks; yield the judgement of each later mask that is not empty."""
    for frame in judge(model, whole(sequence)):
        yield from (mark for mark in frame if mark.visible)


def finding(found: Iterable[Judged], threshold: float) -> Finding:
    """Return what looking at all masks of less confidence than `threshold` would bring."""
    confidence, bad = _arrays(found)
    flagged = confidence < threshold
    hits = int((flagged & bad).sum())
    return Finding(
        flagged=float(flagged.mean()) if len(bad) else 0.0,
        precision=hits / int(flagged.sum()) if flagged.any() else 1.0,
        recall=hits / int(bad.sum()) if bad.any() else 1.0,
    )


def auroc(found: Iterable[Judged]) -> float:
    """Return how often a bad mask has less confidence than another, in [0, 1]; ties count half, NaN without both."""
    confidence, bad = _arrays(found)
    return confidence_auroc(confidence, bad) if 0 < bad.sum() < len(bad) else float("nan")


def as_table(found: list[Judged]) -> Table:
    """One row a threshold."""
    bad = sum(mark.j < BAD for mark in found)
    title = f"{len(found)} masks, {bad} of them bad (J < {BAD}); AUROC of the confidence {auroc(found):.3f}"
    table = Table("below", "to look at", "precision", "recall", title=title, box=MARKDOWN)
    for threshold in THRESHOLDS:
        row = finding(found, threshold)
        table.add_row(f"{threshold:.2f}", f"{row.flagged:.1%}", f"{row.precision:.0%}", f"{row.recall:.0%}")
    return table


def _arrays(found: Iterable[Judged]) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.array([(mark.confidence, mark.j) for mark in found]).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1] < BAD


def main(
    root: Annotated[Path, typer.Argument(help="A DAVIS folder: holds JPEGImages, Annotations, ImageSets.")],
    benchmark: Annotated[Benchmark, typer.Option(help="Whose layout and rules.")] = Benchmark.DAVIS2016,
    split: Annotated[str, typer.Option(help="Which list of sequences.")] = "val",
    model: Annotated[str, typer.Option(help="Name or path of a checkpoint.")] = "gcvos-lite",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """What each threshold of the confidence finds of the bad masks."""
    network = load_model(model, device=device)
    found = [mark for sequence in read_dataset(root, benchmark, split) for mark in marks(network, sequence)]
    Console(width=LOG_WIDTH).print(as_table(found))


if __name__ == "__main__":
    typer.run(main)
