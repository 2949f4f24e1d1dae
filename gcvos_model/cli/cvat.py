"""`gcvos cvat`: carry the shapes of one frame of a CVAT task or job over many others."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from rich.table import Table

from gcvos_model.cli.cvat_connection import Connection
from gcvos_model.cli.cvat_frames import CvatFrames
from gcvos_model.cli.cvat_sending import read_unsent, send_all
from gcvos_model.cli.cvat_shapes import (
    SHAPE_TYPES,
    PolygonStyle,
    Shape,
    ShapeType,
    mask_to_shape,
)
from gcvos_model.cli.cvat_target import CvatTarget, ServerError
from gcvos_model.cli.cvat_tracks import DrawnObject, count_copies, data_requests, drawn_objects
from gcvos_model.cli.progress import frame_progress
from gcvos_model.errors import InputError, MediaError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Host = Annotated[str | None, typer.Option(help="Server, such as https://app.cvat.ai.")]
Port = Annotated[int | None, typer.Option(help="Port of the server.")]
User = Annotated[str | None, typer.Option(help="User; the password is read from PASS, or asked for.")]
Organization = Annotated[str | None, typer.Option(help="Short name of the organization.")]
Profile = Annotated[str | None, typer.Option(help="A profile saved with `cvat-cli profile`.")]
Insecure = Annotated[bool, typer.Option("--insecure", help="Do not check the server's certificate.")]
TaskId = Annotated[int | None, typer.Option(help="The task's id.")]
JobId = Annotated[int | None, typer.Option(help="The job's id: only its frames are touched.")]
Sightings = dict[int, Shape | None]


@app.command()
def track(
    frame: Annotated[int, typer.Option(min=0, help="Frame whose shapes are carried on, as CVAT counts.")],
    task: TaskId = None,
    job: JobId = None,
    label: Annotated[list[str] | None, typer.Option(help="Only shapes of this label. Repeatable.")] = None,
    shape_id: Annotated[list[int] | None, typer.Option("--id", help="Only this shape. Repeatable.")] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="How many frames; default: to the end.")] = None,
    direction: Annotated[str, typer.Option(help="forward, backward or both.")] = "forward",
    output: Annotated[str, typer.Option("--as", help="same, rectangle, polygon (tracks) or mask.")] = "same",
    model: Annotated[str, typer.Option(help="A model's name or a checkpoint.")] = "gcvos-lite",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, int8, float32, bfloat16 or float16.")] = "auto",
    short_side: Annotated[int, typer.Option(min=16, help="Working resolution: the shorter side.")] = 480,
    polygon_vertices: Annotated[int, typer.Option(min=4, help="Most vertices of a polygon.")] = 200,
    polygon_tolerance: Annotated[float, typer.Option(min=0, help="By how many pixels it may be off.")] = 1.0,
    quality: Annotated[str, typer.Option(help="original or compressed frames.")] = "original",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent; send nothing.")
    ] = False,
    server_host: Host = None,
    server_port: Port = None,
    user: User = None,
    organization: Organization = None,
    profile: Profile = None,
    insecure: Insecure = False,
) -> None:
    """Carry the shapes of one frame over the next (or the ones before), and add them to the task or job.

    Rectangles and polygons become tracks that begin beside FRAME and end with 'outside', masks become one
    mask a frame that share a group. What is there already is not touched, nor are deleted frames. Log in as
    with cvat-cli: an access token in CVAT_ACCESS_TOKEN, a saved profile, or --user.
    """
    from gcvos_model.checkpoints import load_model

    if output not in ("same", *SHAPE_TYPES):
        raise InputError(f"--as {output}: expected same, {', '.join(SHAPE_TYPES)}")
    if quality not in ("original", "compressed"):
        raise InputError(f"--quality {quality}: expected original or compressed")
    connection = Connection(server_host, server_port, user, organization, profile, insecure)
    console = Console()
    with connection.open() as client:
        target = CvatTarget(client, task=task, job=job)
        numbers = chosen_frames(target, frame, frames, direction)
        before = target.annotations()
        wanted = None if output == "same" else cast(ShapeType, output)
        drawn = drawn_objects(
            before, frame, target.labels, names=label or (), ids=shape_id or (), output=wanted
        )
        network = load_model(model, device=device, precision=precision)
        source = CvatFrames(target, numbers, quality)
        style = PolygonStyle(polygon_vertices, polygon_tolerance)
        found, stopped = follow(source, frame, drawn, network, direction, short_side, style, console)
        requests = data_requests(list(zip(drawn, found, strict=True)), before, target.last_frame)
        console.print(summary(target, frame, drawn, found))
        if dry_run:
            console.print("Nothing was sent (--dry-run).")
        else:
            keep = Path(f"gcvos-unsent-{target.name.replace(' ', '-')}-frame-{frame}.json")
            send_or_exit(target, requests, before, keep)
            console.print(f"Added to {target.name}; reload the job in CVAT to see it.")
    if stopped is not None:
        console.print(f"Stopped on the way, the frames before it are done: {stopped}")
        raise typer.Exit(1)


@app.command()
def send(
    file: Annotated[Path, typer.Argument(help="What `gcvos cvat track` kept when the server failed.")],
    server_host: Host = None,
    server_port: Port = None,
    user: User = None,
    organization: Organization = None,
    profile: Profile = None,
    insecure: Insecure = False,
) -> None:
    """Send what could not be sent; what is there already is left out."""
    where, requests = read_unsent(file)
    with Connection(server_host, server_port, user, organization, profile, insecure).open() as client:
        target = CvatTarget(client, **where)
        before = target.annotations()
        missing = [data for data in requests if not count_copies(data, before)]
        send_or_exit(target, missing, before, file)
    file.unlink()
    print(f"Added to {target.name}: {len(missing)} of {len(requests)} requests, the others were there.")


def send_or_exit(target: CvatTarget, requests: Sequence[Any], before: Any, keep: Path) -> None:
    """See `send_all`; where it fails, the command ends with 1: a part of the work may be done."""
    try:
        send_all(target, requests, before, keep)
    except ServerError as error:
        print(f"gcvos: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


def chosen_frames(target: CvatTarget, frame: int, count: int | None, direction: str) -> list[int]:
    """The frame numbers to work on, ascending: `frame` and at most `count` in each direction, none of them
    deleted.

    Raises:
        InputError: There is no such frame, none beside it, or the direction is unknown.
    """
    if direction not in ("forward", "backward", "both"):
        raise InputError(f"--direction {direction}: expected forward, backward or both")
    if frame not in target.frames:
        known = f"{target.frames[0]} to {target.frames[-1]}" if target.frames else "none"
        raise InputError(f"{target.name} has no frame {frame} (or it is deleted); it has {known}")
    at = target.frames.index(frame)
    first = 0 if count is None else max(0, at - count)
    stop = None if count is None else at + count + 1
    before = target.frames[first:at] if direction != "forward" else []
    after = target.frames[at + 1 : stop] if direction != "backward" else []
    if not before and not after:
        raise InputError(
            f"{target.name} has no frame to carry the shapes of frame {frame} on to ({direction})"
        )
    return [*before, frame, *after]


def follow(
    source: CvatFrames,
    frame: int,
    drawn: Sequence[DrawnObject],
    network: Any,
    direction: str,
    short_side: int,
    style: PolygonStyle,
    console: Console,
) -> tuple[list[Sightings], str | None]:
    """Carry the objects through the source.

    Returns:
        For each object, frame number to its shape there (None: lost; also on `frame` itself, where it is
        drawn already, if the track goes on beyond it), and why it ended early, if it did.
    """
    from gcvos_model.cli.cvat_objects import drawn_mask
    from gcvos_model.directions import propagate

    start = source.numbers.index(frame)
    image = source.frame(start)
    masks = {number: drawn_mask(one.shape, image, network, short_side) for number, one in enumerate(drawn, 1)}
    found: list[Sightings] = [{frame: None} if direction == "both" else {} for _ in drawn]
    results = propagate(source, {start: masks}, model=network, direction=direction, short_side=short_side)  # type: ignore[arg-type]
    stopped = None
    with frame_progress(console) as progress:
        bar = progress.add_task(f"{len(drawn)} objects", total=len(source.numbers))
        try:
            for result in results:
                number = source.numbers[result.index]
                for object_id, one in enumerate(drawn, 1):
                    if number != frame:
                        mask = result.labels == object_id
                        found[object_id - 1][number] = mask_to_shape(mask, one.output, style)
                progress.advance(bar)
        except MediaError as error:
            stopped = str(error)
    return found, stopped


def summary(
    target: CvatTarget, frame: int, drawn: Sequence[DrawnObject], found: Sequence[Mapping[int, Shape | None]]
) -> Table:
    """What is to be added, one row an object."""
    table = Table(title=f"to be added to {target.name}")
    for heading in ("label", "drawn as", "added as", "frames", "seen on", "lost on"):
        table.add_column(heading)
    for one, sightings in zip(drawn, found, strict=True):
        seen = sorted(number for number, shape in sightings.items() if shape is not None)
        span = f"{seen[0]} to {seen[-1]}" if seen else "none"
        added = "masks of one group" if one.output == "mask" else f"{one.output} track"
        lost = sum(shape is None and number != frame for number, shape in sightings.items())
        table.add_row(one.label.name, one.shape.type, added, span, str(len(seen)), str(lost))
    return table
