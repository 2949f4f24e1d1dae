"""What each augmentation of stage 1 is worth: gcvos-lite trained for a while with all of them, and with all but one.

    python -m gcvos_model.training.augmentation_trial DATA VAL --initial resnet18.safetensors --out runs/augmentations

VAL holds real sequences (DAVIS layout) that are not trained on. J is that of short clips of them at twice the size of the
training's: over whole sequences, where one slip decides the rest, three seeds gave 51, 57 and 38 after 500 steps, over
short clips 63, 62 and 57. How far apart those seeds are tells which differences mean anything.
"""

import csv
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

import typer
from rich.console import Console

from gcvos_model.checkpoints import build, read_checkpoint
from gcvos_model.network.config import LITE
from gcvos_model.training import image_clips, unroll
from gcvos_model.training.datasets import TrainingData
from gcvos_model.training.normalization_trial import held_out_j, trial_config
from gcvos_model.training.stages import read_material, run_stage
from gcvos_model.training.validation import find_validation
from gcvos_model.training.video_clips import video_clip

HELD_OUT_FRAMES = 6


@dataclass(frozen=True)
class Variant:
    """One way to train: what it leaves out."""

    name: str
    patches: Mapping[tuple[Any, str], Any] = field(
        default_factory=dict
    )  # module and constant to another value
    config: Mapping[str, Any] = field(default_factory=dict)  # fields of TrainConfig


def still(**bounds: float) -> dict[tuple[Any, str], Any]:
    """Objects whose motion has other bounds."""
    return {(image_clips, "OBJECT_MOTION"): replace(image_clips.OBJECT_MOTION, **bounds)}


VARIANTS = (
    Variant("everything"),
    Variant("everything, seed 1", config={"seed": 1}),
    Variant("everything, seed 2", config={"seed": 2}),
    Variant("no rotation", still(rotation=0)),
    Variant("no change of scale", still(log_scale=0)),
    Variant("no bending", still(deformation=0, shear=0)),
    Variant("no layers: whole images move", {(image_clips, "WARPED_SHARE"): 1.0}),
    Variant("no distractors", {(image_clips, "DISTRACTORS"): (1.0, 0.0, 0.0, 0.0)}),
    Variant("no occluders", {(image_clips, "OCCLUDED_SHARE"): 0.0}),
    Variant("no light, blur or noise", {(image_clips, "vary_frames"): lambda _, frames: frames}),
    Variant("no gaps behind the first frame", {(image_clips, "GAP_SHARE"): 0.0}),
    Variant("no damage to fed-back masks", {(unroll, "DAMAGED"): 0.0}),
    Variant("no sloppy first masks", config={"sloppy_share": 0.0}),
    Variant("no cuts", config={"cut_share": 0.0}),
    Variant("clips of two frames", config={"frames": 2}),
    Variant("clips of five frames", config={"frames": 5}),
)


def main(
    data: Annotated[Path, typer.Argument(help="A folder of data, as for gcvos train.")],
    validation: Annotated[Path, typer.Argument(help="Sequences in DAVIS layout.")],
    out: Annotated[Path, typer.Option(help="A run folder for each variant, and augmentations.csv.")],
    initial: Annotated[Path | None, typer.Option(help="An ImageNet trunk; else random weights.")] = None,
    size: Annotated[int, typer.Option(help="Side of the clips, pixels.")] = 96,
    steps: Annotated[int, typer.Option(help="For each variant.")] = 1500,
) -> None:
    """Train every variant and write its mean J over short clips of the sequences."""
    material, held_out = read_material([data]), TrainingData(videos=tuple(find_validation(validation)))
    console, out_csv = Console(highlight=False), out / "augmentations.csv"
    out.mkdir(parents=True, exist_ok=True)
    with out_csv.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["variant", "size", "steps", "J"])
        for number, variant in enumerate(VARIANTS):
            config = replace(trial_config(size, steps), **variant.config)
            with ExitStack() as patches:
                for (module, constant), value in variant.patches.items():
                    patches.enter_context(patch.object(module, constant, value))
                folder = out / f"{number:02d}"
                best = run_stage(
                    config, LITE, material, folder, initial, overwrite=True, report=lambda _: None
                )
            shape, tensors, _ = read_checkpoint(best)
            j = held_out_j(
                build(shape, tensors), lambda rng: video_clip(rng, held_out, 2 * size, HELD_OUT_FRAMES)
            )
            console.print(f"{variant.name}: J {j:.1f}")
            writer.writerow([variant.name, size, steps, f"{j:.1f}"])
            file.flush()


if __name__ == "__main__":
    typer.run(main)
