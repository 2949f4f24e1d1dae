"""What the confidence is worth: does it tell bad masks from good ones, and is an object that is gone called so?

    python -m gcvos_model.evaluation.confidence DAVIS_ROOT

In DAVIS objects are seldom absent, so the second question is asked with cuts: a sequence is interrupted by frames of
another one, in which its objects are not, and then goes on. Between the two answers stands what each threshold of the
confidence finds of the bad masks (`review_threshold.py`).
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from gcvos_model.checkpoints import load_model
from gcvos_model.evaluation.judgements import BAD, judge, whole
from gcvos_model.evaluation.layouts import Benchmark, BenchmarkSequence, read_dataset
from gcvos_model.evaluation.review_threshold import as_table

LEAST = 0.2  # share of the masks, those of the lowest confidence, that is looked at
BEFORE_CUT, CUT, AFTER_CUT = 20, 10, 10  # frames


def auroc(confidence: NDArray[np.float64], bad: NDArray[np.bool_]) -> float:
    """The chance that a random bad mask has a lower confidence than a random good one (ties count half)."""
    low, high = confidence[bad][:, None], confidence[~bad][None]
    return float(np.mean((low < high) + 0.5 * (low == high)))


def least_confident(
    confidence: NDArray[np.float64], bad: NDArray[np.bool_], share: float = LEAST
) -> tuple[float, float]:
    """Of the least confident `share`: how many of them are bad, and how many of all bad ones they are, in [0, 1]."""
    chosen = np.argsort(confidence, kind="stable")[: round(share * len(confidence))]
    return float(bad[chosen].mean()), float(bad[chosen].sum() / max(1, bad.sum()))


def with_cut(sequence: BenchmarkSequence, other: BenchmarkSequence) -> list[tuple[BenchmarkSequence, range]]:
    """A sequence that is interrupted by another."""
    return [
        (sequence, range(BEFORE_CUT)),
        (other, range(CUT)),
        (sequence, range(BEFORE_CUT, min(BEFORE_CUT + AFTER_CUT, len(sequence.images)))),
    ]


def main(
    root: Annotated[Path, typer.Argument(help="A DAVIS folder: holds JPEGImages, Annotations, ImageSets.")],
    benchmark: Annotated[Benchmark, typer.Option(help="Whose layout and rules.")] = Benchmark.DAVIS2016,
    split: Annotated[str, typer.Option(help="Which list of sequences.")] = "val",
    model: Annotated[str, typer.Option(help="Name or path of a checkpoint.")] = "gcvos-lite",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """What the confidence and the visibility are worth on a benchmark."""
    network = load_model(model, device=device)
    sequences = read_dataset(root, benchmark, split)
    masks = [
        judged
        for sequence in track(sequences, "whole sequences")
        for frame in judge(network, whole(sequence))
        for judged in frame
    ]
    confidence, bad = np.array([m.confidence for m in masks]), np.array([m.j < BAD for m in masks])
    are_bad, of_all = least_confident(confidence, bad)
    console = Console(highlight=False, width=120)
    console.print(f"{len(masks)} masks, {bad.mean():.1%} of them bad (J below {BAD})")
    if 0 < bad.sum() < len(bad):
        console.print(f"AUROC of the confidence against bad masks: {auroc(confidence, bad):.3f}")
        console.print(
            f"of the {LEAST:.0%} least confident {are_bad:.1%} are bad, and they are {of_all:.1%} of all bad ones"
        )
    console.print(as_table([mask for mask in masks if mask.visible]))
    cuts = [with_cut(a, b) for a, b in zip(sequences, sequences[1:] + sequences[:1], strict=True)]
    frames = [list(judge(network, cut)) for cut in track(cuts, "sequences with a cut")]
    gone = [m for cut in frames for frame in cut for m in frame if not m.present]
    back = [m for cut in frames for frame in cut[BEFORE_CUT - 1 + CUT :] for m in frame]
    called = np.mean([m.visible for m in gone])
    console.print(f"absent objects called visible: {called:.1%} of {len(gone)}")
    if called:
        console.print(
            f"their median confidence: {np.median([m.confidence for m in gone if m.visible]):.2f} "
            f"(of all masks: {np.median(confidence):.2f})"
        )
    console.print(f"mean J in the {AFTER_CUT} frames after a cut: {100 * np.mean([m.j for m in back]):.1f}")


if __name__ == "__main__":
    typer.run(main)
