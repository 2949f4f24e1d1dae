"""`gcvos cluster`: `gcvos propagate` over many videos, on one machine or on a Ray cluster."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gcvos_model.errors import InputError

if TYPE_CHECKING:
    from gcvos_model.cli.cluster_worker import Settings
    from gcvos_model.cluster.manifest import Video

REPORT = "report.jsonl"
SOME_FAILED = 1  # exit code
INTERRUPTED = 130  # exit code after Ctrl-C


def cluster(
    manifest: Annotated[
        Path, typer.Argument(help="CSV or JSON lines: video, mask and perhaps name of each.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for a folder of results per video, and report.jsonl.")],
    ray_address: Annotated[
        str | None, typer.Option(help="Of a Ray cluster (auto, HOST:PORT or ray://...); else this machine.")
    ] = None,
    cpus_per_worker: Annotated[float, typer.Option(min=0, help="CPUs of each worker.")] = 2,
    gpus_per_worker: Annotated[
        float, typer.Option(min=0, help="GPUs of each worker; fractions share one.")
    ] = 0,
    model: Annotated[
        str, typer.Option(help="A model's name (see `gcvos models`) or a checkpoint.")
    ] = "gcvos-lite",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, int8, float32, bfloat16 or float16.")] = "auto",
    short_side: Annotated[
        int, typer.Option(min=16, help="Working resolution: the shorter side, pixels.")
    ] = 480,
) -> None:
    """Propagate many videos, each from its own masks, by workers that take one video after the other.

    What is finished is skipped, what is half done is gone on with: call it again after a failure. Each video's results
    lie in OUT/NAME, as `gcvos propagate` writes them; OUT/report.jsonl says what became of each.
    """
    from rich.console import Console

    from gcvos_model.checkpoints import find_checkpoint
    from gcvos_model.cli.cluster_worker import Settings
    from gcvos_model.cluster.manifest import read_manifest
    from gcvos_model.cluster.scheduling import connect

    videos = read_manifest(manifest)
    checkpoint = find_checkpoint(model)
    if cpus_per_worker == gpus_per_worker == 0:
        raise InputError("a worker of no CPU and no GPU: give --cpus-per-worker or --gpus-per-worker")
    named = checkpoint.absolute() if str(model) != checkpoint.stem else model
    threads = max(1, int(cpus_per_worker))
    settings = Settings(out.absolute(), str(named), device, precision, short_side, threads)
    connect(ray_address)
    out.mkdir(parents=True, exist_ok=True)
    console = Console()
    statuses: Counter[str] = Counter()
    try:
        for line in propagate_all(videos, settings, cpus_per_worker, gpus_per_worker):
            with (out / REPORT).open("a", encoding="utf-8") as report:
                report.write(json.dumps(line) + "\n")
            statuses[line["status"]] += 1
            problem = f": {line['error']}" if line.get("error") else ""
            console.print(f"{line['video']}: {line['status']}{problem}", markup=False, highlight=False)
    except KeyboardInterrupt:
        typer.echo("gcvos: interrupted; the same command goes on", err=True)
        raise typer.Exit(INTERRUPTED) from None
    console.print(
        ", ".join(f"{count} {status}" for status, count in sorted(statuses.items())) + f" of {len(videos)}"
    )
    if statuses["failed"]:
        typer.echo(f"gcvos: {statuses['failed']} videos failed, see {out / REPORT}", err=True)
        raise typer.Exit(SOME_FAILED)


def propagate_all(
    videos: "Sequence[Video]", settings: "Settings", cpus: float, gpus: float
) -> Iterator[dict[str, Any]]:
    """The report's lines, as the videos are done."""
    import ray

    from gcvos_model.cli.cluster_worker import VideoWorker
    from gcvos_model.cluster.scheduling import run_tasks, slots

    actor = ray.remote(VideoWorker).options(num_cpus=cpus, num_gpus=gpus)
    for outcome in run_tasks(videos, lambda: actor.remote(settings), slots(cpus, gpus)):
        if outcome.error is not None:
            yield {
                "video": outcome.task.name,
                "status": "failed",
                "error": outcome.error,
                "attempts": outcome.attempts,
            }
        else:
            yield {**outcome.result, "attempts": outcome.attempts}
