"""Which normalisation of keys and queries is best: gcvos-lite trained with each for a while, on the same clips.

    python -m gcvos_model.training.normalization_trial DATA --initial resnet18.safetensors --out runs/normalization

Stage 1 at a size that allows it; then J over clips that were not trained on, at that size and at twice that size, since
what the forms differ in is how they bear another resolution.
"""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, get_args

import numpy as np
import torch
import typer
from rich.console import Console

from gcvos_model.checkpoints import build, read_checkpoint
from gcvos_model.metrics import region_similarity
from gcvos_model.network.config import LITE, Normalization
from gcvos_model.network.network import GCNetwork
from gcvos_model.training.clip import Clip
from gcvos_model.training.config import STAGES, TrainConfig
from gcvos_model.training.image_clips import image_clip
from gcvos_model.training.stages import read_material, run_stage
from gcvos_model.training.unroll import ClipModel

HELD_OUT_SEED = 77  # training draws with (its seed, number of the clip), so its seed must be another
HELD_OUT_CLIPS = 100


def trial_config(size: int, steps: int) -> TrainConfig:
    """Stage 1 with a short warm-up, a quick average, and the rate that few steps want."""
    return replace(
        STAGES["images"], size=size, max_steps=steps, max_minutes=600, workers=0, ema=0.99, warm_up_steps=50,
        learning_rate=5e-4,
    )  # fmt: skip


def held_out_j(network: GCNetwork, make: Callable[[np.random.Generator], Clip]) -> float:
    """Mean J in per cent over the predicted frames of `HELD_OUT_CLIPS` clips, the same at every call."""
    model, scores = ClipModel(network).eval(), []
    with torch.inference_mode():
        for number in range(HELD_OUT_CLIPS):
            clip = make(np.random.default_rng((HELD_OUT_SEED, number)))
            frames = torch.from_numpy(np.ascontiguousarray(clip.frames.transpose(0, 3, 1, 2)))[None] / 255
            others, decoys = (torch.from_numpy(m)[None, :, None] / 255 for m in (clip.others, clip.decoys))
            first, before = (torch.from_numpy(m)[None] / 255 for m in (clip.first[None], clip.before))
            logits = model(frames, first, others, decoys, before)[0, :, 0].numpy()
            truth = clip.masks[1:] > 127
            scores += [region_similarity(p > 0, m) for p, m in zip(logits, truth, strict=True)]
    return 100 * float(np.mean(scores))


def main(
    data: Annotated[list[Path], typer.Argument(help="Folders of data, as for gcvos train.")],
    out: Annotated[Path, typer.Option(help="A run folder for each form, and normalization.csv.")],
    initial: Annotated[Path | None, typer.Option(help="An ImageNet trunk; else random weights.")] = None,
    size: Annotated[int, typer.Option(help="Side of the clips, pixels.")] = 96,
    steps: Annotated[int, typer.Option(help="For each form.")] = 1500,
) -> None:
    """Train with each normalisation and write mean J at the clips' size and at twice that size."""
    material = read_material(data)
    console, rows = Console(highlight=False), []
    for form in get_args(Normalization):
        shape = replace(LITE, normalization=form)
        best = run_stage(trial_config(size, steps), shape, material, out / form, initial, overwrite=True)
        config, tensors, _ = read_checkpoint(best)
        network = build(config, tensors).eval()
        j, double = (
            held_out_j(network, lambda rng, side=side: image_clip(rng, material.data, side, 3))  # type: ignore[misc]
            for side in (size, 2 * size)
        )
        rows.append(
            {
                "normalization": form,
                "size": size,
                "steps": steps,
                "J": f"{j:.1f}",
                "J_double": f"{double:.1f}",
            }
        )
        console.print(f"{form}: J {j:.1f} at {size} x {size}, {double:.1f} at {2 * size} x {2 * size}")
    with (out / "normalization.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    typer.run(main)
