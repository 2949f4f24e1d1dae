"""`gcvos train`: one stage of training, or both, within a budget of minutes."""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gcvos_model.errors import InputError

if TYPE_CHECKING:
    from gcvos_model.training.data_check import SetSummary

BOTH = "both"
LOG_WIDTH = 120  # of a table that goes to a file or a pipe, which has no width of its own


def train(
    data: Annotated[
        list[Path], typer.Option(help="Folder of data: see docs/training.md. May be given several times.")
    ],
    out: Annotated[
        Path, typer.Option(help="Run folder: log, checkpoints, pictures, the state to resume from.")
    ],
    stage: Annotated[str, typer.Option(help="images, video, or both in one budget.")] = "images",
    preset: Annotated[str, typer.Option(help="The network's shape.")] = "gcvos-lite",
    recipe: Annotated[
        str, typer.Option(help="gcvos; gpu: for one large GPU; paper: the paper's own settings.")
    ] = "gcvos",
    initial: Annotated[
        Path | None, typer.Option(help="Start from an ImageNet trunk or a checkpoint; else random weights.")
    ] = None,
    max_minutes: Annotated[float, typer.Option(min=0.01, help="Wall time; the schedule ends in it.")] = 60,
    validate: Annotated[
        Path | None,
        typer.Option(help="Sequences in DAVIS layout to choose the best by; else it is the last."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that is in --out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run that is in --out.")] = False,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave out files that cannot be used.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Processes that make clips; else all cores beside a GPU, 1 without."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of clips and new weights.")] = 0,
    size: Annotated[
        int | None, typer.Option(min=16, help="Side of a clip, pixels, a multiple of 16.")
    ] = None,
    frames: Annotated[int | None, typer.Option(min=2, help="Frames of a clip.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Clips of a step, over all processes.")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0, help="Of the new parts.")] = None,
    max_steps: Annotated[int | None, typer.Option(min=1, help="End after so many, if it is earlier.")] = None,
    precision: Annotated[str | None, typer.Option(help="bf16-mixed, 16-mixed or 32-true.")] = None,
    gradient_checkpointing: Annotated[
        bool | None, typer.Option(help="Compute again rather than keep: for large networks.")
    ] = None,
    validate_minutes: Annotated[float | None, typer.Option(min=0, help="Between validations.")] = None,
    save_minutes: Annotated[float | None, typer.Option(min=0, help="Between states to resume from.")] = None,
    picture_minutes: Annotated[float | None, typer.Option(min=0, help="Between pictures.")] = None,
) -> None:
    """Train a network: stage `images` on clips made of still images, stage `video` on real ones."""
    from gcvos_model.network.config import PRESETS
    from gcvos_model.training.config import RECIPES
    from gcvos_model.training.stages import read_material, run_both, run_stage
    from gcvos_model.training.validation import find_validation

    expect_one_of("recipe", recipe, RECIPES)
    expect_one_of("stage", stage, [*RECIPES[recipe], BOTH])
    expect_one_of("preset", preset, PRESETS)
    if size and size % 16:
        raise InputError(f"--size {size}: expected a multiple of 16")
    if initial and not initial.is_file():
        raise InputError(f"there is no file '{initial}' to start from")
    if resume and overwrite:
        raise InputError("--resume and --overwrite contradict each other: give one of them")
    given: dict[str, Any] = {
        "max_minutes": max_minutes, "seed": seed, "size": size, "frames": frames, "batch": batch,
        "learning_rate": learning_rate, "max_steps": max_steps, "precision": precision,
        "gradient_checkpointing": gradient_checkpointing, "validate_minutes": validate_minutes,
        "save_minutes": save_minutes, "picture_minutes": picture_minutes,
        "workers": default_workers() if workers is None else workers,
    }  # fmt: skip
    given = {key: value for key, value in given.items() if value is not None}
    stages = {name: replace(config, **given) for name, config in RECIPES[recipe].items()}
    material = read_material(
        data, find_validation(validate) if validate else (), skip_unreadable=skip_unreadable
    )
    first = int(os.environ.get("RANK", 0)) == 0
    if first:
        show_data(material.summaries)
    report = typer.echo if first else _say_nothing
    shape = PRESETS[preset]
    if stage == BOTH:
        best = run_both(
            stages, shape, material, out, initial, resume=resume, overwrite=overwrite, report=report
        )
    else:
        best = run_stage(
            stages[stage], shape, material, out, initial, resume=resume, overwrite=overwrite, report=report
        )
    report(f"best checkpoint: {best}")


def default_workers() -> int:
    """All cores beside a GPU, shared by the training processes of this machine; one where the CPU trains too."""
    import torch

    if not torch.cuda.is_available():
        return 1
    return max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))


def show_data(summaries: Sequence["SetSummary"]) -> None:
    """Print what was found as a table, and the files that are left out."""
    from rich.console import Console
    from rich.table import Table

    table = Table("set", "images", "videos", "frames", "textures etc.", "sizes", "objects", "left out")
    for found in summaries:
        sizes = f"{found.smallest[0]} x {found.smallest[1]} to {found.largest[0]} x {found.largest[1]}"
        counts = (found.images, found.videos, found.frames, found.others)
        objects = f"up to {found.objects}" if found.images or found.videos else ""
        table.add_row(
            found.name, *(str(count or "") for count in counts), sizes, objects, str(len(found.left_out))
        )  # fmt: skip
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    console.print(table)
    for text in (text for found in summaries for text in found.left_out):
        console.print(f"left out: {text}", markup=False)


def expect_one_of(what: str, name: str, known: Iterable[str]) -> None:
    """Raise InputError where `name` is not in `known`."""
    if name not in known:
        raise InputError(f"unknown {what} '{name}': expected {' or '.join(known)}")


def _say_nothing(text: str) -> None:
    """Of several processes one speaks."""
