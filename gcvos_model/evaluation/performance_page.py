"""The page about performance: tables and plots, made of the rows that benchmarks wrote and of nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gcvos_model.errors import InputError
from gcvos_model.files import write_atomic

from .benchmark_plots import plot_lines
from .gpu_section import NO_GPU, gpu_section
from .module_cost import MIB
from .page_tables import SETTING, markdown, megabytes, milliseconds, setting

Row = dict[str, Any]
STAGES = ("decode", "resize", "query encoder", "read", "decoder", "memory encoder", "merge", "other", "write")
INTRODUCTION = """# Performance

Written by `gcvos benchmark report` from the rows of `gcvos benchmark module`, `propagation` and `streaming`. Times are
medians; what is set beside something else took turns with it in one process. Memory is resident and above that of
`import torch` alone. Models without bundled weights have random ones: speed does not depend on them. MB are 10^6 bytes,
but in the table of the memory's read, which counts as the paper does in MiB.
"""


def write_page(rows: Sequence[Row], page: Path, images: Path) -> None:
    """Write the page and its plots.

    Args:
        rows: of the benchmarks; of rows with one setting the last counts.
        page: the Markdown file.
        images: folder for the plots, made where it is absent.

    Raises:
        InputError: there are no rows, or the files cannot be written.
    """
    if not rows:
        raise InputError("there are no rows to write about: give what `gcvos benchmark ... --out` wrote")
    latest = list({_setting(row): row for row in rows}.values())
    of = {
        name: [row for row in latest if row["benchmark"] == name] for name in {r["benchmark"] for r in latest}
    }
    frames = of.get("propagation", [])
    try:
        images.mkdir(parents=True, exist_ok=True)
        sections = [
            INTRODUCTION,
            machines(latest),
            frame_section(frames),
            stage_section(frames),
            growth_section(frames, images),
            trunk_section(of.get("versus trunk", [])),
            spacetime_section(of.get("versus spacetime", []), images),
            streaming_section(of.get("streaming", [])),
            module_section(of.get("module", []), images),
            size_section(of.get("context size", [])),
            gpu_section(of.get("gpu check", []), of.get("gpu", [])),
            "" if any(row.get("device") == "cuda" for row in latest) else NO_GPU,
        ]
        text = "\n".join(section for section in sections if section)
        write_atomic(page, text.encode())
    except OSError as error:
        raise InputError(f"cannot write {page}: {error.strerror or error}") from None


def _setting(row: Row) -> str:
    """What a row measured, without what came out."""
    keys = ("benchmark", "model", "device", "precision", "threads", "source", "working", "objects", "frames")
    more = ("memory", "side", "key_channels", "value_channels", "short_side")
    return repr([row.get(key) for key in (*keys, *more)]) + row["machine"].get("gpu", row["machine"]["cpu"])


def machines(rows: Sequence[Row]) -> str:
    """Every machine, and the days on which it measured."""
    days: dict[str, set[str]] = {}
    for row in rows:
        days.setdefault(describe(row["machine"]), set()).add(row["date"])
    return "".join(f"- {machine}; {', '.join(sorted(on))}\n" for machine, on in days.items())


def describe(machine: Row) -> str:
    """A machine in one line."""
    bfloat16 = "with bfloat16" if machine["cpu_bfloat16"] else "without bfloat16"
    text = f"{machine['cpu']}, {machine['cores']} cores, {machine['instructions']} {bfloat16}, {machine['system']}"
    if "gpu" in machine:
        text += f", {machine['gpu']} ({machine['gpu_memory_gb']} GB, CUDA {machine['cuda']})"
    return f"{text}; Python {machine['python']}, PyTorch {machine['torch']}"


def frame_section(rows: Sequence[Row]) -> str:
    """Time and memory of a frame, and what each further object adds."""
    if not rows:
        return ""
    headings = (*SETTING, "median", "95%", "CPU", "frames/s", "further object", "peak", "state", "GPU peak")
    table = markdown(
        headings,
        (
            [
                *setting(row),
                *(milliseconds(row[key]) for key in ("median_seconds", "p95_seconds", "cpu_seconds")),
                f"{1 / row['median_seconds']:.1f}",
                further_object(row, rows),
                megabytes(row["peak_bytes"]),
                f"{row['state_bytes'] / 1000:.1f} kB",
                megabytes(row["gpu_peak_bytes"]),
            ]
            for row in rows
        ),
    )
    about = "Further object: what each object after the first adds, as a share of a frame with one object.\n"
    return f"## A frame\n\n{about}\n{table}"


def further_object(row: Row, rows: Sequence[Row]) -> str:
    """Share of the first object's time that each further one takes."""
    keys = ("model", "device", "precision", "threads", "source", "working", "machine")
    alike = (r for r in rows if r["objects"] == 1 and all(r[key] == row[key] for key in keys))
    first = next(alike, None)
    if row["objects"] == 1 or first is None:
        return "-"
    added = (row["median_seconds"] / first["median_seconds"] - 1) / (row["objects"] - 1)
    return f"{added:.0%}"


def stage_section(rows: Sequence[Row]) -> str:
    """Where the time goes."""
    if not rows:
        return ""
    cells = ([*setting(row), *(f"{1000 * row['stages'][stage]:.1f}" for stage in STAGES)] for row in rows)
    about = "Decoding (H.264) and writing (palette PNG) run in threads of their own beside the step.\n"
    return f"## Stages, ms\n\n{about}\n{markdown((*SETTING, *STAGES), cells)}"


