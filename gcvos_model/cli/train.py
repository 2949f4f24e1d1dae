"""`gcvos train`: one stage of training within a budget of minutes."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gcvos_model.errors import InputError


def train(
    data: Annotated[Path, typer.Option(help="Folder with static/, video/train/, textures/, silhouettes/.")],
    out: Annotated[Path, typer.Option(help="Run folder: log, last and best checkpoint.")],
    initial: Annotated[
        Path, typer.Option(help="ImageNet trunk (stage images) or a checkpoint (stage video).")
    ],
    stage: Annotated[str, typer.Option(help="images or video.")] = "images",
    preset: Annotated[str, typer.Option(help="The network's shape.")] = "gcvos-lite",
    max_minutes: Annotated[float, typer.Option(min=0.01, help="Wall time; the schedule ends in it.")] = 60,
    validation: Annotated[
        Path | None, typer.Option(help="Data set in DAVIS layout to choose the best by.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of clips and new weights.")] = 0,
) -> None:
    """Train a network: stage `images` on clips made of still images, stage `video` on real ones."""
    from gcvos_model.network.config import PRESETS
    from gcvos_model.training.datasets import find_training_data
    from gcvos_model.training.loop import STAGES, train_stage
    from gcvos_model.training.validation import validate

    if stage not in STAGES:
        raise InputError(f"unknown stage '{stage}': expected {' or '.join(STAGES)}")
    if preset not in PRESETS:
        raise InputError(f"unknown preset '{preset}': expected {', '.join(PRESETS)}")
    if not initial.is_file():
        raise InputError(f"there is no file '{initial}' to start from")
    config = replace(STAGES[stage], max_minutes=max_minutes, seed=seed)
    score = None if validation is None else lambda network: validate(network, validation)
    best = train_stage(config, PRESETS[preset], find_training_data(data), out, initial, score)
    typer.echo(f"best checkpoint: {best}")
