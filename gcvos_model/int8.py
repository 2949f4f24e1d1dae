"""When a network computes in int8, and the ranges that this needs: measured once, kept in the checkpoint's record."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from gcvos_model.devices import cpu_has_int8
from gcvos_model.errors import CheckpointError, InputError
from gcvos_model.inputs import Frame
from gcvos_model.network.int8_network import measured_ranges, put_in_int8
from gcvos_model.network.network import GCNetwork

RANGES = "ranges"  # in the record


def use_int8(
    network: GCNetwork, metadata: Mapping[str, str], precision: str, device: torch.device, dtype: torch.dtype
) -> None:
    """Put a float32 network into int8: with `int8`, and with `auto` where it can be.

    Args:
        network: from a checkpoint.
        metadata: of the checkpoint.
        precision: as `load_model` takes it.
        device: on which the network will be.
        dtype: of the rest of it.

    Raises:
        InputError: with `int8`, what stands against it.
        CheckpointError: the ranges are not those of the network.
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
            put_in_int8(network, ranges, dtype)
        except (KeyError, TypeError) as error:
            raise CheckpointError(
                f"'{network.config.name}' has ranges of other activations than its own ({error}): measure them anew "
                "with `gcvos quantize`, or use another precision"
            ) from error
    elif precision == "int8":
        raise InputError(f"'{network.config.name}' cannot compute in int8: {against}")


def ranges_on(
    network: GCNetwork, images: Sequence[tuple[Frame, NDArray[np.bool_]]]
) -> dict[str, tuple[float, float]]:
    """The ranges of a network's activations while it tracks.

    Each object is annotated on its image, then looked for there once more, and on the image mirrored: so once where it
    was before, once where something else was.

    Args:
        network: in float32 on the CPU.
        images: each with the mask of an object in it, `(H, W, 3)` and `(H, W)`; a few dozen do.

    Raises:
        InputError: there are no images, a mask is empty, or the network is of another kind.
    """
    from gcvos_model.propagation import Propagator

    if network.config.trunk == "resnet50" or not network.config.shared_trunk:
        raise InputError(
            f"'{network.config.name}' cannot compute in int8: that is for one trunk of basic blocks, as gcvos-lite has"
        )
    if not images:
        raise InputError("measuring ranges needs images with masks: there are none")
    with measured_ranges(network) as ranges:
        for image, mask in images:
            propagator = Propagator(network)
            propagator.annotate(image, {1: mask})
            propagator.step(image)
            propagator.step(np.ascontiguousarray(image[:, ::-1]))
    return ranges
