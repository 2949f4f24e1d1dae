"""`gcvos benchmark fiftyone`: what FiftyOne's door costs beside the network alone."""

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from gcvos_model import Propagator, load_model
from gcvos_model.errors import InputError
from gcvos_model.evaluation.machine import describe_machine
from gcvos_model.evaluation.made_up_clip import LabelMap, made_up_clip
from gcvos_model.masks import tight_box
from gcvos_model.network.network import GCNetwork
from gcvos_model.video import Frame, VideoWriter

OPERATOR = "@gcvos/gcvos/propagate_annotations"
WARM_UP = 5  # frames that are not counted
OVERHEAD_ALLOWED = 0.25

Row = dict[str, Any]


def benchmark_fiftyone(
    model: Annotated[str, typer.Option(help="Name or path of a checkpoint.")] = "gcvos-lite",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    frames: Annotated[int, typer.Option(min=20, help="Length of the made-up clip.")] = 150,
    height: Annotated[int, typer.Option(min=32, help="Of the clip, in pixels; it is 16:9.")] = 480,
    objects: Annotated[list[int] | None, typer.Option(help="How many objects; repeatable.")] = None,
    out: Annotated[Path | None, typer.Option(help="Append one JSON line a row to this file.")] = None,
) -> None:
    """Frames/s of the FiftyOne operator, end to end, beside the network alone, for both kinds of storage.

    Needs the plugin in FiftyOne's plugins folder. End to end means decoding the video, the network, and writing
    labels to the database; the network alone means `Propagator.step` on frames that are decoded already. The
    two take turns, so that both meet the same machine. The overhead is the share of the time end to end that
    the network alone does not need.
    """
    network = load_model(model, device=device)
    rows = []
    with tempfile.TemporaryDirectory(prefix="gcvos-benchmark-") as folder:
        for count in objects or [1, 5]:
            clip, labels = made_up_clip(frames, (height, height * 16 // 9), count)
            with one_video_dataset(Path(folder) / f"{count}.mp4", clip, labels) as dataset:
                for storage in ("database", "disk"):
                    settings = {"model": model, "device": device, "storage": storage, "output_dir": folder}
                    rows.append(measure(network, clip, labels, dataset, settings))
    show(rows)
    if out is not None:
        machine = describe_machine(str(network.device))
        with out.open("a") as file:
            file.writelines(json.dumps({**row, "machine": machine}) + "\n" for row in rows)


@contextmanager
def one_video_dataset(path: Path, clip: list[Frame], labels: LabelMap) -> Iterator[Any]:
    """Make a dataset of one video whose first frame is annotated; it is deleted at the end."""
    import fiftyone as fo

    with VideoWriter(path, labels.shape) as writer:
        for frame in clip:
            writer.write(frame)
    height, width = labels.shape
    detections = []
    for object_id in range(1, int(labels.max()) + 1):
        mask = labels == object_id
        x1, y1, x2, y2 = tight_box(mask) or (0, 0, 1, 1)
        box = [x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height]
        detections.append(
            fo.Detection(label="thing", index=object_id, bounding_box=box, mask=mask[y1:y2, x1:x2])
        )
    sample = fo.Sample(filepath=str(path))
    sample.frames[1] = fo.Frame(gt=fo.Detections(detections=detections))
    dataset = fo.Dataset()
    dataset.add_sample(sample)
    try:
        yield dataset
    finally:
        dataset.delete()


def measure(
    network: GCNetwork, clip: list[Frame], labels: LabelMap, dataset: Any, settings: dict[str, str]
) -> Row:
    """Measure one row: the network alone before and after, the operator in between."""
    before = network_seconds(network, clip, labels)
    through = operator_seconds(dataset, settings)
    alone = (before + network_seconds(network, clip, labels)) / 2
    return {
        "model": settings["model"],
        "device": str(network.device),
        "storage": settings["storage"],
        "objects": int(labels.max()),
        "frames": len(clip),
        "size": list(labels.shape),
        "network_fps": round(1 / alone, 2),
        "fps": round(1 / through, 2),
        "overhead": round(max(0.0, 1 - alone / through), 3),
    }


def network_seconds(network: GCNetwork, clip: list[Frame], labels: LabelMap) -> float:
    """Seconds a frame of the network on decoded frames."""
    propagator = Propagator(network)
    propagator.annotate(clip[0], {i: labels == i for i in range(1, int(labels.max()) + 1)})
    for frame in clip[1 : WARM_UP + 1]:
        propagator.step(frame)
    begun = time.perf_counter()
    for frame in clip[WARM_UP + 1 :]:
        propagator.step(frame)
    return (time.perf_counter() - begun) / (len(clip) - WARM_UP - 1)


def operator_seconds(dataset: Any, settings: dict[str, str]) -> float:
    """Seconds a frame of the operator, from the first frames on to the last label in the database.

    Raises:
        InputError: the plugin is not there, or the run failed.
    """
    import fiftyone.operators as foo

    if not foo.operator_exists(OPERATOR):
        raise InputError(
            f"FiftyOne knows no operator {OPERATOR}; put the folder plugin/ into its plugins folder"
        )
    moments: list[float] = []
    operator = foo.get_operator(OPERATOR)
    target = f"gc_{settings['storage']}"
    summary = operator(
        dataset, "frames.gt", target, progress=lambda _: moments.append(time.perf_counter()), **settings
    )
    end = time.perf_counter()
    if summary["done"] != 1:
        raise InputError(f"the run failed: {summary['failed']}")
    return (end - moments[WARM_UP]) / (len(moments) - WARM_UP - 1)


def show(rows: list[Row]) -> None:
    """Print the rows as a table."""
    table = Table(title=f"FiftyOne beside the network alone (overhead allowed: {OVERHEAD_ALLOWED:.0%})")
    names = ("model", "device", "objects", "storage", "network_fps", "fps", "overhead")
    for name in names:
        table.add_column(
            name.replace("_", " "), justify="right" if name.endswith(("fps", "overhead")) else "left"
        )
    for row in rows:
        table.add_row(*(f"{row[n]:.0%}" if n == "overhead" else str(row[n]) for n in names))
    Console().print(table)
