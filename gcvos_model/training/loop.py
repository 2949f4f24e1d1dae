"""The training loop of both stages: a budget in minutes, an exact resume, the best and the last checkpoint."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from gcvos_model.checkpoints import build, save_checkpoint
from gcvos_model.network.config import GCConfig
from gcvos_model.network.network import GCNetwork
from gcvos_model.training.batches import Batch, load_batches
from gcvos_model.training.config import TrainConfig
from gcvos_model.training.datasets import TrainingData
from gcvos_model.training.gradient_checkpointing import recompute_parts
from gcvos_model.training.initial import history, start_network
from gcvos_model.training.optimisation import (
    make_optimizer,
    predict,
    set_learning_rate,
    to_floats,
    train_step,
    update_average,
)
from gcvos_model.training.pictures import clip_sheet, write_picture
from gcvos_model.training.processes import mean_of_processes
from gcvos_model.training.run_folder import RunFolder, RunLog
from gcvos_model.training.state import Progress, load_state, save_state, seed_step
from gcvos_model.training.unroll import ClipModel

LOG_EVERY = 20  # steps whose mean loss is one line of the log
Validate = Callable[[GCNetwork], float]
Report = Callable[[str], None]


@dataclass
class Training:
    """A stage under way."""

    config: TrainConfig
    fabric: Fabric
    run: RunFolder
    validate: Validate | None
    network: GCNetwork
    model: Any  # `ClipModel` as Fabric wraps it
    optimizer: Any
    average: dict[str, Tensor]
    progress: Progress
    record: dict[str, Any]  # of data and earlier stages, for the checkpoints
    log: RunLog | None  # of the first process; the others write nothing
    report: Report


def train_stage(
    fabric: Fabric,
    config: TrainConfig,
    shape: GCConfig,
    data: TrainingData,
    run: RunFolder,
    initial: Path | None = None,
    validate: Validate | None = None,
    report: Report = print,
) -> Path:
    """Train one stage in an opened run folder, from its state where there is one, and return the best checkpoint's path.

    Args:
        fabric: of this process.
        config: what to do.
        shape: the network's.
        data: what to make clips of.
        run: the run folder.
        initial: a gcvos checkpoint, or an ImageNet trunk, to start from; None: random weights.
        validate: a network to mean J in per cent; the best checkpoint is chosen by it, without it the last is the best.
        report: takes a line on the progress, every time that the state is saved.
    """
    training = begin(fabric, config, shape, data, run, initial, validate, report)
    progress = training.progress
    if progress.finished:
        return run.best
    batches = load_batches(data, config, progress.step, fabric.global_rank, fabric.world_size)
    started = time.monotonic() - progress.minutes * 60
    while progress.done(config) < 1:
        batch = to_floats(fabric, next(batches))
        loss = step(training, batch)
        loss, progress.minutes = mean_of_processes(fabric, loss, (time.monotonic() - started) / 60)
        log_loss(training, loss)
        over = progress.done(config) >= 1
        if over or progress.minutes - progress.pictured >= config.picture_minutes:
            picture(training, batch)
        if over or progress.minutes - progress.validated >= config.validate_minutes:
            checkpoint(training)
            progress.finished = over
            save(training)
        elif progress.minutes - progress.saved >= config.save_minutes:
            save(training)
    if training.log:
        training.log.close()
    return run.best


def begin(
    fabric: Fabric,
    config: TrainConfig,
    shape: GCConfig,
    data: TrainingData,
    run: RunFolder,
    initial: Path | None,
    validate: Validate | None,
    report: Report,
) -> Training:
    """Everything in place for the next step, from the run's state where there is one."""
    network = start_network(shape, config.seed, initial)
    if config.gradient_checkpointing:
        recompute_parts(network)
    clips = ClipModel(network, config.frames - 1).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model, optimizer = fabric.setup(clips, make_optimizer(network, config))
    average = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    progress = Progress()
    if run.state.exists():
        progress = load_state(run.state, network, average, optimizer.optimizer)
    log = RunLog(run, progress.step) if fabric.is_global_zero and not progress.finished else None
    known = history(initial)
    record = {**known, "data": [*dict.fromkeys([*known["data"], *data.names])]}
    model.train()
    return Training(
        config, fabric, run, validate, network, model, optimizer, average, progress, record, log, report
    )


def step(training: Training, batch: Batch) -> float:
    """One step on a batch of floats; returns this process's loss."""
    config, progress, fabric = training.config, training.progress, training.fabric
    set_learning_rate(training.optimizer, config, progress.step, progress.done(config))
    seed_step(config, progress.step, fabric.global_rank)
    loss = train_step(fabric, training.model, training.optimizer, config, batch)
    progress.step += 1
    decay = min(config.ema, (1 + progress.step) / (10 + progress.step))
    update_average(training.average, training.network, decay)
    return loss


def log_loss(training: Training, loss: float) -> None:
    """Collect a step's loss, and write the mean of every `LOG_EVERY` of them."""
    progress = training.progress
    progress.losses.append(loss)
    if progress.step % LOG_EVERY:
        return
    progress.loss = sum(progress.losses) / len(progress.losses)
    progress.losses.clear()
    if training.log:
        training.log.write(progress.step, progress.minutes, "loss", progress.loss)
        rate = training.optimizer.param_groups[0]["lr"]
        training.log.write(progress.step, progress.minutes, "learning_rate", float(rate))


def picture(training: Training, batch: Batch) -> None:
    """Draw the clips of a batch with what the network makes of them, undamaged, in the first process."""
    training.progress.pictured = training.progress.minutes
    if training.log:
        with torch.no_grad(), training.fabric.autocast():
            logits = predict(ClipModel(training.network).eval(), batch)
        path = training.run.pictures / f"{training.progress.step:07}.png"
        write_picture(path, clip_sheet(batch, logits))


def checkpoint(training: Training) -> None:
    """Validate the averaged weights in the first process, and write them as the last and, if so, as the best."""
    progress, run, fabric = training.progress, training.run, training.fabric
    score: float | None = None
    if training.validate:
        if fabric.is_global_zero:
            network = build(training.network.config, training.average).to(fabric.device).eval()
            score = training.validate(network)
        score = fabric.broadcast(score)
    if training.log:
        if score is not None:
            training.log.write(progress.step, progress.minutes, "J", score)
        best = score is None or progress.best is None or score >= progress.best
        for path in [run.last, run.best] if best else [run.last]:
            write_checkpoint(training, path, score)
    if score is not None:
        progress.best = max(score, progress.best or 0.0)
    progress.validated = progress.minutes


def write_checkpoint(training: Training, path: Path, score: float | None) -> None:
    """Write the averaged weights in float16 with the record of how they came about."""
    progress = training.progress
    record = {**training.config.to_dict(), **training.record}
    record |= {"steps": progress.step, "minutes": round(progress.minutes, 1)}
    if score is not None:
        record["validation_j"] = round(score, 2)
    save_checkpoint(path, training.network.config, training.average, record, torch.float16)


def save(training: Training) -> None:
    """Write the state to resume from, in the first process."""
    progress = training.progress
    progress.saved = progress.minutes
    if training.fabric.is_global_zero:
        optimizer = training.optimizer.optimizer
        save_state(training.run.state, training.network, training.average, optimizer, progress)
        best = "" if progress.best is None else f", best J {progress.best:.2f}"
        loss = "" if progress.loss is None else f", loss {progress.loss:.4f}"
        training.report(
            f"{training.config.stage}: step {progress.step}, {progress.minutes:.1f} of "
            f"{training.config.max_minutes:g} minutes{loss}{best}"
        )
