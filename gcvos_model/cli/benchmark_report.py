"""`gcvos benchmark report`: the page about performance, from the rows that the other benchmarks wrote."""

from pathlib import Path
from typing import Annotated

import typer

from gcvos_model.evaluation.benchmark_rows import read_rows
from gcvos_model.evaluation.performance_page import write_page


def benchmark_report(
    rows: Annotated[list[Path], typer.Argument(help="Files of rows, as --out of the benchmarks wrote them.")],
    out: Annotated[Path, typer.Option(help="Markdown file.")] = Path("docs/performance.md"),
    images: Annotated[Path | None, typer.Option(help="Folder for plots; default: images/ beside it.")] = None,
) -> None:
    """Write tables and plots of all rows, with the machine and the day of each."""
    write_page([row for path in rows for row in read_rows(path)], out, images or out.parent / "images")
    typer.echo(f"wrote {out}")
