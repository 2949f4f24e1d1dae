"""What each augmentation of stage 1 is worth: gcvos-lite trained for a while with all of them, and with all but one.

Beside them stand the length of the clips and the feature stride: a frame that is doubled before the network sees it has
res4 at stride 8 of its own pixels, one that is halved at stride 32.

    python -m gcvos_model.training.augmentation_trial DATA VAL --initial resnet18.safetensors --out runs/augmentations

VAL holds real sequences (DAVIS layout) that are not trained on. J is that of short clips of them at twice the size of the
training's: over whole sequences, where one slip decides the rest, three seeds gave 51, 57 and 38 after 500 steps, over
short clips 63, 62 and 57. How far apart the seeds of all variants are tells which differences mean anything.
"""

import csv
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
import typer
from torch import Tensor

from gcvos_model.checkpoints import build, read_checkpoint
from gcvos_model.network.config import LITE
from gcvos_model.training import image_clips, unroll
from gcvos_model.training.config import TrainConfig
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
    zoom: float = 1.0  # of what the network sees, in training and when J is measured


def still(**bounds: float) -> dict[tuple[Any, str], Any]:
    """Objects whose motion has other bounds."""
    return {(image_clips, "OBJECT_MOTION"): replace(image_clips.OBJECT_MOTION, **bounds)}


VARIANTS = (
    Variant("everything"),
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
    Variant("feature stride 32 in place of 16", zoom=0.5),
    Variant("feature stride 8 in place of 16", zoom=2.0),
)


def zoomed(factor: float) -> Callable[..., Tensor]:
    """`ClipModel.forward` that sees frames and masks `factor` times as large, and gives log-odds of the size they had."""
    forward = unroll.ClipModel.forward

    def scaled(planes: Tensor, by: float) -> Tensor:
        flat = F.interpolate(
            planes.float().flatten(0, -4), scale_factor=by, mode="bilinear", antialias=by < 1
        )
        return flat.unflatten(0, planes.shape[:-3])

    def forward_zoomed(model: unroll.ClipModel, *planes: Tensor) -> Tensor:
        return scaled(forward(model, *(scaled(p, factor) for p in planes)), 1 / factor)

    return forward_zoomed


def trial(
    number: int, config: TrainConfig, data: Path, validation: Path, folder: Path, initial: Path | None
) -> float:
    """Train variant `number` of `VARIANTS` into `folder`; its mean J over short clips of the sequences, per cent."""
    variant, held_out = VARIANTS[number], TrainingData(videos=tuple(find_validation(validation)))
    with ExitStack() as seen:
        if variant.zoom != 1:
            seen.enter_context(patch.object(unroll.ClipModel, "forward", zoomed(variant.zoom)))
        with ExitStack() as patches:
            for (module, constant), value in variant.patches.items():
                patches.enter_context(patch.object(module, constant, value))
            config = replace(config, **variant.config)
            best = run_stage(
                config, LITE, read_material([data]), folder, initial, overwrite=True, report=lambda _: None
            )
        shape, tensors, _ = read_checkpoint(best)
        return held_out_j(
            build(shape, tensors), lambda rng: video_clip(rng, held_out, 2 * config.size, HELD_OUT_FRAMES)
        )


def main(
    data: Annotated[Path, typer.Argument(help="A folder of data, as for gcvos train.")],
    validation: Annotated[Path, typer.Argument(help="Sequences in DAVIS layout.")],
    out: Annotated[Path, typer.Option(help="A run folder for each variant, and augmentations.csv.")],
    initial: Annotated[Path | None, typer.Option(help="An ImageNet trunk; else random weights.")] = None,
    size: Annotated[int, typer.Option(help="Side of the clips, pixels.")] = 96,
    steps: Annotated[int, typer.Option(help="For each variant.")] = 1500,
    seeds: Annotated[
        int, typer.Option(min=1, help="Of each variant: how far apart they are tells what counts.")
    ] = 2,
    jobs: Annotated[int, typer.Option(min=1, help="Variants at a time, which share the cores.")] = 2,
) -> None:
    """Train every variant with every seed and write its mean J over short clips of the sequences."""
    threads = max(torch.get_num_threads() // jobs, 1)
    out.mkdir(parents=True, exist_ok=True)
    with (
        (out / "augmentations.csv").open("w", newline="") as file,
        ProcessPoolExecutor(
            jobs, get_context("spawn"), initializer=torch.set_num_threads, initargs=(threads,)
        ) as pool,
    ):
        writer = csv.writer(file)
        writer.writerow(["variant", "seed", "size", "steps", "J"])
        trials = {
            (seed, number): pool.submit(
                trial,
                number,
                replace(trial_config(size, steps), seed=seed),
                data,
                validation,
                out / f"{number:02d}-{seed}",
                initial,
            )
            for seed in range(seeds)
            for number in range(len(VARIANTS))
        }
        for (seed, number), done in trials.items():
            name, j = VARIANTS[number].name, f"{done.result():.1f}"
            writer.writerow([name, seed, size, steps, j])
            file.flush()
            print(f"{name}, seed {seed}: J {j}", flush=True)


if __name__ == "__main__":
    typer.run(main)
