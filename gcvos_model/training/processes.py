"""One process or many: what `torchrun` started together trains as one."""

import os

import torch
from lightning_fabric import Fabric

from gcvos_model.errors import InputError
from gcvos_model.training.config import TrainConfig


def make_fabric(config: TrainConfig) -> Fabric:
    """Fabric on this process's device: a GPU where there is one, else the CPU; with `torchrun`, one of its processes.

    Raises:
        InputError: an unknown precision.
    """
    processes = int(os.environ.get("WORLD_SIZE", 1))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    try:
        fabric = Fabric(
            precision=config.precision,  # type: ignore[arg-type]
            strategy="ddp" if processes > 1 else "auto",
            devices=local,
            num_nodes=processes // local,
        )
    except ValueError as error:
        raise InputError(f"cannot train with precision '{config.precision}': {error}") from error
    fabric.launch()
    if fabric.device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
    return fabric


def mean_of_processes(fabric: Fabric, *values: float) -> list[float]:
    """The mean of each value over all processes: the same numbers in each of them, so they also decide alike."""
    if fabric.world_size == 1:
        return list(values)
    mean = fabric.all_reduce(torch.tensor(values, dtype=torch.float64), reduce_op="mean")
    return list(mean.tolist())  # type: ignore[union-attr]
