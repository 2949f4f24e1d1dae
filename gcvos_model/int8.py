"""When a trunk computes in int8, and the ranges that this needs: measured once, kept in the checkpoint's record."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from gcvos_model.devices import cpu_has_int8
from gcvos_model.errors import CheckpointError, InputError
from gcvos_model.inputs import frame_pixels
from gcvos_model.network.int8_trunk import Int8Trunk, measure_ranges
from gcvos_model.network.network import GCNetwork, normalize_pixels

RANGES = "ranges"  # in the record
SIDE = 480  # of the images on which ranges are measured: the default working resolution


def use_int8(
    network: GCNetwork, metadata: Mapping[str, str], precision: str, device: torch.device, dtype: torch.dtype
) -> None:
    """Put a float32 network's trunk into int8: with `int8`, and with `auto` where it can be.

    Args:
        network: from a checkpoint.
        metadata: of the checkpoint.
        precision: as `load_model` takes it.
        device: on which the network will be.
        dtype: of the rest of it.

    Raises:
        InputError: with `int8`, what stands against it.
        CheckpointError: the ranges are not those of the trunk.
    """
    if precision not in ("auto", "int8"):
        return
    ranges = json.loads(metadata.get("record", "{}")).get(RANGES)
    against = ""
    if device.type != "cpu":
        against = f"it is for CPUs, not for device '{device}': leave the precision at auto"
    elif not cpu_has_int8():
        against = "PyTorch sees no instructions for it (VNNI) on this CPU: leave the precision at auto"
    elif not ranges:
        against = "the checkpoint has no ranges of activations: measure them with `gcvos quantize`"
    if not against:
        try:
            network.trunk = Int8Trunk(network.trunk, ranges, dtype)  # type: ignore[assignment]
        except (KeyError, TypeError) as error:
            raise CheckpointError(
                f"'{network.config.name}' has ranges of other activations than its trunk's ({error}): measure them anew "
                "with `gcvos quantize`, or use another precision"
            ) from error
    elif precision == "int8":
        raise InputError(f"'{network.config.name}' cannot compute in int8: {against}")


def ranges_on(network: GCNetwork, images: Sequence[Path]) -> dict[str, tuple[float, float]]:
    """The ranges of the trunk's activations on images.

    Args:
        network: in float32 on the CPU.
        images: files; a few dozen do.

    Raises:
        InputError: there are no images, one cannot be read, or the trunk is not of basic blocks.
    """
    if network.config.trunk == "resnet50":
        raise InputError(f"'{network.config.name}' cannot compute in int8: its trunk is not of basic blocks")
    if not images:
        raise InputError("measuring ranges needs images: there are none")
    return measure_ranges(network.trunk, squares(network, images))


def squares(network: GCNetwork, images: Sequence[Path]) -> Iterator[Tensor]:
    """The middle of each image as the trunk takes it, `(1, 3, 480, 480)`.

    Raises:
        InputError: a file that is no image.
    """
    for path in images:
        image = cv2.imread(str(path))
        if image is None:
            raise InputError(f"'{path}' is not an image that can be read")
        side = min(image.shape[:2])
        top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
        square = cv2.cvtColor(image[top : top + side, left : left + side], cv2.COLOR_BGR2RGB)
        pixels = frame_pixels(np.asarray(square, np.uint8), (SIDE, SIDE), network)
        yield normalize_pixels(pixels, network.mean, network.std)
