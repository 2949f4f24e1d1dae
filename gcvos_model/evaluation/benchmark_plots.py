"""Plots of measurements, as PNG: needs the extra `plots`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

Points = Sequence[tuple[float, float]]


def plot_lines(
    path: Path,
    lines: Mapping[str, Points],
    *,
    x: str,
    y: str,
    title: str,
    log: bool = False,
) -> None:
    """Draw lines into a PNG.

    Args:
        path: of the PNG; its folder exists.
        lines: legend to points (x, y), in the order of x.
        x, y: names of the axes, with units.
        title: of the picture.
        log: both axes are logarithmic; else both begin at 0.
    """
    from matplotlib.backends.backend_agg import (
        FigureCanvasAgg,
    )  # no display is needed, and none is looked for
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, points in lines.items():
        axes.plot(*zip(*points, strict=True), marker="o", markersize=4, label=name)
    if log:
        axes.set_xscale("log")
        axes.set_yscale("log")
    else:
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110, metadata={"Software": None})
