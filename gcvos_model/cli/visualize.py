"""`gcvos visualize`: pictures of results and of what the network looks at."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from gcvos_model.errors import InputError

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Source = Annotated[Path, typer.Argument(help="A video file, or a folder of images.")]
Out = Annotated[Path, typer.Option(help="PNG to write.")]
Frames = Annotated[int, typer.Option(min=1, help="How many frames, spread evenly.")]


@app.command()
def overlays(
    source: Source,
    results: Annotated[Path, typer.Argument(help="The folder that `gcvos propagate` wrote.")],
    out: Out = Path("overlays.png"),
    frames: Frames = 6,
    columns: Annotated[int, typer.Option(min=1, help="Frames in a row.")] = 3,
) -> None:
    """A contact sheet of frames with their masks laid over them (the paper's figure 5)."""
    from gcvos_model.masks import read_label_png
    from gcvos_model.video import open_source
    from gcvos_model.visualize import contact_sheet, overlay

    files = finished_frames(results)
    opened = open_source(source)
    pictures = [
        overlay(opened.frame(index), read_label_png(results / files[index]))
        for index in spread(list(files), frames)
    ]
    save(out, contact_sheet(pictures, columns))


@app.command()
def keys(
    source: Source,
    results: Annotated[Path, typer.Argument(help="The folder that `gcvos propagate` wrote.")],
    out: Out = Path("keys.png"),
    object_id: Annotated[int, typer.Option("--object", help="Whose masks go into the memory.")] = 1,
    channels: Annotated[str, typer.Option(help="Key channels, as 3,17; default: the two most focused.")] = "",
    model: Annotated[str, typer.Option(help="A model's name or a checkpoint.")] = "gcvos-lite",
    frames: Frames = 5,
) -> None:
    """Key maps over frames (the paper's figure 6): one row of frames, then one row for each channel."""
    from gcvos_model.checkpoints import load_model
    from gcvos_model.key_maps import heat, key_maps, most_focused
    from gcvos_model.masks import read_label_png
    from gcvos_model.video import open_source
    from gcvos_model.visualize import contact_sheet

    files = finished_frames(results)
    opened, network = open_source(source), load_model(model)
    chosen = spread(list(files), frames)
    pictures = [opened.frame(index) for index in chosen]
    maps = []
    for picture, index in zip(pictures, chosen, strict=True):
        maps.append(key_maps(network, picture, read_label_png(results / files[index]) == object_id))
    wanted = parse_channels(channels, len(maps[0])) or most_focused(maps[0], 2)
    rows = [heat(picture, found[c]) for c in wanted for picture, found in zip(pictures, maps, strict=True)]
    save(out, contact_sheet([*pictures, *rows], len(pictures)))
    typer.echo(f"channels {', '.join(map(str, wanted))} of {len(maps[0])}")


def finished_frames(results: Path) -> dict[int, str]:
    """Frame index to PNG name of a results folder.

    Raises:
        InputError: it is not one.
    """
    import json

    try:
        lines = json.loads((results / "results.json").read_text(encoding="utf-8"))["frames"]
        return {int(line["frame"]): str(line["file"]) for line in lines}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"'{results}' is not a results folder of `gcvos propagate`: {error}") from error


def spread(items: Sequence[T], count: int) -> list[T]:
    """`count` of the items, evenly spread from the first to the last."""
    if count >= len(items):
        return list(items)
    step = (len(items) - 1) / max(count - 1, 1)
    return [items[round(i * step)] for i in range(count)]


def parse_channels(text: str, available: int) -> list[int]:
    """Channel numbers between commas; none where the text is empty.

    Raises:
        InputError: one is no number, or there is no such channel.
    """
    try:
        channels = [int(number) for number in text.split(",") if number]
    except ValueError:
        raise InputError(f"--channels {text}: expected numbers between commas") from None
    for channel in channels:
        if not 0 <= channel < available:
            raise InputError(f"--channels {text}: expected numbers from 0 to {available - 1}")
    return channels


def save(path: Path, picture: Any) -> None:
    """Write a picture and say where."""
    from PIL import Image

    Image.fromarray(picture).save(path)
    typer.echo(f"wrote {path}")
