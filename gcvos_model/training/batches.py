"""Clips in batches: which process makes which clips of a step, and how they become tensors."""

import os
from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from gcvos_model.errors import InputError
from gcvos_model.training.clip import Clip, with_cut
from gcvos_model.training.config import TrainConfig
from gcvos_model.training.datasets import TrainingData, share_cache
from gcvos_model.training.first_masks import sloppy_clip
from gcvos_model.training.image_clips import image_clip
from gcvos_model.training.video_clips import video_clip


class Batch(NamedTuple):
    """Clips as tensors, uint8 as they are loaded: the fields of `Clip` with channels."""

    frames: Tensor  # (B, T, 3, S, S)
    masks: Tensor  # (B, T, 1, S, S)
    others: Tensor  # (B, T, 1, S, S)
    decoys: Tensor  # (B, T, 1, S, S)
    first: Tensor  # (B, 1, S, S)
    before: Tensor  # (B, 3, S, S)


class Clips(Dataset[Batch]):
    """Clip number i, the same for the same seed whoever asks, without the batch axis."""

    def __init__(self, data: TrainingData, config: TrainConfig) -> None:
        self.data, self.config = data, config

    def __getitem__(self, index: int) -> Batch:
        rng = np.random.default_rng((self.config.seed, index))
        every = self.config.long_every
        draw = self.draw_long if every and index // self.config.batch % every == 0 else self.draw
        clip = draw(rng)
        if rng.random() < self.config.cut_share:
            clip = with_cut(rng, clip, draw(rng))
        if rng.random() < self.config.sloppy_share:
            clip = sloppy_clip(rng, clip)
        return Batch(
            frames=torch.from_numpy(np.ascontiguousarray(clip.frames.transpose(0, 3, 1, 2))),
            masks=torch.from_numpy(clip.masks)[:, None],
            others=torch.from_numpy(clip.others)[:, None],
            decoys=torch.from_numpy(clip.decoys)[:, None],
            first=torch.from_numpy(clip.first)[None],
            before=torch.from_numpy(clip.before),
        )

    def draw(self, rng: np.random.Generator) -> Clip:
        """A clip of video or of images, as the stage mixes them."""
        make = video_clip if self.data.videos and rng.random() < self.config.video_share else image_clip
        return make(rng, self.data, self.config.size, self.config.frames)

    def draw_long(self, rng: np.random.Generator) -> Clip:
        """A long track of video."""
        return video_clip(rng, self.data, self.config.size, self.config.frames + self.config.lead_in)


class StepSampler(Sampler[list[int]]):
    """The numbers of one process's clips, step after step without end: the budget ends the training, not the data.

    Step s takes clips s * batch to (s + 1) * batch - 1; of these each process takes its share, in rank order.
    """

    def __init__(self, batch: int, step: int, rank: int = 0, processes: int = 1) -> None:
        if batch % processes:
            raise InputError(
                f"a batch of {batch} clips cannot be shared evenly by {processes} processes: "
                f"give --batch a multiple of {processes}"
            )
        self.batch, self.step = batch, step
        share = batch // processes
        self.own = range(rank * share, (rank + 1) * share)

    def __iter__(self) -> Iterator[list[int]]:
        for step in count(self.step):
            yield [step * self.batch + i for i in self.own]


def load_batches(
    data: TrainingData, config: TrainConfig, step: int = 0, rank: int = 0, processes: int = 1
) -> Iterator[Batch]:
    """One process's batches from step `step` on.

    Raises:
        InputError: the batch cannot be shared evenly; there is nothing to make the stage's clips of.
    """
    needed = {"images": config.video_share < 1, "videos": config.video_share == 1 or config.long_every > 0}
    for kind, wanted in needed.items():
        if wanted and not getattr(data, kind):
            raise InputError(f"stage '{config.stage}' needs {kind} with masks: there are none in the data")
    if config.video_share or config.long_every:
        check_lengths(data, config)
    loader = DataLoader(
        Clips(data, config),
        batch_sampler=StepSampler(config.batch, step, rank, processes),
        num_workers=config.workers,
        worker_init_fn=partial(_start_worker, config.workers),
        prefetch_factor=8 if config.workers else None,
        pin_memory=torch.cuda.is_available(),
    )
    return iter(loader)


def check_lengths(data: TrainingData, config: TrainConfig) -> None:
    """Refuse videos none of which can hold a clip: one would be looked for without end.

    Raises:
        InputError: there are videos, and all are too short.
    """
    wanted = (
        config.frames + config.lead_in * bool(config.long_every) + 1
    )  # one more where the annotation is far
    longest = max((len(video.frames) for video in data.videos), default=wanted)
    if longest < wanted:
        raise InputError(
            f"the longest video has {longest} frames with masks, but a clip wants {wanted} of one video: give longer "
            "ones, or a smaller --frames"
        )


def _start_worker(workers: int, number: int) -> None:
    """One thread each, and a share of the memory for decoded images."""
    share_cache(workers * int(os.environ.get("LOCAL_WORLD_SIZE", 1)))
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
