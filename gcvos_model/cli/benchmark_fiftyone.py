"""`gcvos benchmark fiftyone`: what FiftyOne's door costs beside the network alone."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from gcvos_model import Propagator, load_model
from gcvos_model.errors import InputError
from gcvos_model.evaluation.machine import describe_machine
from gcvos_model.evaluation.made_up_clip import made_up_clip
from gcvos_model.masks import read_label_png, tight_box
from gcvos_model.network.network import GCNetwork
from gcvos_model.video import Frame, VideoWriter, open_source

OPERATOR = "@gcvos/gcvos/propagate_annotations"
PLUGIN = Path(__file__).resolve().parents[2] / "plugin"  # of this checkout
MADE_UP_SIZE = (480, 854)
WARM_UP = 5  # frames that are not counted
OVERHEAD_ALLOWED = 0.25
LOG_WIDTH = 120  # of a table that goes to a file or a pipe, which has no width of its own

LabelMap = NDArray[np.uint8]
Row = dict[str, Any]


def benchmark_fiftyone(
    clip: Annotated[
        Path | None, typer.Argument(help="A video or folder of images; without it a clip is made up.")
    ] = None,
    mask: Annotated[Path | None, typer.Option(help="Mask of the clip's first frame, a PNG.")] = None,
    model: Annotated[str, typer.Option(help="Name or path of a checkpoint.")] = "gcvos-lite",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    short_side: Annotated[int, typer.Option(min=16, help="Working resolution, in pixels.")] = 480,
    frames: Annotated[int, typer.Option(min=20, help="Of the clip, at most.")] = 60,
    objects: Annotated[list[int] | None, typer.Option(help="How many; repeatable; default 1 and 5.")] = None,
    out: Annotated[Path | None, typer.Option(help="Append one JSON line a row to this file.")] = None,
) -> None:
    """Frames/s of the FiftyOne operator, end to end, beside the network alone, for both kinds of storage.

    End to end means decoding the video (a clip of images is made one first), the network, and writing labels to
    the database; the network alone means `Propagator.step` on frames that are decoded already. The two take
    turns, so that both meet the same machine. The overhead is the share of the time end to end that the network
    alone does not need. Several objects of a real clip are its mask cut into strips of equal area. The plugin is
    that of this checkout, unless FIFTYONE_PLUGINS_DIR names another folder.
    """
    if PLUGIN.is_dir():
        os.environ.setdefault("FIFTYONE_PLUGINS_DIR", str(PLUGIN))
    network = load_model(model, device=device)
    settings = {"model": model, "device": device, "short_side": short_side}
    rows = []
    with tempfile.TemporaryDirectory(prefix="gcvos-benchmark-") as folder:
        for count in objects or [1, 5]:
            if clip is None:
                pixels, labels = made_up_clip(frames, MADE_UP_SIZE, count)
            else:
                pixels, labels = real_clip(clip, mask, frames, count)
            with one_video_dataset(Path(folder) / f"{count}.mp4", pixels, labels) as dataset:
                for storage in ("database", "disk"):
                    given = {**settings, "storage": storage, "output_dir": folder}
                    row = measure(network, pixels, labels, dataset, given)
                    rows.append({"clip": clip.name if clip else "made up", **row})
                    if out is not None:
                        append(out, {**rows[-1], "machine": describe_machine(str(network.device))})
    show(rows)


def append(path: Path, row: Row) -> None:
    """Write a row as a line of JSON, so that a long measurement that is broken off keeps what it has."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def real_clip(path: Path, mask: Path | None, frames: int, objects: int) -> tuple[list[Frame], LabelMap]:
    """Read a clip, and cut the mask of its first frame into so many objects.

    Returns:
        The frames (H, W, 3) uint8, and the label map (H, W) of the first one.

    Raises:
        InputError: there is no mask, it is empty, or of another size.
        MediaError: the clip cannot be read.
    """
    if mask is None:
        raise InputError("--mask is missing: the mask of the clip's first frame, a PNG")
    with open_source(path) as source:
        clip = [frame for _, frame in islice(source.frames(), frames)]
    labels = strips(read_label_png(mask) > 0, objects)
    if labels.shape != clip[0].shape[:2] or not labels.any():
        raise InputError(
            f"{mask} is a mask of size {labels.shape} with {np.count_nonzero(labels)} pixels; expected an object "
            f"in a mask of the frames' size {clip[0].shape[:2]} (H, W)"
        )
    return clip, labels


def strips(mask: NDArray[np.bool_], count: int) -> LabelMap:
    """Cut a mask (H, W) into vertical strips of equal area, labelled from 1, left to right."""
    before = np.cumsum(mask.sum(0)) - mask.sum(0)
    numbers = 1 + before * count // max(1, int(mask.sum()))
    labels: LabelMap = np.where(mask, numbers[None], 0).astype(np.uint8)
    return labels


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
    network: GCNetwork, clip: list[Frame], labels: LabelMap, dataset: Any, settings: dict[str, Any]
) -> Row:
    """Measure one row: the network alone before and after, the operator in between."""
    before = network_seconds(network, clip, labels, settings["short_side"])
    through = operator_seconds(dataset, settings)
    alone = (before + network_seconds(network, clip, labels, settings["short_side"])) / 2
    return {
        "model": settings["model"],
        "device": str(network.device),
        "storage": settings["storage"],
        "objects": int(labels.max()),
        "frames": len(clip),
        "size": list(labels.shape),
        "short_side": settings["short_side"],
        "network_fps": round(1 / alone, 2),
        "fps": round(1 / through, 2),
        "overhead": round(max(0.0, 1 - alone / through), 3),
    }


def network_seconds(network: GCNetwork, clip: list[Frame], labels: LabelMap, short_side: int) -> float:
    """Seconds a frame of the network on decoded frames."""
    propagator = Propagator(network, short_side=short_side)
    propagator.annotate(clip[0], {i: labels == i for i in range(1, int(labels.max()) + 1)})
    for frame in clip[1 : WARM_UP + 1]:
        propagator.step(frame)
    begun = time.perf_counter()
    for frame in clip[WARM_UP + 1 :]:
        propagator.step(frame)
    return (time.perf_counter() - begun) / (len(clip) - WARM_UP - 1)


def operator_seconds(dataset: Any, settings: dict[str, Any]) -> float:
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
    # From the first frame on: the network is warm already, and later it may be some frames ahead of the writer.
    return (end - moments[0]) / (len(moments) - 1)


def show(rows: list[Row]) -> None:
    """Print the rows as a table."""
    table = Table(title=f"FiftyOne beside the network alone (overhead allowed: {OVERHEAD_ALLOWED:.0%})")
    names = ("clip", "model", "device", "objects", "storage", "network_fps", "fps", "overhead")
    for name in names:
        table.add_column(
            name.replace("_", " "), justify="right" if name.endswith(("fps", "overhead")) else "left"
        )
    for row in rows:
        table.add_row(*(f"{row[n]:.0%}" if n == "overhead" else str(row[n]) for n in names))
    console = Console()
    if not console.is_terminal:
        console.width = LOG_WIDTH
    console.print(table)
