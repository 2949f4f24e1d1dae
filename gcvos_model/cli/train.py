"""`gcvos train`: one stage of training within a budget of minutes."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from gcvos_model.errors import InputError


def train(
    data: Annotated[Path, typer.Option(help="Folder with static/, video/train/, textures/, silhouettes/.")],
    out: Annotated[
        Path, typer.Option(help="Run folder: log, checkpoints, pictures, the state to resume from.")
    ],
    initial: Annotated[
        Path | None, typer.Option(help="Start from an ImageNet trunk or a checkpoint; else random weights.")
    ] = None,
    stage: Annotated[str, typer.Option(help="images or video.")] = "images",
    preset: Annotated[str, typer.Option(help="The network's shape.")] = "gcvos-lite",
    recipe: Annotated[str, typer.Option(help="gcvos, or paper: the paper's own settings.")] = "gcvos",
    max_minutes: Annotated[float, typer.Option(min=0.01, help="Wall time; the schedule ends in it.")] = 60,
    validate: Annotated[
        Path | None,
        typer.Option(help="Sequences in DAVIS layout to choose the best by; else it is the last."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that is in --out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run that is in --out.")] = False,
    seed: Annotated[int, typer.Option(help="Of clips and new weights.")] = 0,
    size: Annotated[
        int | None, typer.Option(min=16, help="Side of a clip, pixels, a multiple of 16.")
    ] = None,
    frames: Annotated[int | None, typer.Option(min=2, help="Frames of a clip.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Clips of a step, over all processes.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Of the new parts.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="End after so many steps, if it is earlier.")] = None,
    precision: Annotated[str | None, typer.Option(help="bf16-mixed, 16-mixed or 32-true.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that make clips.")] = None,
    validate_minutes: Annotated[float | None, typer.Option(help="Between validations.")] = None,
    save_minutes: Annotated[float | None, typer.Option(help="Between states to resume from.")] = None,
) -> None:
    """Train a network: stage `images` on clips made of still images, stage `video` on real ones."""
    from gcvos_model.network.config import PRESETS
    from gcvos_model.training.config import RECIPES
    from gcvos_model.training.datasets import find_training_data
    from gcvos_model.training.initial import history
    from gcvos_model.training.loop import train_stage
    from gcvos_model.training.processes import make_fabric
    from gcvos_model.training.run_folder import RunFolder
    from gcvos_model.training.validation import validate as mean_j

    expect_one_of("recipe", recipe, RECIPES)
    expect_one_of("stage", stage, RECIPES[recipe])
    expect_one_of("preset", preset, PRESETS)
    given: dict[str, Any] = {
        "max_minutes": max_minutes, "seed": seed, "size": size, "frames": frames, "batch": batch,
        "learning_rate": learning_rate, "max_steps": max_steps, "precision": precision, "workers": workers,
        "validate_minutes": validate_minutes, "save_minutes": save_minutes,
    }  # fmt: skip
    config = replace(
        RECIPES[recipe][stage], **{key: value for key, value in given.items() if value is not None}
    )
    if config.size % 16:
        raise InputError(f"--size {config.size}: expected a multiple of 16")
    found = find_training_data(data)
    fabric = make_fabric(config)
    run = RunFolder(out)
    if fabric.is_global_zero:
        description = {
            **config.to_dict(),
            "shape": PRESETS[preset].to_dict(),
            **history(initial),
            "data": {"sets": list(found.names), "images": len(found.images), "videos": len(found.videos)},
        }
        run.open(description, found.names, resume=resume, overwrite=overwrite)
    fabric.barrier()
    score = None if validate is None else lambda network: mean_j(network, validate)
    best = train_stage(fabric, config, PRESETS[preset], found, run, initial, score)
    if fabric.is_global_zero:
        typer.echo(f"best checkpoint: {best}")


def expect_one_of(what: str, name: str, known: Any) -> None:
    """Raise InputError where `name` is not in `known`."""
    if name not in known:
        raise InputError(f"unknown {what} '{name}': expected {' or '.join(known)}")
