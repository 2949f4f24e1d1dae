"""How the page about performance puts settings and numbers into tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Row = dict[str, Any]
SETTING = ("model", "source", "working", "objects", "precision, device")


def markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; all columns but the first are numbers."""
    lines = [f"| {' | '.join(headings)} |", f"|---|{'---:|' * (len(headings) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def setting(row: Row) -> list[str]:
    """The columns that say what was measured."""
    height, width = row["source"]
    working = "x".join(map(str, row["working"]))
    threads = f"{row['device']}, {row['threads']} threads" if row["device"] == "cpu" else row["device"]
    return [row["model"], f"{height}x{width}", working, str(row["objects"]), f"{row['precision']}, {threads}"]


def milliseconds(seconds: float) -> str:
    """As `12.3 ms`."""
    return f"{1000 * seconds:.1f} ms"


def megabytes(size: int | None) -> str:
    """As `12 MB`, with a decimal where it is small; `-` where it is not known."""
    if size is None:
        return "-"
    return f"{size / 1e6:.0f} MB" if size >= 1e7 else f"{size / 1e6:.2f} MB"
