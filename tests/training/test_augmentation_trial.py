"""The trial trains every variant, each with what it leaves out, and leaves nothing changed behind it."""

import csv

from gcvos_model.network.config import TINY
from gcvos_model.training import augmentation_trial, image_clips, normalization_trial, unroll


def test_every_variant_is_trained_and_judged(tmp_path, monkeypatch, training_root):
    seen = []
    original = augmentation_trial.run_stage

    def run_stage(config, *arguments, **options):
        seen.append((config.seed, config.frames, image_clips.DISTRACTORS[0], unroll.DAMAGED))
        return original(config, *arguments, **options)

    variants = [v for v in augmentation_trial.VARIANTS if v.name in WANTED]
    assert len(variants) == len(WANTED)
    monkeypatch.setattr(augmentation_trial, "LITE", TINY)
    monkeypatch.setattr(normalization_trial, "HELD_OUT_CLIPS", 3)
    monkeypatch.setattr(augmentation_trial, "HELD_OUT_FRAMES", 3)
    monkeypatch.setattr(augmentation_trial, "VARIANTS", variants)
    monkeypatch.setattr(augmentation_trial, "run_stage", run_stage)
    whole = image_clips.DISTRACTORS[0], unroll.DAMAGED
    augmentation_trial.main(
        training_root, training_root / "video" / "train", tmp_path / "out", size=32, steps=2
    )
    assert seen == [
        (0, 3, *whole),
        (1, 3, *whole),
        (0, 3, 1.0, whole[1]),
        (0, 3, whole[0], 0.0),
        (0, 2, *whole),
    ]
    assert (image_clips.DISTRACTORS[0], unroll.DAMAGED) == whole
    with (tmp_path / "out" / "augmentations.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["variant"] for row in rows] == WANTED
    assert all(0 <= float(row["J"]) <= 100 for row in rows)


WANTED = [
    "everything",
    "everything, seed 1",
    "no distractors",
    "no damage to fed-back masks",
    "clips of two frames",
]
