"""The progress bar of commands that work through frames."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class RateColumn(ProgressColumn):
    """Frames a second."""

    def render(self, task: Task) -> Text:
        """The speed since the bar's recent steps."""
        return Text(f"{task.speed:.1f} frames/s" if task.speed else "- frames/s")


def frame_progress(console: Console) -> Progress:
    """A bar with frames done, frames a second and the time that is left; it writes to the console."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=console,
    )
