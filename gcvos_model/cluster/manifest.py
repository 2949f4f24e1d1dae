"""The manifest: which videos to propagate, from which masks, under which names."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcvos_model.errors import InputError

FIELDS = ("video", "mask", "name")


@dataclass(frozen=True)
class Video:
    """One line of a manifest, paths absolute."""

    name: str  # of its folder of results
    source: Path  # a video file, or a folder of images
    masks: tuple[str, ...]  # `[FRAME=]FILE`, as `gcvos propagate --mask` takes them


def read_manifest(path: Path) -> list[Video]:
    """Read a manifest: `.csv` with a header line, or `.jsonl` with an object on each line.

    Fields: `video`; `mask`, one `[FRAME=]FILE`, or several (in CSV between semicolons, in JSON a list); and `name`,
    which may be left out: then it is the video's, without its suffix. Relative paths start at the manifest's folder.

    Raises:
        InputError: the manifest cannot be read, a line lacks a field, or two videos have one name. Whether videos and
            masks are there is not looked at: that is reported video by video.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the manifest '{path}': {error}") from error
    if path.suffix not in (".csv", ".jsonl"):
        raise InputError(f"the manifest '{path}' is neither .csv nor .jsonl")
    rows = _csv_rows(text) if path.suffix == ".csv" else _json_rows(path, text)
    videos = [_video(path, number, row) for number, row in rows]
    if not videos:
        raise InputError(f"the manifest '{path}' lists no video; expected the fields {', '.join(FIELDS)}")
    seen: dict[str, Path] = {}
    for video in videos:
        if video.name in seen:
            raise InputError(
                f"the manifest '{path}' has two videos named '{video.name}' ({seen[video.name]} and {video.source}): "
                "give each a name of its own in the field 'name'"
            )
        seen[video.name] = video.source
    return videos


def _csv_rows(text: str) -> list[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text))
    rows: list[tuple[int, dict[str, Any]]] = []
    for row in reader:
        masks = [part.strip() for part in (row.get("mask") or "").split(";") if part.strip()]
        rows.append((reader.line_num, {**row, "mask": masks}))
    return rows


def _json_rows(path: Path, text: str) -> list[tuple[int, dict[str, Any]]]:
    rows: list[tuple[int, dict[str, Any]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"line {number} of '{path}' is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise InputError(f"line {number} of '{path}': expected an object with {', '.join(FIELDS)}")
        rows.append((number, row))
    return rows


def _video(path: Path, number: int, row: dict[str, Any]) -> Video:
    source, masks = row.get("video"), row.get("mask")
    masks = [masks] if isinstance(masks, str) else masks
    if not isinstance(source, str) or not source.strip():
        raise InputError(
            f"line {number} of '{path}' has no 'video': the path of a video or of a folder of images"
        )
    if not isinstance(masks, list) or not masks or not all(isinstance(mask, str) for mask in masks):
        raise InputError(f"line {number} of '{path}' has no 'mask': [FRAME=]FILE, a palette PNG")
    base = path.absolute().parent
    name = row.get("name") or Path(source.strip()).stem
    if not isinstance(name, str) or name in (".", "..") or name != Path(name).name:
        raise InputError(f"line {number} of '{path}': '{name}' cannot be the name of a folder")
    return Video(name, base / source.strip(), tuple(_absolute(base, mask) for mask in masks))


def _absolute(base: Path, mask: str) -> str:
    frame, separator, file = mask.partition("=")
    return f"{frame}={base / file}" if separator and frame.isdigit() else str(base / mask)
