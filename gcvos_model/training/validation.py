"""Validation while training: mean J over sequences that are never trained on."""

from pathlib import Path

import numpy as np
import torch

from gcvos_model.checkpoints import digest_of, ready
from gcvos_model.devices import choose_dtype
from gcvos_model.metrics import region_similarity
from gcvos_model.network.network import GCNetwork
from gcvos_model.propagation import Propagator
from gcvos_model.training.datasets import VideoSequence, find_sequences, read_index_mask, read_rgb


def validate(network: GCNetwork, root: Path) -> float:
    """Mean over sequences of the mean J over their frames but the first and the last, in per cent (DAVIS 2016).

    Args:
        network: float32; a copy of it is taken into the device's own precision.
        root: a data set in DAVIS layout, all objects of a frame taken as one.
    """
    model = ready(network, network.device, choose_dtype("auto", network.device))
    model.digest = digest_of(model.config, model.state_dict())
    return 100 * float(np.mean([sequence_j(model, sequence) for sequence in find_sequences(root)]))


def sequence_j(model: GCNetwork, sequence: VideoSequence) -> float:
    """Mean J of one sequence, in [0, 1]."""
    propagator = Propagator(model)
    scores = []
    with torch.inference_mode():
        for i, (image, path) in enumerate(zip(sequence.frames, sequence.masks, strict=True)):
            truth = read_index_mask.__wrapped__(path) > 0  # not kept in memory: met once
            frame = read_rgb.__wrapped__(image)
            result = propagator.step(frame) if i else propagator.annotate(frame, {1: truth})
            if 0 < i < len(sequence.frames) - 1:
                scores.append(region_similarity(result.labels > 0, truth))
    return float(np.mean(scores))
