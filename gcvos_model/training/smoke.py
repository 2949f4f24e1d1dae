"""`make train-smoke`: both stages of training on data that it draws itself; fails where a loss does not fall.

Run as `python -m gcvos_model.training.smoke`. It takes about a minute on two cores.
"""

import csv
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from gcvos_model.network.config import TINY
from gcvos_model.training.config import STAGES, TrainConfig
from gcvos_model.training.made_up_data import make_data
from gcvos_model.training.stages import Material, read_material, run_stage

FALL = {"images": 0.85, "video": 0.95}  # last loss over first; the second stage begins where the first ended
ENDS = 3  # lines of the log at each end that are compared


def smoke_config(stage: str, steps: int) -> TrainConfig:
    """A stage at a size that a CPU does hundreds of steps of in a minute."""
    return replace(
        STAGES[stage], size=48, frames=3, max_steps=steps, max_minutes=10, precision="32-true", ema=0.9,
        warm_up_steps=5, learning_rate=1e-3, trunk_factor=1.0, workers=0,
    )  # fmt: skip


def read_losses(log: Path) -> list[float]:
    """The mean losses that a run logged, in order."""
    with log.open(newline="") as file:
        return [float(row["value"]) for row in csv.DictReader(file) if row["what"] == "loss"]


def fallen(losses: list[float], share: float) -> bool:
    """Whether the mean of the last losses is below `share` of the first ones'."""
    ends = min(ENDS, len(losses) // 2)
    return ends > 0 and sum(losses[-ends:]) < share * sum(losses[:ends])


def main(steps: int = 400) -> int:
    """Train both stages and print their losses; 0 where both fell, else 1."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_data(root / "data")
        material: Material = read_material([root / "data"])
        initial: Path | None = None
        good = True
        for stage in STAGES:
            config = smoke_config(stage, steps)
            initial = run_stage(config, TINY, material, root / stage, initial)
            losses = read_losses(root / stage / "log.csv")
            falls = fallen(losses, FALL[stage])
            print(
                f"{stage}: loss {' '.join(f'{loss:.3f}' for loss in losses)}: {'falls' if falls else 'DOES NOT FALL'}"
            )
            good = good and falls
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
