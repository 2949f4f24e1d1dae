"""A stage, or both one after the other, from folders of data to checkpoints: what `gcvos train` does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gcvos_model.network.config import GCConfig
from gcvos_model.training.config import TrainConfig
from gcvos_model.training.data_check import SetSummary, check_sets
from gcvos_model.training.datasets import TrainingData, VideoSequence
from gcvos_model.training.initial import history
from gcvos_model.training.layouts import find_sets, join_sets
from gcvos_model.training.loop import train_stage
from gcvos_model.training.processes import make_fabric
from gcvos_model.training.run_folder import RunFolder
from gcvos_model.training.validation import validate

IMAGES_SHARE = 0.55  # of the budget that both stages share
Report = Callable[[str], None]


@dataclass(frozen=True)
class Material:
    """What to train with, read and checked."""

    data: TrainingData
    summaries: list[SetSummary]
    validation: Sequence[VideoSequence] = ()


def read_material(
    roots: Sequence[Path], validation: Sequence[VideoSequence] = (), *, skip_unreadable: bool = False
) -> Material:
    """Find and check the data below several folders.

    Raises:
        InputError: there is none, or files cannot be used (see `check_sets`).
    """
    sets = [found for root in roots for found in find_sets(root)]
    sets, summaries = check_sets(sets, skip_unreadable=skip_unreadable)
    return Material(join_sets(sets), summaries, validation)


def run_stage(
    config: TrainConfig,
    shape: GCConfig,
    material: Material,
    out: Path,
    initial: Path | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    report: Report = print,
) -> Path:
    """Train one stage in the run folder `out` (see `RunFolder.open`) and return the best checkpoint's path."""
    fabric = make_fabric(config)
    run = RunFolder(out)
    if fabric.is_global_zero:
        counts = {summary.name: summary.images or summary.videos for summary in material.summaries}
        description = {
            **config.to_dict(), "shape": shape.to_dict(), "data": counts, "initial": history(initial)["initial"]
        }  # fmt: skip
        found = [summary.to_dict() for summary in material.summaries]
        run.open(description, found, resume=resume, overwrite=overwrite)
    fabric.barrier()
    sequences = list(material.validation)
    score = (lambda network: validate(network, sequences)) if sequences else None
    return train_stage(fabric, config, shape, material.data, run, initial, score, report)


def run_both(
    stages: dict[str, TrainConfig],
    shape: GCConfig,
    material: Material,
    out: Path,
    initial: Path | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    report: Report = print,
) -> Path:
    """Train both stages in `out/images` and `out/video`, the second from the first's best, in one budget.

    The budget is `max_minutes` of stage 'images'. With `resume` a stage that is over is not trained again.
    """
    minutes = stages["images"].max_minutes
    for name, share in (("images", IMAGES_SHARE), ("video", 1 - IMAGES_SHARE)):
        folder = out / name
        initial = run_stage(
            replace(stages[name], max_minutes=minutes * share),
            shape,
            material,
            folder,
            initial,
            resume=resume and (name == "images" or RunFolder(folder).config.exists()),
            overwrite=overwrite,
            report=report,
        )
    return folder / "best.safetensors"