def growth_section(rows: Sequence[Row], images: Path) -> str:
    """Time and memory over the length of a video, of the longest runs."""
    long = [row for row in rows if len(row["growth"]) > 2]
    if not long:
        return ""
    cells = (
        [
            *setting(row),
            str(point["frame"]),
            milliseconds(point["median_seconds"]),
            milliseconds(point["median_cpu_seconds"]),
            megabytes(point["resident_bytes"]),
            megabytes(point["gpu_bytes"]),
        ]
        for row in long
        for point in row["growth"]
    )
    headings = (*SETTING, "frame", "time", "CPU", "resident, PyTorch included", "GPU")
    lines = {
        ", ".join(setting(row)): [(p["frame"], 1000 * p["median_seconds"]) for p in row["growth"]]
        for row in long
    }
    plot_lines(images / "performance-growth.png", lines, x="frame", y="ms a frame", title="Time over a video")
    return f"## Long videos\n\n{markdown(headings, cells)}\n![Time over a video](images/performance-growth.png)\n"


def trunk_section(rows: Sequence[Row]) -> str:
    """Beside a bare trunk."""
    if not rows:
        return ""
    cells = (
        [
            *setting(row),
            milliseconds(row["median_seconds"]),
            milliseconds(row["trunk_seconds"]),
            f"{row['ratio']:.2f}",
        ]
        for row in rows
    )
    title = "## Beside a bare ResNet-18 trunk to res4 (float32, channels-last)"
    return f"{title}\n\n{markdown((*SETTING, 'a whole step', 'the bare trunk', 'ratio'), cells)}"


def spacetime_section(rows: Sequence[Row], images: Path) -> str:
    """Beside STM's memory."""
    if not rows:
        return ""
    cells = (
        [
            *setting(row),
            str(pair["frames"]),
            *(milliseconds(pair[key]) for key in ("context_seconds", "spacetime_seconds")),
            f"{pair['ratio']:.2f}",
            *(megabytes(pair[key]) for key in ("context_bytes", "spacetime_bytes")),
        ]
        for row in rows
        for pair in row["pairs"]
    )
    headings = (
        *SETTING,
        "remembered frames",
        "a step",
        "with STM's memory",
        "times as long",
        "state",
        "STM's",
    )
    lines = {}
    for row in rows:
        name = ", ".join(setting(row))
        lines[name] = [(p["frames"], 1000 * p["context_seconds"]) for p in row["pairs"]]
        lines[f"{name}, STM's memory"] = [(p["frames"], 1000 * p["spacetime_seconds"]) for p in row["pairs"]]
    picture = images / "performance-spacetime.png"
    plot_lines(picture, lines, x="remembered frames", y="ms a frame", title="The same network, two memories")
    table = markdown(headings, cells)
    return f"## Beside STM's memory\n\n{table}\n![Both memories](images/performance-spacetime.png)\n"


def streaming_section(rows: Sequence[Row]) -> str:
    """From a video file to mask files."""
    if not rows:
        return ""
    cells = (
        [
            *setting(row),
            *(f"{1 / row[key]:.2f}" for key in ("own_seconds", "through_seconds")),
            f"{row['share']:.0%}",
            megabytes(row["peak_bytes"]),
        ]
        for row in rows
    )
    about = (
        "H.264 decoded, palette PNGs written; frames/s beside those of the network alone on decoded frames.\n"
    )
    headings = (*SETTING, "network alone", "end to end", "share", "peak")
    return f"## From a video file to mask files\n\n{about}\n{markdown(headings, cells)}"


def module_section(rows: Sequence[Row], images: Path) -> str:
    """The paper's table 1."""
    if not rows:
        return ""
    names = {"spacetime": "STM", "context": "global context"}
    cells = (
        [
            names[row["memory"]],
            str(row["frames"]),
            f"{row['multiplications'] / 1e9:.2f} G",
            f"{row['bytes'] / MIB:.1f} MiB",
            "-" if row["measured_bytes"] is None else f"{row['measured_bytes'] / MIB:.1f} MiB",
            f"{1000 * row['seconds']:.2f} ms",
        ]
        for row in sorted(rows, key=lambda row: (row["memory"], row["frames"]))
    )
    lines = {
        name: sorted((row["frames"], 1000 * row["seconds"]) for row in rows if row["memory"] == memory)
        for memory, name in names.items()
    }
    picture = images / "performance-module.png"
    plot_lines(picture, lines, x="remembered frames", y="ms a read", title="Reading the memory", log=True)
    headings = ("memory", "frames", "multiplications", "memory, computed", "memory, measured", "time")
    one = rows[0]
    size = f"{one['side']} x {one['side']}, C_M {one['value_channels']}, C_N {one['key_channels']}, float32"
    title = f"## One read of the memory (the paper's table 1: {size})"
    return f"{title}\n\n{markdown(headings, cells)}\n![Reading the memory](images/performance-module.png)\n"


def size_section(rows: Sequence[Row]) -> str:
    """The paper's table 2, but for its accuracy."""
    if not rows:
        return ""
    cells = (
        [
            f"{row['model']}, {row['value_channels']} x {row['key_channels']}",
            f"{row['parameters'] / 1e6:.1f} M",
            f"{row['seconds']:.3f} s",
        ]
        for row in rows
    )
    about = f"Short side {rows[0]['short_side']}, {rows[0]['precision']}, one object.\n"
    title = (
        "## Size of the context, C_M x C_N (the paper's table 2: 38 M and 0.040 s, 46 M and 0.046 s on a P40)"
    )
    return f"{title}\n\n{about}\n{markdown(('model, size', 'parameters', 'time a frame'), cells)}"
