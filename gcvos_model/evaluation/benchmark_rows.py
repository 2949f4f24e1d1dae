"""Rows of measurements as JSON lines: what `gcvos benchmark` writes and the page about performance is made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from gcvos_model.errors import InputError

Row = dict[str, Any]


def append_rows(path: Path, rows: Iterable[Row], machine: Mapping[str, Any]) -> None:
    """Append rows, each with the day and the machine.

    Raises:
        InputError: the file cannot be written.
    """
    day = datetime.now(timezone.utc).date().isoformat()
    try:
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps({**row, "date": day, "machine": dict(machine)}) + "\n" for row in rows)
    except OSError as error:
        raise InputError(f"cannot write the rows to {path}: {error.strerror or error}") from None


def read_rows(path: Path) -> list[Row]:
    """Read what `append_rows` wrote.

    Raises:
        InputError: no such file, or a line that is not a row.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"cannot read the rows of {path}: {error.strerror or error}") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or "benchmark" not in row:
            raise InputError(f"line {number} of {path} is no row that `gcvos benchmark` wrote")
        rows.append(row)
    return rows
