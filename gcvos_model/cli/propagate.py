"""`gcvos propagate`: a video and its annotated frames in, a mask for every other frame out."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gcvos_model.errors import GCVOSError, InputError

if TYPE_CHECKING:
    from gcvos_model.directions import Prompts
    from gcvos_model.network.network import GCNetwork
    from gcvos_model.result_folder import ResultFolder
    from gcvos_model.results import FrameResult
    from gcvos_model.video import EveryNth, WriteBehind

STATE_EVERY = 25  # frames between two saved states: what a resumed run does again at most
INTERRUPTED = 130  # exit code after Ctrl-C
STOPPED = 1


@dataclass(frozen=True)
class Job:
    """One call, checked: everything that the run needs."""

    frames: "EveryNth"
    prompts: "Prompts"
    network: "GCNetwork"
    direction: str
    start: int
    stop: int | None
    short_side: int


def propagate(
    source: Annotated[Path, typer.Argument(help="A video file, or a folder of images in natural order.")],
    out: Annotated[Path, typer.Option(help="Folder for the masks and results.json.")],
    mask: Annotated[
        list[str] | None, typer.Option(help="[FRAME=]FILE: palette PNG, each id an object. Repeatable.")
    ] = None,
    box: Annotated[
        list[str] | None, typer.Option(help="[FRAME=]x1,y1,x2,y2 in pixels: a new object. Repeatable.")
    ] = None,
    polygon: Annotated[
        list[str] | None, typer.Option(help="[FRAME=]x1,y1,x2,y2,x3,y3,...: a new object. Repeatable.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="A model's name (see `gcvos models`) or a checkpoint.")
    ] = "gcvos-lite",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, int8, float32, bfloat16 or float16.")] = "auto",
    direction: Annotated[str, typer.Option(help="forward, backward or both.")] = "forward",
    start: Annotated[int, typer.Option(min=0, help="First frame, from 0.")] = 0,
    stop: Annotated[int | None, typer.Option(help="Frame to end before.")] = None,
    every_nth: Annotated[int, typer.Option(min=1, help="Process every n-th frame.")] = 1,
    short_side: Annotated[
        int, typer.Option(min=16, help="Working resolution: the shorter side, pixels.")
    ] = 480,
    format: Annotated[str, typer.Option(help="png; or coco or polygons, written beside the PNGs.")] = "png",
    overlay: Annotated[
        Path | None, typer.Option(help="Also write a video with the masks laid over it.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier run's results in OUT.")] = False,
    resume: Annotated[bool, typer.Option(help="Go on with an earlier run in OUT.")] = False,
) -> None:
    """Carry the objects of annotated frames through a video.

    Writes one palette PNG per frame (named as DAVIS does, or as the source images are) and results.json with each
    object's confidence and visibility. Frame numbers are from 0.
    """
    from rich.console import Console

    from gcvos_model.checkpoints import load_model
    from gcvos_model.cli.prompt_options import read_prompts
    from gcvos_model.directions import check_prompts
    from gcvos_model.exports import check_format, export
    from gcvos_model.result_folder import ResultFolder
    from gcvos_model.video import EveryNth, open_source

    check_format(format)
    frames = EveryNth(open_source(source), every_nth, start)
    network = load_model(model, device=device, precision=precision)
    prompts = read_prompts(
        frames, start, mask or [], box or [], polygon or [], network=network, short_side=short_side
    )
    check_prompts(prompts, direction, start, stop)
    for index in prompts:
        if not frames.has(index):
            raise InputError(
                f"frame {index} is annotated, but only every {every_nth}th from {start} is processed"
            )
    job = Job(frames, prompts, network, direction, start, stop, short_side)
    folder = ResultFolder(out, describe(job, source, every_nth), overwrite=overwrite, resume=resume)
    console = Console()
    stopped, code = write_frames(job, folder, console)
    folder.finish(stopped)
    if stopped is None:
        export(folder, frames, format)
        if overlay is not None:
            write_overlay(folder, frames, overlay, console)
    console.print(f"{len(folder.lines)} frames in {out}")
    if stopped is not None:
        typer.echo(f"gcvos: stopped after frame {max(folder.done)}: {stopped}; --resume goes on", err=True)
        raise typer.Exit(code)


def describe(job: Job, source: Path, every_nth: int) -> dict[str, Any]:
    """What decides the results; a resumed run must agree in all of it."""
    import hashlib

    import numpy as np

    sha = hashlib.sha256()
    for index, masks in sorted(job.prompts.items()):
        for object_id, mask in sorted(masks.items()):
            sha.update(f"{index} {object_id} {mask.shape}".encode() + np.packbits(mask).tobytes())
    return {
        "source": str(source),
        "model": job.network.config.name,
        "digest": job.network.digest,
        "prompts": sha.hexdigest(),
        "direction": job.direction,
        "start": job.start,
        "stop": job.stop,
        "every_nth": every_nth,
        "short_side": job.short_side,
    }


def results_of(job: Job, folder: "ResultFolder", behind: "WriteBehind") -> "Iterator[FrameResult]":
    """The results in order; forward, the state is saved on the way, and a saved one is gone on from.

    When the caller asks for the next result, it has put this one into `behind`: so the state follows what it stands for.
    """
    from gcvos_model.directions import forward, propagate
    from gcvos_model.propagation import Propagator

    if job.direction != "forward":
        yield from propagate(
            job.frames,
            job.prompts,
            model=job.network,
            direction=job.direction,  # type: ignore[arg-type]
            start=job.start,
            stop=job.stop,
            short_side=job.short_side,
        )
        return
    index, memories = folder.load_state(job.network.digest) or (min(job.prompts), {})
    propagator = Propagator(job.network, short_side=job.short_side, memories=memories, index=index)
    for count, result in enumerate(forward(job.frames, job.prompts, propagator, job.stop), start=1):
        yield result
        if count % STATE_EVERY == 0:
            behind.put(folder.save_state, result.index + 1, dict(propagator.memories))
    behind.put(folder.save_state, propagator.index, propagator.memories)


def write_frames(job: Job, folder: "ResultFolder", console: Any) -> tuple[str | None, int]:
    """Write every result, in a thread; returns why it stopped early, or None, and the exit code for that."""
    from gcvos_model.cli.progress import frame_progress
    from gcvos_model.video import WriteBehind

    total = expected_frames(job)
    names = frame_names(job.frames)
    try:
        with frame_progress(console) as progress, WriteBehind() as behind:
            task = progress.add_task("propagating", total=total)
            before = time.perf_counter()
            for result in results_of(job, folder, behind):
                name = names[result.index] if names else f"{result.index:05d}.png"
                behind.put(folder.write, result, name, time.perf_counter() - before)
                before = time.perf_counter()
                progress.advance(task)
    except KeyboardInterrupt:
        if not folder.lines:
            raise
        return "interrupted", INTERRUPTED
    except (GCVOSError, OSError) as error:
        if not folder.lines:
            raise InputError(str(error)) from error
        return str(error), STOPPED
    return None, 0


def expected_frames(job: Job) -> int | None:
    """How many results to expect, as far as the source knows its length."""
    end = job.frames.frame_count if job.stop is None else min(job.stop, job.frames.frame_count or job.stop)
    first, last = min(job.prompts), max(job.prompts)
    if job.direction == "backward":
        first, end = job.start, last + 1
    elif job.direction == "both":
        first = job.start
    return None if end is None else len(range(first, end, job.frames.n))


def frame_names(frames: "EveryNth") -> list[str] | None:
    """PNG names after a folder's images; None for a video, or where two images differ in their suffix only."""
    names = [f"{Path(name).stem}.png" for name in frames.names or []]
    return names if names and len(set(names)) == len(names) else None


def write_overlay(folder: "ResultFolder", frames: "EveryNth", path: Path, console: Any) -> None:
    """Write a video of the frames with their masks laid over them."""
    from gcvos_model.cli.progress import frame_progress
    from gcvos_model.masks import read_label_png
    from gcvos_model.video import VideoWriter
    from gcvos_model.visualize import overlay

    files = {line["frame"]: line["file"] for line in folder.lines}
    first, last = min(files), max(files)
    with (
        VideoWriter(path, frames.frame(first).shape[:2], frames.fps) as writer,
        frame_progress(console) as progress,
    ):
        task = progress.add_task("overlay", total=len(files))
        for index, frame in frames.frames(first, last + 1):
            if index in files:
                writer.write(overlay(frame, read_label_png(folder.path / files[index])))
                progress.advance(task)
