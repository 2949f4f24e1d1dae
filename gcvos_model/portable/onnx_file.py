"""Writing the step as ONNX, and what such a file says of itself."""

import logging
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from gcvos_model.errors import CheckpointError, InputError
from gcvos_model.network.config import MASK_STRIDE
from gcvos_model.network.network import GCNetwork
from gcvos_model.portable.step import Step
from gcvos_model.step import State

INPUTS = ("frame", "region", "given", "is_given", *State._fields)
OUTPUTS = ("probability", *(f"next_{name}" for name in State._fields))
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class StepShape:
    """What decides the shapes of a file's inputs, from its metadata."""

    model: str  # the network's name
    digest: str  # of its checkpoint
    height: int  # of the frames, a multiple of 16
    width: int
    key_channels: int  # C_N
    value_channels: int  # C_M

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) of the frames."""
        return self.height, self.width

    @property
    def coarse(self) -> tuple[int, int]:
        """(h/4, w/4): of the masks."""
        return self.height // MASK_STRIDE, self.width // MASK_STRIDE

    def inputs(self, objects: int) -> Arrays:
        """All inputs for K objects that enter: zeros, and a region that is everywhere."""
        context = (objects, self.key_channels, self.value_channels)
        shapes = {"annotated": context, "context": context, "previous": (objects, *self.coarse)}
        state = {name: np.zeros(shapes.get(name, (objects,)), np.float32) for name in State._fields}
        return {
            "frame": np.zeros((*self.size, 3), np.uint8),
            "region": np.ones((objects, *self.coarse), np.float32),
            "given": np.zeros((objects, *self.coarse), np.float32),
            "is_given": np.zeros(objects, np.float32),
            **state,
        }


def step_shape(model: GCNetwork, size: tuple[int, int]) -> StepShape:
    """Of a network and a working size (h, w)."""
    config = model.config
    return StepShape(config.name, model.digest, *size, config.key_channels, config.value_channels)


def write_onnx(model: GCNetwork, path: Path, size: tuple[int, int]) -> StepShape:
    """Write the step for one working size and any number of objects (whole or not at all).

    Args:
        model: a float32 network on the CPU.
        path: where to; its folder exists.
        size: (h, w) of the frames, multiples of 16.

    Raises:
        InputError: a network or a size that cannot be exported (see `Step`), or a network in half precision.
        ModuleNotFoundError: onnx or onnxscript is not installed (extra `export`).
    """
    import onnx

    if next(model.parameters()).dtype != torch.float32:
        raise InputError(
            f"'{model.config.name}' is loaded in half precision: load it in float32 to export it"
        )
    step, shape = Step(model, size).eval(), step_shape(model, size)
    examples = tuple(torch.from_numpy(array) for array in shape.inputs(3).values())
    objects = {0: torch.export.Dim("K")}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own internals
        program = torch.onnx.export(
            step,
            examples,
            dynamo=True,
            input_names=INPUTS,
            output_names=OUTPUTS,
            dynamic_shapes=({}, objects, objects, objects, (objects,) * len(State._fields)),
            external_data=False,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    onnx.helper.set_model_props(proto, {key: str(value) for key, value in asdict(shape).items()})
    proto.producer_name = "gcvos"
    partial = path.with_name(path.name + ".partial")
    onnx.save(proto, partial)
    partial.replace(path)
    return shape


def read_shape(path: Path) -> StepShape:
    """What a file says of itself.

    Raises:
        InputError: there is no such file.
        CheckpointError: it is not a step that gcvos wrote.
    """
    import onnx

    if not path.is_file():
        raise InputError(f"there is no file '{path}': write it with `gcvos export`")
    try:
        properties = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        numbers = {
            key: int(properties.pop(key)) for key in ("height", "width", "key_channels", "value_channels")
        }
        return StepShape(**properties, **numbers)  # type: ignore[arg-type]
    except Exception as error:  # the parser's errors are protobuf's own
        raise CheckpointError(f"'{path}' is not a step that `gcvos export` wrote: {error}") from error


def multiply_adds(model: GCNetwork, size: tuple[int, int], objects: int = 1) -> int:
    """Multiplications with an addition in one step: convolutions and matrix products."""
    inputs = [torch.from_numpy(array) for array in step_shape(model, size).inputs(objects).values()]
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        Step(model, size).eval()(*inputs)
    return int(counter.get_total_flops()) // 2
