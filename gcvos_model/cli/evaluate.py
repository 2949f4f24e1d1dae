"""`gcvos evaluate`: J and F of a model, or of masks, on DAVIS and YouTube-VOS; the paper's tables beside."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gcvos_model.cli.progress import frame_progress
from gcvos_model.errors import InputError
from gcvos_model.evaluation.comparison import compare_with_paper
from gcvos_model.evaluation.layouts import Benchmark, BenchmarkSequence, read_dataset
from gcvos_model.evaluation.report import Report, read_report, to_table, write_report
from gcvos_model.evaluation.submission import write_submission

LOG_WIDTH = 120  # of a table that goes to a file or a pipe, which has no width of its own
STOPPED = 1  # exit code: some sequences failed, the report of the others is written


class PaperTableName(str, Enum):
    """The tables of the paper whose numbers `gcvos evaluate` measures too."""

    SIZE_OF_CONTEXT = "2"
    DAVIS_2016 = "3"
    DAVIS_2017 = "4"
    SPEED_AND_ACCURACY = "figure4"


def evaluate(
    root: Annotated[
        Path | None, typer.Argument(help="Data set in its official layout: holds JPEGImages and Annotations.")
    ] = None,
    benchmark: Annotated[Benchmark | None, typer.Option(help="Whose layout and rules.")] = None,
    split: Annotated[str, typer.Option(help="Which list of sequences.")] = "val",
    out: Annotated[Path | None, typer.Option(help="Where masks/, report.json and report.csv go.")] = None,
    model: Annotated[str, typer.Option(help="Name or path of a checkpoint.")] = "gcvos-lite",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, int8, float32, bfloat16 or float16.")] = "auto",
    short_side: Annotated[int, typer.Option(min=16, help="Of the frames in the network, in pixels.")] = 480,
    results: Annotated[
        Path | None, typer.Option(help="Score the masks SEQUENCE/FRAME.png of this folder; no model runs.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that share out the sequences.")] = 1,
    paper_table: Annotated[
        PaperTableName | None, typer.Option(help="Print this table of the paper, with ours below.")
    ] = None,
    report: Annotated[
        list[Path] | None, typer.Option(help="For --paper-table: report.json of another run; repeatable.")
    ] = None,
) -> None:
    """Segment the sequences of a benchmark from their first masks, and score the masks as DAVIS does.

    Without ROOT, --paper-table prints a table of the paper with the reports given by --report.
    """
    from gcvos_model.evaluation.measure import measure_masks, measure_model

    if root is None and paper_table is None:
        raise InputError("nothing to do: give the ROOT of a data set, or --paper-table")
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = LOG_WIDTH
    reports = [read_report(path) for path in report or ()]
    failures: Mapping[str, str] = {}
    if root is not None:
        if benchmark is None:
            raise InputError(
                f"--benchmark is missing: one of {', '.join(choice.value for choice in Benchmark)}"
            )
        sequences = read_dataset(root, benchmark, split)
        measure: Callable[..., Report]
        if results is not None:
            measure = partial(measure_masks, sequences, split, results)
        elif out is not None:
            measure = partial(measure_model, sequences, split, out / "masks", model=model)
            measure = partial(measure, device=device, precision=precision, short_side=short_side)
        else:
            raise InputError("--out is missing: the folder for the masks and the report")
        with _progress_of(sequences, f"{benchmark.value} {split}") as on_frames:
            measured = measure(jobs=jobs, on_frames=on_frames)
        _publish(measured, sequences, console, out, submit=results is None)
        failures = measured.failures
        reports.append(measured.to_dict())
    if paper_table is not None:
        console.print(compare_with_paper(paper_table.value, reports))
    if failures:
        lines = "".join(f"\n  {name}: {message}" for name, message in failures.items())
        typer.echo(f"gcvos: {len(failures)} of the sequences could not be evaluated:{lines}", err=True)
        raise typer.Exit(STOPPED)


@contextmanager
def _progress_of(sequences: Sequence[BenchmarkSequence], title: str) -> Iterator[Callable[[int], None]]:
    """A bar over all frames, on standard error."""
    with frame_progress(Console(stderr=True)) as progress:
        task = progress.add_task(title, total=sum(len(sequence.images) for sequence in sequences))
        yield lambda frames: progress.advance(task, frames)


def _publish(
    report: Report,
    sequences: Sequence[BenchmarkSequence],
    console: Console,
    out: Path | None,
    *,
    submit: bool,
) -> None:
    """Write and print what was measured, also where some sequences failed."""
    if out is not None and report.sequences:
        write_report(report, out)
        console.print(f"Report: {out / 'report.json'} and {out / 'report.csv'}")
        if submit and sequences[0].benchmark is Benchmark.YOUTUBE_VOS and not report.failures:
            write_submission(out / "submission.zip", out / "masks", sequences)
            console.print(f"For the server of YouTube-VOS: {out / 'submission.zip'}")
    if report.sequences:
        console.print(to_table(report))
    if not report.objects and not report.failures:
        console.print("There is no truth to score by in this split: masks and speed alone.")
