"""Validation while training: mean J over sequences that are never trained on."""

from pathlib import Path

import numpy as np
import torch

from gcvos_model.checkpoints import digest_of, ready
from gcvos_model.devices import choose_dtype
from gcvos_model.errors import InputError
from gcvos_model.metrics import region_similarity
from gcvos_model.network.network import GCNetwork
from gcvos_model.propagation import Propagator
from gcvos_model.training.datasets import VideoSequence, decode_index_mask, decode_rgb
from gcvos_model.training.layouts import find_sequences


def find_validation(root: Path) -> list[VideoSequence]:
    """The sequences to validate on: those of the lists `val.txt` where there are lists, else all.

    Raises:
        InputError: there is none of three frames with masks.
    """
    sequences = [found for found in find_sequences(root, "val") if len(found.frames) >= 3]
    if not sequences:
        raise InputError(
            f"nothing to validate on in '{root}': expected JPEGImages/480p/SEQUENCE and Annotations/480p/SEQUENCE "
            "with at least three frames"
        )
    return sequences


def validate(network: GCNetwork, sequences: list[VideoSequence]) -> float:
    """Mean over sequences of the mean J over their frames but the first and the last, in per cent (DAVIS 2016).

    Args:
        network: float32; it is taken into its device's own precision, so give a copy.
        sequences: all objects of a frame are taken as one.
    """
    model = ready(network, network.device, choose_dtype("auto", network.device))
    model.digest = digest_of(model.config.to_dict(), model.state_dict())
    return 100 * float(np.mean([sequence_j(model, sequence) for sequence in sequences]))


def sequence_j(model: GCNetwork, sequence: VideoSequence) -> float:
    """Mean J of one sequence, in [0, 1]."""
    propagator = Propagator(model)
    scores = []
    with torch.inference_mode():
        for i, (image, path) in enumerate(zip(sequence.frames, sequence.masks, strict=True)):
            truth = decode_index_mask(path) > 0
            frame = decode_rgb(image)
            result = propagator.step(frame) if i else propagator.annotate(frame, {1: truth})
            if 0 < i < len(sequence.frames) - 1:
                scores.append(region_similarity(result.labels > 0, truth))
    return float(np.mean(scores))
