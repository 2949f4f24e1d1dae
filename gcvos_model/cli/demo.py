"""`gcvos demo`: the bundled clip through the bundled model, scored and shown."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the masks, results.json and the video.")] = Path(
        "demo-out"
    ),
    model: Annotated[str, typer.Option(help="A model's name or a checkpoint.")] = "gcvos-lite",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
) -> None:
    """Propagate two objects through the bundled clip from their first masks, score them, write an overlay video.

    The clip is drawn by a program, with exact masks; J and F are means over both objects and all frames but the first
    and the last, as in DAVIS 2017.
    """
    import json

    from gcvos_model.cli.propagate import propagate
    from gcvos_model.demo import CLIP, MASKS

    video = out / "overlay.mp4"
    propagate(
        source=CLIP,
        out=out,
        mask=[str(MASKS / "00000.png")],
        model=model,
        device=device,
        precision="auto",
        direction="forward",
        start=0,
        stop=None,
        every_nth=1,
        short_side=480,
        format="png",
        overlay=video,
        overwrite=True,
        resume=False,
    )
    j, f = score(out, MASKS)
    seconds = json.loads((out / "results.json").read_text(encoding="utf-8"))["median_seconds"]
    typer.echo(f"J&F {100 * (j + f) / 2:.1f} (J {100 * j:.1f}, F {100 * f:.1f}), {1 / seconds:.1f} frames/s")
    typer.echo(f"masks and results.json: {out.resolve()}")
    typer.echo(f"overlay video: {video.resolve()}")


def score(results: Path, truth: Path) -> tuple[float, float]:
    """Mean J and F over the objects of the first true mask and all frames but the first and the last."""
    import numpy as np

    from gcvos_model.masks import object_ids, read_label_png
    from gcvos_model.metrics import contour_accuracy, region_similarity

    paths = sorted(truth.glob("*.png"))
    ids = object_ids(read_label_png(paths[0]))
    scores = []
    for path in paths[1:-1]:
        true, found = read_label_png(path), read_label_png(results / path.name)
        scores += [
            (region_similarity(found == i, true == i), contour_accuracy(found == i, true == i)) for i in ids
        ]
    j, f = np.mean(scores, axis=0)
    return float(j), float(f)
