"""One step of training in float32 without damage to masks, its gradients written; run by itself or by torchrun."""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from gcvos_model.network.config import TINY
from gcvos_model.training.batches import load_batches
from gcvos_model.training.config import STAGES
from gcvos_model.training.initial import start_network
from gcvos_model.training.layouts import find_training_data
from gcvos_model.training.optimisation import to_floats, train_step
from gcvos_model.training.processes import make_fabric, mean_of_processes
from gcvos_model.training.unroll import ClipModel


def main(root, out):
    config = replace(STAGES["images"], size=48, batch=4, workers=0, precision="32-true", clip_norm=0.0)
    fabric = make_fabric(config)
    network = start_network(TINY, 0, None)
    model, optimizer = fabric.setup(ClipModel(network), torch.optim.SGD(network.parameters(), lr=0.0))
    batches = load_batches(find_training_data(root), config, 0, fabric.global_rank, fabric.world_size)
    batch = to_floats(fabric, next(batches))
    assert len(batch.frames) == 4 // fabric.world_size
    loss = train_step(fabric, model.eval(), optimizer, config, batch)
    (loss,) = mean_of_processes(fabric, loss)
    if fabric.is_global_zero:
        gradients = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
        save_file({**gradients, "loss": torch.tensor([loss])}, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
