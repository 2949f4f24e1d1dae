"""The folder that `gcvos propagate` writes: a PNG a frame, `results.json`, and what a later `--resume` needs.

A killed run leaves every finished frame valid: PNGs are written whole or not at all, and each frame's line in
`.gcvos/frames.jsonl` follows its PNG.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gcvos_model.errors import InputError, StateError
from gcvos_model.files import write_atomic
from gcvos_model.masks import write_label_png
from gcvos_model.memory import ObjectMemory
from gcvos_model.results import FrameResult

RESULTS = "results.json"


class ResultFolder:
    """Where one run's results go.

    Args:
        path: the folder; made where it is absent.
        run: what decides the results (source, model, prompts, range): a resumed run must have the same.
        overwrite: remove an earlier run's results.
        resume: go on with an earlier run.

    Raises:
        InputError: the folder holds results and neither was asked for, or those of another run; nothing is touched.
    """

    def __init__(
        self, path: Path, run: Mapping[str, Any], *, overwrite: bool = False, resume: bool = False
    ) -> None:
        self.path = path
        self.private = path / ".gcvos"
        self.run = dict(run)
        before = self._earlier_run()
        if resume and before is not None and before != json.loads(json.dumps(self.run)):
            differing = sorted(k for k in {*before, *self.run} if before.get(k) != self.run.get(k))
            raise InputError(
                f"'{path}' holds another run's results ({', '.join(differing)} differ): start anew"
            )
        if not (resume or overwrite) and path.exists() and any(path.iterdir()):
            raise InputError(f"'{path}' is not empty: give --overwrite, --resume or another folder")
        if path.exists() and not path.is_dir():
            raise InputError(f"'{path}' is a file: expected a folder to write into")
        if overwrite and not resume:
            self._remove_earlier()
        self.private.mkdir(parents=True, exist_ok=True)
        write_atomic(self.private / "run.json", json.dumps(self.run).encode())
        self.lines = self._earlier_lines() if resume else []
        self.done = {line["frame"] for line in self.lines}  # indices of the frames that are there

    def write(self, result: FrameResult, name: str, seconds: float) -> None:
        """Write one frame's PNG and its line; a frame that is there already stays as it is.

        Args:
            result: the frame's.
            name: of its PNG.
            seconds: that it took.
        """
        if result.index in self.done:
            return
        write_label_png(self.path / name, result.labels)
        line = {
            "frame": result.index,
            "file": name,
            "seconds": round(seconds, 4),
            "objects": {
                str(i): {"confidence": round(o.confidence, 4), "visible": o.visible, "annotated": o.annotated}
                for i, o in result.objects.items()
            },
        }
        with (self.private / "frames.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.lines.append(line)
        self.done.add(result.index)

    def save_state(self, index: int, memories: Mapping[int, ObjectMemory]) -> None:
        """Keep every object's memory before frame `index`, for `--resume`."""
        packed = {i: memory.to_bytes() for i, memory in memories.items()}
        header = json.dumps(
            {"index": index, "bytes": {str(i): len(blob) for i, blob in packed.items()}}
        ).encode()
        write_atomic(self.private / "state", header + b"\n" + b"".join(packed.values()))

    def load_state(self, digest: str) -> tuple[int, dict[int, ObjectMemory]] | None:
        """The saved index and memories, or None where there are none.

        Raises:
            StateError: they are damaged, or of another model.
        """
        path = self.private / "state"
        if not path.exists():
            return None
        header, _, rest = path.read_bytes().partition(b"\n")
        try:
            fields = json.loads(header)
            lengths = {int(i): int(length) for i, length in fields["bytes"].items()}
            index = int(fields["index"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(f"'{path}' is damaged: {error}; start anew with --overwrite") from error
        memories, at = {}, 0
        for object_id, length in lengths.items():
            memories[object_id] = ObjectMemory.from_bytes(rest[at : at + length], digest=digest)
            at += length
        return index, memories

    def finish(self, stopped: str | None) -> None:
        """Write `results.json`: the run and every frame's confidence, visibility and timing.

        Args:
            stopped: why the run ended before its end, or None.
        """
        frames = sorted(self.lines, key=lambda line: line["frame"])
        seconds = sorted(line["seconds"] for line in frames)
        summary = {
            **self.run,
            "complete": stopped is None,
            "stopped": stopped,
            "frame_count": len(frames),
            "median_seconds": seconds[len(seconds) // 2] if seconds else None,
            "frames": frames,
        }
        write_atomic(self.path / RESULTS, json.dumps(summary, indent=1).encode())

    def _earlier_run(self) -> dict[str, Any] | None:
        try:
            run: dict[str, Any] = json.loads((self.private / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return run

    def _earlier_lines(self) -> list[dict[str, Any]]:
        """The frames that are there; a line that a kill cut short is left out."""
        lines = []
        path = self.private / "frames.jsonl"
        for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if (self.path / line["file"]).exists():
                lines.append(line)
        write_atomic(path, "".join(json.dumps(line) + "\n" for line in lines).encode())
        return lines

    def _remove_earlier(self) -> None:
        """Remove what an earlier run wrote, and nothing else."""
        for line in self._earlier_lines() if self.private.exists() else []:
            (self.path / line["file"]).unlink(missing_ok=True)
        shutil.rmtree(self.private, ignore_errors=True)
        (self.path / RESULTS).unlink(missing_ok=True)
