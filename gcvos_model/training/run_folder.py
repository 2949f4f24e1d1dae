"""A run's folder: what is in it, who may write into it, its log.

config.json            what is trained: stage, shape, settings, data, where the weights began
data.json              what was found in the data
log.csv, tensorboard/  losses and validations
best.safetensors, last.safetensors   checkpoints in float16 with their record, for use
state.safetensors      for --resume
pictures/              contact sheets of clips and predictions
"""

import csv
import io
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gcvos_model.errors import InputError
from gcvos_model.files import write_atomic
from gcvos_model.training.config import FREE

COLUMNS = ("step", "minutes", "what", "value")


class RunFolder:
    """The paths inside a run's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.json"
        self.data = path / "data.json"
        self.log = path / "log.csv"
        self.tensorboard = path / "tensorboard"
        self.best = path / "best.safetensors"
        self.last = path / "last.safetensors"
        self.state = path / "state.safetensors"
        self.pictures = path / "pictures"

    def open(
        self, description: Mapping[str, Any], data: Any, *, resume: bool = False, overwrite: bool = False
    ) -> None:
        """Make the folder ready for the run that `description` describes, or for going on with it.

        Args:
            description: all that bears on what is learned, as JSON can hold it.
            data: what was found in the data, for `data.json`.
            resume: go on with the run that is there.
            overwrite: remove the run that is there.

        Raises:
            InputError: there is another run, or none to resume, or the one to resume was started otherwise.
        """
        description = json.loads(json.dumps(description))
        if resume:
            expect_same(self.read_config(), description, self.path)
        elif overwrite:
            self.clear()
        elif self.config.exists() or self.state.exists() or self.log.exists():
            raise InputError(
                f"'{self.path}' holds a run: --resume goes on with it, --overwrite replaces it, "
                "or give another --out"
            )
        self.pictures.mkdir(parents=True, exist_ok=True)
        write_atomic(self.data, json.dumps(data, indent=1).encode())
        write_atomic(self.config, json.dumps(description, indent=1).encode())

    def read_config(self) -> dict[str, Any]:
        """The description of the run that is there.

        Raises:
            InputError: there is none.
        """
        try:
            return dict(json.loads(self.config.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise InputError(
                f"there is no run in '{self.path}' to resume ({error}): leave --resume out"
            ) from error

    def clear(self) -> None:
        """Remove what a run writes, and nothing else that may lie in the folder."""
        for path in (self.config, self.data, self.log, self.best, self.last, self.state):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.tensorboard, ignore_errors=True)
        for path in self.pictures.glob("*.png"):
            path.unlink()


def expect_same(there: Mapping[str, Any], asked: Mapping[str, Any], path: Path) -> None:
    """Compare two descriptions field by field, but for the fields that may change.

    Raises:
        InputError: they differ; the message names the fields.
    """
    differences = _differences(there, asked)
    if differences:
        raise InputError(
            f"the run in '{path}' was started with other settings: {'; '.join(differences)}. "
            "Give it those to resume it, or another --out"
        )


def _differences(there: Mapping[str, Any], asked: Mapping[str, Any], prefix: str = "") -> list[str]:
    found: list[str] = []
    for key in dict.fromkeys((*there, *asked)):
        old, new = there.get(key), asked.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += _differences(old, new, f"{prefix}{key}.")
        elif old != new and key not in FREE:
            found.append(f"{prefix}{key} was {old}, now {new}")
    return found


class RunLog:
    """Scalars by step, in `log.csv` and for TensorBoard; what a killed run wrote after step `step` is taken back."""

    def __init__(self, run: RunFolder, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        rows = []
        if run.log.exists():
            with run.log.open(newline="") as file:
                whole = [row for row in list(csv.reader(file))[1:] if len(row) == len(COLUMNS)]
            rows = [row for row in whole if int(row[0]) <= step]
        text = io.StringIO()
        csv.writer(text).writerows([COLUMNS, *rows])
        write_atomic(run.log, text.getvalue().encode())
        self.file = run.log.open("a", newline="")
        self.csv = csv.writer(self.file)
        self.board = SummaryWriter(run.tensorboard, purge_step=step + 1)

    def write(self, step: int, minutes: float, what: str, value: float) -> None:
        """Add one value."""
        self.csv.writerow([step, f"{minutes:.2f}", what, f"{value:.4g}" if value < 0.01 else f"{value:.4f}"])
        self.file.flush()
        self.board.add_scalar(what, value, step)

    def close(self) -> None:
        """Write what is still in memory."""
        self.file.close()
        self.board.close()
