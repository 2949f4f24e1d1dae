"""From which confidence on a mask needs no look: what each threshold finds of the bad masks, and how often it is wrong.

A mask is bad where its region similarity J with the truth is below 0.5. `python -m gcvos_model.evaluation.confidence`
prints the table, from which the default of FiftyOne's operators is chosen (`review_confidence` in plugin/settings.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.box import MARKDOWN
from rich.table import Table

from gcvos_model.evaluation.judgements import BAD, Judged

THRESHOLDS = tuple(round(0.4 + 0.05 * step, 2) for step in range(12))


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


def as_table(found: list[Judged]) -> Table:
    """One row a threshold."""
    bad = sum(mark.j < BAD for mark in found)
    title = f"{len(found)} masks that are not empty, {bad} of them bad (J < {BAD})"
    table = Table("below", "to look at", "precision", "recall", title=title, box=MARKDOWN)
    for threshold in THRESHOLDS:
        row = finding(found, threshold)
        table.add_row(f"{threshold:.2f}", f"{row.flagged:.1%}", f"{row.precision:.0%}", f"{row.recall:.0%}")
    return table


def _arrays(found: Iterable[Judged]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    pairs = np.array([(mark.confidence, mark.j) for mark in found]).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1] < BAD
