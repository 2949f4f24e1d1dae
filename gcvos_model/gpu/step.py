"""All of a step on the device, and the graphs that are made of it."""

import threading
from collections import OrderedDict
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gcvos_model.gpu.graphs import Captured, Function
from gcvos_model.gpu.search import search_regions
from gcvos_model.network.config import MASK_STRIDE
from gcvos_model.network.network import GCNetwork
from gcvos_model.step import State, advance, quantize, restore

GRAPHS = 8  # that a model keeps, each with the memory it works in: one for each size of frames and number of objects

_choosing = threading.Lock()


def step_on_device(
    model: GCNetwork, size: tuple[int, int], frame: Tensor, active: Tensor, *state: Tensor
) -> tuple[Tensor, ...]:
    """All of a step but resizing the frame, as a pure function of tensors of fixed shapes.

    Args:
        model: the network.
        size: (H, W) of the label map.
        frame: RGB, `(h, w, 3)` uint8.
        active: `(K,)` bool, False for objects that only fill up.
        state: the fields of `State`, but `previous` as memories keep it, `(K, 120, 120)` uint8.

    Returns:
        The label map `(H, W)` uint8 (0, or 1 + the object's place among the K), the soft masks `(K, h/4, w/4)`, how
        like the objects are to their annotated selves `(K,)`, and the new state in the same form.
    """
    before = State(*state)
    coarse = frame.shape[0] // MASK_STRIDE, frame.shape[1] // MASK_STRIDE
    previous = restore(before.previous, coarse)[:, 0]
    filling = ~active.view(-1, 1, 1)  # as if annotated here with an empty mask
    regions = search_regions(previous)
    nothing = torch.zeros_like(previous)
    after, p, likeness = advance(model, frame, regions, nothing, filling, before._replace(previous=previous))
    return label_places(p, size), p, likeness, *after._replace(previous=quantize(after.previous[:, None]))


def label_places(p: Tensor, size: tuple[int, int]) -> Tensor:
    """`results.merged_labels` on a device: soft masks `(K, h, w)` to a map `(H, W)` uint8 of 1 + place, or 0."""
    background = (1 - p.sum(0, keepdim=True)).clamp(0, 1)
    maps = torch.cat([background, p])[None]
    full = F.interpolate(maps, size=size, mode="bilinear", align_corners=False)[0]
    return full.argmax(0).to(torch.uint8)


def step_function(model: GCNetwork, size: tuple[int, int], examples: tuple[Tensor, ...]) -> Function:
    """`step_on_device` for a size of label maps; on a CUDA device as a graph for the shapes of the examples.

    A model keeps its graphs, the latest `GRAPHS` of them, and they go when it goes.
    """
    function = partial(step_on_device, model, size)
    if model.device.type != "cuda":
        return function
    graphs: OrderedDict[Any, Captured] = vars(model).setdefault("step_graphs", OrderedDict())
    weights = next(model.parameters())  # a graph reads them where they were
    key = (weights.data_ptr(), weights.dtype, size, *(example.shape for example in examples))
    with _choosing:
        if key not in graphs:
            if len(graphs) == GRAPHS:
                torch.cuda.synchronize(model.device)  # it may be at work
                graphs.popitem(last=False)
            graphs[key] = Captured(function, examples)
        graphs.move_to_end(key)
        return graphs[key]
