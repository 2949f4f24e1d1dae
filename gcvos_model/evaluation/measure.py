"""A model, or masks, through a benchmark: from its sequences to a report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch

from gcvos_model import __version__
from gcvos_model.checkpoints import find_checkpoint, load_model, read_checkpoint
from gcvos_model.errors import InputError
from gcvos_model.network.network import GCNetwork
from gcvos_model.propagation import Propagator

from .layouts import BenchmarkSequence
from .report import Report
from .runner import OnFrames, Run, evaluate_sequences, ignore


def measure_model(
    sequences: Sequence[BenchmarkSequence],
    split: str,
    masks: Path,
    *,
    model: str = "gcvos-lite",
    device: str = "auto",
    precision: str = "auto",
    short_side: int = 480,
    jobs: int = 1,
    on_frames: OnFrames = ignore,
) -> Report:
    """Segment sequences from their first masks, write the masks, and score them.

    Args:
        sequences: of one benchmark, as `read_dataset` lists them.
        split: its name, for the report.
        masks: folder for the masks, `SEQUENCE/FRAME.png`; made if absent, files in it are overwritten.
        model: name or path of a checkpoint.
        device, precision: as `load_model` takes them.
        short_side: of the frames in the network, pixels.
        jobs: number of processes, each with the model in its memory.
        on_frames: called with the number of frames done since the last call.

    Raises:
        InputError, CheckpointError: the model or the device cannot be had. A sequence that fails is in the
            report, as the others are.
    """
    network = load_once(
        model, device, precision
    )  # also for several jobs: what is wrong with it shows before they start
    new_tracker = partial(new_propagator, model, device, precision, short_side)
    run = Run(masks, new_tracker, str(network.device))
    settings = {
        "device": str(network.device),
        "precision": network.precision,
        "short_side": short_side,
        "jobs": jobs,
        "gcvos": __version__,
        "torch": torch.__version__,
    }
    scores, failures = evaluate_sequences(sequences, run, jobs=jobs, on_frames=on_frames)
    return Report(sequences[0].benchmark, split, scores, failures, describe_model(model), settings)


def measure_masks(
    sequences: Sequence[BenchmarkSequence],
    split: str,
    masks: Path,
    *,
    jobs: int = 1,
    on_frames: OnFrames = ignore,
) -> Report:
    """Score masks that exist, of whatever origin: `SEQUENCE/FRAME.png`. Their folder names the report.

    Raises:
        InputError: there is no such folder. A sequence that fails is in the report, as the others are.
    """
    if not masks.is_dir():
        raise InputError(f"there is no folder of masks '{masks}'; expected one with SEQUENCE/FRAME.png in it")
    scores, failures = evaluate_sequences(sequences, Run(masks), jobs=jobs, on_frames=on_frames)
    subject = {"name": masks.resolve().name, "trained_on": "unknown data (the masks were given)"}
    return Report(sequences[0].benchmark, split, scores, failures, subject, {"gcvos": __version__})


def describe_model(model: str) -> dict[str, Any]:
    """A checkpoint's name, digest, size and training record, as reports hold them.

    Raises:
        InputError, CheckpointError: as `load_model`.
    """
    config, tensors, metadata = read_checkpoint(find_checkpoint(model))
    record = json.loads(metadata.get("record", "{}"))
    return {
        "name": config.name,
        "digest": metadata["digest"],
        "parameters": sum(tensor.numel() for tensor in tensors.values() if tensor.is_floating_point()),
        "context": [config.value_channels, config.key_channels],  # C_M x C_N, as table 2 has it
        "trained_on": trained_on(record),
        "record": record,
    }


def trained_on(record: Mapping[str, Any]) -> str:
    """The training data that a checkpoint's record names under `data`: one name or several."""
    data = record.get("data")
    if not data:
        return "data that its checkpoint does not name"
    return data if isinstance(data, str) else ", ".join(map(str, data))


def new_propagator(model: str, device: str, precision: str, short_side: int) -> Propagator:
    """A propagator for one sequence; a process loads its model once."""
    return Propagator(load_once(model, device, precision), short_side=short_side)


@lru_cache(maxsize=1)
def load_once(model: str, device: str, precision: str) -> GCNetwork:
    """`load_model`, kept for the sequences that follow."""
    return load_model(model, device=device, precision=precision)
