"""What each augmentation of stage 1 is worth: gcvos-lite trained for a while with all of them, and with all but one.

    python -m gcvos_model.training.augmentation_trial DATA VAL --initial resnet18.safetensors --out runs/augmentations

VAL holds real sequences (DAVIS layout) that are not trained on; they are tracked at twice the size of the clips. A few
hundred steps tell what helps at the start; how far apart two runs with the same augmentations and other seeds are tells
which differences mean anything.
"""

import csv
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

import numpy as np
import typer
from rich.console import Console

from gcvos_model.checkpoints import load_model
from gcvos_model.network.config import LITE
from gcvos_model.training import image_clips, unroll
from gcvos_model.training.normalization_trial import trial_config
from gcvos_model.training.stages import read_material, run_stage
from gcvos_model.training.validation import find_validation, sequence_j


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
    steps: Annotated[int, typer.Option(help="For each variant.")] = 500,
) -> None:
    """Train every variant and write the mean J over the sequences of each."""
    material, sequences = read_material([data]), find_validation(validation)
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
            model = load_model(best, precision="float32")
            j = 100 * float(np.mean([sequence_j(model, sequence, 2 * size) for sequence in sequences]))
            console.print(f"{variant.name}: J {j:.1f}")
            writer.writerow([variant.name, size, steps, f"{j:.1f}"])
            file.flush()


if __name__ == "__main__":
    typer.run(main)
